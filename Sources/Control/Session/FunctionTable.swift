import Demangling
import Globs
import Patching
import Programs
import TraceFormat

/// Which functions a session traces, and how.
public struct Selection: Sendable {
    public var filter: FunctionFilter
    /// False with --no-exits.
    public var recordsExits: Bool
    /// Calls deeper than this are not recorded; nil for no limit.
    public var depthLimit: Int?

    public init(filter: FunctionFilter, recordsExits: Bool = true, depthLimit: Int? = nil) {
        self.filter = filter
        self.recordsExits = recordsExits
        self.depthLimit = depthLimit
    }
}

/// Gives functions their ids, unique in the session, and modules their numbers.
final class FunctionTable {
    private var nextFunction: UInt32 = 1
    private var nextModule: UInt32 = 0
    private let selection: Selection

    init(selection: Selection) { self.selection = selection }

    static let notSelected = "not selected"

    /// Gives ids to functions that were not chosen at first; what has no id left is left out.
    func extend(_ module: TracedModule, with more: [FunctionSite]) {
        var sites: [TracedModule.TracedSite] = []
        var functions: [FunctionRecord] = []
        for site in more {
            guard case .traceable(let patch, let exits, _) = site.verdict, nextFunction <= EventWord.payloadMask else {
                continue
            }
            append(site, patch, hasExit: exits && selection.recordsExits, &sites, &functions)
        }
        module.add(sites, functions)
    }

    private func append(
        _ site: FunctionSite, _ patch: Site, hasExit: Bool, _ sites: inout [TracedModule.TracedSite],
        _ functions: inout [FunctionRecord]
    ) {
        sites.append(.init(site: site, patch: patch, function: nextFunction, hasExit: hasExit))
        functions.append(
            FunctionRecord(
                id: nextFunction, name: site.function.name, address: site.function.address,
                byteCount: site.function.byteCount, hasExits: hasExit))
        nextFunction += 1
    }

    /// Chooses the sites of a module; nil when it has none at all.
    func add(_ image: ModuleImage) -> TracedModule? {
        guard !image.sites.isEmpty else { return nil }
        var tally = ReasonTally()
        var sites: [TracedModule.TracedSite] = []
        var functions: [FunctionRecord] = []
        for site in image.sites {
            guard case .traceable(let patch, let exits, let remark) = site.verdict else {
                if case .notTraceable(let reason) = site.verdict { tally.add(reason, site.function.name) }
                continue
            }
            guard selection.filter.selects(linkageName: site.function.name, demangle: demangled) else {
                tally.add(Self.notSelected, site.function.name)
                continue
            }
            guard nextFunction <= EventWord.payloadMask else {
                tally.add("more functions than ids", site.function.name)
                continue
            }
            let hasExit = exits && selection.recordsExits
            if let remark, !exits { tally.addPartial(remark, site.function.name) }
            append(site, patch, hasExit: hasExit, &sites, &functions)
        }
        defer { nextModule += 1 }
        let record = ModuleRecord(
            index: nextModule, path: image.path, buildID: image.buildID, siteCount: UInt64(image.sites.count),
            tracedCount: UInt64(sites.count), notTraced: tally.rows, functions: functions)
        return TracedModule(index: nextModule, image: image, sites: sites, record: record)
    }
}

/// Counts reasons, and keeps a few names of each.
private struct ReasonTally {
    private var counts: [String: (count: UInt64, examples: [String])] = [:]

    mutating func add(_ reason: String, _ name: String) {
        var row = counts[reason] ?? (0, [])
        row.count += 1
        if row.examples.count < 3 { row.examples.append(name) }
        counts[reason] = row
    }

    mutating func addPartial(_ remark: String, _ name: String) { add("entries only: \(remark)", name) }

    var rows: [SiteTally] {
        counts.map { SiteTally(reason: $0.key, count: $0.value.count, examples: $0.value.examples) }
            .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
    }
}
