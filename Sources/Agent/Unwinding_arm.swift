#if arch(arm)
    import AgentShims

    /// Tells the program's unwinder about arenas: it asks `__gnu_Unwind_Find_exidx` for every frame, which the agent
    /// answers for its own.
    enum Unwinding {
        static func registerArenas() { AgentState.isUnwinderReady = true }
        static func forget(_ entry: BundleEntry) -> Bool { true }
        /// The unwinder keeps nothing, so nothing has to wait for it.
        static func deferRegistration(dynamic: UInt64, bias: UInt64) {}
    }

    /// The index table of the arena that holds an address; 0 when it is none's.
    @c(nopal_find_arena_index)
    public func findArenaIndex(pc: UInt) -> UInt {
        for index in 0..<BundleEntry.count {
            let entry = BundleEntry(index)
            if UInt64(pc) >= entry.start && UInt64(pc) < entry.end {
                return UInt(truncatingIfNeeded: entry.unwindTable)
            }
        }
        return 0
    }

    /// The registers of a frame that is being unwound.
    private struct VirtualRegisters {
        let context: UInt

        static let stub: UInt32 = 4
        static let stack: UInt32 = 13
        static let link: UInt32 = 14
        static let pc: UInt32 = 15

        /// _Unwind_VRS_Get and _Unwind_VRS_Set: context, class core, number, as 32 bits, place.
        private typealias Function =
            @convention(c) (UInt, UInt32, UInt32, UInt32, UnsafeMutablePointer<UInt32>) -> Int32

        subscript(_ number: UInt32) -> UInt64 {
            get {
                var value: UInt32 = 0
                _ = unsafeBitCast(UInt(truncatingIfNeeded: AgentState.getRegister), to: Function.self)(
                    context, 0, number, 0, &value)
                return UInt64(value)
            }
            nonmutating set {
                var value = UInt32(truncatingIfNeeded: newValue)
                _ = unsafeBitCast(UInt(truncatingIfNeeded: AgentState.registerFrame), to: Function.self)(
                    context, 0, number, 0, &value)
            }
        }
    }

    /// The personality of stubs: unwinds the frame by itself, as the frame codes of the arena say (see
    /// `ArmFrameCode`); in the cleanup phase it records that the call was unwound. Called by the unwinder on the traced
    /// thread.
    ///
    /// Source: Exception Handling ABI for the Arm Architecture, 7.2 to 7.5.
    @c(nopal_personality)
    public func personality(state: UInt32, exception: UInt, context: UInt) -> Int32 {
        let continueUnwind: Int32 = 8
        let failure: Int32 = 9
        let actionMask: UInt32 = 3
        let startsFrame: UInt32 = 1
        let forced: UInt32 = 8
        guard AgentState.getRegister != 0, AgentState.registerFrame != 0, let thread = nopal_thread_state() else {
            return failure
        }
        let registers = VirtualRegisters(context: context)
        let table = UInt64(findArenaIndex(pc: UInt(truncatingIfNeeded: registers[VirtualRegisters.pc])))
        let code = table == 0 ? ArmFrameCode.unknown : frameCode(table, pc: registers[VirtualRegisters.pc])
        let stack = registers[VirtualRegisters.stack]
        let entry = registers[VirtualRegisters.stub]
        switch code {
        case ArmFrameCode.link:
            registers[VirtualRegisters.pc] = registers[VirtualRegisters.link]
        case ArmFrameCode.saved:
            registers[VirtualRegisters.pc] = nopal_load_word(stack &+ ArmFrameCode.savedLinkOffset)
            registers[VirtualRegisters.stack] = stack &+ ArmFrameCode.entryByteCount
        case ArmFrameCode.entry, ArmFrameCode.entrySaved:
            if state & actionMask == startsFrame { UnwoundCalls.note(thread, entry, isForced: state & forced != 0) }
            registers[VirtualRegisters.pc] = nopal_load_word(entry)
            registers[VirtualRegisters.stub] = nopal_load_word(entry &+ 8)
            if code == ArmFrameCode.entrySaved {
                registers[VirtualRegisters.stack] = stack &+ ArmFrameCode.exitByteCount
            }
        case ArmFrameCode.linkSaved:
            registers[VirtualRegisters.pc] = registers[VirtualRegisters.link]
            registers[VirtualRegisters.stack] = stack &+ ArmFrameCode.exitByteCount
        default: return failure
        }
        return continueUnwind
    }

    /// What the arena's table says of the instruction that a frame stands at.
    private func frameCode(_ table: UInt64, pc: UInt64) -> UInt32 {
        var run = table &+ UInt64(ArmFrameCode.runsOffset)
        for _ in 0..<2 {
            let start = UInt64(nopal_load32(run))
            let end = UInt64(nopal_load32(run &+ 4))
            if pc >= start && pc < end {
                let offset = (UInt32(truncatingIfNeeded: pc &- start)) % nopal_load32(run &+ 8)
                return UInt32(CString.byte(UInt64(nopal_load32(run &+ 12)) &+ UInt64(offset)))
            }
            run = run &+ 16
        }
        return ArmFrameCode.unknown
    }
#endif
