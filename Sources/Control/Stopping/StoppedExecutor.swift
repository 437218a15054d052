import CSupport
import Glibc
import Patching
import Programs

/// What came of a plan.
package struct ExecutionReport {
    package var stores = 0
    /// From before the first store to behind the last.
    package var executeNanos: UInt64 = 0
    /// The longest that any thread stood stopped.
    package var stoppedNanos: UInt64 = 0
    package var longestSyncNanos: UInt64 = 0
}

/// Runs plans of the protocol *stopped*, by ptrace: parks all threads, moves those that stand
/// inside a window, stores, lets them go on.
package struct StoppedExecutor {
    let memory: ProcessMemory
    let rewinds: RewoundCalls
    /// False only for a canary: threads are not looked at.
    var looksAtThreads = true

    package init(memory: ProcessMemory, rewinds: RewoundCalls, looksAtThreads: Bool = true) {
        self.memory = memory
        self.rewinds = rewinds
        self.looksAtThreads = looksAtThreads
    }

    private static let attempts = 50

    /// What the stopped process is used for besides, before it goes on.
    package typealias Duty = (StoppedProcess, StackScan) -> Void

    /// Runs all plans in one stop.
    ///
    /// Throws: `.planFailed` when other bytes than expected stand there, or when a thread stays where it can't
    /// be moved from; nothing is stored then.
    package func run(_ plans: [Plan], duty: Duty = { _, _ in }) throws(LiveError) -> ExecutionReport {
        var steps: [PlanStep] = []
        for plan in plans { steps += plan.steps }
        let images = try PageImage.images(of: steps, in: memory)
        let windows = plans.flatMap(\.windows).sorted { $0.range.lowerBound < $1.range.lowerBound }
        var obstacle = ""
        var longest: UInt64 = 0
        for attempt in 0..<Self.attempts {
            if attempt > 0 { usleep(1000) }
            let process = try StoppedProcess(process: memory.process, rewinds: rewinds)
            let scan = StackScan(memory: memory, maps: (try? ProcessMaps.read(process: memory.process)) ?? [])
            if let found = looksAtThreads ? move(process, out: windows, scan) : nil {
                obstacle = found
                longest = max(longest, process.resume())
                continue
            }
            let begin = nopal_clock_nanos(CLOCK_MONOTONIC)
            do throws(LiveError) { try PageImage.store(images, memory) } catch {
                process.resume()
                throw error
            }
            let executeNanos = nopal_clock_nanos(CLOCK_MONOTONIC) &- begin
            duty(process, scan)
            let stopped = process.resume()
            return ExecutionReport(
                stores: steps.count, executeNanos: executeNanos, stoppedNanos: max(longest, stopped))
        }
        throw .planFailed(memory.process, what: obstacle)
    }

    /// Moves every thread out of the windows, or says why that can't be.
    private func move(_ process: StoppedProcess, out windows: [Window], _ scan: StackScan) -> String? {
        guard let first = windows.first, let last = windows.last else { return nil }
        let table = WindowTable(windows)
        var moves: [(index: Int, target: UInt64)] = []
        for (index, thread) in process.threads.enumerated() {
            if let target = entered(thread.instructionPointer, stack: thread.stackPointer, table, scan) {
                moves.append((index, target))
            }
            guard let window = table.window(inside: thread.instructionPointer) else { continue }
            guard let target = window.target(of: thread.instructionPointer) else { return Self.inside(thread, window) }
            moves.append((index, target))
        }
        var frames: [(place: UInt64, target: UInt64)] = []
        let range = first.range.lowerBound..<last.range.upperBound
        for thread in process.threads {
            let isOfInterest = { table.window(inside: $0) != nil || table.window(at: $0)?.entered != nil }
            for hit in scan.hits(thread, in: range, where: isOfInterest) {
                // Any other such word is no place to go on from: it is left over from an earlier frame.
                guard hit.isSignalFrame else { continue }
                if let stack = hit.stackPointer(memory), let target = entered(hit.value, stack: stack, table, scan) {
                    frames.append((hit.place, target))
                }
                guard let window = table.window(inside: hit.value) else { continue }
                guard let target = window.target(of: hit.value) else { return Self.inside(thread, window) }
                frames.append((hit.place, target))
            }
        }
        for move in moves { process.move(move.index, to: move.target) }
        for frame in frames { _ = memory.write(frame.place, word: frame.target) }
        return nil
    }

    /// Where a thread goes on that a stub has led to a window's first byte; nil for all others.
    private func entered(
        _ address: UInt64, stack: UInt64, _ table: WindowTable, _ scan: StackScan
    ) -> UInt64? {
        guard let target = table.window(at: address)?.entered, let back = memory.word(stack),
            LiveSites.arenas(in: scan.maps).contains(where: { $0.contains(back) })
        else { return nil }
        return target
    }

    private static func inside(_ thread: StoppedThread, _ window: Window) -> String {
        "thread \(thread.thread) stays inside the code at 0x\(String(window.range.lowerBound, radix: 16))"
    }
}
