import ArgumentParser
import Control
import Globs

/// Which functions are traced, and how: of `record`, `attach` and `prepare`.
struct SelectionArguments: ParsableArguments {
    @Option(
        name: [.customShort("F"), .customLong("filter")],
        help: ArgumentHelp("Trace only functions that match.", valueName: "glob"))
    var only: [String] = []

    @Option(
        name: [.customShort("N"), .customLong("notrace")],
        help: ArgumentHelp("Do not trace functions that match.", valueName: "glob"))
    var never: [String] = []

    @Option(
        name: [.customShort("D"), .customLong("depth")],
        help: ArgumentHelp("Record calls up to this depth only; the outermost has depth 1.", valueName: "depth"))
    var depth: Int?

    @Flag(help: "Record entries only: half the events, no durations.")
    var noExits = false

    func validate() throws {
        if let depth, depth < 1 { throw ValidationError("-D \(depth): the depth begins at 1") }
    }

    var selection: Selection {
        Selection(filter: FunctionFilter(only: only, never: never), recordsExits: !noExits, depthLimit: depth)
    }

    /// As typed; the trace keeps them.
    var texts: [String] {
        only.flatMap { ["-F", $0] } + never.flatMap { ["-N", $0] } + (depth.map { ["-D", "\($0)"] } ?? [])
    }
}
