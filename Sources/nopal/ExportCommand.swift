import ArgumentParser
import Exporting
import Glibc
import Reading

extension ExportFormat: ExpressibleByArgument {}
extension FoldedWeight: ExpressibleByArgument {}

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a trace in another tool's format.",
        discussion: """
            perfetto    slices on a track for each thread, for ui.perfetto.dev and trace_processor
            chrome      Trace Event JSON, for chrome://tracing, the Perfetto UI and others
            folded      one line a distinct stack, for flamegraph.pl and its kin
            callgrind   costs by function and call, for KCachegrind and callgrind_annotate
            speedscope  a profile for each thread, for speedscope.app

            Times are nanoseconds of CLOCK_MONOTONIC. A call that an exception or a longjmp \
            ended, or that was open when the recording ended, says so where the format can. \
            Memory does not grow with the trace; folded and callgrind keep one sum for each \
            distinct stack or pair of functions. An output that cannot be written completely is \
            removed, and the exit code is 1.

            Examples:
              nopal export --format perfetto -o out.perfetto-trace
              nopal export app.trace --format folded -o - | flamegraph.pl > flame.svg
              nopal export --format callgrind -o callgrind.out.app

            \(exitCodeHelp)
            """)

    @Argument(help: "The trace.", completion: .file())
    var file = "nopal.trace"

    @Option(help: "The format to write.")
    var format: ExportFormat

    @Option(name: .shortAndLong, help: "Where to write; - is standard output.", completion: .file())
    var output: String

    @Option(help: "What the numbers of the folded format are: nanoseconds or calls.")
    var weight = FoldedWeight.time

    func run() throws {
        let trace = try Trace(path: file)
        let target = try OutputFile(path: output)
        if format.isBinary, target.isTerminal {
            target.discard()
            throw ValidationError(
                "\(format.rawValue) is a binary format; give a file with -o, or send standard output into one")
        }
        try write(trace, to: target)
    }

    private func write(_ trace: Trace, to target: consuming OutputFile) throws {
        let buffer = OutputBuffer(descriptor: target.descriptor, path: target.displayPath)
        var export = TraceExport(format: format)
        export.foldedWeight = weight
        let progress = ExportProgress(verb: "exporting")
        do {
            try export.write(trace, to: buffer) { done, total in progress.show(done, of: total) }
            progress.clear()
        } catch {
            progress.clear()
            target.discard()
            throw error
        }
        try target.close(byteCount: buffer.writtenByteCount)
        try reportFaults(trace)
    }
}
