/// A demangled name without its parameters and return type: `void ns::f<int>(int) const` gives
/// `ns::f<int>`. A text without a parameter list comes back as it is.
public func bareName(ofDemangled demangled: String) -> String {
    let text = Array(demangled.utf8)
    let end = startOfParameters(text) ?? text.count
    let start = startOfName(text[..<end])
    return String(decoding: text[start..<end], as: UTF8.self)
}

/// The index of the `(` that opens the last parenthesis at depth 0, unless it is the `()` of
/// `operator()` or belongs to the name, as in `(anonymous namespace)::f`.
private func startOfParameters(_ text: [UInt8]) -> Int? {
    var depth = 0
    var at = text.count
    while at > 0 {
        at -= 1
        switch text[at] {
        case UInt8(ascii: ")"):
            depth += 1
        case UInt8(ascii: "("):
            depth -= 1
            if depth == 0 {
                let isOperator = text[..<at].ends(with: "operator")
                let isPartOfName = at == 0 || text[at - 1] == UInt8(ascii: ":")
                return isOperator || isPartOfName ? nil : at
            }
        default:
            break
        }
    }
    return nil
}

/// The index behind the last space at depth 0, which ends the return type; the space of
/// `operator bool` and of `operator new` belongs to the name.
private func startOfName(_ text: ArraySlice<UInt8>) -> Int {
    var depth = 0
    var start = text.startIndex
    if let conversion = indexOfOperator(text) {
        return startOfName(text[..<conversion])
    }
    for at in text.indices {
        switch text[at] {
        case UInt8(ascii: "("), UInt8(ascii: "<"), UInt8(ascii: "{"): depth += 1
        case UInt8(ascii: ")"), UInt8(ascii: ">"), UInt8(ascii: "}"): depth -= 1
        case UInt8(ascii: " ") where depth == 0: start = at + 1
        default: break
        }
    }
    return start
}

/// Where the word `operator` begins, when something other than a letter stands around it.
private func indexOfOperator(_ text: ArraySlice<UInt8>) -> Int? {
    let word = Array("operator".utf8)
    guard text.count > word.count else { return nil }
    for at in text.startIndex...(text.endIndex - word.count)
    where text[at..<(at + word.count)].elementsEqual(word) {
        let startsWord = at == text.startIndex || !isIdentifier(text[at - 1])
        let endsWord = at + word.count == text.endIndex || !isIdentifier(text[at + word.count])
        if startsWord && endsWord { return at }
    }
    return nil
}

private func isIdentifier(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...0xFF:
        return true
    default:
        return false
    }
}

extension ArraySlice<UInt8> {
    fileprivate func ends(with word: String) -> Bool { suffix(word.utf8.count).elementsEqual(word.utf8) }
}
