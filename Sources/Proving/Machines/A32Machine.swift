import MachineCode

/// A32: words, each fetched as a whole (ARMv7-A&R manual, A3.5.4), behind caches that need all maintenance.
///
/// What may be modified concurrently: B, BL, NOP, BKPT, SVC, HVC, SMC; not BLX to an immediate.
enum A32Rules: ArmRules {
    static func unitCount(_ first: UInt32) -> Int { 1 }
    static func mayBeModifiedConcurrently(_ unit: UInt32) -> Bool { A32Instruction.mayBeModifiedConcurrently(unit) }
    static func caches(_ scenario: Scenario) -> CacheKind { .none }
}

typealias A32Machine = ArmMachine<A32Rules>
