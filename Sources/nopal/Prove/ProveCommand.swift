import ArgumentParser
import Litmus
import MachineCode
import Patching
import Proving

struct ProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Prove by model checking that code can be patched while it runs, or show how it breaks.",
        discussion: """
            Takes the plans that Nopal runs, and explores every interleaving of the patching thread with
            executing threads, and every fetch that the architecture allows: x86-64 (bytes, in granules of 8 or
            as --granule says), AArch64 (for each kind of caches), A32, and Thumb-2. A thread may be descheduled at
            any instruction for ever. Each change is made, taken back, and made again.

            Without a source, proves the planner's whole table: each shape of site, each change of it, each protocol
            that is offered. --sites proves what `nopal attach` would do to the sites of a program, --plan one plan
            from a file, --refuted the plans that must not be run: each is shown to break. --litmus decides
            litmus tests of AArch64 with instruction fetch, by the axioms of the architecture's model.

            --explain prints a counterexample as columns: patcher, victims, bytes. The exit status is 0 when all is
            proved (with --refuted: when all is refuted), 1 when not, 2 when something is not understood.

            EXAMPLES
                nopal prove
                nopal prove --isa t32 --all
                nopal prove --refuted t32-nops-to-bl --explain
                nopal prove --refuted breakpoint-without-middle-sync --html counterexample.html
                nopal prove --sites ./prog
                nopal prove --litmus MP.RF+cachesync+ctrlisb.litmus --cache-type idc
            """)

    @Option(help: ArgumentHelp("Only these instruction sets: x86-64, a64, a32, t32.", valueName: "isa,...")) var isa:
        String?
    @Option(help: ArgumentHelp("Only shapes whose name contains this.", valueName: "text")) var shape: String?
    @Option(
        name: .customLong("protocol"),
        help: ArgumentHelp("Only this protocol: exclusive, single-store, breakpoint, stopped.", valueName: "name"))
    var patchProtocol: String?
    @Option(help: "Executing threads, 1 to 4.") var threads = 2
    @Option(help: "Sites in one batch, 1 to 3.") var batch = 1
    @Option(help: "Only sites that begin here in a page, bytes (default: every place that makes a difference).")
    var offset: UInt64?
    @Option(help: ArgumentHelp("x86-64: bytes that are fetched as a whole: 1, 8 or 64.", valueName: "bytes"))
    var granule = 8
    @Option(help: ArgumentHelp("Prove the plans for the sites of a program.", valueName: "prog")) var sites: String?
    @Option(help: ArgumentHelp("Prove the plan in a file.", valueName: "file")) var plan: String?
    @Flag(help: "Refute what must not be run: all of it, or the names given.") var refuted = false
    @Flag(help: "Decide litmus tests, from the files given.") var litmus = false
    @Option(
        help: ArgumentHelp(
            "Litmus: what caches leave to do: none, idc, dic+idc (default: the test's own).", valueName: "type"))
    var cacheType: CacheType?
    @Flag(help: "Show counterexamples, or a litmus test's witness.") var explain = false
    @Flag(help: "List what the planner refuses too, and why.") var all = false
    @Option(help: ArgumentHelp("Write the first counterexample as a page of HTML.", valueName: "file")) var html:
        String?
    @Option(
        help: ArgumentHelp("Write the first plan that would be proved, for --plan, and stop.", valueName: "file"))
    var writePlan: String?
    @Flag(help: "Print one object.") var json = false
    @Argument(help: ArgumentHelp("With --litmus: files. With --refuted: names.", valueName: "file-or-name"))
    var operands: [String] = []

    func validate() throws {
        let sources = [sites != nil, plan != nil, refuted, litmus].filter { $0 }.count
        guard sources <= 1 else { throw ValidationError("--sites, --plan, --refuted and --litmus exclude each other") }
        guard operands.isEmpty || refuted || litmus else {
            throw ValidationError("'\(operands[0])' is given, and neither --litmus nor --refuted")
        }
        guard !litmus || !operands.isEmpty else { throw ValidationError("--litmus needs a file") }
        guard 1...4 ~= threads else { throw ValidationError("--threads is 1 to 4") }
        guard 1...3 ~= batch else { throw ValidationError("--batch is 1 to 3") }
        guard [1, 2, 4, 8, 16, 32, 64].contains(granule) else {
            throw ValidationError("--granule is a power of 2 up to 64")
        }
        guard (offset ?? 0) < 4096 else { throw ValidationError("--offset is a place in a page, below 4096") }
        let units = try chosenShapes().map { UInt64($0.isa.unitByteCount) }
        guard units.allSatisfy({ (offset ?? 0) % $0 == 0 }) else {
            throw ValidationError(
                "no instruction of some of these instruction sets begins at \(offset ?? 0); narrow --isa")
        }
        guard cacheType == nil || litmus else { throw ValidationError("--cache-type goes with --litmus") }
        _ = try chosenProtocols()
        _ = try chosenShapes()
    }

    func run() throws {
        if litmus { return try LitmusProof(files: operands, cacheType: cacheType, explain: explain, json: json).run() }
        if let plan { return try PlanProof(command: self).run(path: plan) }
        if refuted { return try RefutationProof(command: self).run(names: operands) }
        if let sites { return try TableProof(command: self).run(program: sites) }
        try TableProof(command: self).run()
    }

    /// The instruction sets that were asked for.
    private func chosenSets() throws -> [InstructionSet] {
        guard let isa else { return InstructionSet.allCases }
        return try isa.split(separator: ",").map { name in
            guard let found = InstructionSet(rawValue: String(name)) else {
                throw ValidationError("--isa is a list of x86-64, a64, a32, t32; '\(name)' is none of them")
            }
            return found
        }
    }

    func chosenShapes() throws -> [ProvedShape] {
        let sets = try chosenSets()
        let found = ProvedShape.all.filter { known in
            sets.contains(known.isa) && (shape.map { known.name.contains($0) } ?? true)
        }
        guard !found.isEmpty else {
            let names = ProvedShape.all.filter { sets.contains($0.isa) }.map { "'\($0.name)'" }
            throw ValidationError(
                "no shape's name contains '\(shape ?? "")'; there are \(names.joined(separator: ", "))")
        }
        return found
    }

    func chosenProtocols() throws -> [PatchProtocol] {
        guard let patchProtocol else { return PatchProtocol.allCases }
        let name = patchProtocol.split(separator: "-").joined(separator: " ")
        guard let found = PatchProtocol(rawValue: name) else {
            throw ValidationError("--protocol is exclusive, single-store, breakpoint or stopped")
        }
        return [found]
    }

    var extent: ProofExtent {
        var extent = ProofExtent()
        extent.threadCount = threads
        extent.siteCount = batch
        extent.granuleByteCount = granule
        return extent
    }

    /// Shows counterexamples as it was asked for: all of them as text, the first one as a page.
    func show(_ counterexamples: [(counterexample: Counterexample, title: String)]) throws {
        let explanations = counterexamples.map { Explanation($0.counterexample, title: $0.title) }
        if explain && !json { for explanation in explanations { print("\n" + explanation.description) } }
        if let html, let first = explanations.first { try FileOutput.write(first.page, to: html) }
    }
}
