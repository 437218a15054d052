import Reading

/// Writes speedscope's file format: one evented profile a thread, times in nanoseconds.
///
/// The frames that profiles name come after them, where all are known; JSON lets the members of
/// an object stand in any order. The format knows only opened and closed frames: an entry
/// without a known end, and a loss of events, become frames of no length.
/// Source: file-format-spec.ts of speedscope.
struct SpeedscopeExporter: Exporter {
    private let trace: Trace
    private let output: OutputBuffer
    /// A function's place among the frames.
    private var frames = FunctionTable<Int>()
    /// The frames as JSON, in the order of their places.
    private var frameTexts: [[UInt8]] = []
    private var lostFrame: Int?
    private var firstNanos: UInt64?
    private var lastNanos: UInt64 = 0
    private var isFirstProfile = true
    private var isFirstEvent = true

    init(trace: Trace, output: OutputBuffer) {
        self.trace = trace
        self.output = output
        output.put("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n")
        output.put("\"exporter\":\"nopal\",\"activeProfileIndex\":0,\"name\":")
        output.put(JSONText.quoted(trace.session?.commandLine.joined(separator: " ") ?? "nopal"))
        output.put(",\n\"profiles\":[")
    }

    mutating func began(_ thread: TraceThread) {
        if !isFirstProfile { output.put(UInt8(ascii: ",")) }
        isFirstProfile = false
        isFirstEvent = true
        firstNanos = nil
        lastNanos = 0
        output.put("\n{\"type\":\"evented\",\"unit\":\"nanoseconds\",\"name\":")
        output.put(JSONText.quoted("\(thread.shownName(in: trace)) (\(thread.thread))"))
        output.put(",\"events\":[")
    }

    mutating func ended(_ thread: TraceThread) {
        output.put("],\"startValue\":")
        output.putDecimal(firstNanos ?? 0)
        output.put(",\"endValue\":")
        output.putDecimal(lastNanos)
        output.put(UInt8(ascii: "}"))
    }

    mutating func finish() {
        output.put("],\n\"shared\":{\"frames\":[")
        var isFirst = true
        for text in frameTexts {
            output.put(isFirst ? "\n" : ",\n")
            isFirst = false
            output.put(text)
        }
        output.put("]}}\n")
    }

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        putEvent("O", frame: frame(of: function), atNanos: atNanos)
    }

    mutating func left(
        _ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd
    ) {
        putEvent("C", frame: frame(of: function), atNanos: atNanos)
    }

    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        let place = frame(of: function)
        putEvent("O", frame: place, atNanos: atNanos)
        putEvent("C", frame: place, atNanos: atNanos)
    }

    mutating func lost(_ eventCount: UInt64, atNanos: UInt64) {
        let place = lostFrame ?? addFrame("[events lost]", file: "")
        lostFrame = place
        putEvent("O", frame: place, atNanos: atNanos)
        putEvent("C", frame: place, atNanos: atNanos)
    }

    private mutating func putEvent(_ type: StaticString, frame: Int, atNanos: UInt64) {
        if firstNanos == nil { firstNanos = atNanos }
        // The format wants times that never go back.
        lastNanos = max(lastNanos, atNanos)
        output.put(isFirstEvent ? "\n{\"type\":\"" : ",\n{\"type\":\"")
        isFirstEvent = false
        output.put(type)
        output.put("\",\"frame\":")
        output.putDecimal(UInt64(frame))
        output.put(",\"at\":")
        output.putDecimal(lastNanos)
        output.put(UInt8(ascii: "}"))
    }

    private mutating func frame(of function: UInt32) -> Int {
        if let place = frames[function] { return place }
        let named = trace.function(function)
        let place = addFrame(named.displayName, file: named.moduleName)
        frames.set(place, of: function)
        return place
    }

    private mutating func addFrame(_ name: String, file: String) -> Int {
        var text = Array("{\"name\":".utf8) + JSONText.quoted(name)
        if !file.isEmpty { text += Array(",\"file\":".utf8) + JSONText.quoted(file) }
        text.append(UInt8(ascii: "}"))
        frameTexts.append(text)
        return frameTexts.count - 1
    }
}
