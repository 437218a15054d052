import AgentShims
import AttacherShims

/// The memory of the code that loads the agent: made in the process by one of its threads.
///
/// ```
/// 0       code: the first thread, which makes a thread of the C library; what that one runs; addresses of functions
/// 65536   HelperRequest and AttachRequest; pages have at most 64 KiB
/// 81920   stack of the first thread
/// 114688  its thread-local storage, zero; the thread pointer is 8192 from its start
/// ```
/// Why a thread of its own: decision 0012.
struct StartedCode {
    let memory: TargetMemory
    let maps: TargetMaps
    let base: UInt64
    private let byteCount: UInt64
    var request: UInt64 { base &+ Offset.request }

    private enum Offset {
        static let addresses: UInt64 = 3072
        static let request: UInt64 = 65536
        static let stackEnd: UInt64 = 114688
        static let threadPointer: UInt64 = 114688 + 8192
    }

    private static let functions: InlineArray<6, StaticString> = [
        "pthread_create", "pthread_self", "pthread_detach", "dlopen", "dlsym", "dlerror",
    ]

    /// Has one thread of the process make the memory and start a thread in it.
    ///
    /// - Parameter arguments: plan, agent and folder, as absolute paths.
    init(_ process: ProcessFile, _ memory: TargetMemory, _ arguments: AttachArguments) throws(Complaint) {
        self.memory = memory
        maps = TargetMaps(file: process)
        guard TargetModule.function("gnu_get_libc_version", maps, memory) != nil else {
            throw Complaint(
                "its C library is not glibc, or it is a static program: start it with NOPAL_PLAN and LD_PRELOAD")
        }
        var addresses = InlineArray<6, UInt64>(repeating: 0)
        for index in 0..<6 {
            guard let address = TargetModule.function(Self.functions[index], maps, memory) else {
                throw Complaint(
                    "it can't load libraries: an older glibc, without libdl or libpthread; start it with NOPAL_PLAN and LD_PRELOAD"
                )
            }
            addresses[index] = address
        }
        guard let instruction = Self.systemCallInstruction(maps, memory) else {
            throw Complaint("no system call instruction was found in its C library")
        }
        byteCount = (Offset.threadPointer &+ Self.threadByteCount(maps, memory) &+ 4095) & ~4095
        // Whoever ends this command meanwhile would leave a thread of the process in the middle of a foreign call.
        let mask = System.blockSignals()
        defer { System.restoreSignals(mask) }
        var threads = try StoppedThreads(process)
        var calls = RemoteCalls(try threads.stopOne(), of: process)
        threads.forget()
        defer { calls.end() }
        base = try Self.map(&calls, byteCount, instruction)
        do throws(Complaint) {
            try fill(addresses, arguments)
            try clone(&calls)
        } catch {
            _ = calls.make(CallNumber.unmap, [base, byteCount, 0, 0, 0, 0], at: instruction)
            throw error
        }
    }

    /// In a function of the C library in which no thread waits; bit 0 set in Thumb code.
    private static func systemCallInstruction(_ maps: TargetMaps, _ memory: TargetMemory) -> UInt64? {
        guard let function = TargetModule.function("getpid", maps, memory) else { return nil }
        let range: UInt64 = 64
        #if arch(arm64)
            let instruction: UInt64 = 0xd400_0001
            for at in stride(from: function, to: function &+ range, by: 4) where memory.half(at) == instruction {
                return at
            }
        #else
            let thumb: UInt64 = 0xdf00
            let arm: UInt64 = 0xef00_0000
            let start = function & ~1
            if function & 1 != 0 {
                for at in stride(from: start, to: start &+ range, by: 2) {
                    if let found = memory.half(at), found & 0xffff == thumb { return at | 1 }
                }
            } else {
                for at in stride(from: start, to: start &+ range, by: 4) where memory.half(at) == arm { return at }
            }
        #endif
        return nil
    }

    /// What a thread of the process has of thread-local storage above its thread pointer, and more.
    private static func threadByteCount(_ maps: TargetMaps, _ memory: TargetMemory) -> UInt64 {
        let alignment: UInt64 = 256
        var sum: UInt64 = 8192
        TargetModule.each(maps, memory) { module in
            if module.threadByteCount > 0 { sum = sum &+ module.threadByteCount &+ alignment }
            return true
        }
        return sum
    }

    private static func checked(_ result: Int64?, _ what: StaticString) throws(Complaint) -> UInt64 {
        guard let result else { throw Complaint("it ended meanwhile") }
        if result < 0 && result > -4096 { throw Complaint(what, number: UInt64(0 &- result)) }
        return UInt64(bitPattern: result)
    }

    private static func map(
        _ calls: inout RemoteCalls, _ byteCount: UInt64, _ instruction: UInt64
    ) throws(Complaint) -> UInt64 {
        let readWrite = UInt64(System.protectRead | System.protectWrite)
        let readExecute = UInt64(System.protectRead | System.protectExecute)
        let privateAnonymous: UInt64 = 0x22
        let none = UInt64(UInt.max)
        let base = try checked(
            calls.make(CallNumber.map, [0, byteCount, readWrite, privateAnonymous, none, 0], at: instruction),
            "it has no memory for the starting code: error ")
        let result = calls.make(CallNumber.protect, [base, Offset.request, readExecute, 0, 0, 0], at: instruction)
        if let result, result < 0 {
            _ = calls.make(CallNumber.unmap, [base, byteCount, 0, 0, 0, 0], at: instruction)
        }
        _ = try checked(result, "it may not have memory that is executable: error ")
        return base
    }

    private func fill(_ addresses: InlineArray<6, UInt64>, _ arguments: AttachArguments) throws(Complaint) {
        let code = UInt64(UInt(bitPattern: nopal_started_code_start()))
        var done = memory.write(base, from: code, nopal_started_code_byte_count())
        for index in 0..<6 { done = set(Offset.addresses &+ UInt64(index) &* 8, addresses[index]) && done }
        func setField(_ field: Int, _ value: UInt64) { done = set(Offset.request &+ UInt64(field), value) && done }
        setField(HelperRequest.mode, AttachRequest.mode)
        setField(HelperRequest.mainStackHigh, maps.mainStackHigh)
        setField(HelperRequest.memory, base)
        setField(HelperRequest.memoryByteCount, byteCount)
        setField(HelperRequest.createResult, ~0)
        setField(HelperRequest.firstThread, 1)
        setField(AttachRequest.attacher, UInt64(System.processID()))
        setField(AttachRequest.hasCounter, arguments.hasCounter ? 1 : 0)
        func setText(_ field: Int, _ text: UInt64) {
            done = memory.write(request &+ UInt64(field), from: text, CString.length(text) &+ 1) && done
        }
        setText(HelperRequest.agentPath, arguments.agent)
        setText(AttachRequest.plan, arguments.plan)
        setText(AttachRequest.folder, arguments.folder)
        if !done { throw Complaint("its memory can't be written") }
    }

    private func set(_ offset: UInt64, _ value: UInt64) -> Bool { memory.set(base &+ offset, value) }

    private func clone(_ calls: inout RemoteCalls) throws(Complaint) {
        // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, CHILD_CLEARTID
        let flags: UInt64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x80000 | 0x200000
        let firstThread = request &+ UInt64(HelperRequest.firstThread)
        let result = calls.make(
            CallNumber.clone,
            [flags, base &+ Offset.stackEnd, 0, base &+ Offset.threadPointer, firstThread, 0], at: base)
        _ = try Self.checked(result, "it may not have one thread more: error ")
    }
}
