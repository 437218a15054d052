/// What a register or a place in memory holds.
enum LitmusValue: Hashable, Sendable {
    case integer(Int64)
    /// The address of a place in memory.
    case address(String)
    /// The address of an instruction: a thread's code and an index in it.
    case code(thread: Int, index: Int)
    /// An instruction, as a value of the place that it stands in.
    case instruction(LitmusInstruction)

    static let zero = LitmusValue.integer(0)
}

extension LitmusValue: CustomStringConvertible {
    var description: String {
        switch self {
        case .integer(let value): String(value)
        case .address(let name): name
        case .code(let thread, let index): "P\(thread)+\(4 * index)"
        case .instruction(let instruction): instruction.text
        }
    }
}

/// A place that events are about.
enum LitmusLocation: Hashable, Sendable, CustomStringConvertible {
    case data(String)
    case code(thread: Int, index: Int)

    var description: String {
        switch self {
        case .data(let name): name
        case .code(let thread, let index): "P\(thread)+\(4 * index)"
        }
    }
}

/// What caches leave to be done by who writes code.
public enum CacheType: String, Equatable, Hashable, Sendable, CaseIterable {
    case none
    /// CTR_EL0.IDC: data caches need no cleaning.
    case idc
    /// And CTR_EL0.DIC: instruction caches need no invalidation.
    case dicIdc = "dic+idc"
}
