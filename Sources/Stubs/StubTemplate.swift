import MachineCode
import TraceFormat

/// The code of every stub of one kind, before its holes are filled: here x86-64's.
///
/// Register use: on the way in, every register reaches the body as the caller left it (r11 too:
/// `preserve_none` passes an argument there); only flags change, which are dead at an entry. On
/// the way out everything but r11 and flags does, which no convention returns a value in.
public struct StubTemplate: Sendable {
    public let bytes: [UInt8]
    public let holes: [(offset: Int, hole: StubHole, form: StubHoleForm)]
    /// For every byte, where an unwinder finds the caller: see `StubFrame.code`, `ArmStubFrame.code`.
    let frames: [UInt8]
    /// Arm: the same, for every word.
    let armFrames: [ArmStubFrame]
    /// The offset of the instruction that the body returns to; nil when the stub has no exit.
    public let returnOffset: Int?

    private init(_ assembler: StubAssembler, returnOffset: Int?) {
        var linked = assembler
        linked.link()
        bytes = linked.bytes
        holes = linked.holes.map { hole in
            let isNumber = hole.hole == .entryWord || hole.hole == .exitWord
            return (hole.offset, hole.hole, isNumber ? .number : .distance)
        }
        frames = linked.frames
        armFrames = []
        self.returnOffset = returnOffset
    }

    /// - Parameter assembler: one that is linked.
    init(_ assembler: ArmStubAssembler, returnOffset: Int?) {
        bytes = assembler.words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        holes = assembler.holes
        frames = assembler.frames.flatMap { Array(repeating: $0.code, count: 4) }
        armFrames = assembler.frames
        self.returnOffset = returnOffset
    }

    /// Records the entry, calls the body, records the exit.
    ///
    /// With `depthLimited`, calls deeper than the thread's limit go to the body unrecorded.
    public static func entryAndExit(_ state: ThreadStateLayout, depthLimited: Bool = false) -> StubTemplate {
        var stub = StubAssembler()
        saveArguments(&stub)
        checkShadowTop(&stub, state)
        stub.place(.record)
        if depthLimited { checkDepth(&stub, state) }
        recordEntry(&stub, state)
        stub.place(.push)
        pushShadowEntry(&stub, state)
        stub.emit(.call(0), hole: .body)
        let returnOffset = stub.bytes.count
        popShadowEntry(&stub, state)
        recordExit(&stub, state)
        slowEntryPaths(&stub)
        slowExitPaths(&stub)
        return StubTemplate(stub, returnOffset: returnOffset)
    }

    /// Records the entry and goes to the body; the function returns to its caller directly.
    public static func entryOnly(_ state: ThreadStateLayout) -> StubTemplate {
        var stub = StubAssembler()
        saveArguments(&stub)
        recordEntry(&stub, state)
        stub.place(.body)
        restoreArguments(&stub)
        stub.emit(.jump(0), hole: .body)
        stub.place(.refillEntry)
        stub.frame = StubFrame(returnAddressWord: savedWordCount)
        stub.emit(.moveImmediate32(.rdx, 0), hole: .entryWord)
        stub.emit(.call(0), hole: .thunk(.record))
        stub.jump(to: .body)
        return StubTemplate(stub, returnOffset: nil)
    }

    private static let savedByteCount: Int32 = 24
    private static let savedWordCount: UInt8 = 3

    private static func saveArguments(_ stub: inout StubAssembler) {
        stub.emit(.push(.rcx), .push(.rax), .push(.rdx))
    }

    private static func restoreArguments(_ stub: inout StubAssembler) {
        stub.emit(.pop(.rdx), .pop(.rax), .pop(.rcx))
    }

    /// Unusual is a top entry whose slot is not above ours: a tail call, a call after `longjmp`,
    /// another stack, or a thread's first event.
    private static func checkShadowTop(_ stub: inout StubAssembler, _ state: ThreadStateLayout) {
        stub.emit(
            .load(.rcx, .fs(state.shadowTop)),
            .moveSigned(.rax, -savedByteCount),
            .subtract(.rax, .rsp),
            .compareMemory(.base(.rcx, ShadowEntry.negatedSlot - Int32(ShadowEntry.byteCount)), .rax))
        stub.jump(if: .aboveOrEqual, to: .unusual)
    }

    private static func checkDepth(_ stub: inout StubAssembler, _ state: ThreadStateLayout) {
        stub.emit(.load(.rcx, .fs(state.shadowTop)), .compareWithMemory(.rcx, .fs(state.depthLimit)))
        stub.jump(if: .aboveOrEqual, to: .body)
    }

    /// Reserving is one instruction, so a signal handler that is traced can nest anywhere. Whether the slot
    /// is one is seen by its address alone: such a handler may have changed the block since (decision 0015).
    private static func recordEntry(_ stub: inout StubAssembler, _ state: ThreadStateLayout) {
        stub.emit(
            .moveImmediate32(.rcx, 8),
            .exchangeAdd(.fs(state.cursor), .rcx),
            .testImmediate32(.rcx, SessionMemory.slotMask))
        stub.jump(if: .equal, to: .refillEntry)
        stub.emit(.readTimeStampCounter, .compareWithMemory32(.rdx, .fs(state.epoch)))
        stub.jump(if: .notEqual, to: .refillEntry)
        stub.emit(.store32(.base(.rcx, 0), .rax))
        stub.emit(.storeImmediate32(.base(.rcx, 4), 0), hole: .entryWord)
    }

    /// The top is raised before the entry is filled in: a signal handler in between finds an
    /// entry whose slot is above every stack pointer, and pushes on top of it.
    private static func pushShadowEntry(_ stub: inout StubAssembler, _ state: ThreadStateLayout) {
        stub.emit(
            .load(.rcx, .fs(state.shadowTop)),
            .loadAddress(.rax, .base(.rcx, Int32(ShadowEntry.byteCount))),
            .store(.fs(state.shadowTop), .rax),
            .moveSigned(.rax, -savedByteCount),
            .subtract(.rax, .rsp),
            .store(.base(.rcx, ShadowEntry.saved), .rbx))
        stub.emit(.storeImmediate32(.base(.rcx, ShadowEntry.exitWord), 0), hole: .exitWord)
        stub.emit(.store(.base(.rcx, ShadowEntry.negatedSlot), .rax), .move(.rbx, .rcx))
        stub.frame.hasSavedRegister = true
        restoreArguments(&stub)
        stub.emit(.popMemory(.base(.rbx, ShadowEntry.returnAddress)))
        stub.frame = StubFrame(returnAddressWord: nil, hasSavedRegister: true)
    }

    /// rbx is trusted only if it is the top entry and that entry is of this very stack slot.
    /// Everything is read before the top is lowered: a signal handler may reuse the entry.
    private static func popShadowEntry(_ stub: inout StubAssembler, _ state: ThreadStateLayout) {
        stub.emit(
            .load(.r11, .fs(state.shadowTop)),
            .subtractImmediate(.r11, ShadowEntry.byteCount),
            .compare(.r11, .rbx))
        stub.jump(if: .notEqual, to: .odd)
        stub.emit(
            .load(.r11, .base(.rbx, ShadowEntry.negatedSlot)),
            .add(.r11, .rsp),
            .compareImmediate(.r11, 8))
        stub.jump(if: .notEqual, to: .odd)
        stub.emit(.pushMemory(.base(.rbx, ShadowEntry.returnAddress)))
        stub.frame = StubFrame(returnAddressWord: 0, hasSavedRegister: true)
        stub.emit(
            .push(.rax), .push(.rdx), .push(.rcx),
            .load32(.rcx, .base(.rbx, ShadowEntry.exitWord)),
            .load(.rax, .base(.rbx, ShadowEntry.saved)),
            .storeImmediate64(.base(.rbx, ShadowEntry.negatedSlot), 0),
            .store(.fs(state.shadowTop), .rbx),
            .move(.rbx, .rax))
        stub.frame.hasSavedRegister = false
    }

    private static func recordExit(_ stub: inout StubAssembler, _ state: ThreadStateLayout) {
        stub.emit(
            .moveImmediate32(.r11, 8),
            .exchangeAdd(.fs(state.cursor), .r11),
            .testImmediate32(.r11, SessionMemory.slotMask))
        stub.jump(if: .equal, to: .refillExit)
        stub.emit(.readTimeStampCounter, .compareWithMemory32(.rdx, .fs(state.epoch)))
        stub.jump(if: .notEqual, to: .refillExit)
        stub.emit(.store32(.base(.r11, 0), .rax), .store32(.base(.r11, 4), .rcx))
        stub.place(.done)
        stub.emit(.pop(.rcx), .pop(.rdx), .pop(.rax), .ret)
    }

    private static func slowEntryPaths(_ stub: inout StubAssembler) {
        stub.place(.unusual)
        stub.frame = StubFrame(returnAddressWord: savedWordCount)
        stub.emit(.moveImmediate32(.rdx, 0), hole: .entryWord)
        stub.emit(.call(0), hole: .thunk(.enter))
        stub.emit(.test32(.rax, .rax))
        stub.jump(if: .equal, to: .record)
        stub.place(.body)
        restoreArguments(&stub)
        stub.emit(.jump(0), hole: .body)
        stub.place(.refillEntry)
        stub.frame = StubFrame(returnAddressWord: savedWordCount)
        stub.emit(.moveImmediate32(.rdx, 0), hole: .entryWord)
        stub.emit(.call(0), hole: .thunk(.record))
        stub.emit(.test32(.rax, .rax))
        stub.jump(if: .equal, to: .push)
        stub.jump(to: .body)
    }

    private static func slowExitPaths(_ stub: inout StubAssembler) {
        stub.place(.refillExit)
        stub.frame = StubFrame(returnAddressWord: savedWordCount)
        stub.emit(.move32(.rdx, .rcx), .move(.rcx, .r11))
        stub.emit(.call(0), hole: .thunk(.record))
        stub.jump(to: .done)
        stub.place(.odd)
        stub.frame = StubFrame(returnAddressWord: nil, hasSavedRegister: true)
        stub.emit(.subtractImmediate(.rsp, 8))
        // Until `leave` fills the slot, the body's return into this stub still stands there; after
        // it, rbx is the caller's. So the shadow entry is not what an unwinder may ask any more.
        stub.frame = StubFrame(returnAddressWord: 0)
        stub.emit(.call(0), hole: .thunk(.leave))
        stub.emit(.ret)
    }
}
