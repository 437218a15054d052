import MachineCode

/// A64: words, each fetched as a whole (Arm ARM B2.2.5), and three kinds of caches.
///
/// What may be modified concurrently: B, B.cond, BL, BRK, CBZ, CBNZ, HVC, ISB, NOP, SMC, SVC, TBZ, TBNZ. Target and
/// condition of a conditional branch may mix, which Nopal's plans have none of.
enum A64Rules: ArmRules {
    static func unitCount(_ first: UInt32) -> Int { 1 }
    static func mayBeModifiedConcurrently(_ unit: UInt32) -> Bool { A64Instruction.mayBeModifiedConcurrently(unit) }
    static func caches(_ scenario: Scenario) -> CacheKind { scenario.caches }
}

typealias A64Machine = ArmMachine<A64Rules>
