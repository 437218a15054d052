import MachineCode
import Patching

/// A scenario made ready for exploring: places numbered, values of memory in the order of the stores, the patching
/// side as a list of operations.
///
/// The patching side is one thread that stores in a fixed order, so what has ever stood in a unit of memory (a byte,
/// halfword or word: what the instruction set counts instructions in) is a short list, and its content at any
/// moment an index into that.
struct ModelProgram: Sendable {
    /// Where a thread can stand. Index 0 is outside of everything that is modelled.
    struct Place: Sendable {
        var address: UInt64
        /// Indices of the instructions that may begin here.
        var choices: [Int]
        var byteCount: Int
        /// Which site's window this lies in, its first address included.
        var site: Int?
    }

    /// A value that no unit of memory has: it was given back.
    static let freed: UInt32 = .max

    let scenario: Scenario
    let unit: Int
    /// Addresses of the units that change, sorted.
    private(set) var cells: [UInt64] = []
    /// By cell: what stands there, first to last.
    private(set) var versions: [[UInt32]] = []
    private(set) var places: [Place] = [Place(address: 0, choices: [], byteCount: 0, site: nil)]
    /// By place: whether the body begins there, and nothing else can.
    private(set) var isBody: [Bool] = [false]
    private(set) var operations: [PlacedOperation] = []
    /// By operation: what each site may look like to a visit that begins before it is done; a bit a form.
    private(set) var openForms: [[UInt8]] = []
    /// By operation: the traps of the plan that was published last.
    private(set) var traps: [[UInt64: UInt64]] = []
    /// By operation: whether a trap handler is in place.
    private(set) var catches: [Bool] = []
    /// By operation: nobody else runs before it is done; threads are stopped, or do not exist yet.
    private(set) var isAlone: [Bool] = []
    /// By operation: a plan has begun and not ended.
    private(set) var isPatching: [Bool] = []
    /// The first violation that needs no thread: where, and what.
    private(set) var planViolation: (operation: Int, violation: Violation)?
    private(set) var plans: [Plan] = []

    private(set) var cellIndex: [UInt64: Int] = [:]
    private var placeIndex: [UInt64: Int] = [:]
    private var constants: [UInt64: UInt8] = [:]

    init(_ scenario: Scenario) {
        self.scenario = scenario
        unit = scenario.isa.unitByteCount
        for piece in scenario.memory {
            for (offset, byte) in piece.bytes.enumerated() { constants[piece.start &+ UInt64(offset)] = byte }
        }
        numberPlaces()
        var writer = OperationWriter(scenario, memory: constants, unit: unit)
        writer.write()
        cells = writer.history.keys.sorted()
        for (index, cell) in cells.enumerated() { cellIndex[cell] = index }
        versions = cells.map { writer.history[$0] ?? [] }
        operations = writer.operations(cellIndex)
        plans = writer.plans
        planViolation = writer.violation
        follow()
    }

    private mutating func numberPlaces() {
        var addresses: [UInt64: [Int]] = [:]
        for (index, instruction) in scenario.instructions.enumerated() {
            addresses[instruction.address, default: []].append(index)
        }
        for (address, choices) in addresses.sorted(by: { $0.key < $1.key }) {
            placeIndex[address] = places.count
            isBody.append(choices.allSatisfy { scenario.instructions[$0].action == .body })
            places.append(
                Place(
                    address: address, choices: choices,
                    byteCount: choices.map { scenario.instructions[$0].bytes.count }.max() ?? 0,
                    site: scenario.sites.firstIndex { $0.window.contains(address) || $0.entry == address }))
        }
    }

    /// What is known before each operation without looking at any thread.
    private mutating func follow() {
        var forms = scenario.sites.map { UInt8(1) << UInt8($0.form) }
        var published: [UInt64: UInt64] = [:]
        var hasHandler = false
        var alone = false
        var patching = false
        for placed in operations {
            isAlone.append(alone)
            isPatching.append(patching)
            openForms.append(forms)
            traps.append(published)
            catches.append(hasHandler)
            guard case .run(let plan, let becomes, let meanwhile) = scenario.actions[placed.action] else { continue }
            switch placed.operation {
            case .begin:
                patching = true
                alone = plan.patchProtocol == .exclusive
                for (site, form) in becomes { forms[site] |= 1 << UInt8(form) | meanwhile[site, default: 0] }
                if plan.patchProtocol == .singleStore || plan.patchProtocol == .breakpoint {
                    published = Dictionary(plan.traps.map { ($0.address, $0.target) }, uniquingKeysWith: { a, _ in a })
                }
            case .end:
                alone = false
                patching = false
                for (site, form) in becomes { forms[site] = 1 << UInt8(form) }
            case .park: alone = true
            case .resume: alone = false
            case .catchBreakpoints: hasHandler = true
            default: break
            }
        }
        isAlone.append(alone)
        isPatching.append(patching)
        openForms.append(forms)
        traps.append(published)
        catches.append(hasHandler)
    }

    /// The place at an address; nil where no instruction begins.
    func place(at address: UInt64) -> Int? { placeIndex[address] }

    /// What stands at an address that never changes.
    func constant(at address: UInt64) -> UInt8? { constants[address] }

    /// A unit of memory as a number: of a cell at a version, or what never changes; nil where nothing is known.
    func value(at address: UInt64, version: (Int) -> Int) -> UInt32? {
        if let cell = cellIndex[address] { return versions[cell][version(cell)] }
        var value: UInt32 = 0
        for offset in 0..<unit {
            guard let byte = constants[address &+ UInt64(offset)] else { return nil }
            value |= UInt32(byte) << UInt32(8 * offset)
        }
        return value
    }

    /// A lawful instruction's unit as a number.
    func unit(_ index: Int, of instruction: ModelInstruction) -> UInt32 {
        var value: UInt32 = 0
        for offset in 0..<unit where index * unit + offset < instruction.bytes.count {
            value |= UInt32(instruction.bytes[index * unit + offset]) << UInt32(8 * offset)
        }
        return value
    }
}
