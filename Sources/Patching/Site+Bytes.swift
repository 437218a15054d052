import MachineCode

extension Site {
    /// What stands in the whole window in a form.
    ///
    /// - Parameter stub: where the armed forms lead; runtime address.
    /// Throws: `.outOfRange` when the stub is farther than a branch reaches.
    public func bytes(of form: SiteForm, bias: UInt64, stub: UInt64) throws(PlanError) -> [UInt8] {
        if form == .original { return original }
        return try sled(isOn: form == .on, at: address &+ bias, stub: stub) + tail
    }

    private func sled(isOn: Bool, at start: UInt64, stub: UInt64) throws(PlanError) -> [UInt8] {
        do {
            switch isa {
            case .x86_64:
                let sled = try ExclusivePlanner.sled(
                    SiteAssignment(site: self, bias: start &- address, stub: stub, isOn: isOn))
                return (0..<sledByteCount).map { UInt8(truncatingIfNeeded: sled >> UInt64(8 * $0)) }
            case .a64:
                if !isOn { return offWord(or: try A64Instruction.nop.encodedBytes()) }
                return try A64Instruction.branch(distance(from: start, to: stub)).encodedBytes()
            case .a32:
                if !isOn { return offWord(or: try A32Instruction.nop.encodedBytes()) }
                return try A32Instruction.branch(distance(from: start, to: stub)).encodedBytes()
            case .t32:
                // The B.W stands behind its switch in both forms, and never changes while a thread can run it.
                let head = isOn ? T32Instruction.nop : T32Instruction.branch(6)
                return try head.encodedBytes()
                    + T32Instruction.branchWide(distance(from: start &+ 2, to: stub)).encodedBytes()
            }
        } catch {
            throw .outOfRange(site: start, distance: distance(from: start, to: stub), isa: isa)
        }
    }

    /// XRay's branch over its NOPs is off as it is.
    private func offWord(or nop: [UInt8]) -> [UInt8] { shape == .xraySled ? Array(original.prefix(4)) : nop }

    private func distance(from start: UInt64, to target: UInt64) -> Int64 { Int64(bitPattern: target &- start) }

    /// What a stub calls the body with.
    ///
    /// Shape:  x86-64 `call rel32`, Arm `BL`.
    /// Throws: `.outOfRange` when the body is farther than a branch reaches.
    public func callBytes(from start: UInt64, to target: UInt64) throws(PlanError) -> [UInt8] {
        do {
            let distance = distance(from: start, to: target)
            switch isa {
            case .x86_64:
                guard let near = Int32(exactly: distance - 5) else {
                    throw EncodingError.outOfRange(distance: distance, reach: 1 << 31)
                }
                return X86Instruction.call(near).encoded
            case .a64: return try A64Instruction.branchLink(distance).encodedBytes()
            case .a32: return try A32Instruction.branchLink(distance).encodedBytes()
            case .t32: return try T32Instruction.branchLink(distance).encodedBytes()
            }
        } catch {
            throw .outOfRange(site: start, distance: distance(from: start, to: target), isa: isa)
        }
    }

    /// Where a thread may stand that can still get to the stub although the site is off: T32's `B.W`, which a thread may
    /// have been interrupted in front of. No stub is given back while one does. Link-time addresses.
    public var waysToStub: [Range<UInt64>] {
        isa == .t32 ? [address &+ 2..<address &+ UInt64(sledByteCount)] : []
    }
}
