import Dispatch
import Glibc
import Reading
import Synchronization

/// Hands the threads of a trace to as many workers as there are processors, longest first.
///
/// Returns what each worker made. `body` is called for one thread after the other of a worker.
func inParallel<Result: Sendable>(
    _ trace: Trace, make: @Sendable () -> Result,
    body: @Sendable (inout Result, TraceThread) -> Void
) -> [Result] {
    let threads = trace.threads.map { (count: $0.wordCount, thread: $0) }
        .sorted { $0.count > $1.count }.map(\.thread)
    let workerCount = max(1, min(threads.count, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    let next = Atomic<Int>(0)
    let results = Mutex<[Result]>([])
    DispatchQueue.concurrentPerform(iterations: workerCount) { _ in
        var result = make()
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < threads.count else { break }
            body(&result, threads[index])
        }
        results.withLock { $0.append(result) }
    }
    return results.withLock { $0 }
}
