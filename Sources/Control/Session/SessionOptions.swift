import TraceFormat

/// What a session was asked for.
public struct SessionOptions: Sendable {
    public enum Subject: Sendable {
        /// A program to start: its resolved path, and its arguments, `argv[0]` first.
        case program(executable: String, arguments: [String])
        /// A process that runs.
        case process(Int32)
    }

    public var subject: Subject
    public var outputPath: String
    public var selection: Selection
    /// Options as typed, for the trace.
    public var filterTexts: [String]
    public var bufferByteCount: Int
    public var whenFull: WhenFull
    public var agentPath: String
    /// What the program runs on; nil for this machine.
    public var target: Target?
    /// How a running process is patched.
    public var live = LiveOptions()
    /// Sites of a running process are armed and left off.
    public var startsOff = false

    public init(
        subject: Subject, outputPath: String, selection: Selection, filterTexts: [String], bufferByteCount: Int,
        whenFull: WhenFull, agentPath: String
    ) {
        self.subject = subject
        self.outputPath = outputPath
        self.selection = selection
        self.filterTexts = filterTexts
        self.bufferByteCount = bufferByteCount
        self.whenFull = whenFull
        self.agentPath = agentPath
    }
}

/// How a session ended.
public struct SessionOutcome: Sendable {
    /// As `waitpid` gave it; nil for a process that was attached to.
    public var waitStatus: Int32?
    /// Sentences for the user: what went wrong or was left out.
    public var notes: [String]
    /// True when the trace lacks something because writing it failed.
    public var isIncomplete: Bool
    /// False when no agent ever answered: nothing was traced.
    public var wasTraced: Bool
    public var lostEvents: UInt64
}

/// How attaching went.
public struct AttachOutcome: Codable, Sendable {
    public var pid: Int32
    /// Functions that were chosen and have a site.
    public var sites = 0
    public var on = 0
    public var off = 0
    public var refused: [LiveOutcome.Tally] = []
    public var plans: [LiveOutcome.PlanReport] = []
    public var elapsedNanos: UInt64 = 0
    /// The longest that a thread of it stood stopped.
    public var stoppedNanos: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case pid, sites, on, off, refused, plans
        case elapsedNanos = "elapsed_ns"
        case stoppedNanos = "stopped_ns"
    }
}
