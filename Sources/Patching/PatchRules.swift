/// What is known of the machine and the process that a plan is for.
public struct PatchEnvironment: Equatable, Sendable {
    public enum Vendor: String, Sendable { case amd, intel, other }

    public var vendor: Vendor
    /// Only what a manual guarantees, not what is seen to work.
    public var isStrict: Bool
    /// membarrier offers SYNC_CORE.
    public var hasCoreSync: Bool
    /// The threads of the process may be stopped (ptrace).
    public var canStop: Bool
    /// Why breakpoints are no way: a thread that blocks SIGTRAP is killed by one; nil if they are.
    public var trapObstacle: String?

    public init(
        vendor: Vendor, isStrict: Bool = false, hasCoreSync: Bool = true, canStop: Bool = true,
        trapObstacle: String? = nil
    ) {
        self.vendor = vendor
        self.isStrict = isStrict
        self.hasCoreSync = hasCoreSync
        self.canStop = canStop
        self.trapObstacle = trapObstacle
    }
}

/// Which protocol is sound for which change, and why another is not.
///
/// Source: AMD APM vol. 2, 7.6.1; Intel SDM vol. 3, 8.1.3; docs/PATCHING.md has the table.
public enum PatchRules {
    /// Cheapest first. A breakpoint kills a thread that blocks SIGTRAP, and a thread may begin to
    /// do so at any time: it comes last, and is taken by itself only where nothing else is on offer.
    static let preference: [PatchProtocol] = [.singleStore, .stopped, .breakpoint]

    /// Why a protocol is not sound for a change; nil when it is.
    ///
    /// - Parameter changed: the offsets of the first and last byte that differ, in the window.
    static func obstacle(
        to change: SiteChange, by patchProtocol: PatchProtocol, changed: ClosedRange<Int>,
        _ environment: PatchEnvironment
    ) -> String? {
        switch patchProtocol {
        case .exclusive: "other threads may run the code"
        case .stopped: environment.canStop ? nil : "the threads of the process may not be stopped"
        case .breakpoint:
            standing(change, changed) ?? guarantee(environment) ?? breakpointObstacle(environment)
        case .singleStore:
            standing(change, changed) ?? guarantee(environment) ?? singleStoreObstacle(change, changed, environment)
        }
    }

    /// A thread may stand at an instruction in the middle whose bytes change under it.
    private static func standing(_ change: SiteChange, _ changed: ClosedRange<Int>) -> String? {
        let offsets = change.standingOffsets
        guard !offsets.isEmpty, offsets.lowerBound <= changed.upperBound else { return nil }
        return "a thread may stand between its instructions"
    }

    private static func guarantee(_ environment: PatchEnvironment) -> String? {
        guard environment.isStrict, environment.vendor != .amd else { return nil }
        return "no manual of this processor guarantees a store into code that others execute"
    }

    private static func breakpointObstacle(_ environment: PatchEnvironment) -> String? {
        if !environment.hasCoreSync { return "the kernel has no membarrier with SYNC_CORE" }
        return environment.trapObstacle
    }

    private static func singleStoreObstacle(
        _ change: SiteChange, _ changed: ClosedRange<Int>, _ environment: PatchEnvironment
    ) -> String? {
        if isDeadBehindJump(change) {
            return environment.hasCoreSync ? nil : "the kernel has no membarrier with SYNC_CORE"
        }
        let first = change.address &+ UInt64(changed.lowerBound)
        let last = change.address &+ UInt64(changed.upperBound)
        return first >> 3 == last >> 3 ? nil : "its bytes straddle an aligned word of 8"
    }

    /// XRay's sled jumps over its own NOP: all behind the jump is dead until the jump is replaced,
    /// and the jump is two bytes at an even address.
    static func isDeadBehindJump(_ change: SiteChange) -> Bool {
        change.site.shape == .xraySled && change.from == .original && change.address % 2 == 0
    }
}
