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
    /// The ends of events, `,"name":"f"}`, one after the other, and a function's place there.
    private var tails: [UInt8] = []
    private var tailOf = FunctionTable<Range<Int>>()
    /// The thread's `,\n{"pid":1,"tid":2,"ph":"`, and the same for calls up to the time.
    private var head: [UInt8] = []
    private var callHead: [UInt8] = []
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
        callHead = head + Array("X\",\"ts\":".utf8)
    }

    mutating func ended(_ thread: TraceThread) {}

    mutating func finish() { output.put("\n]}\n") }

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {}

    mutating func left(
        _ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd
    ) {
        let lengthNanos = atNanos >= enteredAtNanos ? atNanos - enteredAtNanos : 0
        let tail = self.tail(of: function)
        guard how != .returned else {
            return output.put(callHead, micros: enteredAtNanos, ",\"dur\":", micros: lengthNanos, tails, tail)
        }
        // Instead of its brace, the end gets the arguments.
        output.put(
            callHead, micros: enteredAtNanos, ",\"dur\":", micros: lengthNanos, tails,
            tail.lowerBound..<tail.upperBound - 1)
        output.put(",\"args\":{\"ended\":\"")
        output.put(how.phrase)
        output.put("\"}}")
    }

    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        putInstant(atNanos: atNanos)
        output.put(tails[tail(of: function)])
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

    @inline(__always)
    private mutating func tail(of function: UInt32) -> Range<Int> {
        tailOf[function] ?? makeTail(of: function)
    }

    private mutating func makeTail(of function: UInt32) -> Range<Int> {
        let start = tails.count
        tails += Array(",\"name\":".utf8) + JSONText.quoted(trace.function(function).displayName)
        tails.append(UInt8(ascii: "}"))
        tailOf.set(start..<tails.count, of: function)
        return start..<tails.count
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
