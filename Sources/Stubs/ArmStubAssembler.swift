import MachineCode
import TraceFormat

/// Where an unwinder finds the caller of an Arm stub that stands at some instruction.
struct ArmStubFrame: Equatable {
    enum ReturnAddress: Equatable {
        /// In the link register.
        case link
        /// In x17.
        case scratch
        /// On the stack, so far above the stack pointer.
        case stack(UInt8)
        /// In the shadow entry that the stub's register (x19, r4) points to; the caller's register is there too.
        case entry
        case unknown
    }

    /// How far the caller's stack pointer lies above the stub's, bytes.
    var stackByteCount: UInt8 = 0
    var returnAddress = ReturnAddress.link

    /// The code of 32-bit Arm's table.
    var code: UInt8 {
        let code =
            switch (returnAddress, stackByteCount) {
            case (.link, 0): ArmFrameCode.link
            case (.stack, UInt8(ArmFrameCode.entryByteCount)): ArmFrameCode.saved
            case (.entry, 0): ArmFrameCode.entry
            case (.entry, UInt8(ArmFrameCode.exitByteCount)): ArmFrameCode.entrySaved
            case (.link, UInt8(ArmFrameCode.exitByteCount)): ArmFrameCode.linkSaved
            default: ArmFrameCode.unknown
            }
        return UInt8(code)
    }
}

/// Puts an Arm stub together: words, branches to labels, numbers behind the code, holes.
struct ArmStubAssembler {
    private(set) var words: [UInt32] = []
    /// For every word, the frame before the instruction.
    private(set) var frames: [ArmStubFrame] = []
    /// The frame at the end of what was emitted.
    var frame = ArmStubFrame()
    private(set) var holes: [(offset: Int, hole: StubHole, form: StubHoleForm)] = []
    private var labels: [StubLabel: Int] = [:]
    private var branches: [(index: Int, label: StubLabel, encode: (Int64) throws(EncodingError) -> UInt32)] = []
    private var literals: [(index: Int, hole: StubHole, encode: (Int64) throws(EncodingError) -> UInt32)] = []

    var byteCount: Int { words.count * 4 }

    mutating func a64(_ instructions: A64StubInstruction...) throws(EncodingError) {
        for instruction in instructions { append(try instruction.encoded()) }
    }

    mutating func sled(_ instructions: A64Instruction...) throws(EncodingError) {
        for instruction in instructions { append(try instruction.encoded()) }
    }

    mutating func a32(_ instructions: A32StubInstruction...) throws(EncodingError) {
        for instruction in instructions { append(try instruction.encoded()) }
    }

    mutating func append(_ word: UInt32) {
        words.append(word)
        frames.append(frame)
    }

    /// A branch whose word depends on where the stub stands.
    mutating func emit(hole: StubHole, form: StubHoleForm) {
        holes.append((byteCount, hole, form))
        append(0)
    }

    /// A branch to a label, encoded from its distance.
    mutating func branch(to label: StubLabel, _ encode: @escaping (Int64) throws(EncodingError) -> UInt32) {
        branches.append((words.count, label, encode))
        append(0)
    }

    /// A load of a number that stands behind the code, encoded from its distance.
    mutating func loadLiteral(_ hole: StubHole, _ encode: @escaping (Int64) throws(EncodingError) -> UInt32) {
        literals.append((words.count, hole, encode))
        append(0)
    }

    mutating func place(_ label: StubLabel) { labels[label] = words.count }

    /// Puts the numbers behind the code, and fills in all distances.
    ///
    /// - Parameter form: how a literal that is an address is filled in.
    mutating func link() throws(EncodingError) {
        for branch in branches {
            guard let target = labels[branch.label] else {
                preconditionFailure("a stub branches to \(branch.label), which it does not have")
            }
            words[branch.index] = try branch.encode(Int64(target - branch.index) * 4)
        }
        frame = ArmStubFrame(returnAddress: .unknown)
        var places: [(hole: StubHole, index: Int)] = []
        for literal in literals {
            let place: Int
            if let known = places.first(where: { $0.hole == literal.hole }) {
                place = known.index
            } else {
                place = words.count
                places.append((literal.hole, place))
                emit(hole: literal.hole, form: literal.hole == .body ? .address : .number)
            }
            words[literal.index] = try literal.encode(Int64(place - literal.index) * 4)
        }
    }
}
