import MachineCode

/// T32: halfwords. An instruction of 32 bits is two of them, fetched one after the other, whatever its address: the
/// architecture promises nothing about both at once (ARMv7-A&R manual, A3.5.4), and across a word, a line or a page nothing
/// could.
///
/// What may be modified concurrently: the 16-bit B, NOP, BKPT, SVC. No instruction of 32 bits, NOP.W included.
///
/// A condition of an IT block that fails turns its instruction into a NOP of its own size. BKPT is taken in any
/// case; an undefined instruction may be a NOP then (A4.1.2, B1.14).
enum T32Rules: ArmRules {
    static func unitCount(_ first: UInt32) -> Int {
        T32Instruction.isWide(UInt16(truncatingIfNeeded: first)) ? 2 : 1
    }
    static func mayBeModifiedConcurrently(_ unit: UInt32) -> Bool {
        T32Instruction.mayBeModifiedConcurrently(UInt16(truncatingIfNeeded: unit))
    }
    static func caches(_ scenario: Scenario) -> CacheKind { .none }
}

typealias T32Machine = ArmMachine<T32Rules>
