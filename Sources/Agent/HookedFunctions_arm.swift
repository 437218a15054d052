#if arch(arm64) || arch(arm)
    /// The code that hooked functions branch to, by the values of `HookedFunction`: the loader's alone.
    enum HookedFunctions {
        static let count: UInt32 = 5

        static func code(_ function: UInt32) -> UInt64 {
            let modulesChangedFunction: UInt32 = 4
            guard function == modulesChangedFunction else { return 0 }
            let hook: @convention(c) () -> Void = modulesChanged
            return UInt64(unsafeBitCast(hook, to: UInt.self))
        }

        static func setResume(_ function: UInt32, _ address: UInt64) {}
    }
#endif
