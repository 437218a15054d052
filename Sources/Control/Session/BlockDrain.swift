import CSupport
import Dispatch
import Glibc
import TraceFormat

/// The thread that writes full blocks to the trace and gives them back.
///
/// It also finds the blocks of threads that have ended, however they ended.
final class BlockDrain: @unchecked Sendable {
    private let memory: SharedMemory
    private let output: TraceOutput
    private let keepsUntilEnd: Bool
    private let asksProcesses: Bool
    private let lock = Lock()
    private var knownThreads: Set<UInt32> = []
    /// By process, the name that threads get that have ended before they could be asked.
    private var processNames: [UInt32: String] = [:]
    private var shouldStop = false
    private let stopped = DispatchSemaphore(value: 0)

    /// Short while blocks come in, so that the few in use stay in the caches; then longer.
    private static let busyNanos: Int64 = 500_000
    private static let idleNanos: Int64 = 8_000_000
    private static let reapEveryNanos: UInt64 = 200_000_000

    /// - Parameters:
    ///   - keepsUntilEnd: a flight recorder: full blocks stay in memory until the end.
    ///   - asksProcesses: the threads are of this machine, whose kernel knows their names.
    init(memory: SharedMemory, output: TraceOutput, keepsUntilEnd: Bool, asksProcesses: Bool = true) {
        self.memory = memory
        self.output = output
        self.keepsUntilEnd = keepsUntilEnd
        self.asksProcesses = asksProcesses
    }

    func start() {
        // A thread of its own: it sleeps most of the time, and holds no place of a queue meanwhile.
        DispatchQueue(label: "nopal-drain", qos: .userInteractive).async { [self] in run() }
    }

    /// Stops the thread and writes what is left, also blocks that are still in use.
    func finish() {
        lock.lock()
        shouldStop = true
        lock.unlock()
        memory.wakeSleeper()
        stopped.wait()
        drainAll()
    }

    /// Writes every block that has events, also those that are still in use.
    func drainAll() {
        lock.lock()
        defer { lock.unlock() }
        drain(.full)
        drain(.owned)
    }

    private func run() {
        var pauseNanos = BlockDrain.busyNanos
        var nextReap = nopal_clock_nanos(CLOCK_MONOTONIC) + BlockDrain.reapEveryNanos
        while true {
            lock.lock()
            let stop = shouldStop
            var wrote = 0
            if !stop && !keepsUntilEnd { wrote = drain(.full) }
            let now = nopal_clock_nanos(CLOCK_MONOTONIC)
            if !stop && now >= nextReap {
                reap { owner in
                    nopal_thread_exists(pid_t(bitPattern: owner.process), pid_t(bitPattern: owner.thread)) == 0
                }
                if output.error != nil { memory.close() }
                nextReap = now + BlockDrain.reapEveryNanos
            }
            lock.unlock()
            if stop { break }
            pauseNanos = wrote > 0 ? BlockDrain.busyNanos : min(pauseNanos * 2, BlockDrain.idleNanos)
            memory.sleepUntilFull(timeoutNanos: pauseNanos)
        }
        stopped.signal()
    }

    func note(process: UInt32, executable: String) {
        lock.lock()
        defer { lock.unlock() }
        let name = executable.split(separator: "/").last.map(String.init) ?? ""
        // The kernel keeps 15 bytes of it.
        processNames[process] = String(decoding: name.utf8.prefix(15), as: UTF8.self)
    }

    /// A process has become another program: the blocks that its old threads left are complete.
    func retire(process: UInt32) {
        lock.lock()
        defer { lock.unlock() }
        reap { $0.process == process }
    }

    /// Hands over the blocks in use whose owner is gone.
    private func reap(_ isGone: (BlockOwner) -> Bool) {
        for index in 0..<memory.blockCount where memory.state(index) == .owned {
            let owner = memory.owner(index)
            // A block that was claimed a moment ago has no owner's name yet.
            guard owner.process != 0, owner.thread != 0, isGone(owner) else { continue }
            guard memory.owner(index) == owner, memory.take(index, from: .owned) else { continue }
            write(index)
        }
    }

    @discardableResult
    private func drain(_ state: BlockState) -> Int {
        var count = 0
        for index in 0..<memory.blockCount where memory.state(index) == state {
            // Claimed, but its thread has not begun to write.
            guard memory.owner(index).process != 0 else { continue }
            guard memory.take(index, from: state) else { continue }
            write(index)
            count += 1
        }
        return count
    }

    private func write(_ index: Int) {
        let head = memory.head(index)
        introduce(memory.owner(index), memory.threadName(index))
        let words = unsafe memory.words(index)
        if words.count > 0 { unsafe output.append(head, words) }
        memory.giveBack(index)
    }

    /// - Parameter noted: the name that its process has noted, if it has.
    private func introduce(_ owner: BlockOwner, _ noted: String) {
        guard knownThreads.insert(owner.serial).inserted else { return }
        let asked = asksProcesses ? ProcessNames.thread(owner.thread, of: owner.process) : nil
        output.append(
            ThreadRecord(
                serial: owner.serial, process: owner.process, thread: owner.thread,
                name: noted.isEmpty ? asked ?? processNames[owner.process] ?? "?" : noted))
    }
}
