/// Open calls that a fiber took along: their ends come when it runs again.
@usableFromInline
struct SuspendedCalls {
    /// The latest call of a function is the last of its list.
    private var byFunction: [UInt32: [OpenCall]] = [:]

    @usableFromInline init() {}

    @usableFromInline
    mutating func add(_ call: OpenCall) { byFunction[call.function, default: []].append(call) }

    /// Takes out the call of the function that was suspended last.
    mutating func takeLatest(of function: UInt32) -> OpenCall? { byFunction[function]?.popLast() }

    /// Takes out all, in the order of their entries.
    mutating func takeAll() -> [OpenCall] {
        let calls = byFunction.values.joined().sorted {
            ($0.enteredAtNanos, $0.function) < ($1.enteredAtNanos, $1.function)
        }
        byFunction = [:]
        return calls
    }
}
