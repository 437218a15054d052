import MachineCode

extension Site {
    /// The branch to a stub that stands at an armed site, and whether threads take it.
    ///
    /// Nil where none stands; with A64 and A32 that is so when the site is off.
    func armBranch(in code: CodeImage, at start: UInt64) -> (target: UInt64, isOn: Bool)? {
        func halfword(_ offset: UInt64) -> UInt16? {
            code.word(at: start &+ offset, width: 2).map { UInt16(truncatingIfNeeded: $0) }
        }
        switch isa {
        case .x86_64: return nil
        case .a64:
            guard let word = code.word(at: start, width: 4),
                case .branch(let distance)? = A64Instruction(decoding: UInt32(truncatingIfNeeded: word))
            else { return nil }
            return (start &+ UInt64(bitPattern: distance), true)
        case .a32:
            guard let word = code.word(at: start, width: 4),
                case .branch(let distance)? = A32Instruction(decoding: UInt32(truncatingIfNeeded: word))
            else { return nil }
            return (start &+ UInt64(bitPattern: distance), true)
        case .t32:
            guard let head = halfword(0), let first = halfword(2), let second = halfword(4),
                case .branchWide(let distance)? = T32Instruction(decoding: [first, second])
            else { return nil }
            let target = start &+ 2 &+ UInt64(bitPattern: distance)
            switch T32Instruction(decoding: [head]) {
            case .nop: return (target, true)
            case .branch(6): return (target, false)
            default: return nil
            }
        }
    }

    /// Which form stands in memory; where *off* is what the file has too, it counts as that.
    func armForm(in code: CodeImage, bias: UInt64, isStub: (UInt64) -> Bool) -> SiteForm? {
        let start = address &+ bias
        if let branch = armBranch(in: code, at: start), isStub(branch.target), hasTail(code, start) {
            return branch.isOn ? .on : .off
        }
        if code.bytes(at: start, count: original.count) == original { return .original }
        let head = code.bytes(at: start, count: sledByteCount)
        // A slid prologue behind a NOP.
        let off = isa == .t32 ? nil : try? bytes(of: .off, bias: bias, stub: start).prefix(sledByteCount)
        return head != nil && head == off.map(Array.init) && hasTail(code, start) ? .off : nil
    }

    private func hasTail(_ code: CodeImage, _ start: UInt64) -> Bool {
        code.bytes(at: start &+ UInt64(sledByteCount), count: tail.count) == tail
    }
}
