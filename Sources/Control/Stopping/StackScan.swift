import Glibc
import Programs

/// Looks for code addresses on the stacks of stopped threads.
///
/// A thread's handlers may run on stacks of their own, one interrupting the other: each signal's frame says
/// where the stack below goes on.
package final class StackScan {
    let memory: ProcessMemory
    let maps: [MapEntry]
    /// From the first to past the last byte of code.
    private let code: Range<UInt64>
    /// Whether a signal's handler returns to an address.
    private var restorers: [UInt64: Bool] = [:]

    init(memory: ProcessMemory, maps: [MapEntry]) {
        self.memory = memory
        self.maps = maps
        let executable = maps.filter { $0.permissions.contains("x") }
        code = (executable.first?.start ?? 0)..<(executable.last?.end ?? 0)
    }

    /// A word on a stack whose value is an address of interest.
    struct Hit: Equatable {
        /// Where the word stands.
        var place: UInt64
        var value: UInt64
        /// It is the instruction pointer of a signal's frame: a thread goes on there when its handler returns.
        var isSignalFrame: Bool

        /// In a signal's frame: the stack pointer that goes with it.
        func stackPointer(_ memory: ProcessMemory) -> UInt64? {
            memory.word(place &- Frame.instructionPointer &+ Frame.stackPointer)
        }
    }

    /// A signal's frame: the address that its handler returns to, then `struct ucontext`.
    /// Source: `struct rt_sigframe` of Linux, arch/x86; <sys/ucontext.h>.
    private enum Frame {
        static let stackPointer: UInt64 = 168
        static let instructionPointer: UInt64 = 176
    }

    /// Below the stack pointer, leaf functions keep up to 128 bytes.
    private static let redZone: UInt64 = 128
    private static let limit: UInt64 = 256 << 20
    private static let stackLimit = 64

    /// The words on a thread's stacks that lie in `range` and that `matches` picks.
    func hits(_ thread: StoppedThread, in range: Range<UInt64>, where matches: (UInt64) -> Bool) -> [Hit] {
        var found: [Hit] = []
        var stacks = [thread.stackPointer]
        var seen: [Range<UInt64>] = []
        while let pointer = stacks.popLast(), seen.count < Self.stackLimit {
            let start = (pointer &- Self.redZone) & ~7
            guard let map = map(holding: pointer), !seen.contains(where: { $0.contains(pointer) }) else { continue }
            let stack = max(start, map.start)..<min(map.end, start &+ Self.limit)
            seen.append(stack)
            scan(stack) { place, value in
                if range.contains(value), matches(value) {
                    let isFrame = isRestorer(memory.word(place &- Frame.instructionPointer) ?? 0)
                    found.append(Hit(place: place, value: value, isSignalFrame: isFrame))
                }
                if code.contains(value), isRestorer(value), let next = memory.word(place &+ Frame.stackPointer) {
                    stacks.append(next)
                }
            }
        }
        return found
    }

    private func scan(_ stack: Range<UInt64>, _ body: (_ place: UInt64, _ value: UInt64) -> Void) {
        var at = stack.lowerBound
        let chunk: UInt64 = 1 << 18
        while at < stack.upperBound {
            let count = Int(min(chunk, stack.upperBound - at))
            guard let bytes = memory.read(at, count: count) else { break }
            bytes.withUnsafeBytes { raw in
                for offset in stride(from: 0, to: raw.count - 7, by: 8) {
                    body(at &+ UInt64(offset), unsafe raw.load(fromByteOffset: offset, as: UInt64.self))
                }
            }
            at += UInt64(count)
        }
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

    /// `mov $15, %rax; syscall` stands there: a handler returns to it, and nothing else does.
    private func isRestorer(_ address: UInt64) -> Bool {
        guard code.contains(address) else { return false }
        if let known = restorers[address] { return known }
        let bytes: [UInt8] = [0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05]
        let found = memory.read(address, count: bytes.count) == bytes
        restorers[address] = found
        return found
    }
}
