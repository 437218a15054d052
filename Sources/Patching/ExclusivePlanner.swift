import MachineCode

/// A site with the place its branch goes to, in runtime addresses.
public struct SiteAssignment: Sendable {
    public var site: Site
    /// What to add to the site's link-time address.
    public var bias: UInt64
    public var stub: UInt64
    public var isOn: Bool

    public init(site: Site, bias: UInt64, stub: UInt64, isOn: Bool) {
        self.site = site
        self.bias = bias
        self.stub = stub
        self.isOn = isOn
    }

    public var address: UInt64 { site.address &+ bias }
}

public enum PlanError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A stub lies farther from its site than a branch reaches; bytes.
    case outOfRange(site: UInt64, distance: Int64)

    public var description: String {
        switch self {
        case .outOfRange(let site, let distance):
            "the stub of the site at 0x\(String(site, radix: 16)) lies \(distance) bytes away, but a branch reaches 2 GiB"
        }
    }
}

/// Plans arming while nobody else can run the code: plain stores, no synchronisation.
public enum ExclusivePlanner {
    /// The armed form of a site: `jmp stub` or, off, `test eax, imm32` with the same last four
    /// bytes, so that a toggle is one store of one byte; then the rest of the window.
    ///
    /// Throws: `.outOfRange` if the distance does not fit 32 bits.
    public static func armedBytes(_ assignment: SiteAssignment) throws(PlanError) -> [UInt8] {
        let distance = Int64(bitPattern: assignment.stub &- (assignment.address &+ UInt64(Site.sledByteCount)))
        guard let near = Int32(exactly: distance) else {
            throw .outOfRange(site: assignment.address, distance: distance)
        }
        let sled: X86Instruction =
            assignment.isOn ? .jump(near) : .testAccumulator(UInt32(bitPattern: near))
        return sled.encoded + assignment.site.tail
    }

    /// Plans all sites; the order of the steps is the order of the sites.
    public static func plan(_ assignments: [SiteAssignment]) throws(PlanError) -> Plan {
        var steps: [PlanStep] = [.open]
        steps.reserveCapacity(assignments.count * 2 + 2)
        for assignment in assignments {
            append(try armedBytes(assignment), to: &steps, assignment)
        }
        steps.append(.close)
        return Plan(steps: steps, patchProtocol: .exclusive)
    }

    private static func append(_ bytes: [UInt8], to steps: inout [PlanStep], _ assignment: SiteAssignment) {
        let original = assignment.site.original
        var offset = 0
        while offset < bytes.count {
            let left = bytes.count - offset
            let width = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1
            steps.append(
                .store(
                    address: assignment.address &+ UInt64(offset), width: width,
                    value: word(bytes, offset, width), expected: word(original, offset, width)))
            offset += width
        }
    }

    private static func word(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<width where offset + index < bytes.count {
            value |= UInt64(bytes[offset + index]) << UInt64(8 * index)
        }
        return value
    }
}
