import CSupport
import Glibc

/// The hammer's account, mapped: the driver writes the state words, the hammer counts (see hammer.h).
final class Oracle {
    enum State: UInt64 { case off = 0, on = 1, changing = 2 }

    struct Counts {
        var certainOn: UInt64
        var uncertain: UInt64
    }

    private let base: UnsafeMutableRawPointer
    private let byteCount: Int
    let functionCount: Int
    let slotCount: Int
    private let statesOffset: Int
    private let namesOffset: Int
    private let slotsOffset: Int
    private let slotByteCount: Int
    private var generation: UInt64 = 1

    private enum Offset {
        static let ready = 128
        static let stop = 384
        static let slotsUsed = 448
        static let calls = 512
        static let focus = 576
        static let rounds = 1024
    }

    /// Nil while the hammer has not written it yet.
    init?(path: String) {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_size > 4096,
            let at = mmap(nil, Int(status.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), at != MAP_FAILED
        else { return nil }
        base = at
        byteCount = Int(status.st_size)
        let magic: UInt64 = 0x3130_5245_4d4d_4148
        guard nopal_load_acquire64(at) == magic, nopal_load_acquire64(at + Offset.ready) == 1 else {
            munmap(at, Int(status.st_size))
            return nil
        }
        func field(_ index: Int) -> Int { Int(nopal_load_acquire64(at + 8 * index)) }
        functionCount = field(1)
        slotCount = field(2)
        statesOffset = field(3)
        namesOffset = field(4)
        slotsOffset = field(5)
        slotByteCount = field(6)
        generation = (nopal_load_acquire64(at + statesOffset) >> 2) + 1
    }

    deinit { munmap(base, byteCount) }

    var process: Int32 { Int32(nopal_load_acquire64(base + 56)) }
    var calls: UInt64 { nopal_load_acquire64(base + Offset.calls) }

    /// First function and count, of: the table, through, the library, those that throw.
    func range(_ index: Int) -> Range<Int> {
        let first = Int(nopal_load_acquire64(base + 64 + 16 * index))
        return first..<first + Int(nopal_load_acquire64(base + 72 + 16 * index))
    }

    func rounds(_ activity: Int) -> UInt64 { nopal_load_acquire64(base + Offset.rounds + 8 * activity) }

    func name(_ function: Int) -> String {
        String(cString: (base + namesOffset + 64 * function + 8).assumingMemoryBound(to: CChar.self))
    }

    /// Tells callers what holds of functions from here on; the generation makes the word a new one.
    func set(_ functions: [Int], _ state: State) {
        generation += 1
        for function in functions {
            nopal_store_release64(base + statesOffset + 8 * function, generation << 2 | state.rawValue)
        }
        nopal_full_barrier()
    }

    func stop() { nopal_store_release64(base + Offset.stop, 1) }

    /// Workers call only these.
    func focus(_ functions: Range<Int>) {
        nopal_store_release64(base + Offset.focus + 8, 0)
        nopal_store_release64(base + Offset.focus, UInt64(functions.lowerBound))
        nopal_store_release64(base + Offset.focus + 8, UInt64(functions.count))
    }

    /// By thread and function, what was counted.
    func counts() -> [(thread: UInt32, function: Int, counts: Counts)] {
        let used = min(slotCount, Int(nopal_load_acquire64(base + Offset.slotsUsed)))
        var found: [(UInt32, Int, Counts)] = []
        for slot in 0..<used {
            let at = base + slotsOffset + slot * slotByteCount
            let thread = nopal_load_acquire32(at)
            for function in 0..<functionCount {
                let counters = at + 64 + 24 * function
                let on = nopal_load_acquire64(counters)
                let uncertain = nopal_load_acquire64(counters + 16)
                let off = nopal_load_acquire64(counters + 8)
                if on != 0 || uncertain != 0 || off != 0 {
                    found.append((thread, function, Counts(certainOn: on, uncertain: uncertain)))
                }
            }
        }
        return found
    }
}
