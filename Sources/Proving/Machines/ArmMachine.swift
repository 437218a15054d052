import MachineCode
import Patching

/// What the three Arm instruction sets say differently about fetching.
protocol ArmRules: Sendable {
    /// How many units (words; for T32 halfwords) an instruction has that begins with this one. Each is fetched by
    /// itself.
    static func unitCount(_ first: UInt32) -> Int
    /// Whether the architecture lets an instruction of one unit be replaced, by one like it, while others execute it.
    static func mayBeModifiedConcurrently(_ unit: UInt32) -> Bool
    static func caches(_ scenario: Scenario) -> CacheKind
}

/// The Arm architecture: units of memory with versions, and who may still see which.
///
/// - Data memory is coherent. Stores become visible in any order between barriers (Arm ARM B2.3), those to
///   the same place in order. `DSB` waits for them; it is part of cache maintenance and of membarrier.
/// - Each version lives at up to three places (Arm ARM B2.7.4.2; Simner et al., ESOP 2020, section 4): in data
///   memory at once; at the *point of unification* when it was cleaned by `DC CVAU`, or earlier; in
///   instruction caches, which may keep older ones beside, until `IC IVAU` makes them forget what is older than
///   the point of unification has. CTR_EL0.IDC: the point of unification is data memory. DIC: and
///   instruction caches are never older.
/// - A thread fetches in program order, but any time ahead of executing: its *front*. What it has
///   fetched, it executes, whatever happens to memory, until a context synchronisation event: ISB,
///   an exception or its return, membarrier's SYNC_CORE.
/// - Until then a place that was written is executed *concurrently* with the modification, and both
///   instructions have to be on the architecture's list (B2.2.5; for 32-bit Arm the ARMv7-A&R manual, A3.5.4). If one
///   is not, anything may happen.
/// - Threads are descheduled by not stepping; coming back is an exception's return. That is
///   among the times at which the front may catch up.
///
/// State: a cell (a unit that changes) has the newest version in data memory, the oldest that may be at
/// the point of unification, the oldest that may be in an instruction cache. A thread has, for each cell, the oldest
/// and newest version that could be fetched at its front, and the oldest it may execute since its last context
/// synchronisation.
struct ArmMachine<Rules: ArmRules>: MachineModel {
    private let program: ModelProgram
    private let caches: CacheKind
    private let cellCount: Int
    /// By operation: its number among the stores since the last barrier, and that barrier's next operation.
    private var slots: [Int] = []
    private var epochs: [Int] = []
    /// By cell and version: whether it is on the list.
    private let isListed: [[Bool]]

    init(_ program: ModelProgram) throws(ModelError) {
        self.program = program
        caches = Rules.caches(program.scenario)
        cellCount = program.cells.count
        guard !program.versions.contains(where: { $0.count > 15 }) else {
            throw .tooLarge("a place in memory that changes more than 14 times")
        }
        isListed = program.versions.map { $0.map { $0 != ModelProgram.freed && Rules.mayBeModifiedConcurrently($0) } }
        var slot = 0
        var epoch = 0
        for (index, placed) in program.operations.enumerated() {
            epochs.append(epoch)
            slots.append(slot)
            switch placed.operation {
            case .store: slot += 1
            case .clean, .syncCores, .park, .resume, .release: (slot, epoch) = (0, index + 1)
            default: break
            }
            guard slot <= 16 else { throw .tooLarge("more than 16 stores without a barrier") }
        }
        epochs.append(epoch)
    }

    /// Which stores wait; then by cell: newest and point of unification, instruction caches.
    var byteCount: Int { 2 + 2 * cellCount }
    /// By cell: oldest and newest at the front, oldest since the last synchronisation.
    var threadByteCount: Int { 2 * cellCount }

    private static var waiting: Int { StateLayout.machineOffset }
    private func memory(_ cell: Int) -> Int { StateLayout.machineOffset + 2 + 2 * cell }
    private func oldestCached(_ cell: Int) -> Int { memory(cell) + 1 }

    func newest(_ cell: Int, in state: ModelState) -> Int { Int(state[memory(cell)] & 15) }

    private func waiting(_ state: ModelState) -> UInt16 {
        UInt16(state[Self.waiting]) | UInt16(state[Self.waiting + 1]) << 8
    }

    private func setWaiting(_ bits: UInt16, _ state: inout ModelState) {
        state[Self.waiting] = UInt8(truncatingIfNeeded: bits)
        state[Self.waiting + 1] = UInt8(truncatingIfNeeded: bits >> 8)
    }

    func isReady(_ operation: Int, in state: ModelState) -> Bool {
        switch program.operations[operation].operation {
        case .clean, .invalidate, .syncCores, .park, .resume, .release: waiting(state) == 0
        default: true
        }
    }

    func perform(_ operation: Int, isAlone: Bool, in state: inout ModelState) {
        switch program.operations[operation].operation {
        case .store(let cells):
            if isAlone {
                write(cells, &state)
            } else {
                setWaiting(waiting(state) | 1 << UInt16(slots[operation]), &state)
            }
        case .release(_, _, let cells):
            // Other memory from here on, or none: nothing of it is in a cache.
            write(cells, &state)
        case .clean:
            for cell in 0..<cellCount { clean(cell, &state) }
        case .invalidate:
            for cell in 0..<cellCount { state[oldestCached(cell)] = state[memory(cell)] >> 4 }
        default: break
        }
    }

    private func write(_ cells: [Int], _ state: inout ModelState) {
        for cell in cells {
            state[memory(cell)] += 1
            if caches != .none { clean(cell, &state) }
            if caches == .dicIdc { state[oldestCached(cell)] = state[memory(cell)] & 15 }
        }
    }

    private func clean(_ cell: Int, _ state: inout ModelState) {
        let newest = state[memory(cell)] & 15
        state[memory(cell)] = newest | newest << 4
    }

    func visibleNext(in state: ModelState) -> [Int] {
        let bits = waiting(state)
        guard bits != 0 else { return [] }
        var blocked: Set<Int> = []
        var next: [Int] = []
        for operation in epochs[state.operation]..<state.operation {
            guard case .store(let cells) = program.operations[operation].operation,
                bits & 1 << UInt16(slots[operation]) != 0
            else { continue }
            if blocked.isDisjoint(with: cells) { next.append(operation) }
            blocked.formUnion(cells)
        }
        return next
    }

    func makeVisible(_ operation: Int, in state: inout ModelState) {
        guard case .store(let cells) = program.operations[operation].operation else { return }
        setWaiting(waiting(state) & ~(1 << UInt16(slots[operation])), &state)
        write(cells, &state)
    }

    func synchronise(_ thread: ThreadLayout, in state: inout ModelState) {
        _ = catchUp(thread, in: &state)
        for cell in 0..<cellCount { state[thread.machine + 2 * cell + 1] = state[oldestCached(cell)] }
    }

    func branch(_ thread: ThreadLayout, in state: inout ModelState) {}
    func leave(_ thread: ThreadLayout, in state: inout ModelState) {}

    func catchUp(_ thread: ThreadLayout, in state: inout ModelState) -> Bool {
        var moved = false
        for cell in 0..<cellCount {
            let front = state[oldestCached(cell)] | (state[memory(cell)] & 15) << 4
            if state[thread.machine + 2 * cell] != front { moved = true }
            state[thread.machine + 2 * cell] = front
        }
        return moved
    }

    func fetch(at place: Int, _ thread: ThreadLayout, in state: ModelState, into fetches: inout [Fetch]) {
        let start = program.places[place].address
        for (first, cell) in choices(start, thread, state, isFirst: true) {
            guard first.value != ModelProgram.freed, Rules.unitCount(first.value) > 1 else {
                conclude([first.value], [cell], start, thread, state, first.isStale, &fetches)
                continue
            }
            let rest = choices(start &+ UInt64(program.unit), thread, state, isFirst: false)
            for (second, other) in rest {
                conclude(
                    [first.value, second.value], [cell, other], start, thread, state,
                    first.isStale || second.isStale, &fetches)
            }
        }
    }

    private typealias Choice = (unit: (value: UInt32, isStale: Bool), cell: Int?)

    /// What a unit may be fetched as. The second unit of an instruction may be fetched later than the first.
    private func choices(_ address: UInt64, _ thread: ThreadLayout, _ state: ModelState, isFirst: Bool) -> [Choice] {
        guard let cell = program.cellIndex[address] else {
            return [((program.value(at: address) { _ in 0 } ?? ModelProgram.freed, false), nil)]
        }
        let front = state[thread.machine + 2 * cell]
        let newest = Int(isFirst ? front >> 4 : state[memory(cell)] & 15)
        var found: [Choice] = []
        for version in Int(front & 15)...newest {
            let value = program.versions[cell][version]
            if found.contains(where: { $0.unit.value == value }) { continue }
            let isPresent = value == program.versions[cell][Int(state[memory(cell)] & 15)]
            found.append(((value, !isPresent), cell))
        }
        return found
    }

    private func conclude(
        _ units: [UInt32], _ cells: [Int?], _ start: UInt64, _ thread: ThreadLayout, _ state: ModelState,
        _ isStale: Bool, _ fetches: inout [Fetch]
    ) {
        let choice = program.places[Int(state[thread.place])].choices.first { choice in
            let lawful = program.scenario.instructions[choice]
            return lawful.bytes.count == units.count * program.unit
                && units.indices.allSatisfy { program.unit($0, of: lawful) == units[$0] }
        }
        var fetch = Fetch(instruction: choice, state: state, isStale: isStale)
        // What is in flux is judged first: what it happens to decode to is beside the point.
        if let pair = unpredictable(units, cells, thread, state) {
            fetch.instruction = nil
            fetch.violation = pair
        } else if choice == nil {
            let present = units.indices.map { index in
                program.value(at: start &+ UInt64(index * program.unit)) { newest($0, in: state) } ?? ModelProgram.freed
            }
            fetch.violation = program.violation(ofFetched: units, at: start, present: present)
        }
        fetches.append(fetch)
    }

    /// The pair of versions that a place may be fetched as and that is not on the list.
    private func unpredictable(
        _ units: [UInt32], _ cells: [Int?], _ thread: ThreadLayout, _ state: ModelState
    ) -> Violation? {
        for (index, cell) in cells.enumerated() {
            guard let cell else { continue }
            let oldest = Int(min(state[thread.machine + 2 * cell + 1], state[thread.machine + 2 * cell] & 15))
            let newest = newest(cell, in: state)
            let values = program.versions[cell][oldest...newest]
            guard let first = values.first, let other = values.first(where: { $0 != first }) else { continue }
            let address = hex(program.cells[cell])
            if values.contains(ModelProgram.freed) {
                return Violation(
                    .freedStub, "a thread runs on at \(address), in memory that was given back",
                    executed: "\(address): executes what was the stub")
            }
            let allListed = (oldest...newest).allSatisfy { isListed[cell][$0] }
            if allListed && units.count == 1 && index == 0 { continue }
            let names = (program.name(of: first, cell), program.name(of: other, cell))
            return Violation(
                .unpredictable,
                "\(address) is executed while \(names.0) is replaced by \(names.1), and the architecture's list of what may "
                    + "be has not both", executed: "\(address): executes \(names.0), or \(names.1), or neither")
        }
        return nil
    }
}

extension ModelProgram {
    /// A unit in words: the lawful instruction that it is, or begins or ends.
    func name(of value: UInt32, _ cell: Int) -> String {
        let address = cells[cell]
        for instruction in scenario.instructions {
            for index in 0..<instruction.bytes.count / unit
            where instruction.address &+ UInt64(index * unit) == address && unit(index, of: instruction) == value {
                let part =
                    instruction.bytes.count > unit ? (index == 0 ? "the first half of " : "the second half of ") : ""
                return part + instruction.text
            }
        }
        return hex(value)
    }
}
