import Glibc
import MachineCode
import Programs

/// A process that an emulator runs: its addresses are not those of the emulator's own process.
struct EmulatedProcess {
    let target: Target
    let process: pid_t
    /// What is added to the program's addresses.
    let base: UInt64

    /// Found by the agent, which the emulator has mapped, and which tells where it lies.
    ///
    /// - Parameter bias: where the program sees the agent's first byte.
    init?(target: Target, process: pid_t, agentPath: String, bias: UInt64) {
        guard let maps = try? ProcessMaps.read(process: process),
            let first = maps.first(where: { $0.path == agentPath && $0.offset == 0 })
        else { return nil }
        self.target = target
        self.process = process
        base = first.start &- bias
    }

    private init(target: Target, process: pid_t, base: UInt64) {
        self.target = target
        self.process = process
        self.base = base
    }

    /// Its child has the same addresses.
    func forked(to child: pid_t) -> EmulatedProcess { EmulatedProcess(target: target, process: child, base: base) }

    /// What is mapped, in the program's addresses. Of a 32-bit program the emulator keeps the whole address space.
    func maps() -> [MapEntry] {
        let found = (try? ProcessMaps.read(process: process)) ?? []
        guard target.isa == .a32 else {
            return found.map {
                MapEntry(
                    start: $0.start &- base, end: $0.end &- base, permissions: $0.permissions, offset: $0.offset,
                    path: $0.path)
            }
        }
        let end = base &+ (1 << 32)
        return found.filter { entry in
            let isKept = entry.permissions == "---p" && entry.path.isEmpty && entry.end - entry.start >= 1 << 20
            return entry.start >= base && entry.start < end && !isKept
        }.map {
            MapEntry(
                start: $0.start - base, end: min($0.end, end) - base, permissions: $0.permissions, offset: $0.offset,
                path: $0.path)
        }
    }

    /// The emulator has a thread of its own besides the program's.
    static let ownThreadCount: UInt64 = 1
}
