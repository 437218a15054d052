#if arch(x86_64)
    import AgentShims

    /// The code that hooked functions jump to, by the values of `HookedFunction`.
    enum HookedFunctions {
        static let count: UInt32 = 5

        static func code(_ function: UInt32) -> UInt64 {
            if function == 0 {
                let hook: @convention(c) () -> Void = nopal_exec_hook
                return UInt64(unsafeBitCast(hook, to: UInt.self))
            }
            if function == 4 {
                let hook: @convention(c) () -> Void = modulesChanged
                return UInt64(unsafeBitCast(hook, to: UInt.self))
            }
            return nopal_fork_hook(function &- 1)
        }

        static func setResume(_ function: UInt32, _ address: UInt64) {
            if function == 0 { nopal_set_exec_resume(address) }
            if function >= 1 && function <= 3 { nopal_set_fork_resume(function &- 1, address) }
        }
    }
#endif
