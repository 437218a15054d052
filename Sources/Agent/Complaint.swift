import AgentShims

/// What the agent says when something it relies on does not hold.
enum Complaint {
    /// The one state from which a traced call can't return. It needs a program that overwrites
    /// its shadow stack, or hundreds of longjmp-ed calls that return all the same.
    static func lostReturnAddress() -> Never {
        let text: StaticString =
            "nopal: the return address of a traced call is lost (its stack was moved); stopping the program\n"
        _ = System.call(CallNumber.write, 2, Int64(Int(bitPattern: text.utf8Start)), Int64(text.utf8CodeUnitCount))
        let abort: Int64 = 6
        _ = System.call(CallNumber.signalThread, Int64(System.processID()), Int64(System.threadID()), abort)
        while true { _ = System.call(CallNumber.exitGroup, 134) }
    }
}
