import Control
import Demangling
import MachineCode
import Programs

/// What `nopal sites` has to say about a module.
struct SiteListing: Encodable {
    struct Tally: Encodable {
        var what: String
        var count: Int
    }

    var path: String
    var buildID: String
    /// As `uname -m` says it, but for the dash: 32-bit Arm is one machine with two instruction sets.
    var machine: String
    var kind: String
    var hasFunctionNames: Bool
    var functions: Int
    var traceable: Int
    var entriesOnly: Int
    var notTraceable: Int
    var shapes: [Tally]
    var reasons: [Tally]
    /// What is wrong with the program, traced or not.
    var warning: String?
    /// With --live.
    var states: [Tally]?
    var sites: [SiteRow]

    init(image: ModuleImage, sites: [FunctionSite], withLines: Bool) {
        let lines = withLines ? SourceLines(of: image) : nil
        self.init(image: image, rows: sites.map { SiteRow($0, source: lines?.line(at: $0.function.address)) })
    }

    /// The sites of a module that a process has mapped.
    init(image: ModuleImage, states: [LiveSites.State], withLines: Bool) {
        let lines = withLines ? SourceLines(of: image) : nil
        self.init(image: image, rows: states.map { SiteRow($0, source: lines?.line(at: $0.site.function.address)) })
        self.states = Self.tallies(self.sites.compactMap(\.state))
    }

    private init(image: ModuleImage, rows: [SiteRow]) {
        path = image.path
        switch image.isa {
        case .x86_64: machine = "x86-64"
        case .a64: machine = "aarch64"
        case .a32, .t32: machine = "arm"
        }
        buildID = image.buildID.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        hasFunctionNames = image.hasFunctionNames
        switch image.kind {
        case .executable(let isPIE): kind = isPIE ? "position-independent executable" : "executable"
        case .sharedLibrary: kind = "shared library"
        }
        sites = rows
        functions = sites.count
        traceable = sites.count(where: \.isTraceable)
        entriesOnly = self.sites.count { $0.exits == false }
        notTraceable = functions - traceable
        shapes = Self.tallies(self.sites.compactMap(\.shape))
        reasons = Self.tallies(self.sites.compactMap(\.reason))
        if image.hasShiftedExceptionTables { warning = Self.exceptionTables }
    }

    private static let exceptionTables = """
        C++ for 32-bit Arm with -fpatchable-function-entry: gcc 12 writes exception tables that don't fit it, so that \
        throwing through such a function aborts, also without Nopal. Build C++ with -pg instead
        """

    private static func tallies(_ texts: [String]) -> [Tally] {
        var counts: [String: Int] = [:]
        for text in texts { counts[text, default: 0] += 1 }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { Tally(what: $0.key, count: $0.value) }
    }

    var withoutSites: SiteListing {
        var copy = self
        copy.sites = []
        return copy
    }

    /// The sites in columns, each as wide as its widest text up to a limit.
    var table: String {
        let limits = [18, 44, 24, 36, 24, 9, .max]
        let rows = [states == nil ? SiteRow.titles : SiteRow.liveTitles] + sites.map(\.columns)
        let widths = limits.indices.map { column in
            min(limits[column], rows.lazy.map { $0[column].count }.max() ?? 0)
        }
        return rows.reduce(into: "") { text, row in
            for (column, cell) in row.enumerated() {
                let isLast = column == row.count - 1
                text += cell + (isLast ? "\n" : String(repeating: " ", count: max(0, widths[column] - cell.count) + 2))
            }
        }
    }

    var summaryText: String {
        let other = machine == "x86-64" ? "" : " of \(machine)"
        var text = "\(path): \(kind)\(other), \(traceable) of \(functions) functions traceable"
        if entriesOnly > 0 { text += ", \(entriesOnly) of them entries only" }
        text += hasFunctionNames ? "\n" : "; stripped: named by address\n"
        for tally in states ?? [] { text += "  \(tally.count)  \(tally.what)\n" }
        for tally in shapes { text += "  \(tally.count)  \(tally.what)\n" }
        for tally in reasons { text += "  \(tally.count)  not traceable: \(tally.what)\n" }
        return text
    }

    /// What would help a program without sites.
    var advice: String? {
        guard traceable == 0 else { return nil }
        return """
            \(path) has nothing to trace: it was compiled without room at its entries. Rebuild it with the \
            flags that `nopal cflags` prints, e.g. make CFLAGS="-O2 $(nopal cflags)"
            """
    }
}
