import Glibc

/// How many calls of each function are open, so that an exit without an entry costs no search.
///
/// Ids from 2^16 on share counters: the count may then be too great, never too small.
@usableFromInline
final class OpenCounts {
    @usableFromInline let counts: UnsafeMutablePointer<UInt32>
    @usableFromInline static let mask: UInt32 = 0xffff

    @usableFromInline
    init() {
        // Zero pages: only those that a thread's functions use are ever touched.
        let byteCount = (Int(OpenCounts.mask) + 1) * MemoryLayout<UInt32>.stride
        guard let memory = calloc(1, byteCount) else { fatalError("nopal: out of memory") }
        counts = memory.bindMemory(to: UInt32.self, capacity: Int(OpenCounts.mask) + 1)
    }

    @inlinable deinit { free(counts) }

    @inlinable func add(_ function: UInt32) { counts[Int(function & OpenCounts.mask)] &+= 1 }
    @inlinable func remove(_ function: UInt32) { counts[Int(function & OpenCounts.mask)] &-= 1 }
    @inlinable func mayHave(_ function: UInt32) -> Bool { counts[Int(function & OpenCounts.mask)] > 0 }
}
