import Glibc
import Programs

/// Looks for code addresses on the stacks of stopped threads.
package struct StackScan {
    let memory: ProcessMemory
    let maps: [MapEntry]

    /// A word on a stack whose value is an address of interest.
    struct Hit: Equatable {
        /// Where the word stands.
        var place: UInt64
        var value: UInt64
        /// It is the instruction pointer of a signal's frame: a thread goes on there when its handler returns.
        var isSignalFrame: Bool
    }

    /// Below the stack pointer, leaf functions keep up to 128 bytes.
    private static let redZone: UInt64 = 128
    private static let limit: UInt64 = 256 << 20

    /// The words between a thread's stack pointer and its stack's end that `matches` picks, in `range` at first.
    func hits(_ thread: StoppedThread, in range: Range<UInt64>, where matches: (UInt64) -> Bool) -> [Hit] {
        let start = (thread.stackPointer &- Self.redZone) & ~7
        guard let map = map(holding: thread.stackPointer) else { return [] }
        let end = min(map.end, start &+ Self.limit)
        var found: [Hit] = []
        var at = max(start, map.start)
        let chunk = 1 << 18
        while at < end {
            let count = Int(min(UInt64(chunk), end - at))
            guard let bytes = memory.read(at, count: count) else { break }
            bytes.withUnsafeBytes { raw in
                for offset in stride(from: 0, to: raw.count - 7, by: 8) {
                    let value = unsafe raw.load(fromByteOffset: offset, as: UInt64.self)
                    if value >= range.lowerBound && value < range.upperBound && matches(value) {
                        let place = at &+ UInt64(offset)
                        found.append(Hit(place: place, value: value, isSignalFrame: isSignalFrame(place)))
                    }
                }
            }
            at += UInt64(count)
        }
        return found
    }

    private func map(holding address: UInt64) -> MapEntry? {
        var low = 0
        var high = maps.count
        while low < high {
            let middle = (low + high) / 2
            if maps[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        guard low < maps.count, maps[low].start <= address else { return nil }
        return maps[low]
    }

    /// A signal's frame begins with the address of `mov $15, %rax; syscall`, and keeps rip so far behind it.
    /// Source: `struct rt_sigframe` of Linux, arch/x86: return address, then `struct ucontext`.
    private func isSignalFrame(_ place: UInt64) -> Bool {
        let distance: UInt64 = 176
        guard let restorer = memory.word(place &- distance), let code = memory.read(restorer, count: 9) else {
            return false
        }
        return code == [0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05]
    }
}
