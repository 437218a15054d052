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
    case outOfRange(site: UInt64, distance: Int64, isa: InstructionSet = .x86_64)
    /// Two windows share bytes.
    case overlap(UInt64, UInt64)
    /// Other bytes than those of the form that the site is said to have, or memory that was not read.
    case unexpected(UInt64)
    /// No single store covers what has to change.
    case straddles(UInt64)
    /// A plan that no executor may run.
    case invalid(String)

    public var description: String {
        switch self {
        case .outOfRange(let site, let distance, let isa):
            "the stub of the site at 0x\(String(site, radix: 16)) lies \(distance) bytes away, but a branch reaches \(isa.branchReachText)"
        case .overlap(let a, let b):
            "the sites at 0x\(String(a, radix: 16)) and 0x\(String(b, radix: 16)) share bytes"
        case .unexpected(let site):
            "other bytes than expected stand at the site at 0x\(String(site, radix: 16))"
        case .straddles(let site):
            "no single store covers what changes at the site at 0x\(String(site, radix: 16))"
        case .invalid(let what): "not a plan: \(what)"
        }
    }
}

/// Plans arming while nobody else can run the code: plain stores, no synchronisation.
public enum ExclusivePlanner {
    /// The armed form of a site, its whole window. On x86-64 `jmp stub` or, off, `test eax, imm32` with the same last four
    /// bytes, so that a toggle is one store of one byte; then the rest of the window.
    ///
    /// Throws: `.outOfRange` if the stub is farther than a branch reaches.
    public static func armedBytes(_ assignment: SiteAssignment) throws(PlanError) -> [UInt8] {
        try assignment.site.bytes(of: assignment.isOn ? .on : .off, bias: assignment.bias, stub: assignment.stub)
    }

    private static let onOpcode = X86Instruction.jump(0).encoded[0]
    private static let offOpcode = X86Instruction.testAccumulator(0).encoded[0]

    /// The five bytes of a sled on x86-64, the first one lowest.
    static func sled(_ assignment: SiteAssignment) throws(PlanError) -> UInt64 {
        let distance = Int64(
            bitPattern: assignment.stub &- (assignment.address &+ UInt64(assignment.site.sledByteCount)))
        guard let near = Int32(exactly: distance) else {
            throw .outOfRange(site: assignment.address, distance: distance)
        }
        return UInt64(assignment.isOn ? onOpcode : offOpcode) | UInt64(UInt32(bitPattern: near)) << 8
    }

    /// Plans all sites; the order of the steps is the order of the sites.
    public static func plan(_ assignments: [SiteAssignment]) throws(PlanError) -> Plan {
        var steps: [PlanStep] = [.open]
        steps.reserveCapacity(assignments.count * 2 + 2)
        for assignment in assignments {
            if assignment.site.isa == .x86_64 {
                try append(assignment, to: &steps)
            } else {
                try appendUnits(assignment, to: &steps)
            }
        }
        // The thread that patches goes on to run what it wrote: on x86-64 it needs nothing but a taken branch.
        if assignments.contains(where: { $0.site.isa != .x86_64 }) { steps += [.maintainCaches, .syncCores] }
        steps.append(.close)
        return Plan(steps: steps, patchProtocol: .exclusive, siteCount: assignments.count)
    }

    private static func append(_ assignment: SiteAssignment, to steps: inout [PlanStep]) throws(PlanError) {
        let sled = try self.sled(assignment)
        let site = assignment.site
        let byteCount = site.sledByteCount + site.tail.count
        var offset = 0
        while offset < byteCount {
            let left = byteCount - offset
            let width = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1
            var value: UInt64 = 0
            var expected: UInt64 = 0
            for index in 0..<width {
                let at = offset + index
                let new =
                    at < site.sledByteCount
                    ? UInt8(truncatingIfNeeded: sled >> UInt64(8 * at)) : site.tail[at - site.sledByteCount]
                value |= UInt64(new) << UInt64(8 * index)
                if at < site.original.count { expected |= UInt64(site.original[at]) << UInt64(8 * index) }
            }
            steps.append(
                .store(address: assignment.address &+ UInt64(offset), width: width, value: value, expected: expected))
            offset += width
        }
    }

    /// Arm: naturally aligned stores of whole units.
    private static func appendUnits(_ assignment: SiteAssignment, to steps: inout [PlanStep]) throws(PlanError) {
        let bytes = try armedBytes(assignment)
        let unit = assignment.site.isa.unitByteCount
        for offset in stride(from: 0, to: bytes.count - unit + 1, by: unit) {
            func number(_ bytes: [UInt8]) -> UInt64 {
                (0..<unit).reduce(UInt64(0)) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
            }
            steps.append(
                .store(
                    address: assignment.address &+ UInt64(offset), width: unit, value: number(bytes),
                    expected: number(assignment.site.original)))
        }
    }
}

extension InstructionSet {
    /// How far a sled's branch reaches, for messages.
    public var branchReachText: String {
        switch self {
        case .x86_64: "2 GiB"
        case .a64: "128 MiB"
        case .a32: "32 MiB"
        case .t32: "16 MiB"
        }
    }
}
