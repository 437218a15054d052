import Patching
import Programs
import TraceFormat

/// A module with the sites that are traced; the same one for every process that maps it.
final class TracedModule {
    struct TracedSite {
        var site: FunctionSite
        var patch: Site
        var function: UInt32
        var hasExit: Bool
    }

    let index: UInt32
    let image: ModuleImage
    /// The sites that the session's options chose, and those that were enabled since.
    private(set) var sites: [TracedSite]
    private(set) var record: ModuleRecord
    private lazy var byAddress: [UInt64: Int] = Dictionary(
        uniqueKeysWithValues: sites.enumerated().map { ($1.patch.address, $0) })

    init(index: UInt32, image: ModuleImage, sites: [TracedSite], record: ModuleRecord) {
        self.index = index
        self.image = image
        self.sites = sites
        self.record = record
    }

    /// The traced site at a link-time address.
    func site(at address: UInt64) -> TracedSite? { byAddress[address].map { sites[$0] } }

    /// Adds sites that were left out at first; `record` then names just their functions, with the counts of all.
    func add(_ more: [TracedSite], _ functions: [FunctionRecord]) {
        for site in more {
            byAddress[site.patch.address] = sites.count
            sites.append(site)
        }
        let before = record.notTraced.first { $0.reason == FunctionTable.notSelected }?.count ?? 0
        record.tracedCount = UInt64(sites.count)
        record.notTraced.removeAll { $0.reason == FunctionTable.notSelected }
        if before > UInt64(more.count) {
            record.notTraced.append(
                SiteTally(reason: FunctionTable.notSelected, count: before - UInt64(more.count)))
        }
        record.functions = functions
    }
}
