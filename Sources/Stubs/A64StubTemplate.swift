import MachineCode
import TraceFormat

/// The code of AArch64's stubs.
///
/// Register use: on the way in, every register but x16 and x17 (which belong to veneers of the linker) reaches the body
/// as the caller left it; on the way out, all but those and x30. Flags are dead at both.
///
/// Reserving a slot is a loop of LDXR and STXR: a signal in between makes the store fail, so a handler can nest.
enum A64StubTemplate {
    private static let base: UInt8 = 16
    private static let slot: UInt8 = 17
    private static let tick: UInt8 = 15
    private static let other: UInt8 = 14
    private static let entry: UInt8 = 19
    private static let link: UInt8 = 30
    private static let zero: UInt8 = 31
    private static let top = Int64(ShadowEntry.byteCount)

    /// Records the entry, calls the body, records the exit.
    static func entryAndExit(
        _ state: ThreadStateLayout, readsCounter: Bool, depthLimited: Bool
    ) throws(EncodingError) -> StubTemplate {
        var stub = ArmStubAssembler()
        try loadState(&stub, state)
        // Unusual is a top entry whose slot is not above ours.
        try stub.a64(
            .load(slot, base, Field.shadowTop), .loadUnscaled(slot, slot, Int64(ShadowEntry.negatedSlot) - top),
            .compareStackNegative(slot))
        stub.branch(to: .unusual) { d throws(EncodingError) in try A64Instruction.branchConditional(2, d).encoded() }
        try spillForEntry(&stub)
        stub.place(.record)
        if depthLimited {
            try stub.a64(
                .load(slot, base, Field.shadowTop), .load(tick, base, Field.depthLimit), .compare(slot, tick))
            stub.branch(to: .body) { d throws(EncodingError) in try A64Instruction.branchConditional(2, d).encoded() }
        }
        try reserve(&stub, other, refill: .refillEntry)
        try readTime(&stub, other, readsCounter: readsCounter, keepsLink: true, refill: .refillEntry)
        loadNumber(&stub, other, .entryWord)
        try stub.a64(.storePair32(tick, other, slot, 0))
        stub.place(.push)
        try stub.a64(.loadPairPostIndex(other, tick, offset: 16))
        stub.frame.stackByteCount = 0
        try pushShadowEntry(&stub)
        stub.emit(hole: .body, form: .branchLink)
        let returnOffset = stub.byteCount
        try popShadowEntry(&stub, state, readsCounter: readsCounter)
        try slowEntryPaths(&stub, state)
        try slowExitPaths(&stub, state)
        try stub.link()
        return StubTemplate(stub, returnOffset: returnOffset)
    }

    /// Records the entry and goes to the body; the function returns to its caller directly.
    static func entryOnly(_ state: ThreadStateLayout, readsCounter: Bool) throws(EncodingError) -> StubTemplate {
        var stub = ArmStubAssembler()
        try loadState(&stub, state)
        try spillForEntry(&stub)
        try reserve(&stub, other, refill: .refillEntry)
        try readTime(&stub, other, readsCounter: readsCounter, keepsLink: true, refill: .refillEntry)
        loadNumber(&stub, other, .entryWord)
        try stub.a64(.storePair32(tick, other, slot, 0))
        stub.place(.body)
        try goToBody(&stub)
        stub.place(.refillEntry)
        stub.frame = ArmStubFrame(stackByteCount: 16)
        try callRecord(&stub)
        stub.branch(to: .body) { d throws(EncodingError) in try A64Instruction.branch(d).encoded() }
        try stub.link()
        return StubTemplate(stub, returnOffset: nil)
    }

    private enum Field {
        static let epoch: Int64 = 8
        static let shadowTop: Int64 = 16
        static let depthLimit: Int64 = 24
    }

    private static func loadState(_ stub: inout ArmStubAssembler, _ state: ThreadStateLayout) throws(EncodingError) {
        try stub.a64(.readThreadPointer(base))
        guard state.base >= 0 else { throw .tooLarge(Int64(state.base)) }
        let offset = UInt32(state.base)
        let high = offset / 4096 * 4096
        if high != 0 { try stub.a64(.addImmediate(base, base, high)) }
        if offset != high { try stub.a64(.addImmediate(base, base, offset - high)) }
    }

    private static func spillForEntry(_ stub: inout ArmStubAssembler) throws(EncodingError) {
        try stub.sled(.storePairPreIndex(other, tick, offset: -16))
        stub.frame.stackByteCount = 16
    }

    private static func loadNumber(_ stub: inout ArmStubAssembler, _ to: UInt8, _ hole: StubHole) {
        stub.loadLiteral(hole) { d throws(EncodingError) in try A64StubInstruction.loadLiteral32(to, d).encoded() }
    }

    /// Whether the slot is one is seen by its address alone (decision 0015). Uses x15 and `scratch`.
    private static func reserve(
        _ stub: inout ArmStubAssembler, _ scratch: UInt8, refill: StubLabel
    ) throws(EncodingError) {
        let start = stub.words.count
        try stub.a64(
            .loadExclusive(slot, base), .addImmediate(tick, slot, UInt32(EventWord.byteCount)),
            .storeExclusive(scratch, tick, base))
        try stub.sled(
            .compareBranch(
                isZero: false, register: scratch, Int64(start - stub.words.count) * 4))
        let mask = SessionMemory.slotMask
        try stub.a64(
            .testMask(slot, from: UInt8(mask.trailingZeroBitCount), count: UInt8(mask.nonzeroBitCount)))
        stub.branch(to: refill) { d throws(EncodingError) in try A64Instruction.branchConditional(0, d).encoded() }
    }

    /// The time in x15; another epoch is unusual.
    private static func readTime(
        _ stub: inout ArmStubAssembler, _ scratch: UInt8, readsCounter: Bool, keepsLink: Bool, refill: StubLabel
    ) throws(EncodingError) {
        if readsCounter {
            try stub.a64(.readCounter(tick))
        } else if keepsLink {
            let before = stub.frame
            try stub.a64(.push(link, offset: -16))
            stub.frame = ArmStubFrame(stackByteCount: before.stackByteCount + 16, returnAddress: .stack(0))
            stub.emit(hole: .thunk(.clock), form: .branchLink)
            try stub.a64(.pop(link, offset: 16))
            stub.frame = before
        } else {
            stub.emit(hole: .thunk(.clock), form: .branchLink)
        }
        try stub.a64(.load32(scratch, base, Field.epoch), .compareShifted(scratch, tick, bits: 32))
        stub.branch(to: refill) { d throws(EncodingError) in try A64Instruction.branchConditional(1, d).encoded() }
    }

    /// The top is raised before the entry is filled in, and the slot is filled in last: a signal handler in between
    /// finds an entry whose slot is above every stack pointer, and pushes on top of it. x30 keeps the return address
    /// up to the call.
    private static func pushShadowEntry(_ stub: inout ArmStubAssembler) throws(EncodingError) {
        try stub.a64(
            .load(slot, base, Field.shadowTop), .addImmediate(slot, slot, UInt32(top)),
            .store(slot, base, Field.shadowTop), .storePair(link, entry, slot, -top))
        loadNumber(&stub, base, .exitWord)
        try stub.a64(
            .storeUnscaled32(base, slot, Int64(ShadowEntry.exitWord) - top), .addImmediate(base, zero, 0),
            .negate(base, base), .storeUnscaled(base, slot, Int64(ShadowEntry.negatedSlot) - top),
            .subtractImmediate(entry, slot, UInt32(top)))
        stub.frame = ArmStubFrame(returnAddress: .entry)
    }

    /// x19 is trusted only if it is the top entry and that entry is of this very stack pointer. The exit is recorded
    /// before the entry is given back: a signal handler may reuse it then.
    private static func popShadowEntry(
        _ stub: inout ArmStubAssembler, _ state: ThreadStateLayout, readsCounter: Bool
    ) throws(EncodingError) {
        try loadState(&stub, state)
        try stub.a64(
            .load(slot, base, Field.shadowTop), .subtractImmediate(slot, slot, UInt32(top)), .compare(slot, entry))
        stub.branch(to: .odd) { d throws(EncodingError) in try A64Instruction.branchConditional(1, d).encoded() }
        try stub.a64(.load(slot, entry, Int64(ShadowEntry.negatedSlot)), .compareStackNegative(slot))
        stub.branch(to: .odd) { d throws(EncodingError) in try A64Instruction.branchConditional(1, d).encoded() }
        try stub.a64(.push(tick, offset: -16))
        stub.frame.stackByteCount = 16
        try reserve(&stub, link, refill: .refillExit)
        try readTime(&stub, link, readsCounter: readsCounter, keepsLink: false, refill: .refillExit)
        try stub.a64(.load32(link, entry, Int64(ShadowEntry.exitWord)), .storePair32(tick, link, slot, 0))
        stub.place(.done)
        try stub.a64(.pop(tick, offset: 16))
        stub.frame.stackByteCount = 0
        try stub.a64(.move(slot, entry), .loadPair(link, entry, slot, 0))
        stub.frame = ArmStubFrame()
        try stub.a64(.store(zero, slot, Int64(ShadowEntry.negatedSlot)), .store(slot, base, Field.shadowTop))
        try stub.sled(.ret)
    }

    private static func goToBody(_ stub: inout ArmStubAssembler) throws(EncodingError) {
        stub.frame = ArmStubFrame(stackByteCount: 16)
        try stub.a64(.loadPairPostIndex(other, tick, offset: 16))
        stub.frame.stackByteCount = 0
        stub.emit(hole: .body, form: .branch)
    }

    /// In the frame of an entry whose registers are spilled: x16 is what the agent says.
    private static func callRecord(_ stub: inout ArmStubAssembler) throws(EncodingError) {
        try stub.a64(.push(link, offset: -16))
        stub.frame = ArmStubFrame(stackByteCount: 32, returnAddress: .stack(0))
        loadNumber(&stub, base, .entryWord)
        stub.emit(hole: .thunk(.record), form: .branchLink)
        try stub.a64(.pop(link, offset: 16))
        stub.frame = ArmStubFrame(stackByteCount: 16)
    }

    private static func slowEntryPaths(
        _ stub: inout ArmStubAssembler, _ state: ThreadStateLayout
    ) throws(EncodingError) {
        stub.place(.unusual)
        stub.frame = ArmStubFrame()
        try spillForEntry(&stub)
        try stub.a64(.push(link, offset: -16))
        stub.frame = ArmStubFrame(stackByteCount: 32, returnAddress: .stack(0))
        loadNumber(&stub, base, .entryWord)
        stub.emit(hole: .thunk(.enter), form: .branchLink)
        try stub.a64(.pop(link, offset: 16))
        stub.frame = ArmStubFrame(stackByteCount: 16)
        try stub.a64(.move(slot, base))
        try loadState(&stub, state)
        stub.branch(to: .record) { d throws(EncodingError) in
            try A64Instruction.compareBranch(isZero: true, register: slot, d).encoded()
        }
        stub.place(.body)
        try goToBody(&stub)
        stub.place(.refillEntry)
        stub.frame = ArmStubFrame(stackByteCount: 16)
        try callRecord(&stub)
        try stub.a64(.move(slot, base))
        try loadState(&stub, state)
        stub.branch(to: .push) { d throws(EncodingError) in
            try A64Instruction.compareBranch(isZero: true, register: slot, d).encoded()
        }
        stub.branch(to: .body) { d throws(EncodingError) in try A64Instruction.branch(d).encoded() }
    }

    private static func slowExitPaths(
        _ stub: inout ArmStubAssembler, _ state: ThreadStateLayout
    ) throws(EncodingError) {
        stub.place(.refillExit)
        stub.frame = ArmStubFrame(stackByteCount: 16, returnAddress: .entry)
        try stub.a64(.load32(base, entry, Int64(ShadowEntry.exitWord)))
        stub.emit(hole: .thunk(.record), form: .branchLink)
        try loadState(&stub, state)
        stub.branch(to: .done) { d throws(EncodingError) in try A64Instruction.branch(d).encoded() }
        // What the body left in x19 is not to be believed: unwinding ends here.
        stub.place(.odd)
        stub.frame = ArmStubFrame(returnAddress: .unknown)
        stub.emit(hole: .thunk(.leave), form: .branchLink)
        stub.frame = ArmStubFrame(returnAddress: .scratch)
        try stub.a64(.move(link, slot))
        stub.frame = ArmStubFrame()
        try stub.sled(.ret)
    }
}
