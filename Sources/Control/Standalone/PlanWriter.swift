import MachineCode
import Patching
import Programs
import Stubs
import TraceFormat

/// Writes the parts of a plan file, see `StandalonePlan`.
struct PlanWriter {
    private(set) var siteCount = 0
    private(set) var notes: [String] = []
    private(set) var contents: PlanContents
    private let options: Preparation.Options
    private var modules: [TracedModule] = []
    private var nextGroup: UInt64 = 0

    init(_ options: Preparation.Options, moduleCount: Int) {
        self.options = options
        contents = PlanContents(
            reserving: StandalonePlan.headerByteCount + moduleCount * StandalonePlan.moduleByteCount)
    }

    /// Adds a module; the program is the first, also without sites of its own.
    ///
    /// Throws: `.badFile` when no place for its stubs can be reached.
    mutating func add(_ image: ModuleImage, _ name: String, _ traced: TracedModule?, at index: Int) throws {
        typealias Field = StandalonePlan.Module
        let record = StandalonePlan.headerByteCount + index * StandalonePlan.moduleByteCount
        guard name.utf8.count < Field.nameByteCount, let fingerprint = image.fingerprint else {
            throw ControlError.badFile("\(image.path): its name or its first page is nothing to know it by")
        }
        contents.set(Array(name.utf8), at: record + Field.name)
        contents.set(fingerprint.address, at: record + Field.fingerprintAddress)
        contents.set(UInt32(fingerprint.bytes.count), at: record + Field.fingerprintByteCount)
        contents.set(fingerprint.bytes, at: record + Field.fingerprint)
        guard let traced else { return contents.set(~UInt32(0), at: record + Field.index) }
        modules.append(traced)
        contents.set(traced.index, at: record + Field.index)
        let module = LoadedModule(image: image, traced: traced, bias: 0)
        var arenas: [(arena: PreparedArena, text: Range<UInt64>, group: UInt64)] = []
        for (range, sites) in module.byTextRange(traced.sites) {
            let request = PreparedArena.Request(
                sites: sites, image: image, text: module.pages(range),
                kind: StubKind(
                    isa: sites[0].patch.isa, depthLimited: options.selection.depthLimit != nil,
                    readsCounter: options.readsCounter),
                windows: options.windows)
            for arena in try alternatives(request) { arenas.append((arena, request.text, nextGroup)) }
            nextGroup += 1
            siteCount += sites.count
        }
        let table = contents.reserve(arenas.count * StandalonePlan.arenaByteCount)
        contents.set(UInt32(arenas.count), at: record + Field.arenaCount)
        contents.set(UInt64(table), at: record + Field.arenasOffset)
        for (index, one) in arenas.enumerated() {
            write(one.arena, one.text, one.group, at: table + index * StandalonePlan.arenaByteCount)
        }
    }

    /// The arena at each distance that its branches reach.
    private mutating func alternatives(_ request: PreparedArena.Request) throws -> [PreparedArena] {
        let span = request.image.lowestAddress..<request.image.highestAddress
        let distances = ArenaPlaces.distances(
            span, byteCount: Arena.byteCount(siteCount: request.sites.count, isa: request.kind.isa),
            isa: request.kind.isa, lowest: request.isFixed ? 0x1_0000 : nil)
        var found: [PreparedArena] = []
        var obstacle = "no place for its stubs"
        for distance in distances {
            switch Result(catching: { try PreparedArena(request, distance: distance) }) {
            case .success(let arena): found.append(arena)
            case .failure(let error as ControlError): throw error
            case .failure(let error): obstacle = "\(error)"
            }
        }
        guard !found.isEmpty else { throw ControlError.badFile("\(request.image.path): \(obstacle)") }
        for (reason, count) in found[0].windows?.refused ?? [:] {
            notes.append("\(request.image.path): \(count) sites stay on all the time: \(reason)")
        }
        return found
    }

    private mutating func write(_ arena: PreparedArena, _ text: Range<UInt64>, _ group: UInt64, at record: Int) {
        typealias Field = StandalonePlan.Arena
        var fields: [(Int, UInt64)] = [
            (Field.distance, UInt64(bitPattern: arena.distance)),
            (Field.bytesOffset, contents.append(arena.bytes)), (Field.byteCount, UInt64(arena.bytes.count)),
            (Field.unwindOffset, UInt64(arena.unwindOffset)),
            (Field.biasWordsOffset, contents.append(arena.biasWords)),
            (Field.biasWordCount, UInt64(arena.biasWords.count)),
            (Field.stateWordsOffset, contents.append(arena.stateWords)),
            (Field.stateWordCount, UInt64(arena.stateWords.count)),
            (Field.stepsOffset, contents.append(arena.steps)),
            (Field.stepCount, UInt64(arena.steps.count * 8 / Bundle.stepByteCount)),
            (Field.sitesOffset, contents.append(arena.sites)),
            (Field.siteCount, UInt64(arena.sites.count * 8 / Bundle.siteByteCount)),
            (Field.textLow, text.lowerBound), (Field.textHigh, text.upperBound), (Field.group, group),
            (Field.personality, UInt64(arena.personality)),
        ]
        if let windows = arena.windows {
            fields += [
                (Field.offPlanOffset, contents.append(windows.off)),
                (Field.offPlanByteCount, UInt64(windows.off.count * 8)),
                (Field.onPlanOffset, contents.append(windows.on)),
                (Field.onPlanByteCount, UInt64(windows.on.count * 8)),
            ]
        }
        for (field, value) in fields { contents.set(value, at: record + field) }
    }

    /// Sets the header; nothing is added any more.
    ///
    /// - Parameter isa: of the program.
    mutating func finish(_ isa: InstructionSet, moduleCount: Int) {
        typealias Field = StandalonePlan.Header
        let session = SessionRecord(
            nopalVersion: nopalVersion, commandLine: [options.program], whenFull: options.whenFull,
            bufferByteCount: UInt64(options.bufferByteCount), filters: options.filterTexts,
            recordsExits: options.selection.recordsExits)
        var records = ByteWriter()
        for payload in [session.payload] + modules.map(\.record.payload) {
            records.fixed(UInt32(payload.count))
            for byte in payload { records.fixed(byte) }
        }
        contents.set(contents.append(records.bytes), at: Field.recordsOffset)
        contents.set(UInt64(records.bytes.count), at: Field.recordsByteCount)
        let machine: UInt32 = isa == .a64 ? 183 : 40
        contents.set(StandalonePlan.magic, at: Field.magic)
        contents.set(StandalonePlan.version, at: Field.version)
        contents.set(machine, at: Field.machine)
        contents.set(UInt32(moduleCount), at: Field.moduleCount)
        contents.set(UInt32(max(4, options.bufferByteCount / SessionMemory.blockByteCount)), at: Field.blockCount)
        contents.set(UInt64(options.selection.depthLimit ?? 0), at: Field.depthLimit)
        contents.set(UInt32(options.readsCounter ? 1 : 0), at: Field.readsCounter)
        contents.set(options.whenFull.rawValue, at: Field.whenFull)
        guard let windows = options.windows else { return }
        contents.set(windows.onNanos, at: Field.onNanos)
        contents.set(windows.offNanos, at: Field.offNanos)
        contents.set(windows.count ?? .max, at: Field.windowCount)
    }
}
