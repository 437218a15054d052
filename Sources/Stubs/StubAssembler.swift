import MachineCode
import TraceFormat

/// How a hole is filled in.
public enum StubHoleForm: Equatable, Sendable {
    /// The number itself.
    case number
    /// x86-64: a distance that counts from the hole's end.
    case distance
    /// Arm: a whole B, BL, or BLX to T32.
    case branch
    case branchLink
    case branchLinkThumb
    /// The runtime address; of T32 code its lowest bit is set.
    case address
}

/// What differs between two stubs of one arena: four bytes to fill in at a fixed offset.
public enum StubHole: Equatable, Sendable {
    /// The upper half of the word that records the entry.
    case entryWord
    /// The upper half of the word that records the exit.
    case exitWord
    /// The distance to the instruction after the site's sled.
    case body
    /// The distance to a thunk of the arena.
    case thunk(StubThunk)
}

/// The ways out of a stub into the agent, in the order of an arena's thunks.
public enum StubThunk: Int, Sendable, CaseIterable {
    case enter = 0
    case record = 1
    case leave = 2
    /// The time, where stubs may not read it; Arm only.
    case clock = 3

    /// Where an arena has the address that it jumps through.
    var addressOffset: Int {
        switch self {
        case .enter: Bundle.ArenaOffset.enter
        case .record: Bundle.ArenaOffset.record
        case .leave: Bundle.ArenaOffset.leave
        case .clock: Bundle.ArenaOffset.clock
        }
    }
}

/// A place that forward jumps of a stub lead to.
enum StubLabel: Hashable {
    case record, push, body, unusual, refillEntry, done, refillExit, odd
}

/// Where an unwinder finds the caller of a stub that stands at some instruction.
struct StubFrame: Equatable {
    /// 8-byte words between the stack pointer and the return address; nil when that is in the
    /// shadow entry, at [rbx].
    var returnAddressWord: UInt8?
    /// The caller's rbx is at [rbx + 8].
    var hasSavedRegister = false

    static let inEntryBit: UInt8 = 0x80
    static let savedRegisterBit: UInt8 = 0x40
    static let wordMask: UInt8 = 0x1f

    /// One byte of the table that the unwind rules look into.
    var code: UInt8 {
        (returnAddressWord ?? StubFrame.inEntryBit) | (hasSavedRegister ? StubFrame.savedRegisterBit : 0)
    }
}

/// Puts a stub together: instructions, jumps to labels, and holes.
struct StubAssembler {
    private(set) var bytes: [UInt8] = []
    /// For every byte, the frame before the instruction that it belongs to.
    private(set) var frames: [UInt8] = []
    /// The frame at the end of what was emitted.
    var frame = StubFrame(returnAddressWord: 0)
    private(set) var holes: [(offset: Int, hole: StubHole)] = []
    private var labels: [StubLabel: Int] = [:]
    private var jumps: [(offset: Int, label: StubLabel)] = []

    mutating func emit(_ instructions: X86Instruction...) {
        for instruction in instructions { append(instruction) }
    }

    private mutating func append(_ instruction: X86Instruction) {
        let encoded = instruction.encoded
        bytes += encoded
        frames += Array(repeating: frame.code, count: encoded.count)
        guard let word = frame.returnAddressWord else { return }
        switch instruction {
        case .push: frame.returnAddressWord = word + 1
        case .pop: frame.returnAddressWord = word - 1
        default: break
        }
    }

    /// Emits an instruction whose last four bytes are a hole.
    mutating func emit(_ instruction: X86Instruction, hole: StubHole) {
        append(instruction)
        holes.append((bytes.count - 4, hole))
    }

    mutating func jump(to label: StubLabel) {
        emit(.jump(0))
        jumps.append((bytes.count - 4, label))
    }

    mutating func jump(if condition: X86Condition, to label: StubLabel) {
        emit(.jumpIf(condition, 0))
        jumps.append((bytes.count - 4, label))
    }

    mutating func place(_ label: StubLabel) { labels[label] = bytes.count }

    /// Fills in the distances of all jumps to labels.
    mutating func link() {
        for jump in jumps {
            guard let target = labels[jump.label] else {
                preconditionFailure("a stub jumps to \(jump.label), which it does not have")
            }
            let distance = UInt32(bitPattern: Int32(target - (jump.offset + 4)))
            for index in 0..<4 {
                bytes[jump.offset + index] = UInt8(truncatingIfNeeded: distance >> UInt32(8 * index))
            }
        }
    }
}
