import MachineCode
import TraceFormat

/// The code of the stubs of 32-bit Arm: A32. A site of T32 reaches it through `bx pc`, and is called by BLX.
///
/// Register use: on the way in, every register reaches the body as the caller left it (ip too: it carries the static
/// chain of nested functions); on the way out, all but ip and lr. Flags are dead at both.
///
/// Reserving a slot is a loop of LDREX and STREX: a signal in between makes the store fail, so a handler can nest.
enum A32StubTemplate {
    private static let base: UInt8 = 0
    private static let slot: UInt8 = 1
    private static let low: UInt8 = 2
    private static let high: UInt8 = 3
    private static let entry: UInt8 = 4
    private static let scratch: UInt8 = 12
    private static let stack: UInt8 = 13
    private static let link: UInt8 = 14
    private static let pc: UInt8 = 15
    private static let top = Int64(ShadowEntry.byteCount)

    /// r0...r3, ip and lr.
    private static let entryList: UInt16 = 0x500f
    private static let entryBytes = UInt32(ArmFrameCode.entryByteCount)
    /// r0...r3.
    private static let exitList: UInt16 = 0x000f
    private static let exitBytes = UInt32(ArmFrameCode.exitByteCount)

    private enum Field {
        static let epoch: Int64 = 8
        static let shadowTop: Int64 = 16
        static let depthLimit: Int64 = 24
    }

    /// `bx pc` and a NOP of T32: the A32 code behind them goes on.
    private static let veneer: UInt32 = 0xbf00_4778

    /// Records the entry, calls the body, records the exit.
    static func entryAndExit(
        _ state: ThreadStateLayout, isThumb: Bool, readsCounter: Bool, depthLimited: Bool
    ) throws(EncodingError) -> StubTemplate {
        var stub = ArmStubAssembler()
        if isThumb { stub.append(veneer) }
        try spillForEntry(&stub)
        try loadState(&stub, state)
        // Unusual is a top entry whose slot is not above ours.
        try stub.a32(
            .load(slot, base, Field.shadowTop), .load(slot, slot, Int64(ShadowEntry.negatedSlot) - top),
            .addImmediate(low, stack, entryBytes), .compareNegative(slot, low, .always))
        branch(&stub, .carrySet, .unusual)
        stub.place(.record)
        if depthLimited {
            try stub.a32(.load(slot, base, Field.shadowTop), .load(low, base, Field.depthLimit), .compare(slot, low))
            branch(&stub, .carrySet, .body)
        }
        try reserve(&stub, refill: .refillEntry)
        try readTime(&stub, readsCounter: readsCounter, linkOffset: Int64(ArmFrameCode.savedLinkOffset))
        try stub.a32(.load(scratch, base, Field.epoch), .compare(high, scratch))
        branch(&stub, .notEqual, .refillEntry)
        loadNumber(&stub, high, .entryWord)
        try stub.a32(.storePair(low, slot))
        stub.place(.push)
        try pushShadowEntry(&stub)
        stub.emit(hole: .body, form: isThumb ? .branchLinkThumb : .branchLink)
        let returnOffset = stub.byteCount
        try popShadowEntry(&stub, state, readsCounter: readsCounter)
        try slowEntryPaths(&stub, state)
        try slowExitPaths(&stub, state)
        try stub.link()
        return StubTemplate(stub, returnOffset: returnOffset)
    }

    /// Records the entry and goes to the body; the function returns to its caller directly.
    static func entryOnly(
        _ state: ThreadStateLayout, isThumb: Bool, readsCounter: Bool
    ) throws(EncodingError) -> StubTemplate {
        var stub = ArmStubAssembler()
        if isThumb { stub.append(veneer) }
        try spillForEntry(&stub)
        try loadState(&stub, state)
        try reserve(&stub, refill: .refillEntry)
        try readTime(&stub, readsCounter: readsCounter, linkOffset: nil)
        try stub.a32(.load(scratch, base, Field.epoch), .compare(high, scratch))
        branch(&stub, .notEqual, .refillEntry)
        loadNumber(&stub, high, .entryWord)
        try stub.a32(.storePair(low, slot))
        stub.place(.body)
        try goToBody(&stub)
        stub.place(.refillEntry)
        stub.frame = spilled
        loadNumber(&stub, base, .entryWord)
        stub.emit(hole: .thunk(.record), form: .branchLink)
        branch(&stub, .always, .body)
        try stub.link()
        return StubTemplate(stub, returnOffset: nil)
    }

    private static let spilled = ArmStubFrame(
        stackByteCount: UInt8(ArmFrameCode.entryByteCount),
        returnAddress: .stack(UInt8(ArmFrameCode.savedLinkOffset)))

    private static func branch(
        _ stub: inout ArmStubAssembler, _ condition: A32StubInstruction.Condition, _ label: StubLabel
    ) {
        stub.branch(to: label) { d throws(EncodingError) in try A32StubInstruction.branch(condition, d).encoded() }
    }

    private static func loadNumber(_ stub: inout ArmStubAssembler, _ to: UInt8, _ hole: StubHole) {
        stub.loadLiteral(hole) { d throws(EncodingError) in try A32StubInstruction.loadLiteral(to, d).encoded() }
    }

    private static func spillForEntry(_ stub: inout ArmStubAssembler) throws(EncodingError) {
        try stub.a32(.push(entryList))
        stub.frame = spilled
    }

    /// The state's offset from the thread pointer, in up to three parts of eight bits.
    private static func loadState(_ stub: inout ArmStubAssembler, _ state: ThreadStateLayout) throws(EncodingError) {
        guard state.base >= 0, state.base < 1 << 24 else { throw .tooLarge(Int64(state.base)) }
        try stub.a32(.readThreadPointer(base))
        for shift in stride(from: UInt32(0), to: 24, by: 8) {
            let part = UInt32(state.base) & 0xff << shift
            if part != 0 { try stub.a32(.addImmediate(base, base, part)) }
        }
    }

    /// Whether the slot is one is seen by its address alone (decision 0015): its lower half is below the size of a
    /// block's head where it is none.
    private static func reserve(_ stub: inout ArmStubAssembler, refill: StubLabel) throws(EncodingError) {
        let start = stub.words.count
        try stub.a32(
            .loadExclusive(slot, base), .addImmediate(low, slot, UInt32(EventWord.byteCount)),
            .storeExclusive(high, low, base), .compareImmediate(high, 0))
        try stub.a32(.branch(.notEqual, Int64(start - stub.words.count) * 4))
        try stub.a32(.zeroExtendHalf(low, slot), .compareImmediate(low, UInt32(SessionMemory.headByteCount)))
        branch(&stub, .carryClear, refill)
    }

    /// The time in r2 and r3.
    ///
    /// - Parameter linkOffset: where lr lies on the stack, if it is still needed.
    private static func readTime(
        _ stub: inout ArmStubAssembler, readsCounter: Bool, linkOffset: Int64?
    ) throws(EncodingError) {
        if readsCounter {
            try stub.a32(.readCounter(low: low, high: high))
            return
        }
        stub.emit(hole: .thunk(.clock), form: .branchLink)
        if let linkOffset { try stub.a32(.load(link, stack, linkOffset)) }
    }

    /// The top is raised before the entry is filled in, and the slot is filled in last: a signal handler in between
    /// finds an entry whose slot is above every stack pointer, and pushes on top of it.
    private static func pushShadowEntry(_ stub: inout ArmStubAssembler) throws(EncodingError) {
        try stub.a32(
            .load(slot, base, Field.shadowTop), .addImmediate(low, slot, UInt32(top)),
            .store(low, base, Field.shadowTop))
        loadNumber(&stub, high, .exitWord)
        try stub.a32(
            .store(high, slot, Int64(ShadowEntry.exitWord)), .store(link, slot, Int64(ShadowEntry.returnAddress)),
            .store(entry, slot, Int64(ShadowEntry.saved)), .addImmediate(low, stack, entryBytes), .negate(low, low),
            .store(low, slot, Int64(ShadowEntry.negatedSlot)), .move(entry, slot))
        stub.frame = ArmStubFrame(returnAddress: .unknown)
        try stub.a32(.pop(entryList))
        stub.frame = ArmStubFrame(returnAddress: .entry)
    }

    /// r4 is trusted only if it is the top entry and that entry is of this very stack pointer. Everything is read before
    /// the top is lowered: a signal handler may reuse the entry.
    private static func popShadowEntry(
        _ stub: inout ArmStubAssembler, _ state: ThreadStateLayout, readsCounter: Bool
    ) throws(EncodingError) {
        try stub.a32(.push(exitList))
        stub.frame.stackByteCount = UInt8(exitBytes)
        try loadState(&stub, state)
        try stub.a32(
            .load(slot, base, Field.shadowTop), .load(low, slot, Int64(ShadowEntry.negatedSlot) - top),
            .subtractImmediate(slot, slot, UInt32(top)), .addImmediate(high, stack, exitBytes), .compare(slot, entry),
            .compareNegative(low, high, .equal))
        branch(&stub, .notEqual, .odd)
        try reserve(&stub, refill: .refillExit)
        try readTime(&stub, readsCounter: readsCounter, linkOffset: nil)
        try stub.a32(.load(link, base, Field.epoch), .compare(high, link))
        branch(&stub, .notEqual, .refillExit)
        try stub.a32(.load(high, entry, Int64(ShadowEntry.exitWord)), .storePair(low, slot))
        stub.place(.done)
        try stub.a32(
            .load(link, entry, Int64(ShadowEntry.returnAddress)), .move(slot, entry), .moveImmediate(low, 0),
            .load(entry, entry, Int64(ShadowEntry.saved)))
        stub.frame = ArmStubFrame(stackByteCount: UInt8(exitBytes))
        try stub.a32(
            .store(low, slot, Int64(ShadowEntry.negatedSlot)), .store(slot, base, Field.shadowTop), .pop(exitList))
        stub.frame = ArmStubFrame()
        try stub.a32(.branchRegister(link))
    }

    private static func goToBody(_ stub: inout ArmStubAssembler) throws(EncodingError) {
        stub.frame = spilled
        try stub.a32(.pop(entryList))
        stub.frame = ArmStubFrame()
        loadNumber(&stub, pc, .body)
    }

    private static func slowEntryPaths(
        _ stub: inout ArmStubAssembler, _ state: ThreadStateLayout
    ) throws(EncodingError) {
        stub.place(.unusual)
        stub.frame = spilled
        loadNumber(&stub, base, .entryWord)
        try stub.a32(.addImmediate(slot, stack, entryBytes), .move(low, link))
        stub.emit(hole: .thunk(.enter), form: .branchLink)
        try resume(&stub, state)
        branch(&stub, .equal, .record)
        stub.place(.body)
        try goToBody(&stub)
        stub.place(.refillEntry)
        stub.frame = spilled
        loadNumber(&stub, base, .entryWord)
        stub.emit(hole: .thunk(.record), form: .branchLink)
        try resume(&stub, state)
        branch(&stub, .equal, .push)
        branch(&stub, .always, .body)
    }

    /// Behind a slow path of an entry: flags are what it says, registers what the fast path needs.
    private static func resume(_ stub: inout ArmStubAssembler, _ state: ThreadStateLayout) throws(EncodingError) {
        try stub.a32(.compareImmediate(base, 0), .load(link, stack, Int64(ArmFrameCode.savedLinkOffset)))
        try loadState(&stub, state)
    }

    private static func slowExitPaths(
        _ stub: inout ArmStubAssembler, _ state: ThreadStateLayout
    ) throws(EncodingError) {
        stub.place(.refillExit)
        stub.frame = ArmStubFrame(stackByteCount: UInt8(exitBytes), returnAddress: .entry)
        try stub.a32(.load(base, entry, Int64(ShadowEntry.exitWord)))
        stub.emit(hole: .thunk(.record), form: .branchLink)
        try loadState(&stub, state)
        branch(&stub, .always, .done)
        // What the body left in r4 is not to be believed: unwinding ends here.
        stub.place(.odd)
        stub.frame = ArmStubFrame(returnAddress: .unknown)
        try stub.a32(.addImmediate(base, stack, exitBytes), .move(slot, entry))
        stub.emit(hole: .thunk(.leave), form: .branchLink)
        try stub.a32(.move(entry, base), .move(link, slot))
        stub.frame = ArmStubFrame(stackByteCount: UInt8(exitBytes))
        try stub.a32(.pop(exitList))
        stub.frame = ArmStubFrame()
        try stub.a32(.branchRegister(link))
    }
}
