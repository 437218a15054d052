import ArgumentParser
import FoundationEssentials
import Litmus

/// `nopal prove --litmus FILE...`: the architecture's axioms decide.
struct LitmusProof {
    let files: [String]
    let cacheType: CacheType?
    let explain: Bool
    let json: Bool

    private struct Row: Encodable {
        var file: String
        var name: String
        var verdict: String
        var reason: String?
        var witness: String?
    }

    func run() throws {
        var rows: [Row] = []
        var status: Int32 = 0
        for file in files {
            guard let bytes = try? Data(contentsOf: URL(filePath: file)) else {
                Failure.remark("\(file) can't be read: no such file, or not permitted")
                status = Failure.missing
                continue
            }
            let row = decide(String(decoding: bytes, as: UTF8.self), file)
            if row.reason != nil, status == 0 { status = 2 }
            if json { rows.append(row) } else { show(row) }
        }
        if json { try JSONOutput.write(rows) }
        if status != 0 { throw ExitCode(status) }
    }

    private func decide(_ text: String, _ file: String) -> Row {
        let (name, verdict) = Litmus.decide(text, cacheType: cacheType)
        let shown = name.isEmpty ? file : name
        switch verdict {
        case .allowed(let witness):
            return Row(
                file: file, name: shown, verdict: witness.isRequired == true ? "Required" : "Allowed",
                witness: explain ? witness.description : nil)
        case .forbidden(let reason):
            return Row(
                file: file, name: shown, verdict: "Forbidden",
                witness: explain ? reason?.description ?? "no execution could satisfy it, in whatever order" : nil)
        case .unsupported(let what):
            return Row(file: file, name: shown, verdict: "Unsupported", reason: what)
        }
    }

    private func show(_ row: Row) {
        print("\(row.name) \(row.verdict)\(row.reason.map { ": \($0)" } ?? "")")
        if let witness = row.witness {
            print(witness.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
        }
    }
}

extension CacheType: ExpressibleByArgument {}
