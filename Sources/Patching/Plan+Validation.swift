extension Plan {
    /// Checks what every executor relies on: stores of 1, 2, 4 or 8 bytes, naturally aligned, sorted and not
    /// overlapping within a phase, no stray bits in their numbers; text opened before it is stored to and closed
    /// at the end, or all threads parked and resumed; breakpoints caught before they are placed.
    ///
    /// Throws: `.invalid` with the sentence that says what is wrong.
    public func validate() throws(PlanError) {
        var isReachable = false
        var catches = false
        var next: UInt64 = 0
        for step in steps {
            switch step {
            case .open, .park: isReachable = true
            case .close, .resume: isReachable = false
            case .syncCores, .maintainCaches: next = 0
            case .catchBreakpoints: catches = true
            case .store(let address, let width, let value, let expected):
                guard isReachable else { throw .invalid("a store outside of open and close, or park and resume") }
                guard [1, 2, 4, 8].contains(width), address % UInt64(width) == 0 else {
                    throw .invalid(
                        "a store of \(width) bytes at 0x\(String(address, radix: 16)) is not naturally aligned")
                }
                guard width == 8 || (value | expected) >> UInt64(8 * width) == 0 else {
                    throw .invalid("a store's numbers have more bytes than it stores")
                }
                guard address >= next else { throw .invalid("stores of one phase are not sorted, or overlap") }
                next = address &+ UInt64(width)
                if patchProtocol == .breakpoint, !catches { throw .invalid("a breakpoint before its trap is caught") }
            }
        }
        guard !isReachable else { throw .invalid("text is left open, or threads are left parked") }
    }
}
