import MachineCode
import Patching

/// A scenario as text, to keep, to send, to change by hand, and to have proved: `nopal prove --plan FILE`.
///
/// Shape: lines of words; a word `#`, or a line that begins with it, is a comment; numbers are decimal or `0x`, bytes two digits each. The first line is
/// `nopal-plan 1`. docs/PATCHING.md has a line of each kind; `nopal prove --write-plan FILE` writes whole ones.
extension Scenario {
    public var text: String {
        var lines = ["nopal-plan 1", "isa \(isa.rawValue)", "threads \(threadCount)"]
        if isa == .x86_64 { lines.append("granule \(granuleByteCount)") }
        if isa == .a64 { lines.append("caches \(caches.rawValue)") }
        if assumesOrder { lines.append("assume order") }
        lines += memory.map { "memory \(hex($0.start)) \(Self.bytes($0.bytes))" }
        lines += stubData.map { "data \(hex($0))" }
        lines += instructions.map(Self.line)
        lines += sites.flatMap(Self.lines)
        for action in actions { lines += Self.lines(action) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func bytes(_ bytes: [UInt8]) -> String { bytes.map(twoDigits).joined(separator: " ") }

    private static func line(_ instruction: ModelInstruction) -> String {
        "instruction \(hex(instruction.address)) \(bytes(instruction.bytes)) : \(instruction.action.words) : \(instruction.text)"
    }

    private static func lines(_ site: SiteModel) -> [String] {
        let effects = site.effects.map { $0.isEmpty ? "-" : $0.map(\.word).joined(separator: " ") }
        let head = "site \(hex(site.window.lowerBound)) \(hex(site.window.upperBound)) \(hex(site.entry)) \(site.form)"
        return [head]
            + effects.enumerated().map { form, effects in
                let bytes = form < site.bytes.count ? " : " + bytes(site.bytes[form]) : ""
                return "  form \(effects)\(bytes)"
            }
    }

    private static func lines(_ action: ScenarioAction) -> [String] {
        switch action {
        case .release(let range, let looks, let around):
            return [
                (["release", hex(range.lowerBound), hex(range.upperBound), looks ? "looks" : "careless"]
                    + around.flatMap { [hex($0.lowerBound), hex($0.upperBound)] }).joined(separator: " ")
            ]
        case .run(let plan, let becomes, let meanwhile):
            let name = plan.patchProtocol.rawValue.split(separator: " ").joined(separator: "-")
            let forms = becomes.sorted { $0.key < $1.key }.map { site, form in
                "\(site)=\(form)" + (meanwhile[site].map { "+\($0)" } ?? "")
            }
            return [(["plan", name] + forms).joined(separator: " ")]
                + plan.traps.map {
                    "  trap \(hex($0.address)) \(hex($0.target))"
                } + plan.windows.map(line) + plan.steps.map(line)
        }
    }

    private static func line(_ window: Window) -> String {
        "  window \(hex(window.range.lowerBound)) \(hex(window.range.upperBound)) "
            + "\(window.entered.map { hex($0) } ?? "-") \(window.moves.map { hex($0) }.joined(separator: " "))"
    }

    private static func line(_ step: PlanStep) -> String {
        switch step {
        case .store(let address, let width, let value, let expected):
            "  store \(hex(address)) \(width) \(hex(value)) \(hex(expected))"
        case .open: "  open"
        case .close: "  close"
        case .maintainCaches: "  maintain"
        case .syncCores: "  sync"
        case .catchBreakpoints: "  catch"
        case .park: "  park"
        case .resume: "  resume"
        }
    }
}

extension ModelInstruction.Action {
    fileprivate var words: String {
        switch self {
        case .pass: "pass"
        case .effect(let effect): "effect \(effect.word)"
        case .jump(let target): "jump \(hex(target))"
        case .enterStub(let body): "enter \(hex(body))"
        case .leaveStub: "leave"
        case .body: "body"
        case .breakpoint: "breakpoint"
        case .undefined: "undefined"
        case .ifThen(let pattern): "it " + pattern.map { $0 ? "t" : "e" }.joined()
        }
    }
}

extension Effect {
    var word: String {
        switch self {
        case .traced: "traced"
        case .hook: "hook"
        case .link: "link"
        case .skipped: "skipped"
        default: "p\(rawValue - Effect.prologue0.rawValue)"
        }
    }

    init?(word: String) {
        guard let found = Effect.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}
