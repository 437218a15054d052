import Analysis
import ArgumentParser
import Glibc
import Reading

/// What the verbs that read a trace have in common.
struct TraceArgument: ParsableArguments {
    @Argument(help: "The trace to read.", completion: .file())
    var file = "nopal.trace"

    /// Opens it; on failure prints a sentence and ends with exit code 1.
    func open() throws -> Trace {
        do throws(TraceError) { return try Trace(path: file) } catch {
            complain("\(error)")
            throw ExitCode(1)
        }
    }
}

/// -F, -N and -D, which mean what they mean in uftrace.
struct SelectionOptions: ParsableArguments {
    @Option(
        name: [.customShort("F"), .customLong("filter")], parsing: .singleValue,
        help: ArgumentHelp("Only functions that match, and what they call.", valueName: "glob"))
    var only: [String] = []

    @Option(
        name: [.customShort("N"), .customLong("notrace")], parsing: .singleValue,
        help: ArgumentHelp("Not functions that match, nor what they call.", valueName: "glob"))
    var never: [String] = []

    func selection(_ trace: Trace, depth: Int? = nil) -> CallSelection {
        CallSelection(trace, only: only, never: never, depth: depth)
    }
}

/// Writes a sentence to standard error.
func complain(_ sentence: String) {
    let text = "nopal: \(sentence)\n"
    _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
}

/// Prints what is missing or damaged.
///
/// Exit code 2: the trace is damaged and was read in part. A trace that merely stops early was
/// read whole, and is no failure.
func reportFaults(_ trace: Trace) throws {
    for fault in trace.faults { complain("\(trace.path): \(fault.sentence)") }
    if trace.isDamaged { throw ExitCode(2) }
}

/// Standard output in large pieces; it closes when nobody reads any more.
func standardOutput() -> TextBuffer {
    signal(SIGPIPE, SIG_IGN)
    return TextBuffer { bytes in
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = write(STDOUT_FILENO, base + done, bytes.count - done)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return false }
            done += count
        }
        return true
    }
}

func printText(_ text: String) {
    var output = standardOutput()
    output.add(Array(text.utf8))
    output.flush()
}

/// A duration in 11 columns, as replay prints it.
func durationText(_ nanos: UInt64) -> String {
    var text = ""
    var buffer = TextBuffer {
        text = String(decoding: $0, as: UTF8.self)
        return true
    }
    buffer.add(durationNanos: nanos)
    buffer.flush()
    return text
}

func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}

func filled(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

let exitCodeHelp = """
    EXIT CODES
      0  done; where the recorder was stopped before it could finish (killed, disk full),
         all that it wrote was read, and sentences on standard error say what is missing
      1  the trace cannot be read; a sentence on standard error says why
      2  the trace is damaged: what is whole was read, and sentences on standard error say
         what was left out
      64 the command line is wrong
    """
