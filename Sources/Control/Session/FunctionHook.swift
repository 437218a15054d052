import Patching
import Programs
import TraceFormat

/// A function of libc or the loader whose first instructions are replaced by a jump to the agent,
/// if exactly the expected ones stand there (docs/decisions/0004).
struct FunctionHook: Equatable {
    let function: HookedFunction
    /// Runtime address.
    let address: UInt64
    /// Where the agent goes on afterwards; 0 where it returns to the caller.
    let resume: UInt64
    /// What the jump replaces: whole instructions.
    let original: [UInt8]
    /// Where they begin, but for the first.
    let inner: [Int]
    /// The first eight bytes of the function; on Arm four.
    let firstWord: UInt64
    /// Arm: the page of the way to the agent, the branch there, and the way's code; 0 and empty elsewhere.
    var way: UInt64 = 0
    var branch: UInt64 = 0
    var wayBytes: [UInt8] = []

    /// Instructions that the agent's hook runs in the replaced ones' stead.
    private struct Pattern {
        var function: HookedFunction
        var name: String
        var original: [UInt8]
        var inner: [Int] = []
        /// What has to follow.
        var next: [UInt8] = []
    }

    private static let ofLibc: [Pattern] = [
        // mov $59, %eax; (syscall)
        Pattern(function: .execve, name: "execve", original: [0xb8, 0x3b, 0, 0, 0], next: [0x0f, 0x05]),
        // mov %fs:0x10, %rax
        Pattern(function: .fork, name: "_Fork", original: [0x64, 0x48, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0]),
        // mov $-22, %rax
        Pattern(function: .clone, name: "clone", original: [0x48, 0xc7, 0xc0, 0xea, 0xff, 0xff, 0xff]),
        // mov %rdi, %rax; mov %rsi, %rdi
        Pattern(function: .systemCall, name: "syscall", original: [0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7], inner: [3]),
    ]

    /// The hooks that a module has places for: none but in libc and the loader.
    static func hooks(of image: ModuleImage, bias: UInt64) -> [FunctionHook] {
        let name = image.path.split(separator: "/").last ?? ""
        if name.hasPrefix("libc.so") || name.hasPrefix("libc-") || name.hasPrefix("ld-musl") {
            return ofLibc.compactMap { hook($0, image, bias) }
        }
        return []
    }

    /// The loader's `_dl_debug_state`: a lone `ret`, padded to 16 bytes; nobody stands behind it.
    ///
    /// - Parameter code: what stands at `address`.
    static func modulesChanged(at address: UInt64, code: [UInt8]) -> FunctionHook? {
        guard address != 0, address % 16 == 0, code.count >= 8, code[0] == 0xc3,
            [0x66, 0x0f, 0x90, 0xcc].contains(code[1])
        else { return nil }
        return FunctionHook(
            function: .modulesChanged, address: address, resume: 0, original: Array(code[..<Hook.jumpByteCount]),
            inner: [],
            firstWord: word(code))
    }

    private static func hook(_ pattern: Pattern, _ image: ModuleImage, _ bias: UInt64) -> FunctionHook? {
        let whole = pattern.original + pattern.next
        guard let address = image.exportedFunction(pattern.name),
            let code = image.code(at: address, count: max(8, whole.count)), code.starts(with: whole)
        else { return nil }
        return FunctionHook(
            function: pattern.function, address: address &+ bias,
            resume: address &+ bias &+ UInt64(pattern.original.count), original: pattern.original, inner: pattern.inner,
            firstWord: word(code))
    }

    private static func word(_ code: [UInt8]) -> UInt64 {
        code[..<8].enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
    }

    /// Puts the jump there, or the original bytes back, while all threads are stopped.
    ///
    /// - Parameter target: the agent's code. Nil when it is out of a branch's reach.
    func plan(target: UInt64, isRestoring: Bool) -> Plan? {
        let distance = Int64(bitPattern: target &- (address &+ UInt64(Hook.jumpByteCount)))
        guard let near = Int32(exactly: distance) else { return nil }
        let bits = UInt64(Sled.on) | UInt64(UInt32(bitPattern: near)) << 8
        let jump = (0..<Hook.jumpByteCount).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
        let (old, new) = isRestoring ? (jump, original) : (original, jump)
        let stores = (0..<Hook.jumpByteCount).map { index in
            PlanStep.store(
                address: address &+ UInt64(index), width: 1, value: UInt64(new[index]), expected: UInt64(old[index]))
        }
        // A thread between the replaced instructions is waited for; nobody stands inside the jump.
        let window = Window(
            range: address..<address &+ UInt64(original.count),
            moves: (1..<original.count).map { isRestoring || !inner.contains($0) ? address : 0 })
        return Plan(
            steps: [.park] + stores + [.resume], patchProtocol: .stopped, siteCount: 0,
            windows: isRestoring || inner.isEmpty ? [] : [window])
    }
}
