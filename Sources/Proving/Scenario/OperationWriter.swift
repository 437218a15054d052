import Patching

/// Flattens actions into operations, storing into a picture of memory on the way: what a plan expects, opens, closes
/// and leads back to is checked here, since no thread has a say in it.
struct OperationWriter {
    private enum Draft {
        case ready(PatchOperation)
        /// Addresses of the units that change.
        case store([UInt64])
        case release([Range<UInt64>], looks: Bool, [UInt64])
    }

    private let scenario: Scenario
    private let unit: Int
    private var memory: [UInt64: UInt8]
    private var drafts: [(draft: Draft, action: Int, step: Int?)] = []
    private var forms: [Int]
    /// Memory of all windows whenever sites stood in these forms.
    private var remembered: [[Int]: [UInt8?]] = [:]
    /// By address of a unit: what stood there.
    private(set) var history: [UInt64: [UInt32]] = [:]
    private(set) var plans: [Plan] = []
    private(set) var violation: (operation: Int, violation: Violation)?

    init(_ scenario: Scenario, memory: [UInt64: UInt8], unit: Int) {
        self.scenario = scenario
        self.unit = unit
        self.memory = memory
        forms = scenario.sites.map(\.form)
        remembered[forms] = windows()
    }

    mutating func write() {
        for (index, action) in scenario.actions.enumerated() {
            switch action {
            case .run(let plan, let becomes, _): run(plan, becomes, index)
            case .release(let range, let looks, let around): release(range, looks, around, index)
            }
        }
    }

    func operations(_ cellIndex: [UInt64: Int]) -> [PlacedOperation] {
        drafts.map { draft, action, step in
            switch draft {
            case .ready(let operation): PlacedOperation(operation: operation, action: action, step: step)
            case .store(let units):
                PlacedOperation(
                    operation: .store(units.compactMap { cellIndex[$0] }), action: action, step: step)
            case .release(let ranges, let looks, let units):
                PlacedOperation(
                    operation: .release(ranges: ranges, looks: looks, cells: units.compactMap { cellIndex[$0] }),
                    action: action, step: step)
            }
        }
    }

    private mutating func run(_ plan: Plan, _ becomes: [Int: Int], _ action: Int) {
        append(.begin(plan: plans.count), action, nil)
        var isOpen = false
        var isParked = false
        for (index, step) in plan.steps.enumerated() {
            switch step {
            case .open: isOpen = true; append(.open, action, index)
            case .close: isOpen = false; append(.close, action, index)
            case .park: isParked = true; append(.park, action, index)
            case .resume: isParked = false; append(.resume, action, index)
            case .catchBreakpoints: append(.catchBreakpoints, action, index)
            case .syncCores: append(.syncCores, action, index)
            case .maintainCaches:
                append(.clean, action, index)
                append(.invalidate, action, index)
            case .store(let address, let width, let value, let expected):
                if !isOpen && !isParked && !isStub(address, width) {
                    fail(.notOpen, "step \(index + 1) stores at \(hex(address)): the kernel sends SIGSEGV")
                }
                store(address, width, value, expected, action, index)
            }
        }
        if isOpen { fail(.leftOpen, "the plan ends, and the text is still writable") }
        if isParked { fail(.leftParked, "the plan ends, and the threads stay stopped") }
        append(.end(plan: plans.count), action, nil)
        plans.append(plan)
        leadBack(becomes)
    }

    /// Arenas are written through a mapping of their own, and are never closed.
    private func isStub(_ address: UInt64, _ width: Int) -> Bool {
        !scenario.sites.contains { $0.window.overlaps(address..<address &+ UInt64(width)) }
    }

    /// A store that is not naturally aligned is several: one a naturally aligned piece.
    private mutating func store(
        _ address: UInt64, _ width: Int, _ value: UInt64, _ expected: UInt64, _ action: Int, _ step: Int
    ) {
        var offset = 0
        while offset < width {
            let at = address &+ UInt64(offset)
            var size = width
            while at % UInt64(size) != 0 || offset + size > width { size /= 2 }
            piece(at, size, value >> UInt64(8 * offset), expected >> UInt64(8 * offset), action, step)
            offset += size
        }
    }

    private mutating func piece(
        _ address: UInt64, _ width: Int, _ value: UInt64, _ expected: UInt64, _ action: Int, _ step: Int
    ) {
        var old: [UInt64: UInt32] = [:]
        for offset in 0..<width {
            let at = address &+ UInt64(offset)
            let start = at / UInt64(unit) * UInt64(unit)
            if old[start] == nil { old[start] = number(start) }
            let byte = UInt8(truncatingIfNeeded: expected >> UInt64(8 * offset))
            if memory[at] != byte {
                fail(.notExpected, "step \(step + 1) expects \(hex(byte)) at \(hex(at)); \(standing(at)) stands there")
            }
            memory[at] = UInt8(truncatingIfNeeded: value >> UInt64(8 * offset))
        }
        let changed = old.keys.sorted().filter { old[$0] != number($0) }
        for start in changed {
            let present = number(start)
            history[start, default: [old[start] ?? 0]].append(present)
        }
        drafts.append((.store(changed), action, step))
    }

    private func standing(_ address: UInt64) -> String { memory[address].map { hex($0) } ?? "nothing known" }

    private func number(_ start: UInt64) -> UInt32 {
        (0..<unit).reduce(UInt32(0)) {
            $0 | UInt32(memory[start &+ UInt64($1)] ?? 0) << UInt32(8 * $1)
        }
    }

    private mutating func release(
        _ range: Range<UInt64>, _ looks: Bool, _ around: [Range<UInt64>], _ action: Int
    ) {
        var units: [UInt64] = []
        var start = range.lowerBound / UInt64(unit) * UInt64(unit)
        while start < range.upperBound {
            let present = number(start)
            history[start, default: [present]].append(ModelProgram.freed)
            units.append(start)
            start &+= UInt64(unit)
        }
        drafts.append((.release([range] + around, looks: looks, units), action, nil))
    }

    /// disable(enable(x)) = x: the same forms are the same bytes.
    private mutating func leadBack(_ becomes: [Int: Int]) {
        for (site, form) in becomes {
            forms[site] = form
            let model = scenario.sites[site]
            if form < model.bytes.count, model.window.map({ memory[$0] }) != model.bytes[form].map(Optional.some) {
                fail(
                    .notReached,
                    "the plan ends, and other bytes stand at \(hex(model.window.lowerBound)) than those of the form")
            }
        }
        let present = windows()
        if let before = remembered[forms] {
            if before != present { fail(.notRestored, "the sites are in their earlier forms with other bytes") }
        } else {
            remembered[forms] = present
        }
    }

    private func windows() -> [UInt8?] { scenario.sites.flatMap { site in site.window.map { memory[$0] } } }

    private mutating func append(_ operation: PatchOperation, _ action: Int, _ step: Int?) {
        drafts.append((.ready(operation), action, step))
    }

    private mutating func fail(_ kind: Violation.Kind, _ detail: String) {
        if violation == nil { violation = (max(0, drafts.count - 1), Violation(kind, detail)) }
    }
}

/// In the C language's way.
func hex(_ number: some BinaryInteger) -> String { "0x" + String(number, radix: 16) }

func twoDigits(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
