/// An instruction that a thread may lawfully execute at an address: one of a site's old form, its new form, a
/// plan's breakpoint, a stub, or what stands around them.
///
/// The checker knows instructions by their bytes and by what they do to the things it watches. Whatever a thread
/// fetches that is none of these is a violation: there is no need to know what a processor would make of it.
public struct ModelInstruction: Equatable, Sendable {
    /// What executing it does, as far as anybody can tell the forms of a site apart by it.
    public enum Action: Equatable, Sendable {
        /// Goes on behind it; nobody can tell.
        case pass
        /// Goes on behind it, and was seen: an instruction of the prologue, a call of a hook.
        case effect(Effect)
        /// A taken branch.
        case jump(UInt64)
        /// A stub's first part: reads its data, records the entry, calls the body.
        case enterStub(body: UInt64)
        /// A stub's second part: records the exit, returns to the function's caller.
        case leaveStub
        /// The function's body up to its return.
        case body
        /// A breakpoint that is taken whatever the condition is.
        case breakpoint
        /// An undefined instruction in a breakpoint's place: its condition failed, it may be a NOP.
        case undefined
        /// IT: the next instructions' conditions, the first in bit 0; true where it is the base condition.
        case ifThen([Bool])
    }

    public var address: UInt64
    public var bytes: [UInt8]
    /// In assembly, for explanations.
    public var text: String
    public var action: Action

    public init(_ address: UInt64, _ bytes: [UInt8], _ text: String, _ action: Action) {
        self.address = address
        self.bytes = bytes
        self.text = text
        self.action = action
    }

    public var end: UInt64 { address &+ UInt64(bytes.count) }
}

/// What can be told apart of a visit to a site; a form is known by the sequence of these.
public enum Effect: UInt8, Equatable, Hashable, Sendable, CaseIterable {
    /// The stub recorded an entry.
    case traced = 1
    /// `__fentry__`, `mcount` or the like was called.
    case hook
    /// 32-bit Arm: `push {lr}` before `bl __gnu_mcount_nc`, which takes it off again.
    case link
    /// The instructions of a prologue, in order.
    case prologue0, prologue1, prologue2, prologue3, prologue4, prologue5, prologue6, prologue7, prologue8, prologue9
    /// An instruction was skipped whose condition failed.
    case skipped

    /// The n-th instruction of a prologue; nil past the tenth.
    public static func prologue(_ index: Int) -> Effect? {
        guard index >= 0, index < 10 else { return nil }
        return Effect(rawValue: prologue0.rawValue + UInt8(index))
    }
}
