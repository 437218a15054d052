import CSupport
import Glibc
import Patching
import Testing

@testable import Control

/// Stopping, looking, storing and letting go, against a real process.
@Suite(.serialized) struct StoppedProcessTests {
    @Test func threadsStopAndGoOn() throws {
        let sleeper = try HelperStarterTests.Sleeper()
        for _ in 0..<100 {
            let stopped = try StoppedProcess(process: sleeper.pid, rewinds: RewoundCalls())
            #expect(stopped.threads.map(\.thread) == [sleeper.pid])
            #expect(ThreadStatus.fields("/proc/\(sleeper.pid)/status")["State"]?.first == "t")
            #expect(stopped.resume() > 0)
        }
        try sleeper.expectUnharmed(sleeper.maps, "after a hundred stops")
    }

    @Test func whatIsNotThereIsSaid() {
        #expect(throws: LiveError.self) { try StoppedProcess(process: 0x3f_ffff, rewinds: RewoundCalls()) }
        #expect(throws: LiveError.noSuchProcess(0x3f_ffff)) { try ProcessMemory(process: 0x3f_ffff) }
    }

    /// Stores arrive, wrong expectations and missing memory change nothing.
    @Test func plansOfTheStoppedExecutor() throws {
        let sleeper = try HelperStarterTests.Sleeper()
        let memory = try ProcessMemory(process: sleeper.pid)
        let text = try #require(sleeper.maps.first { $0.permissions == "r-xp" && $0.path.contains("libc") })
        let at = text.end - 64
        let before = try #require(memory.read(text.start, count: Int(text.end - text.start)))
        let old = UInt64(try #require(memory.read(at, count: 1))[0])
        let executor = StoppedExecutor(memory: memory, rewinds: RewoundCalls())
        func plan(_ address: UInt64, _ value: UInt64, _ expected: UInt64) -> Plan {
            Plan(
                steps: [.park, .store(address: address, width: 1, value: value, expected: expected), .resume],
                patchProtocol: .stopped, siteCount: 1)
        }
        let report = try executor.run([plan(at, old ^ 0xff, old)])
        #expect(report.stoppedNanos > 0 && memory.read(at, count: 1) == [UInt8(old ^ 0xff)])
        #expect(throws: LiveError.self) { try executor.run([plan(at, 1, old)]) }
        #expect(throws: LiveError.self) { try executor.run([plan(at, old, old ^ 0xff), plan(16, 1, 1)]) }
        #expect(memory.read(at, count: 1) == [UInt8(old ^ 0xff)], "one that fails lets none through")
        _ = try executor.run([plan(at, old, old ^ 0xff)])
        #expect(memory.read(text.start, count: before.count) == before)
    }

    /// A thread inside a window is moved, or nothing is stored.
    @Test func windowsAreLeft() throws {
        let sleeper = try HelperStarterTests.Sleeper()
        let memory = try ProcessMemory(process: sleeper.pid)
        let stopped = try StoppedProcess(process: sleeper.pid, rewinds: RewoundCalls())
        let pc = stopped.threads[0].instructionPointer
        stopped.resume()
        let old = UInt64(try #require(memory.read(pc, count: 1))[0])
        let start = pc - 2  // the system call that it sleeps in
        let range = start..<start + 5
        let store = PlanStep.store(address: pc, width: 1, value: old, expected: old)
        let stays = Plan(
            steps: [.park, store, .resume], patchProtocol: .stopped, siteCount: 1,
            windows: [Window(range: range, moves: [0, 0, 0, 0])])
        let error = #expect(throws: LiveError.self) {
            try StoppedExecutor(memory: memory, rewinds: RewoundCalls()).run([stays])
        }
        #expect("\(try #require(error))".contains("stays inside"))
        try sleeper.expectUnharmed(sleeper.maps, "it was not moved")
    }

    @Test func tablesFindTheirWindow() {
        let windows =
            [10..<20, 20..<25, 40..<45].map { Window(range: $0, moves: Array(repeating: 0, count: $0.count - 1)) }
            as [Window]
        let table = WindowTable(windows)
        for address in UInt64(0)..<60 {
            let expected = windows.first { $0.range.lowerBound < address && address < $0.range.upperBound }
            #expect(table.window(inside: address) == expected)
        }
    }
}
