#if arch(arm64) || arch(arm)
    import AgentShims

    /// The code that the ways of hooked functions call, by the values of `HookedFunction`; 0 for none.
    enum HookedFunctions {
        static let count: UInt32 = 5

        static func code(_ function: UInt32) -> UInt64 {
            switch function {
            case 1, 2, 3: return nopal_prepare_fork_address()
            case 4:
                let hook: @convention(c) () -> Void = modulesChanged
                return UInt64(unsafeBitCast(hook, to: UInt.self))
            default: return 0
            }
        }

        static func setResume(_ function: UInt32, _ address: UInt64) {}
    }
#endif
