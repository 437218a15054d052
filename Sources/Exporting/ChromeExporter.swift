import Reading

/// Writes the Trace Event Format: a JSON object with an array of events, one a line.
///
/// A call is one complete event ("X"), written when it ends; times are microseconds with three
/// decimals, so nanoseconds are kept. A call that did not return says so in its arguments. An
/// entry without a known end, and a loss, are instant events ("i"). Memory is bounded by the
/// functions named: all that is constant of an event is kept as bytes, made once.
/// Source: "Trace Event Format", the Chromium project.
struct ChromeExporter: Exporter {
    private let trace: Trace
    private let output: OutputBuffer
    /// A function's `,"name":"f"`.
    private var names = FunctionTable<[UInt8]>()
    /// The thread's `,\n{"pid":1,"tid":2,"ph":"`.
    private var head: [UInt8] = []
    private var isFirst = true

    init(trace: Trace, output: OutputBuffer) {
        self.trace = trace
        self.output = output
        output.put("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"exporter\":\"nopal\"},\"traceEvents\":[")
        for process in ExportedProcess.all(in: trace) {
            putName("process_name", process.name, process: process.process, thread: process.process)
        }
    }

    mutating func began(_ thread: TraceThread) {
        putName("thread_name", thread.shownName(in: trace), process: thread.process, thread: thread.thread)
        head = Array(",\n{\"pid\":\(thread.process),\"tid\":\(thread.thread),\"ph\":\"".utf8)
    }

    mutating func ended(_ thread: TraceThread) {}

    mutating func finish() { output.put("\n]}\n") }

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {}

    mutating func left(
        _ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd
    ) {
        output.put(head)
        output.put("X\",\"ts\":")
        output.putMicros(nanos: enteredAtNanos)
        output.put(",\"dur\":")
        output.putMicros(nanos: atNanos >= enteredAtNanos ? atNanos - enteredAtNanos : 0)
        putName(of: function)
        if how == .returned {
            output.put(UInt8(ascii: "}"))
        } else {
            output.put(",\"args\":{\"ended\":\"")
            output.put(how.phrase)
            output.put("\"}}")
        }
    }

    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        putInstant(atNanos: atNanos)
        putName(of: function)
        output.put(UInt8(ascii: "}"))
    }

    mutating func lost(_ eventCount: UInt64, atNanos: UInt64) {
        putInstant(atNanos: atNanos)
        output.put(",\"name\":\"events lost\",\"args\":{\"count\":")
        if eventCount > 0 { output.putDecimal(eventCount) } else { output.put("\"unknown\"") }
        output.put("}}")
    }

    private func putInstant(atNanos: UInt64) {
        output.put(head)
        output.put("i\",\"s\":\"t\",\"ts\":")
        output.putMicros(nanos: atNanos)
    }

    private mutating func putName(of function: UInt32) {
        if let name = names[function] { return output.put(name) }
        let name = Array(",\"name\":".utf8) + JSONText.quoted(trace.function(function).displayName)
        names.set(name, of: function)
        output.put(name)
    }

    /// A metadata event, which names a process or a thread. The first event of all is one, so
    /// the others always stand behind a comma.
    private mutating func putName(
        _ kind: StaticString, _ name: String, process: UInt32, thread: UInt32
    ) {
        output.put(isFirst ? "\n{\"pid\":" : ",\n{\"pid\":")
        isFirst = false
        output.putDecimal(UInt64(process))
        output.put(",\"tid\":")
        output.putDecimal(UInt64(thread))
        output.put(",\"ph\":\"M\",\"name\":\"")
        output.put(kind)
        output.put("\",\"args\":{\"name\":")
        output.put(JSONText.quoted(name))
        output.put("}}")
    }
}
