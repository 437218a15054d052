import CSupport
import Glibc
import Programs
import TraceFormat

/// Starts the agent's helper thread in a process, with the agent, if it is not there yet.
///
/// One thread of the process is stopped for a moment and makes three system calls: memory for the
/// starting code, its protection, and a bare thread that runs it (see `HelperCode`). Nothing else of the process
/// is touched, and whatever fails leaves it as it was.
struct HelperStarter {
    let process: pid_t
    let memory: ProcessMemory
    let agentPath: String
    let sessionPath: String
    /// For tests: the system call, by number, that fails, and how.
    var faults: [Int64: Int64] = [:]

    private enum Number {
        static let map: Int64 = 9
        static let protect: Int64 = 10
        static let unmap: Int64 = 11
        static let clone: Int64 = 56
    }

    /// A start that has begun: the memory of its code.
    struct Started {
        let base: UInt64
        let stoppedNanos: UInt64
        var request: UInt64 { base &+ HelperCode.requestOffset }
    }

    /// - Parameters:
    ///   - library: finds a function that a mapped library exports.
    ///   - beginsSession: false when the process has a session already.
    func start(
        beginsSession: Bool, rewinds: RewoundCalls, library: (String) -> UInt64?
    ) throws(LiveError) -> Started {
        let functions = try functions(library)
        guard let instruction = systemCallInstruction(library) else {
            throw .cannotLoad(process, reason: "no system call instruction was found in its C library")
        }
        let mainStackHigh = self.mainStackHigh()
        let thread = try RemoteThread(process: process)
        thread.faults = faults
        var base: UInt64 = 0
        do throws(LiveError) {
            base = try map(thread, instruction)
            try fill(base, functions, beginsSession, mainStackHigh, library("dl_iterate_phdr") ?? 0, thread)
            try clone(thread, base)
        } catch {
            if base != 0 { _ = try? thread.systemCall(Number.unmap, [base, HelperCode.byteCount], at: instruction) }
            thread.end(rewinds)
            throw error
        }
        return Started(base: base, stoppedNanos: thread.end(rewinds))
    }

    private func functions(_ library: (String) -> UInt64?) throws(LiveError) -> HelperCode.Functions {
        func address(_ name: String) throws(LiveError) -> UInt64 {
            guard let found = library(name) else {
                throw .cannotLoad(
                    process,
                    reason: "its C library exports no '\(name)' (a static program, or a very old glibc); "
                        + "start it with 'nopal record'")
            }
            return found
        }
        return HelperCode.Functions(
            createThread: try address("pthread_create"), thisThread: try address("pthread_self"),
            detachThread: try address("pthread_detach"), openLibrary: try address("dlopen"),
            findSymbol: try address("dlsym"), openError: try address("dlerror"))
    }

    private func systemCallInstruction(_ library: (String) -> UInt64?) -> UInt64? {
        guard let function = library("syscall"), let code = memory.read(function, count: 128) else { return nil }
        guard let at = code.indices.dropLast().first(where: { code[$0] == 0x0f && code[$0 + 1] == 0x05 }) else {
            return nil
        }
        return function &+ UInt64(at)
    }

    private func mainStackHigh() -> UInt64 {
        let maps = (try? ProcessMaps.read(process: process)) ?? []
        return maps.first { $0.path == "[stack]" }?.end ?? 0
    }

    private func checked(_ result: Int64, _ what: String) throws(LiveError) -> UInt64 {
        if result < 0 && result > -4096 {
            throw .startFailed(process, what: "\(what): \(String(cString: strerror(Int32(-result))))")
        }
        return UInt64(bitPattern: result)
    }

    private func map(_ thread: RemoteThread, _ instruction: UInt64) throws(LiveError) -> UInt64 {
        let readWrite = UInt64(PROT_READ | PROT_WRITE)
        let privateAnonymous = UInt64(MAP_PRIVATE | MAP_ANONYMOUS)
        let base = try checked(
            try thread.systemCall(
                Number.map, [0, HelperCode.byteCount, readWrite, privateAnonymous, .max, 0], at: instruction),
            "it has no memory for the starting code")
        let result = try thread.systemCall(
            Number.protect, [base, 4096, UInt64(PROT_READ | PROT_EXEC)], at: instruction)
        if result < 0 {
            _ = try thread.systemCall(Number.unmap, [base, HelperCode.byteCount], at: instruction)
            _ = try checked(result, "it may not have memory that is executable")
        }
        return base
    }

    private func fill(
        _ base: UInt64, _ functions: HelperCode.Functions, _ beginsSession: Bool, _ mainStackHigh: UInt64,
        _ iteratePrograms: UInt64, _ thread: RemoteThread
    ) throws(LiveError) {
        let request = base &+ HelperCode.requestOffset
        var done = memory.write(base, HelperCode(functions).bytes)
        func set(_ field: Int, _ value: UInt64) { done = memory.write(request &+ UInt64(field), word: value) && done }
        set(HelperRequest.mode, beginsSession ? 2 : 1)
        set(HelperRequest.iteratePrograms, iteratePrograms)
        set(HelperRequest.mainStackHigh, mainStackHigh)
        set(HelperRequest.memory, base)
        set(HelperRequest.memoryByteCount, HelperCode.byteCount)
        set(HelperRequest.createResult, .max)
        set(HelperRequest.firstThread, 1)
        done = memory.write(request &+ UInt64(HelperRequest.agentPath), Array(agentPath.utf8)) && done
        done = memory.write(request &+ UInt64(HelperRequest.sessionPath), Array(sessionPath.utf8)) && done
        // The head of the first thread's control block: itself, twice, and the guards that its thread inherits.
        let pointer = base &+ HelperCode.threadPointerOffset
        let guards = memory.read(thread.threadPointer &+ 0x28, count: 0x28)
        done = memory.write(pointer, word: pointer) && memory.write(pointer &+ 0x10, word: pointer) && done
        if let guards { done = memory.write(pointer &+ 0x28, guards) && done }
        guard done else { throw .startFailed(process, what: "its memory can't be written") }
    }

    private func clone(_ thread: RemoteThread, _ base: UInt64) throws(LiveError) {
        // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, CHILD_CLEARTID
        let flags: UInt64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x80000 | 0x200000
        let request = base &+ HelperCode.requestOffset
        let result = try thread.systemCall(
            Number.clone,
            [
                flags, base &+ HelperCode.stackOffset, 0, request &+ UInt64(HelperRequest.firstThread),
                base &+ HelperCode.threadPointerOffset,
            ], at: base)
        _ = try checked(result, "it may not have one thread more")
    }

    /// What has become of a start; nil while it is under way.
    func failure(of started: Started) -> LiveError? {
        let request = started.request
        guard let create = memory.word(request &+ UInt64(HelperRequest.createResult)) else { return nil }
        if create != .max && create & 0xffff_ffff != 0 {
            let code = Int32(truncatingIfNeeded: create)
            return .startFailed(process, what: "pthread_create: \(String(cString: strerror(code)))")
        }
        guard memory.word(request &+ UInt64(HelperRequest.progress)) == HelperRequest.Progress.failed else {
            return nil
        }
        let text = memory.word(request &+ UInt64(HelperRequest.openError)).map { memory.text($0) } ?? ""
        _ = memory.write(request &+ UInt64(HelperRequest.progress), word: HelperRequest.Progress.read)
        return .startFailed(process, what: "loading the agent failed: \(text)")
    }

    /// False once the helper has ended, which gives the memory back.
    func isUnderWay(_ started: Started) -> Bool { memory.word(started.request) != nil }

    /// Gives back the memory of a start that failed, once no thread is in it any more.
    func clean(_ started: Started) {
        let range = started.base..<started.base &+ HelperCode.byteCount
        for _ in 0..<200 {
            usleep(1000)
            guard let stopped = try? StoppedProcess(process: process, rewinds: RewoundCalls()) else { return }
            let maps = (try? ProcessMaps.read(process: process)) ?? []
            let scan = StackScan(memory: memory, maps: maps)
            let isInUse = stopped.threads.contains { thread in
                range.contains(thread.instructionPointer) || range.contains(thread.stackPointer)
                    || !scan.hits(thread, in: range, where: { _ in true }).isEmpty
            }
            stopped.resume()
            guard !isInUse else { continue }
            // Any instruction that makes a system call will do; the code has one at its start.
            guard let thread = try? RemoteThread(process: process) else { return }
            _ = try? thread.systemCall(Number.unmap, [started.base, HelperCode.byteCount], at: started.base)
            thread.end()
            return
        }
    }
}
