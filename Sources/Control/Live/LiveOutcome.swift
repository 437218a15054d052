import Patching

/// What a request to switch sites came to; printed by `nopal enable` and `disable`, or as JSON.
public struct LiveOutcome: Codable, Sendable {
    public struct PlanReport: Codable, Sendable {
        public var `protocol`: String
        public var sites: Int
        public var steps: Int
        /// From before the first store to behind the last sync.
        public var executeNanos: UInt64
        /// How long threads stood stopped for it.
        public var stoppedNanos: UInt64
        /// The longest core sync.
        public var syncNanos: UInt64

        enum CodingKeys: String, CodingKey {
            case `protocol`, sites, steps
            case executeNanos = "execute_ns"
            case stoppedNanos = "stopped_ns"
            case syncNanos = "sync_ns"
        }
    }

    public struct Tally: Codable, Sendable {
        public var reason: String
        public var count: Int
    }

    public var pid: Int32
    public var verb: String
    /// Functions that match, and have a site.
    public var matched = 0
    public var changed = 0
    /// In the wanted state before.
    public var already = 0
    /// Sites that stay as they are, and why.
    public var refused: [Tally] = []
    /// Why a cheaper protocol was not taken.
    public var reasons: [Tally] = []
    public var plans: [PlanReport] = []
    public var elapsedNanos: UInt64 = 0
    public var stoppedNanos: UInt64 = 0

    public init(pid: Int32, verb: String) {
        self.pid = pid
        self.verb = verb
    }

    enum CodingKeys: String, CodingKey {
        case pid, verb, matched, changed, already, refused, reasons, plans
        case elapsedNanos = "elapsed_ns"
        case stoppedNanos = "stopped_ns"
    }

    mutating func refuse(_ reason: String, _ count: Int = 1) { Self.add(reason, count, to: &refused) }
    mutating func explain(_ reason: String, _ count: Int) { Self.add(reason, count, to: &reasons) }

    private static func add(_ reason: String, _ count: Int, to tallies: inout [Tally]) {
        if let known = tallies.firstIndex(where: { $0.reason == reason }) {
            tallies[known].count += count
        } else {
            tallies.append(Tally(reason: reason, count: count))
        }
    }
}

/// How the sites of a process stand; read from its memory.
public struct LiveStatus: Codable, Sendable {
    public var pid: Int32
    public var executable = ""
    /// The trace that its events go to; empty when it belongs to no session.
    public var output = ""
    public var sites = 0
    public var armed = 0
    public var on = 0
    public var off = 0
    public var original = 0
    /// Sites with other bytes than any of Nopal's or the file's.
    public var foreign = 0
    public var longestStallNanos: UInt64 = 0
    public var threads = 0
    public var hasHelper = false

    public init(pid: Int32) { self.pid = pid }

    enum CodingKeys: String, CodingKey {
        case pid, executable, output, sites, armed, on, off, original, foreign, threads
        case longestStallNanos = "longest_stall_ns"
        case hasHelper = "has_helper"
    }

    mutating func add(_ form: SiteForm?) {
        sites += 1
        switch form {
        case .on: (on, armed) = (on + 1, armed + 1)
        case .off: (off, armed) = (off + 1, armed + 1)
        case .original: original += 1
        case nil: foreign += 1
        }
    }
}
