import Dispatch
import MachineCode
import Patching
import Synchronization

/// What one row of the planner's table is about: a shape, a change of it, a protocol.
public struct ProofCase: Equatable, Sendable {
    public var shape: ProvedShape
    public var from: SiteForm
    public var to: SiteForm
    /// Nil for what the planner chooses by itself.
    public var patchProtocol: PatchProtocol?
    /// Where sites begin in a page; nil for every place that makes a difference.
    public var places: [UInt64]?

    public init(
        _ shape: ProvedShape, from: SiteForm, to: SiteForm, by patchProtocol: PatchProtocol?, at places: [UInt64]? = nil
    ) {
        self.places = places
        self.shape = shape
        self.from = from
        self.to = to
        self.patchProtocol = patchProtocol
    }
}

/// How far a proof goes.
public struct ProofExtent: Equatable, Sendable {
    public var threadCount = 2
    public var siteCount = 1
    /// x86-64: in what granules code is fetched, bytes.
    public var granuleByteCount = 8
    /// A64: which kinds of caches; 32-bit Arm has one.
    public var caches: [CacheKind] = CacheKind.allCases
    public var reductions = Reductions()
    public var stateLimit = 10_000_000

    public init() {}

    /// Where sites begin in a page: every place in a granule or an aligned word, and across a line.
    func offsets(_ isa: InstructionSet) -> [UInt64] {
        switch isa {
        case .x86_64:
            let inWord = (0..<8).map(UInt64.init)
            return granuleByteCount <= 8
                ? inWord + (56..<64).map(UInt64.init) : (0..<UInt64(granuleByteCount)).map { $0 }
        case .a64, .a32: return [0, 4, 60]
        case .t32: return [0, 2, 4, 6, 58, 60, 62]
        }
    }
}

/// What came of a row.
public struct ProofRow: Sendable {
    public enum Verdict: Sendable {
        /// At every place where the planner offers it.
        case proved
        case refuted(Counterexample)
        /// The planner offers it nowhere, and why.
        case refused(String)
        /// Both forms are the same bytes.
        case sameBytes
        /// The checker's limits.
        case unfinished(String)
    }

    public var proofCase: ProofCase
    public var verdict: Verdict
    /// How many of the places where a site may begin it is offered at, and at how many it is refused.
    public var offeredCount = 0
    public var refusedCount = 0
    /// Why it is refused at some places.
    public var reason: String?
    public var stateCount = 0
    public var transitionCount = 0
    public var byteCount = 0
    /// Time of one processor.
    public var nanos: UInt64 = 0
    /// By which protocols it is done, where the planner chose.
    public var chosen: Set<PatchProtocol> = []
}

/// Proves the planner's table, or a part of it, on all processors.
public struct ProofTable: Sendable {
    public var cases: [ProofCase]
    public var extent: ProofExtent

    /// Every change between forms, by every protocol, of every shape.
    public init(
        shapes: [ProvedShape] = ProvedShape.all, protocols: [PatchProtocol] = PatchProtocol.allCases,
        extent: ProofExtent = ProofExtent()
    ) {
        cases = shapes.flatMap { shape in
            SiteForm.allCases.flatMap { from in
                SiteForm.allCases.filter { $0 != from }.flatMap { to in
                    protocols.compactMap { patchProtocol in
                        patchProtocol == .exclusive && from != .original
                            ? nil : ProofCase(shape, from: from, to: to, by: patchProtocol)
                    }
                }
            }
        }
        self.extent = extent
    }

    public init(cases: [ProofCase], extent: ProofExtent) {
        self.cases = cases
        self.extent = extent
    }

    /// One row after the other, in the order of the cases.
    ///
    /// - Parameter progress: called with how many cases are done, by any thread.
    public func prove(progress: @escaping @Sendable (Int) -> Void = { _ in }) -> [ProofRow] {
        let rows = Mutex<[ProofRow?]>(Array(repeating: nil, count: cases.count))
        let doneCount = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: cases.count) { index in
            let row = prove(cases[index])
            rows.withLock { $0[index] = row }
            progress(doneCount.add(1, ordering: .relaxed).newValue)
        }
        return rows.withLock { $0.compactMap { $0 } }
    }

    /// Every place and every kind of caches of one row.
    public func prove(_ proofCase: ProofCase) -> ProofRow {
        let clock = ContinuousClock()
        let start = clock.now
        var row = ProofRow(proofCase: proofCase, verdict: .sameBytes)
        places: for offset in proofCase.places ?? extent.offsets(proofCase.shape.isa) {
            for caches in proofCase.shape.isa == .a64 ? extent.caches : [.none] {
                if !prove(proofCase, offset, caches, &row) { break places }
            }
        }
        let spent = (clock.now - start).components
        row.nanos = UInt64(spent.seconds) * 1_000_000_000 + UInt64(spent.attoseconds / 1_000_000_000)
        return row
    }

    /// False when that decides the row.
    private func prove(
        _ proofCase: ProofCase, _ offset: UInt64, _ caches: CacheKind, _ row: inout ProofRow
    ) -> Bool {
        do {
            switch try builder(proofCase, offset, caches).build() {
            case .sameBytes: return true
            case .refused(let reason):
                row.refusedCount += 1
                row.reason = reason
                if case .sameBytes = row.verdict { row.verdict = .refused(reason) }
                return true
            case .scenario(let scenario):
                row.offeredCount += 1
                for case .run(let plan, let becomes, _) in scenario.actions where !becomes.isEmpty {
                    row.chosen.insert(plan.patchProtocol)
                    break
                }
                let exploration = try scenario.explore(extent.reductions, stateLimit: extent.stateLimit)
                row.stateCount += exploration.stateCount
                row.transitionCount += exploration.transitionCount
                row.byteCount = max(row.byteCount, exploration.byteCount)
                row.verdict = exploration.counterexample.map { .refuted($0) } ?? .proved
                return exploration.isSafe
            }
        } catch {
            row.verdict = .unfinished("\(error)")
            return false
        }
    }

    /// The scenario of a case at one place.
    public func builder(_ proofCase: ProofCase, _ offset: UInt64, _ caches: CacheKind) -> ScenarioBuilder {
        var builder = ScenarioBuilder(
            proofCase.shape, from: proofCase.from, to: proofCase.to, by: proofCase.patchProtocol, offset: offset)
        builder.threadCount = extent.threadCount
        builder.siteCount = extent.siteCount
        builder.granuleByteCount = extent.granuleByteCount
        builder.caches = caches
        return builder
    }
}
