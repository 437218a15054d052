import CSupport
import Glibc
import Programs
import Testing

@testable import Control

/// Every point at which starting the agent's helper can fail: the process goes on as it was.
@Suite(.serialized) struct HelperStarterTests {
    /// A program of the system's, which knows nothing of Nopal, asleep.
    final class Sleeper {
        let pid: pid_t
        /// The signals that it blocks: those that its parent did.
        private var mask: UInt64 = 0

        /// In clock_nanosleep, or, interrupted once, in restart_syscall.
        private var isAsleep: Bool {
            let call = (FileText.read("/proc/\(pid)/syscall") ?? "").split(separator: " ").first
            return call == "230" || call == "219"
        }
        private var blocked: UInt64 { ThreadStatus.mask(ThreadStatus.fields("/proc/\(pid)/status"), "SigBlk") }

        init() throws {
            let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/sleep"), strdup("1000"), nil]
            defer { arguments.forEach { free($0) } }
            var child: pid_t = 0
            try #require(posix_spawn(&child, "/bin/sleep", nil, nil, arguments, environ) == 0)
            pid = child
            // Until it sleeps, its libraries are still being mapped.
            while !isAsleep { usleep(1000) }
            mask = blocked
        }

        deinit {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }

        var maps: [MapEntry] { (try? ProcessMaps.read(process: pid)) ?? [] }

        /// It sleeps as before: the same call, with nothing but what `except` names added to its memory.
        func expectUnharmed(_ before: [MapEntry], except allowed: [String] = [], _ what: Comment) throws {
            // A thread that was made may still be on its way out.
            for _ in 0..<2000 where ThreadStatus.tasks(pid).count > 1 { usleep(1000) }
            #expect(ThreadStatus.tasks(pid) == [pid], what)
            // It was let go a moment ago, and is on its way back into its call.
            for _ in 0..<2000 where !isAsleep { usleep(1000) }
            #expect(isAsleep, what)
            let new = maps.filter { map in !before.contains { $0.start <= map.start && map.end <= $0.end } }
            let surplus = new.filter { map in
                !allowed.contains { map.path.contains($0) } && !map.permissions.hasPrefix("---")
            }
            // What malloc and the thread library keep: an arena and a stack, both theirs.
            #expect(surplus.allSatisfy { $0.path.isEmpty || $0.path == "[heap]" }, "\(what): \(surplus)")
            #expect(ThreadStatus.fields("/proc/\(pid)/status")["TracerPid"] == "0", what)
            #expect(blocked == mask, what)
        }
    }

    private func starter(
        _ sleeper: Sleeper, agent: String = "/nonexistent/libnopal-agent.so", faults: [Int64: Int64] = [:]
    ) throws -> (HelperStarter, LibraryFunctions) {
        let modules = try MappedModule.modules(of: sleeper.pid, read: { try? ModuleImage.read(path: $0) })
        var starter = HelperStarter(
            process: sleeper.pid, memory: try ProcessMemory(process: sleeper.pid), agentPath: agent,
            sessionPath: "/nonexistent/session")
        starter.faults = faults
        return (starter, LibraryFunctions(modules.map { ($0.image, $0.bias) }))
    }

    /// The system calls that the borrowed thread makes: mmap, mprotect, clone.
    @Test(arguments: [(Int64(9), "no memory"), (10, "executable"), (56, "one thread more")])
    func systemCallsFail(_ number: Int64, _ says: String) throws {
        let sleeper = try Sleeper()
        let before = sleeper.maps
        for code in [Int64(ENOMEM), Int64(EPERM), Int64(EAGAIN)] {
            let (starter, library) = try starter(sleeper, faults: [number: code])
            let error = #expect(throws: LiveError.self) {
                try starter.start(beginsSession: true, rewinds: RewoundCalls(), library: library.address)
            }
            #expect("\(try #require(error))".contains(says))
            try sleeper.expectUnharmed(before, "system call \(number) failed with \(code)")
            #expect(sleeper.maps.count == before.count)
        }
    }

    private static func status(of command: [String]) -> Int32 {
        let arguments = command.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var child: pid_t = 0
        var status: Int32 = -1
        guard posix_spawn(&child, command[0], nil, nil, arguments, environ) == 0 else { return -1 }
        waitpid(child, &status, 0)
        return status
    }

    private func waitForFailure(_ starter: HelperStarter, _ started: HelperStarter.Started) -> LiveError? {
        for _ in 0..<5000 {
            if let failure = starter.failure(of: started) {
                starter.clean(started)
                return failure
            }
            usleep(1000)
        }
        return nil
    }

    /// The agent's file is not there: the loader's own words come back.
    @Test func agentIsMissing() throws {
        let sleeper = try Sleeper()
        let before = sleeper.maps
        for _ in 0..<5 {
            let (starter, library) = try starter(sleeper)
            let started = try starter.start(beginsSession: true, rewinds: RewoundCalls(), library: library.address)
            let failure = try #require(waitForFailure(starter, started))
            #expect("\(failure)".contains("cannot open shared object file"), "\(failure)")
            try sleeper.expectUnharmed(before, "the agent is missing")
            #expect(starter.isUnderWay(started) == false, "its memory is given back")
        }
    }

    /// No memory for one more thread's stack: pthread_create fails.
    @Test func threadCannotBeMade() throws {
        let sleeper = try Sleeper()
        let before = sleeper.maps
        let size =
            UInt64(ThreadStatus.fields("/proc/\(sleeper.pid)/status")["VmSize"]?.split(separator: " ").first ?? "0")
            ?? 0
        try #require(
            Self.status(of: ["/usr/bin/prlimit", "--pid", "\(sleeper.pid)", "--as=\(size * 1024 + 512 * 1024)"]) == 0)
        let (starter, library) = try starter(sleeper)
        let started = try starter.start(beginsSession: true, rewinds: RewoundCalls(), library: library.address)
        let failure = try #require(waitForFailure(starter, started))
        #expect("\(failure)".contains("pthread_create"), "\(failure)")
        try sleeper.expectUnharmed(before, "pthread_create failed")
    }

    /// The agent is loaded, and finds no session: the helper ends by itself.
    @Test func noSessionAnswers() throws {
        let sleeper = try Sleeper()
        let before = sleeper.maps
        let (starter, library) = try starter(sleeper, agent: Built.agent)
        let started = try starter.start(beginsSession: true, rewinds: RewoundCalls(), library: library.address)
        for _ in 0..<5000 where starter.isUnderWay(started) { usleep(1000) }
        #expect(!starter.isUnderWay(started))
        #expect(starter.failure(of: started) == nil)
        try sleeper.expectUnharmed(before, except: ["libnopal-agent"], "no session answered")
    }

    @Test func processEnds() throws {
        let sleeper = try Sleeper()
        let (starter, library) = try starter(sleeper)
        kill(sleeper.pid, SIGKILL)
        let error = #expect(throws: LiveError.self) {
            try starter.start(beginsSession: true, rewinds: RewoundCalls(), library: library.address)
        }
        _ = try #require(error)
    }
}

/// What the build has made beside the tests.
enum Built {
    /// The agent of the release build, which is what is tested.
    static let agent: String = {
        let package = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(package)/.build/release/libnopal-agent.so"
    }()
}
