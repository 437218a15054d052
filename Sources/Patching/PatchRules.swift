import MachineCode

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
        case .breakpoint where change.site.isa != .x86_64:
            "on Arm one store does all that a breakpoint could"
        case .breakpoint:
            standing(change, changed) ?? guarantee(change, environment) ?? hook(change)
                ?? breakpointObstacle(environment)
        case .singleStore:
            standing(change, changed) ?? guarantee(change, environment)
                ?? singleStoreObstacle(change, changed, environment)
        }
    }

    /// A thread may stand at an instruction in the middle whose bytes change under it.
    private static func standing(_ change: SiteChange, _ changed: ClosedRange<Int>) -> String? {
        let offsets = change.standingOffsets
        guard !offsets.isEmpty, offsets.lowerBound <= changed.upperBound else { return nil }
        return "a thread may stand between its instructions"
    }

    private static func guarantee(_ change: SiteChange, _ environment: PatchEnvironment) -> String? {
        guard change.site.isa == .x86_64, environment.isStrict, environment.vendor != .amd else { return nil }
        return "no manual of this processor guarantees a store into code that others execute"
    }

    /// Who hits the breakpoint is sent past the site: that is what *off* does, and neither a hook nor a stub.
    private static func hook(_ change: SiteChange) -> String? {
        guard change.site.shape.isHookAtEntry, change.from != .off, change.to != .off else { return nil }
        return "who hits the breakpoint would neither call the hook nor be traced"
    }

    private static func breakpointObstacle(_ environment: PatchEnvironment) -> String? {
        if !environment.hasCoreSync { return "the kernel has no membarrier with SYNC_CORE" }
        return environment.trapObstacle
    }

    private static func singleStoreObstacle(
        _ change: SiteChange, _ changed: ClosedRange<Int>, _ environment: PatchEnvironment
    ) -> String? {
        if change.site.isa != .x86_64 { return unlistedObstacle(change, changed, environment) }
        if isDeadBehindJump(change) {
            return environment.hasCoreSync ? nil : "the kernel has no membarrier with SYNC_CORE"
        }
        let first = change.address &+ UInt64(changed.lowerBound)
        let last = change.address &+ UInt64(changed.upperBound)
        return first >> 3 == last >> 3 ? nil : "its bytes straddle an aligned word of 8"
    }

    /// Arm: one unit, naturally aligned, and both instructions on the architecture's list of what may be replaced
    /// while others execute it (Arm ARM B2.2.5; ARMv7-A&R manual, A3.5.4).
    private static func unlistedObstacle(
        _ change: SiteChange, _ changed: ClosedRange<Int>, _ environment: PatchEnvironment
    ) -> String? {
        let unit = change.site.isa.unitByteCount
        guard changed.upperBound < unit else { return "it changes more than one instruction" }
        guard environment.hasCoreSync else { return "the kernel has no membarrier with SYNC_CORE" }
        let heads = [try? change.oldBytes(), try? change.newBytes()].map { $0.map { Array($0.prefix(unit)) } }
        let areListed = heads.allSatisfy { head in
            head.map { change.site.isa.mayBeModifiedConcurrently($0) } ?? false
        }
        return areListed ? nil : "the architecture's list of instructions that may be replaced has not both"
    }

    /// XRay's sled jumps over its own NOP: all behind the jump is dead until the jump is replaced,
    /// and the jump is two bytes at an even address.
    static func isDeadBehindJump(_ change: SiteChange) -> Bool {
        change.site.isa == .x86_64 && change.site.shape == .xraySled && change.from == .original
            && change.address % 2 == 0
    }
}

extension InstructionSet {
    /// Whether the architecture lets an instruction, given by its first unit, be replaced by one like it while others
    /// execute it. Nothing of the kind is on x86-64.
    func mayBeModifiedConcurrently(_ unit: [UInt8]) -> Bool {
        let value = unit.enumerated().reduce(UInt32(0)) { $0 | UInt32($1.element) << UInt32(8 * $1.offset) }
        return switch self {
        case .x86_64: false
        case .a64: A64Instruction.mayBeModifiedConcurrently(value)
        case .a32: A32Instruction.mayBeModifiedConcurrently(value)
        case .t32: T32Instruction.mayBeModifiedConcurrently(UInt16(truncatingIfNeeded: value))
        }
    }
}
