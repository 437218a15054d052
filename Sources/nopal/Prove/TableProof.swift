import ArgumentParser
import MachineCode
import Patching
import Programs
import Proving

/// `nopal prove` and `nopal prove --sites`: rows of the planner's table.
struct TableProof {
    let command: ProveCommand

    func run() throws {
        var table = ProofTable(
            shapes: try command.chosenShapes(), protocols: try command.chosenProtocols(), extent: command.extent)
        if let offset = command.offset {
            for index in table.cases.indices { table.cases[index].places = [offset] }
        }
        if let path = command.writePlan { return try write(table, to: path) }
        try show(prove(table))
    }

    /// The plans for each distinct shape in a program, at each place of a fetch granule where there is one.
    func run(program path: String) throws {
        let image: ModuleImage
        do { image = try ModuleImage.read(path: path, accepting: ModuleImage.readable) } catch {
            throw Failure.say("\(error)", status: Failure.untraceable)
        }
        let cases = try distinctCases(image)
        guard !cases.isEmpty else {
            throw Failure.say("nothing in \(path) was compiled with room for tracing", status: Failure.untraceable)
        }
        let table = ProofTable(cases: cases, extent: command.extent)
        if let path = command.writePlan { return try write(table, to: path) }
        try show(prove(table))
    }

    private func prove(_ table: ProofTable) -> [ProofRow] {
        let progress = Progress("proving \(table.cases.count) rows")
        defer { progress.end() }
        return table.prove()
    }

    /// What sites have in common is proved once: shape, bytes where the shape does not say them, place in a line.
    private func distinctCases(_ image: ModuleImage) throws -> [ProofCase] {
        var shapes: [(shape: ProvedShape, places: Set<UInt64>, count: Int)] = []
        for site in image.sites {
            guard case .traceable(let patch, _, _) = site.verdict else { continue }
            guard let prologue = patch.prologueLengths else {
                throw Failure.say(
                    "the prologue of \(site.function.name) has instructions that capstone does not know", status: 2)
            }
            let shape = ProvedShape(
                patch.shape.text, patch.isa, patch.shape, original: patch.original, tail: patch.tail, prologue: prologue
            )
            if let index = shapes.firstIndex(where: { isSame($0.shape, shape) }) {
                shapes[index].places.insert(patch.address % 64)
                shapes[index].count += 1
            } else {
                shapes.append((shape, [patch.address % 64], 1))
            }
        }
        return shapes.flatMap { shape, places, _ in
            SiteForm.allCases.flatMap { from in
                SiteForm.allCases.filter { $0 != from }.map { to in
                    ProofCase(shape, from: from, to: to, by: nil, at: places.sorted())
                }
            }
        }
    }

    /// Where a hook's call leads makes no difference.
    private func isSame(_ a: ProvedShape, _ b: ProvedShape) -> Bool {
        guard a.shape == b.shape, a.prologue == b.prologue, a.tail == b.tail else { return false }
        switch a.shape {
        case .fentryCall: return true
        case .mcountCall(let prologueByteCount, _):
            return a.original.prefix(prologueByteCount) == b.original.prefix(prologueByteCount)
        default: return a.original == b.original
        }
    }

    private func write(_ table: ProofTable, to path: String) throws {
        for proofCase in table.cases {
            for offset in proofCase.places ?? [0] {
                guard case .scenario(let scenario) = try table.builder(proofCase, offset, .none).build() else {
                    continue
                }
                return try FileOutput.write(scenario.text, to: path)
            }
        }
        throw Failure.say("the planner offers none of these: nothing to write", status: 1)
    }

    private func show(_ rows: [ProofRow]) throws {
        if command.json { try JSONOutput.write(ProofReport(rows, command.extent)) } else { print(rows) }
        try command.show(
            rows.compactMap { row in
                if case .refuted(let counterexample) = row.verdict { (counterexample, row.title) } else { nil }
            })
        guard rows.allSatisfy(\.isGood) else { throw ExitCode(1) }
    }

    private func print(_ rows: [ProofRow]) {
        let shown = rows.filter { command.all || $0.offeredCount > 0 || !$0.isGood }
        var table = [["isa", "shape", "change", "protocol", "places", "states", "ms", "verdict"]]
        table += shown.map(\.columns)
        Swift.print(Columns.text(table, rightAligned: [5, 6]), terminator: "")
        Swift.print(summary(rows))
    }

    private func summary(_ rows: [ProofRow]) -> String {
        let proved = rows.count { if case .proved = $0.verdict { true } else { false } }
        let bad = rows.count { !$0.isGood }
        let refused = rows.count { if case .refused = $0.verdict { true } else { false } }
        let states = rows.reduce(0) { $0 + $1.stateCount }
        let nanos = rows.reduce(0) { $0 + $1.nanos }
        return "\(proved) proved, \(bad) not; \(refused) that the planner refuses; \(states) states, "
            + "\(nanos / 1_000_000) ms of processor time, \(command.threads) threads, granules of \(command.granule)"
    }
}

extension ProofRow {
    var isGood: Bool {
        switch verdict {
        case .proved, .refused, .sameBytes: true
        case .refuted, .unfinished: false
        }
    }

    var change: String { "\(proofCase.from.rawValue) -> \(proofCase.to.rawValue)" }

    var protocolName: String {
        proofCase.patchProtocol?.rawValue ?? chosen.map(\.rawValue).sorted().joined(separator: ", ")
    }

    var title: String { "\(proofCase.shape.isa.rawValue), \(proofCase.shape.name), \(change), by \(protocolName)" }

    var verdictText: String {
        switch verdict {
        case .proved: "safe" + (refusedCount > 0 ? "; elsewhere refused: \(reasonText)" : "")
        case .refuted(let counterexample): "BREAKS: \(counterexample.violation.kind.rawValue)"
        case .refused: "refused: \(reasonText)"
        case .sameBytes: "the same bytes"
        case .unfinished(let what): "UNFINISHED: \(what)"
        }
    }

    private var reasonText: String {
        guard let reason else { return "" }
        return reason.split(separator: ":", maxSplits: 1).last.map { $0.trimmed } ?? reason
    }

    var columns: [String] {
        [
            proofCase.shape.isa.rawValue, proofCase.shape.name, change, protocolName,
            "\(offeredCount)/\(offeredCount + refusedCount)", String(stateCount), String(nanos / 1_000_000),
            verdictText,
        ]
    }
}

extension Substring {
    fileprivate var trimmed: String { String(drop { $0 == " " }) }
}

/// The table as JSON.
private struct ProofReport: Encodable {
    struct Row: Encodable {
        var isa: String
        var shape: String
        var change: String
        var `protocol`: String
        var verdict: String
        var offered: Int
        var refused: Int
        var reason: String?
        var states: Int
        var transitions: Int
        var bytes: Int
        var nanos: UInt64
        var violation: String?
        var detail: String?
    }

    var threads: Int
    var sites: Int
    var granule: Int
    var proved: Int
    var broken: Int
    var states: Int
    var rows: [Row]

    init(_ rows: [ProofRow], _ extent: ProofExtent) {
        threads = extent.threadCount
        sites = extent.siteCount
        granule = extent.granuleByteCount
        proved = rows.count { if case .proved = $0.verdict { true } else { false } }
        broken = rows.count { !$0.isGood }
        states = rows.reduce(0) { $0 + $1.stateCount }
        self.rows = rows.map(Self.row)
    }

    private static func row(_ row: ProofRow) -> Row {
        var violation: Violation?
        if case .refuted(let counterexample) = row.verdict { violation = counterexample.violation }
        return Row(
            isa: row.proofCase.shape.isa.rawValue, shape: row.proofCase.shape.name, change: row.change,
            protocol: row.protocolName, verdict: word(row.verdict), offered: row.offeredCount,
            refused: row.refusedCount,
            reason: row.reason, states: row.stateCount, transitions: row.transitionCount, bytes: row.byteCount,
            nanos: row.nanos, violation: violation?.kind.rawValue, detail: violation?.detail)
    }

    private static func word(_ verdict: ProofRow.Verdict) -> String {
        switch verdict {
        case .proved: "safe"
        case .refuted: "breaks"
        case .refused: "refused"
        case .sameBytes: "same"
        case .unfinished: "unfinished"
        }
    }
}
