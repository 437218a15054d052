import MachineCode

/// A site that is to go from one form to another in a process that runs. Runtime addresses.
public struct SiteChange: Equatable, Sendable {
    public var site: Site
    public var bias: UInt64
    public var from: SiteForm
    public var to: SiteForm
    /// Where the armed form leads; needed unless `to` is `.original`.
    public var stub: UInt64
    /// Where the stub keeps its distances to a slid prologue, four bytes each, counted from their end. Once
    /// the prologue is back in its place they have to lead there: a thread may be on its way.
    public var bodyHoles: [UInt64] = []

    public init(site: Site, bias: UInt64, from: SiteForm, to: SiteForm, stub: UInt64 = 0) {
        self.site = site
        self.bias = bias
        self.from = from
        self.to = to
        self.stub = stub
    }

    public var address: UInt64 { site.address &+ bias }
    public var end: UInt64 { address &+ UInt64(site.original.count) }

    /// The change that takes this one back.
    public var inverse: SiteChange {
        var inverse = SiteChange(site: site, bias: bias, from: to, to: from, stub: stub)
        inverse.bodyHoles = bodyHoles
        return inverse
    }

    /// Where the stub has to lead afterwards; nil where that is the same in every form.
    var bodyTarget: UInt64? {
        guard case .mcountCall = site.shape else { return nil }
        return to == .original ? address : site.bodyAddress &+ bias
    }

    /// Between off and on: one byte.
    public var isToggle: Bool { from != .original && to != .original }

    /// Every byte of the window afterwards.
    ///
    /// Throws: `.outOfRange` when the stub is farther than a branch reaches.
    public func newBytes() throws(PlanError) -> [UInt8] {
        if to == .original { return site.original }
        return try ExclusivePlanner.armedBytes(
            SiteAssignment(site: site, bias: bias, stub: stub, isOn: to == .on))
    }

    /// The offsets, first excluded, at which an instruction of the present form may begin: where a
    /// thread may stand that was interrupted inside the window.
    public var standingOffsets: Range<Int> {
        let count = site.original.count
        if from != .original { return Site.sledByteCount..<max(Site.sledByteCount, count) }
        switch site.shape {
        // One instruction. Behind XRay's jump over its own NOP nobody ever stands.
        case .singleNop, .fentryCall, .xraySled: return count..<count
        case .smallNops, .mixedNops, .mcountCall: return 1..<count
        }
    }

    /// Where a thread goes on that stands at `offset` in the present form, once the new one is there.
    public func target(ofOffset offset: Int) -> UInt64 {
        if case .mcountCall(let prologueByteCount, _) = site.shape {
            // The prologue slides by the size of the sled; what follows it is the call or a NOP.
            if from == .original {
                return address &+ UInt64(min(offset, prologueByteCount) + Site.sledByteCount)
            }
            if to == .original && offset - Site.sledByteCount < prologueByteCount {
                return address &+ UInt64(offset - Site.sledByteCount)
            }
        }
        // NOPs before and after: what is left of them does nothing.
        return end
    }
}
