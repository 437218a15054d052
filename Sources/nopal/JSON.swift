/// A JSON value and its text. Keys keep their order, so that output can be compared.
enum JSON {
    case object([(String, JSON)])
    case array([JSON])
    case string(String)
    case number(UInt64)
    case decimal(Double)
    case boolean(Bool)
    case null

    /// Two spaces an indentation; a new line at the end.
    var text: String {
        var text = ""
        write(to: &text, indent: 0)
        return text + "\n"
    }

    private func write(to text: inout String, indent: Int) {
        switch self {
        case .object(let members):
            list(&text, indent, "{", "}", members) { text, member in
                JSON.write(member.0, to: &text)
                text += ": "
                member.1.write(to: &text, indent: indent + 1)
            }
        case .array(let values):
            list(&text, indent, "[", "]", values) { text, value in value.write(to: &text, indent: indent + 1) }
        case .string(let value): JSON.write(value, to: &text)
        case .number(let value): text += String(value)
        case .decimal(let value): text += value.isFinite ? String(value) : "null"
        case .boolean(let value): text += value ? "true" : "false"
        case .null: text += "null"
        }
    }

    private func list<Element>(
        _ text: inout String, _ indent: Int, _ open: String, _ close: String, _ elements: [Element],
        _ write: (inout String, Element) -> Void
    ) {
        text += open
        for (index, element) in elements.enumerated() {
            text += (index == 0 ? "\n" : ",\n") + String(repeating: "  ", count: indent + 1)
            write(&text, element)
        }
        text += elements.isEmpty ? close : "\n" + String(repeating: "  ", count: indent) + close
    }

    private static func write(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
