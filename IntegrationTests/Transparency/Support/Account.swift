import Foundation

/// How often one function was entered and left in one thread.
struct Counts: Equatable, CustomStringConvertible {
    var entries = 0
    var exits = 0
    var unwound = 0
    var open = 0

    static func + (a: Counts, b: Counts) -> Counts {
        Counts(
            entries: a.entries + b.entries, exits: a.exits + b.exits,
            unwound: a.unwound + b.unwound, open: a.open + b.open)
    }

    var description: String { "entries \(entries) exits \(exits) unwound \(unwound) open \(open)" }
}

struct AccountKey: Hashable, Comparable {
    var thread: Int
    var function: String

    static func < (a: AccountKey, b: AccountKey) -> Bool {
        a.thread != b.thread ? a.thread < b.thread : a.function < b.function
    }
}

/// Counts per thread and function: the program's own, or those of a trace.
struct Account: Equatable {
    var rows: [AccountKey: Counts] = [:]

    mutating func add(_ counts: Counts, thread: Int, function: String) {
        rows[AccountKey(thread: thread, function: function), default: Counts()] =
            rows[AccountKey(thread: thread, function: function), default: Counts()] + counts
    }

    var functions: Set<String> { Set(rows.keys.map(\.function)) }
    var total: Counts { rows.values.reduce(Counts(), +) }

    /// Without threads, whose ids differ from run to run.
    var byFunction: [String: Counts] {
        rows.reduce(into: [:]) {
            $0[$1.key.function, default: Counts()] = $0[$1.key.function, default: Counts()] + $1.value
        }
    }
}

enum AccountError: Error, CustomStringConvertible {
    case notAnAccount(String)
    case notJSON(String)

    var description: String {
        switch self {
        case .notAnAccount(let path): "\(path) was not written by count.c"
        case .notJSON(let text): "not what `nopal info --json --by-function` should print: \(text.prefix(300))"
        }
    }
}

extension Account {
    /// The file that count.c maps; its shape is described there.
    init(countedBy url: URL) throws {
        let data = try Data(contentsOf: url)
        guard data.count > 8192, data.integer(UInt64.self, at: 0) == 0x746e_756f_6363_616e else {
            throw AccountError.notAnAccount(url.path)
        }
        let functionCount = min(Int(data.integer(UInt32.self, at: 8)), 64)
        let threadCount = min(Int(data.integer(UInt32.self, at: 12)), 16384)
        let names = (0..<functionCount).map { data.name(at: 4096 + 64 * $0) }
        let slotBytes = 16 + 64 * 24
        for thread in 0..<threadCount {
            let slot = 4096 + 64 * 64 + thread * slotBytes
            for (index, name) in names.enumerated() {
                let at = slot + 16 + 24 * index
                let fields = (0..<3).map { Int(data.integer(UInt64.self, at: at + 8 * $0)) }
                let counts = Counts(
                    entries: fields[0], exits: fields[1], unwound: fields[2],
                    open: fields[0] - fields[1] - fields[2])
                if fields != [0, 0, 0] {
                    add(counts, thread: Int(data.integer(UInt32.self, at: slot)), function: name)
                }
            }
        }
    }

    /// What `nopal info --json --by-function` says of a trace.
    init(infoJSON text: String) throws {
        guard let info = try? JSONDecoder().decode(TraceInfo.self, from: Data(text.utf8)) else {
            throw AccountError.notJSON(text)
        }
        for row in info.accounts {
            add(
                Counts(
                    entries: row.entries + (row.entries_only ?? 0), exits: row.exits, unwound: row.unwound,
                    open: row.open),
                thread: row.tid, function: row.function)
        }
    }
}

/// The part of `nopal info --json` that the tests read.
struct TraceInfo: Decodable {
    struct Row: Decodable {
        var tid: Int
        var function: String
        var entries: Int
        var exits: Int
        var unwound: Int
        var open: Int
        /// Entries of functions whose ends are not traced.
        var entries_only: Int?
    }
    struct Events: Decodable {
        var entries: Int
        var exits: Int
        var unwound: Int
        var open: Int
        var lost: Int
        /// Ends whose entries were lost.
        var exits_without_entry: Int?
    }
    var accounts: [Row]
    var events: Events
}

extension Data {
    fileprivate func integer<T: FixedWidthInteger>(_: T.Type, at offset: Int) -> T {
        guard offset >= 0, offset + MemoryLayout<T>.size <= count else { return 0 }
        return (0..<MemoryLayout<T>.size).reduce(0) { $0 | T(self[startIndex + offset + $1]) << (8 * $1) }
    }

    fileprivate func name(at offset: Int) -> String {
        String(decoding: self[(startIndex + offset)..<(startIndex + offset + 64)].prefix { $0 != 0 }, as: UTF8.self)
    }
}
