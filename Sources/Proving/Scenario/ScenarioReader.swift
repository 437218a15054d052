import MachineCode
import Patching

/// Why a plan's text is none: which line, and what is wrong with it.
public struct ScenarioError: Error, Equatable, Sendable, CustomStringConvertible {
    public var line: Int
    public var what: String

    public var description: String { "line \(line): \(what)" }
}

extension Scenario {
    /// Reads what `text` writes.
    ///
    /// Throws: `ScenarioError` at the first line that is not understood.
    public init(text: String) throws(ScenarioError) {
        var reader = ScenarioReader()
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            reader.number = index + 1
            let all = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }.map(String.init)
            // A comment begins with a word of its own: assembly has its uses for the sign.
            let words = all.first?.hasPrefix("#") ?? false ? [] : Array(all.prefix { $0 != "#" })
            if !words.isEmpty { try reader.read(words) }
        }
        self = try reader.finish()
    }
}

/// Takes lines one after the other.
private struct ScenarioReader {
    var number = 1
    private var scenario: Scenario?
    private var hasHead = false
    private static let byteLimit = 1 << 16
    private static let countLimit = 1 << 12

    mutating func read(_ words: [String]) throws(ScenarioError) {
        guard hasHead else {
            guard words == ["nopal-plan", "1"] else { throw error("a plan begins with: nopal-plan 1") }
            hasHead = true
            return
        }
        let rest = Array(words.dropFirst())
        if words[0] == "isa" {
            guard rest.count == 1, let isa = InstructionSet(rawValue: rest[0]) else {
                throw error("isa is one of x86-64, a64, a32, t32")
            }
            scenario = Scenario(isa: isa)
            return
        }
        guard var present = scenario else { throw error("isa comes first") }
        try read(words[0], rest, &present)
        scenario = present
    }

    func finish() throws(ScenarioError) -> Scenario {
        guard let scenario else { throw error("the plan has no isa") }
        guard !scenario.sites.isEmpty, !scenario.actions.isEmpty else {
            throw error("the plan has no site, or no steps")
        }
        guard scenario.sites.allSatisfy({ 1...4 ~= $0.effects.count && $0.form < $0.effects.count }) else {
            throw error("a site has one to four forms, and begins in one of them")
        }
        let known = Set(scenario.instructions.map(\.address))
        for site in scenario.sites where !known.contains(site.entry) {
            throw error("no instruction begins at the site's entry \(hex(site.entry))")
        }
        for case .run(_, let becomes, _) in scenario.actions {
            for (site, form) in becomes
            where !scenario.sites.indices.contains(site) || !scenario.sites[site].effects.indices.contains(form) {
                throw error("a plan leads site \(site) to form \(form), and there is none")
            }
        }
        return scenario
    }

    private func error(_ what: String) -> ScenarioError { ScenarioError(line: number, what: what) }

    private func read(_ word: String, _ rest: [String], _ scenario: inout Scenario) throws(ScenarioError) {
        switch word {
        case "threads": scenario.threadCount = try integer(rest, in: 1...4)
        case "granule":
            scenario.granuleByteCount = try integer(rest, in: 1...64)
            guard scenario.granuleByteCount.nonzeroBitCount == 1 else { throw error("a granule is a power of 2") }
        case "caches":
            guard rest.count == 1, let kind = CacheKind(rawValue: rest[0]) else {
                throw error("caches are none, idc or dic+idc")
            }
            scenario.caches = kind
        case "assume": scenario.assumesOrder = true
        case "memory": scenario.memory.append((try address(rest, 0), try bytes(rest.dropFirst())))
        case "data": scenario.stubData.append(try address(rest, 0))
        case "instruction": scenario.instructions.append(try instruction(rest))
        case "site": scenario.sites.append(try site(rest))
        case "form": try form(rest, &scenario)
        case "plan": scenario.actions.append(try plan(rest))
        case "release": scenario.actions.append(try release(rest))
        default: try step(word, rest, &scenario)
        }
        guard scenario.instructions.count < Self.countLimit, scenario.actions.count < Self.countLimit else {
            throw error("the plan is too long")
        }
    }

    private func parse(_ word: String) -> UInt64? {
        word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
    }

    private func address(_ words: [String], _ index: Int) throws(ScenarioError) -> UInt64 {
        // Room for what lies behind, so that no sum overflows.
        guard index < words.count, let value = parse(words[index]), value < 1 << 62 else {
            throw error("an address is missing or no number")
        }
        return value
    }

    private func integer(_ words: [String], in range: ClosedRange<Int>) throws(ScenarioError) -> Int {
        guard words.count == 1, let value = Int(words[0]), range.contains(value) else {
            throw error("a number from \(range.lowerBound) to \(range.upperBound) is missing")
        }
        return value
    }

    private func bytes(_ words: some Collection<String>) throws(ScenarioError) -> [UInt8] {
        guard !words.isEmpty, words.count < Self.byteLimit else { throw error("bytes are missing, or too many") }
        var bytes: [UInt8] = []
        for word in words {
            guard word.count == 2, let byte = UInt8(word, radix: 16) else { throw error("'\(word)' is no byte") }
            bytes.append(byte)
        }
        return bytes
    }

    private func instruction(_ words: [String]) throws(ScenarioError) -> ModelInstruction {
        let parts = words.split(separator: ":", omittingEmptySubsequences: false).map(Array.init)
        guard parts.count >= 2, let first = parts[0].first else {
            throw error("an instruction is: ADDRESS BYTES : WHAT IT DOES : TEXT")
        }
        let address = try address([first], 0)
        let bytes = try bytes(parts[0].dropFirst())
        guard bytes.count <= 15 else { throw error("an instruction has at most 15 bytes") }
        let text = parts.dropFirst(2).flatMap { $0 }.joined(separator: " ")
        return ModelInstruction(address, bytes, text, try action(parts[1]))
    }

    private func action(_ words: [String]) throws(ScenarioError) -> ModelInstruction.Action {
        switch (words.first ?? "", words.count) {
        case ("pass", 1): return .pass
        case ("leave", 1): return .leaveStub
        case ("body", 1): return .body
        case ("breakpoint", 1): return .breakpoint
        case ("undefined", 1): return .undefined
        case ("jump", 2): return .jump(try address(words, 1))
        case ("enter", 2): return .enterStub(body: try address(words, 1))
        case ("effect", 2):
            if let effect = Effect(word: words[1]) { return .effect(effect) }
        case ("it", 2):
            if 1...4 ~= words[1].count { return .ifThen(words[1].map { $0 == "t" }) }
        default: break
        }
        throw error("'\(words.joined(separator: " "))' is nothing that an instruction does")
    }

    private func site(_ words: [String]) throws(ScenarioError) -> SiteModel {
        guard words.count == 4, let form = Int(words[3]), 0...3 ~= form else {
            throw error("a site is: START END ENTRY FORM")
        }
        let (start, end) = (try address(words, 0), try address(words, 1))
        guard start < end, end - start < 64 else { throw error("a site has 1 to 63 bytes") }
        return SiteModel(window: start..<end, entry: try address(words, 2), effects: [], form: form)
    }

    private func form(_ words: [String], _ scenario: inout Scenario) throws(ScenarioError) {
        guard let last = scenario.sites.indices.last else { throw error("a form comes behind its site") }
        let parts = words.split(separator: ":", omittingEmptySubsequences: false).map(Array.init)
        var effects: [Effect] = []
        for word in parts.first ?? [] where word != "-" {
            guard let effect = Effect(word: word) else { throw error("'\(word)' is no effect") }
            effects.append(effect)
        }
        guard effects.count < 15 else { throw error("a form has at most 14 effects") }
        scenario.sites[last].effects.append(effects)
        if parts.count > 1 { scenario.sites[last].bytes.append(try bytes(parts[1])) }
    }

    private func plan(_ words: [String]) throws(ScenarioError) -> ScenarioAction {
        let name = (words.first ?? "").split(separator: "-").joined(separator: " ")
        guard let patchProtocol = PatchProtocol(rawValue: name) else {
            throw error("a plan is exclusive, single-store, breakpoint or stopped")
        }
        var becomes: [Int: Int] = [:]
        var meanwhile: [Int: UInt8] = [:]
        for word in words.dropFirst() {
            let parts = word.split { $0 == "=" || $0 == "+" }.map { Int($0) }
            guard 2...3 ~= parts.count, let site = parts[0], let form = parts[1], 0...3 ~= form else {
                throw error("'\(word)' is not SITE=FORM")
            }
            becomes[site] = form
            if parts.count == 3 { meanwhile[site] = parts[2].flatMap { UInt8(exactly: $0) } }
        }
        return .run(
            Plan(steps: [], patchProtocol: patchProtocol, siteCount: becomes.count), becomes: becomes,
            meanwhile: meanwhile)
    }

    private func release(_ words: [String]) throws(ScenarioError) -> ScenarioAction {
        guard words.count >= 3, words.count % 2 == 1, ["looks", "careless"].contains(words[2]) else {
            throw error("release is: START END looks|careless [START END]...")
        }
        var ranges: [Range<UInt64>] = []
        for index in [0] + stride(from: 3, to: words.count, by: 2) {
            let (start, end) = (try address(words, index), try address(words, index + 1))
            guard start < end, end - start <= 4096 else { throw error("a range of 1 to 4096 bytes is missing") }
            ranges.append(start..<end)
        }
        return .release(ranges[0], looks: words[2] == "looks", around: Array(ranges.dropFirst()))
    }

    /// A step, trap or window of the last plan.
    private func step(_ word: String, _ rest: [String], _ scenario: inout Scenario) throws(ScenarioError) {
        guard let last = scenario.actions.indices.last,
            case .run(var plan, let becomes, let meanwhile) = scenario.actions[last]
        else { throw error("'\(word)' is not known, or stands outside of a plan") }
        switch word {
        case "open": plan.steps.append(.open)
        case "close": plan.steps.append(.close)
        case "maintain": plan.steps.append(.maintainCaches)
        case "sync": plan.steps.append(.syncCores)
        case "catch": plan.steps.append(.catchBreakpoints)
        case "park": plan.steps.append(.park)
        case "resume": plan.steps.append(.resume)
        case "store": plan.steps.append(try store(rest))
        case "trap": plan.traps.append(Trap(address: try address(rest, 0), target: try address(rest, 1)))
        case "window": plan.windows.append(try window(rest))
        default: throw error("'\(word)' is not known")
        }
        guard plan.steps.count < Self.countLimit else { throw error("the plan is too long") }
        scenario.actions[last] = .run(plan, becomes: becomes, meanwhile: meanwhile)
    }

    private func store(_ words: [String]) throws(ScenarioError) -> PlanStep {
        guard words.count == 4, let width = Int(words[1]), [1, 2, 4, 8].contains(width), let value = parse(words[2]),
            let expected = parse(words[3])
        else { throw error("a store is: ADDRESS WIDTH VALUE EXPECTED, its width 1, 2, 4 or 8") }
        return .store(address: try address(words, 0), width: width, value: value, expected: expected)
    }

    private func window(_ words: [String]) throws(ScenarioError) -> Window {
        let (start, end) = (try address(words, 0), try address(words, 1))
        guard start < end, end - start < 64, words.count == 3 + Int(end - start) - 1 else {
            throw error("a window is: START END ENTERED and a target for each byte but the first")
        }
        var moves: [UInt64] = []
        for index in 3..<words.count { moves.append(try address(words, index)) }
        return Window(
            range: start..<end, moves: moves, entered: words[2] == "-" ? nil : try address(words, 2))
    }
}
