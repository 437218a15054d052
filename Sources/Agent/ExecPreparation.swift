import AgentShims

/// Gives a program that is about to be executed what it needs to be followed: the agent
/// preloaded, and the session's path. Runs in place of the first instruction of `execve`, possibly
/// in a child that shares this memory (vfork): no lock, and only this thread's scratch memory.
///
/// - Returns: the environment to execute with; the one that was given when the program can't be
///   followed (static, setuid, foreign), so that it does not see what it has no use for.
@c(nopal_prepare_exec)
public func prepareExec(path: UInt64, environment: UInt64) -> UInt64 {
    guard AgentState.isRecording, AgentState.isDisarmed == 0, let thread = nopal_thread_state() else {
        return environment
    }
    guard ExecTarget.canBeFollowed(path, depth: 0) else { return environment }
    var count: UInt64 = 0
    var preload: UInt64 = 0
    while environment != 0 {
        let entry = nopal_load_word(environment &+ count &* UInt64(Word.byteCount))
        if entry == 0 { break }
        if preload == 0 && CString.begins(entry, with: "LD_PRELOAD=") { preload = entry &+ 11 }
        count = count &+ 1
    }
    let byteCount = (count &+ 3) &* UInt64(Word.byteCount) &+ 3 &* Tables.pathByteCount &+ CString.length(preload)
    guard let scratch = scratch(thread, byteCount) else { return environment }
    for index in 0..<count { Word.set(scratch, index, nopal_load_word(environment &+ index &* UInt64(Word.byteCount))) }
    var text = TextWriter(at: scratch &+ (count &+ 3) &* UInt64(Word.byteCount))
    Word.set(scratch, count, text.at)
    text.add("LD_PRELOAD=")
    text.add(Tables.address(Tables.agentPath))
    if preload != 0 {
        text.add(":")
        text.add(preload)
    }
    text.end()
    Word.set(scratch, count &+ 1, text.at)
    text.add("NOPAL_SESSION=")
    text.add(Tables.address(Tables.sessionPath))
    text.end()
    Word.set(scratch, count &+ 2, 0)
    return scratch
}

/// Memory of this thread that the next exec uses again: an exec that succeeds frees it, unless
/// the memory was its parent's.
private func scratch(_ thread: ThreadState, _ byteCount: UInt64) -> UInt64? {
    if thread.pointee.environment_byte_count < byteCount {
        if thread.pointee.environment != 0 {
            System.unmap(thread.pointee.environment, thread.pointee.environment_byte_count)
        }
        thread.pointee.environment_byte_count = 0
        let rounded = (byteCount &+ 65535) & ~65535
        thread.pointee.environment = System.allocate(rounded)
        if thread.pointee.environment == 0 { return nil }
        thread.pointee.environment_byte_count = rounded
    }
    return thread.pointee.environment
}

struct TextWriter {
    var at: UInt64

    mutating func add(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount {
            nopal_store8(at, text.utf8Start[index])
            at = at &+ 1
        }
    }

    mutating func add(_ text: UInt64) {
        let count = CString.length(text)
        for index in 0..<count { nopal_store8(at &+ index, CString.byte(text &+ index)) }
        at = at &+ count
    }

    mutating func add(number: UInt32) {
        if number >= 10 { add(number: number / 10) }
        nopal_store8(at, 48 &+ UInt8(truncatingIfNeeded: number % 10))
        at = at &+ 1
    }

    mutating func end() {
        nopal_store8(at, 0)
        at = at &+ 1
    }
}

/// Whether a file would load the agent: a dynamic 64-bit program of this machine, not setuid, or a
/// script of one.
enum ExecTarget {
    static func canBeFollowed(_ path: UInt64, depth: Int) -> Bool {
        if path == 0 || depth > 4 { return false }
        let descriptor = System.open(path, flags: 0)
        if descriptor < 0 { return false }
        defer { System.close(descriptor) }
        if isPrivileged(descriptor) { return false }
        var head = InlineArray<512, UInt8>(repeating: 0)
        return withUnsafeMutablePointer(to: &head) { head in
            let at = UInt64(UInt(bitPattern: head))
            let count = System.readAt(descriptor, at, 511, offset: 0)
            if count < 64 && !(count > 2 && CString.byte(at) == 35) { return false }
            if CString.byte(at) == 35 && CString.byte(at &+ 1) == 33 {
                return canBeFollowed(interpreter(at &+ 2), depth: depth &+ 1)
            }
            return isElf(at) && hasInterpreter(descriptor, at)
        }
    }

    private static func isPrivileged(_ descriptor: Int64) -> Bool {
        let setIDs: UInt32 = 0o6000
        guard let status = FileStatus(descriptor) else { return true }
        return status.mode & setIDs != 0
    }

    /// Ends the interpreter's path in place; returns where it begins.
    private static func interpreter(_ from: UInt64) -> UInt64 {
        var at = from
        while CString.byte(at) == 32 || CString.byte(at) == 9 { at = at &+ 1 }
        var end = at
        while CString.byte(end) > 32 { end = end &+ 1 }
        nopal_store8(end, 0)
        return at
    }

    private static func isElf(_ at: UInt64) -> Bool {
        let identification: UInt64 = 0x02_464c_457f  // 0x7f "ELF", 64-bit
        let machine: UInt64 = 62
        return nopal_load_bytes(at, 5) == identification
            && nopal_load_bytes(at &+ 18, 2) == machine
    }

    private static func hasInterpreter(_ descriptor: Int64, _ at: UInt64) -> Bool {
        let offset = nopal_load_bytes(at &+ 32, 8)
        let entryByteCount = nopal_load_bytes(at &+ 54, 2)
        let count = nopal_load_bytes(at &+ 56, 2)
        for index in 0..<count {
            var type: UInt32 = 0
            let done = withUnsafeMutablePointer(to: &type) {
                System.readAt(
                    descriptor, UInt64(UInt(bitPattern: $0)), 4, offset: offset &+ index &* entryByteCount)
            }
            let interpreterSegment: UInt32 = 3
            if done == 4 && type == interpreterSegment { return true }
        }
        return false
    }
}
