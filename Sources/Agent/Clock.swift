import AgentShims

/// What stubs and slow paths read the time from, for the host.
enum Clock {
    /// Ticks a second; 0 where the host reads the same counter.
    static var frequency: UInt64 {
        #if arch(x86_64)
            0
        #else
            nopal_tick_frequency()
        #endif
    }

    /// What stubs have to call for the time; 0 where they may read a counter.
    static var thunk: UInt64 {
        #if arch(x86_64)
            0
        #else
            nopal_has_counter != 0 ? 0 : nopal_clock_thunk_address()
        #endif
    }
}
