import MachineCode
import Patching

/// Entry calls of 32-bit Arm: `prologue; push {lr}; bl __gnu_mcount_nc`.
extension SiteFinder {
    /// A32: `NOP or B; prologue; NOP`. T32: `B.N or NOP; B.W; prologue`. The sizes fit.
    mutating func armCall(
        in code: FileBytes, at offset: Int, entry: UInt64, byteCount: Int, isThumb: Bool
    ) -> Found {
        guard offset >= 0,
            let callByteCount = targets.armCallByteCount(
                in: code, at: offset, address: entry &+ UInt64(offset), isThumb: isThumb)
        else { return .obstacle("no call of __gnu_mcount_nc at the recorded address") }
        guard let body = code.slice(0, byteCount: min(byteCount, code.count)), body.count >= offset + callByteCount
        else {
            return .obstacle("the function's size is not known")
        }
        if let reason = armPrologues.obstacle(
            in: body, prologueByteCount: offset, callByteCount: callByteCount, isThumb: isThumb)
        {
            return .obstacle(reason)
        }
        let prologue = code.array(0, count: offset)
        let filling: [UInt8] = isThumb ? [] : (try? A32Instruction.nop.encodedBytes()) ?? []
        return .site(
            Site(
                isa: isThumb ? .t32 : .a32, address: entry,
                shape: .mcountCall(prologueByteCount: offset, callByteCount: callByteCount),
                original: code.array(0, count: offset + callByteCount), tail: prologue + filling))
    }
}
