import Foundation
import Testing

@testable import Exporting

/// Names that a symbol table may hold and a format may not.
let awkwardNames = [
    "plain", "operator\"\" _km", "a\\b", "tab\tnew\nline\u{1}\u{1f}\u{7f}", "ünïcode ☃ 𝔘",
    "a;b c", "(anonymous namespace)::f", "</script>", "",
    String(decoding: [0x66, 0xff, 0xfe, 0x80] as [UInt8], as: UTF8.self),
]

@Suite struct NameTests {
    /// Foundation's parser is the judge: what is read back is what was put in.
    @Test(arguments: awkwardNames)
    func quotesForJSON(name: String) throws {
        let quoted = JSONText.quoted(name)
        let read =
            try JSONSerialization.jsonObject(
                with: Data(quoted), options: .fragmentsAllowed) as? String
        #expect(read == name)
        #expect(quoted.allSatisfy { $0 >= 0x20 && $0 != 0x7f })
    }

    @Test func escapesEveryControlCharacter() throws {
        for code in UInt32(0)..<0x20 {
            let scalar = try #require(Unicode.Scalar(code))
            var bytes: [UInt8] = []
            JSONText.append(String(Character(scalar)), to: &bytes)
            let hex = String(code, radix: 16)
            let digits = String(repeating: "0", count: 4 - hex.count) + hex
            #expect(String(decoding: bytes, as: UTF8.self) == "\\u" + digits)
        }
    }

    @Test(arguments: awkwardNames)
    func keepsFoldedNamesOnOneFrame(name: String) {
        let cleaned = FoldedExporter.cleaned(name)
        #expect(!cleaned.contains(";"))
        #expect(cleaned.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f })
        #expect(cleaned.unicodeScalars.count == name.unicodeScalars.count)
    }
}
