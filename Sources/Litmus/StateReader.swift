/// Reads the initial state, when labels are known.
struct StateReader {
    private(set) var test: LitmusTest
    /// `pte_x=(oa:phy_y)`: by name, where its page is.
    private var pages: [String: String] = [:]

    init(_ test: LitmusTest) { self.test = test }

    mutating func read(_ text: Substring) throws(LitmusError) {
        for entry in text.split(separator: ";").map(\.trimmed) where !entry.isEmpty { try read(entry) }
        try readPages()
    }

    private mutating func read(_ entry: String) throws(LitmusError) {
        guard let sign = entry.firstIndex(of: "=") else {
            let declared = Self.declared(entry)
            // A type and a place, with nothing in it.
            return declared.place.hasSuffix("]") ? try setArray(declared.place, [], declared.type) : ()
        }
        let text = String(entry[entry.index(after: sign)...]).trimmed
        let (type, place) = Self.declared(String(entry[..<sign]).withoutSpaceAtColons)
        if place.hasPrefix("pte_") || place.hasPrefix("[pte_") {
            return try page(place.trimmingBrackets.dropFirst(4), text)
        }
        if text.hasPrefix("{"), text.hasSuffix("}") {
            let elements = text.dropFirst().dropLast().split(separator: ",").map(\.trimmed)
            return try setArray(place, elements, type)
        }
        try set(place, try ValueReader.read(text, test))
    }

    /// `uint64_t *x` is a type and a place.
    private static func declared(_ text: String) -> (type: String, place: String) {
        guard let space = text.lastIndex(where: { $0 == " " || $0 == "*" }) else { return ("", text) }
        return (String(text[..<space]).trimmed, String(text[text.index(after: space)...]))
    }

    private mutating func set(_ place: String, _ value: LitmusValue) throws(LitmusError) {
        if let colon = place.firstIndex(of: ":"), let thread = Int(place[..<colon]) {
            let name = place[place.index(after: colon)...].uppercased()
            guard test.threads.indices.contains(thread), let number = ValueReader.register(name) else {
                throw LitmusError(what: "initial state of '\(place)'")
            }
            test.registers[thread, default: [:]][number] = value
            return
        }
        let name = place.trimmingBrackets
        guard ValueReader.isName(name) else { throw LitmusError(what: "initial state of '\(place)'") }
        test.memory[.data(name)] = value
    }

    private static let byteCounts: [String: Int64] = [
        "int": 4, "int32_t": 4, "uint32_t": 4, "int64_t": 8, "uint64_t": 8, "intptr_t": 8, "uintptr_t": 8,
    ]

    /// `int x[2]={1,2}`: places one behind the other.
    private mutating func setArray(_ place: String, _ elements: [String], _ type: String) throws(LitmusError) {
        let parts = place.dropLast().split(separator: "[", omittingEmptySubsequences: false).map(\.trimmed)
        guard parts.count == 2, ValueReader.isName(parts[0]), let byteCount = Self.byteCounts[type],
            let count = parts[1].isEmpty ? elements.count : Int(parts[1]), 1...64 ~= count, elements.count <= count
        else { throw LitmusError(what: "initial state of '\(place)'") }
        test.arrays[parts[0]] = .init(count: count, byteCount: byteCount)
        for (index, element) in elements.enumerated() {
            test.memory[.data(parts[0], offset: Int64(index) * byteCount)] = try ValueReader.read(element, test)
        }
    }

    // MARK: Pages with two names

    private mutating func page(_ name: Substring, _ text: String) throws(LitmusError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(\.trimmed)
        guard parts.count == 2, parts[0] == "(oa", parts[1].hasPrefix("phy_"), parts[1].hasSuffix(")") else {
            throw LitmusError(what: "page table entry '\(text)'")
        }
        pages[String(name)] = String(parts[1].dropFirst(4).dropLast())
    }

    /// Every name whose page is another's becomes that one; code is what its label names.
    private mutating func readPages() throws(LitmusError) {
        for page in Set(pages.values).sorted() {
            var names = pages.filter { $0.value == page }.map(\.key)
            if pages[page] == nil { names.append(page) }
            let places = names.sorted().map { name in labelled(name) }
            let codes = places.flatMap { $0 }
            guard codes.count <= 1, names.filter({ test.memory[.data($0)] != nil }).isEmpty || codes.isEmpty else {
                throw LitmusError(what: "a page with more than one initial state")
            }
            for name in names { test.aliases[name] = codes.first ?? .data(page) }
            if let name = names.first(where: { test.memory[.data($0)] != nil }) {
                test.memory[.data(page)] = test.memory[.data(name)]
            }
        }
    }

    private func labelled(_ name: String) -> [LitmusLocation] {
        test.threads.enumerated().compactMap { thread, code in
            code.labels[name].map { .code(thread: thread, index: $0) }
        }
    }
}
