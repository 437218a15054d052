import Analysis
import ArgumentParser
import Reading

struct GraphCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Print the call graph, with counts and times.",
        discussion: """
            Every line has the time spent in a function when it was called along this path, how often, and \
            its name. With FUNCTION (a glob): first the paths that led to it, then what it called.

              nopal graph                      the whole of nopal.trace
              nopal graph prog.trace parse     who called parse, and what parse called
              nopal graph --depth 3

            \(exitCodeHelp)
            """)

    @OptionGroup var trace: TraceArgument

    @Argument(help: "A glob over function names.")
    var function: String?

    @OptionGroup var selection: SelectionOptions

    @Option(name: [.customShort("D"), .customLong("depth")], help: "How many levels of calls to show.")
    var depth: Int?

    @Flag(help: "Print JSON; durations are nanoseconds.")
    var json = false

    func validate() throws {
        if let depth, depth < 1 { throw ValidationError("-D wants a number from 1 on.") }
    }

    func run() throws {
        let opened = try trace.open()
        let progress = Progress("reading \(opened.path)")
        defer { progress.end() }
        let graph = CallGraph(opened, selection.selection(opened))
        let text = GraphText(trace: opened, depth: depth ?? CallGraph.maximumDepth)
        guard let function else {
            printText(json ? JSON.object([("graph", text.json(graph, 0))]).text : text.whole(graph))
            return try reportFaults(opened)
        }
        let chosen = CallSelection(opened, only: [function])
        let ids = Set(graph.nodes.dropFirst().map(\.function)).filter(chosen.isNamed).sorted()
        guard !ids.isEmpty else {
            complain("no recorded function matches \(function); nopal report lists them")
            throw ExitCode(1)
        }
        if json {
            printText(JSON.object([("functions", .array(ids.map { text.json(graph, function: $0) }))]).text)
        } else {
            printText(ids.map { text.around(graph, function: $0) }.joined(separator: "\n"))
        }
        try reportFaults(opened)
    }
}
