import FoundationEssentials

/// JSON on standard output: snake_case keys, sorted, one document a call.
///
/// The whole of Foundation would bring ICU along, which every start of the command would load.
enum JSONOutput {
    static func write(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        printText(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
    }
}
