import MachineCode

/// A site that is to go from one form to another in a process that runs. Runtime addresses.
public struct SiteChange: Equatable, Sendable {
    public var site: Site
    public var bias: UInt64
    public var from: SiteForm
    public var to: SiteForm
    /// Where the armed form leads; needed unless `to` is `.original`.
    public var stub: UInt64
    /// Where the stub keeps its ways to a slid prologue: on x86-64 distances, four bytes each, counted from their
    /// end; on Arm branches. Once the prologue is back in its place they have to lead there: a thread may be on its
    /// way.
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

    /// Between off and on: one store.
    public var isToggle: Bool { from != .original && to != .original }

    /// Every byte of the window afterwards.
    ///
    /// Throws: `.outOfRange` when the stub is farther than a branch reaches.
    public func newBytes() throws(PlanError) -> [UInt8] {
        try site.bytes(of: to, bias: bias, stub: stub)
    }

    /// Every byte of the window before.
    ///
    /// Throws: `.outOfRange` when the stub is farther than a branch reaches.
    public func oldBytes() throws(PlanError) -> [UInt8] {
        try site.bytes(of: from, bias: bias, stub: stub)
    }

    /// The offsets, first excluded, at which an instruction of the present form may begin: where a
    /// thread may stand that was interrupted inside the window.
    public var standingOffsets: Range<Int> {
        let count = site.original.count
        if from != .original {
            // T32: its B.W is an instruction of its own, behind the NOP that leads into it.
            let first = site.isa == .t32 && from == .on ? site.isa.unitByteCount : site.sledByteCount
            return first..<max(first, count)
        }
        switch site.shape {
        // One instruction. Behind XRay's jump over its own NOP nobody ever stands.
        case .singleNop, .fentryCall, .xraySled: return count..<count
        case .smallNops, .mixedNops, .mcountCall: return min(site.isa.unitByteCount, count)..<count
        }
    }

    /// A stub that calls a prologue which is back in its place leads to the entry, where the sled comes next: its
    /// thread must not go through that again.
    var enteredTarget: UInt64? {
        guard case .mcountCall = site.shape, from == .original else { return nil }
        return address &+ UInt64(site.sledByteCount)
    }

    /// Where a thread goes on that stands at `offset` in the present form, once the new one is there; nil where it
    /// has to go on by itself first.
    public func target(ofOffset offset: Int) -> UInt64? {
        if case .mcountCall(let prologueByteCount, _) = site.shape {
            // Arm: it has pushed the return address for a call that would not come.
            if from == .original && site.isa != .x86_64 && offset > prologueByteCount { return nil }
            // The prologue slides by the size of the sled; what follows it is the call or a NOP.
            if from == .original {
                return address &+ UInt64(min(offset, prologueByteCount) + site.sledByteCount)
            }
            if to == .original && offset - site.sledByteCount < prologueByteCount {
                return address &+ UInt64(max(0, offset - site.sledByteCount))
            }
        }
        // NOPs before and after: what is left of them does nothing.
        return end
    }
}
