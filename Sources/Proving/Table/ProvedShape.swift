import MachineCode
import Patching

/// A shape of site with all that the checker has to know of it: its bytes, and where instructions begin in them.
public struct ProvedShape: Equatable, Sendable {
    /// In words, as tables show it.
    public var name: String
    public var isa: InstructionSet
    public var shape: SiteShape
    public var original: [UInt8]
    /// What follows the sled once armed.
    public var tail: [UInt8]
    /// The lengths of the instructions of a prologue that slides, bytes.
    public var prologue: [Int]

    public init(
        _ name: String, _ isa: InstructionSet, _ shape: SiteShape, original: [UInt8], tail: [UInt8] = [],
        prologue: [Int] = []
    ) {
        self.name = name
        self.isa = isa
        self.shape = shape
        self.original = original
        self.tail = tail
        self.prologue = prologue
    }

    public func site(at address: UInt64) -> Site {
        Site(isa: isa, address: address, shape: shape, original: original, tail: tail)
    }
}

extension ProvedShape {
    /// What compilers leave at entries, for each instruction set: every shape that the planner knows.
    public static let all: [ProvedShape] = x86 + a64 + a32 + t32

    private static let x86: [ProvedShape] = [
        ProvedShape("5-byte nop", .x86_64, .singleNop(byteCount: 5), original: [0x0f, 0x1f, 0x44, 0, 0]),
        ProvedShape(
            "8-byte nop", .x86_64, .singleNop(byteCount: 8), original: [0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
            tail: [0x0f, 0x1f, 0]),
        ProvedShape("5 small nops", .x86_64, .smallNops(count: 5), original: [0x90, 0x90, 0x90, 0x90, 0x90]),
        ProvedShape(
            "2 nops, 6 bytes", .x86_64, .mixedNops(count: 2, byteCount: 6),
            original: [0x66, 0x90, 0x0f, 0x1f, 0x40, 0], tail: [0x90]),
        ProvedShape(
            "call __fentry__", .x86_64, .fentryCall(byteCount: 5), original: [0xe8, 0x21, 0x32, 0x43, 0x54]),
        ProvedShape(
            "call *__fentry__@GOT", .x86_64, .fentryCall(byteCount: 6),
            original: [0xff, 0x15, 0x21, 0x32, 0x43, 0x54], tail: [0x90]),
        ProvedShape(
            "prologue; call mcount", .x86_64, .mcountCall(prologueByteCount: 4, callByteCount: 5),
            original: [0x55, 0x48, 0x89, 0xe5, 0xe8, 0x21, 0x32, 0x43, 0x54], tail: [0x55, 0x48, 0x89, 0xe5],
            prologue: [1, 3]),
        ProvedShape(
            "push; call *mcount@GOT", .x86_64, .mcountCall(prologueByteCount: 1, callByteCount: 6),
            original: [0x55, 0xff, 0x15, 0x21, 0x32, 0x43, 0x54], tail: [0x55, 0x90], prologue: [1]),
        ProvedShape(
            "xray sled", .x86_64, .xraySled,
            original: [0xeb, 0x09, 0x66, 0x0f, 0x1f, 0x84, 0, 0, 2, 0, 0], tail: [0x66, 0x0f, 0x1f, 0x44, 0, 0]),
    ]

    private static let a64Nop: [UInt8] = [0x1f, 0x20, 0x03, 0xd5]
    private static let a64Nops = (0..<7).flatMap { _ in a64Nop }
    private static let a64: [ProvedShape] = [
        ProvedShape("nop", .a64, .singleNop(byteCount: 4), original: a64Nop),
        ProvedShape("xray sled", .a64, .xraySled, original: [0x08, 0, 0, 0x14] + a64Nops, tail: a64Nops),
    ]

    private static let a32Nop: [UInt8] = [0x00, 0xf0, 0x20, 0xe3]
    private static let a32Nops = (0..<6).flatMap { _ in a32Nop }
    private static let a32: [ProvedShape] = [
        ProvedShape("nop", .a32, .singleNop(byteCount: 4), original: a32Nop),
        // mov r0, r0: what assemblers took for a NOP before ARMv6K; not on the architecture's list.
        ProvedShape("mov r0, r0", .a32, .singleNop(byteCount: 4), original: [0x00, 0x00, 0xa0, 0xe1]),
        ProvedShape("xray sled", .a32, .xraySled, original: [0x05, 0, 0, 0xea] + a32Nops, tail: a32Nops),
        // push {r4, lr}; push {lr}; bl __gnu_mcount_nc
        ProvedShape(
            "push; call mcount", .a32, .mcountCall(prologueByteCount: 4, callByteCount: 8),
            original: [0x10, 0x40, 0x2d, 0xe9, 0x04, 0xe0, 0x2d, 0xe5, 0x21, 0x32, 0x00, 0xeb],
            tail: [0x10, 0x40, 0x2d, 0xe9] + a32Nop, prologue: [4]),
    ]

    private static let t32: [ProvedShape] = [
        ProvedShape("3 small nops", .t32, .smallNops(count: 3), original: [0x00, 0xbf, 0x00, 0xbf, 0x00, 0xbf]),
        ProvedShape(
            "nop.w; nop", .t32, .mixedNops(count: 2, byteCount: 6), original: [0xaf, 0xf3, 0x00, 0x80, 0x00, 0xbf]),
        // push {r4, lr}; push {lr}; bl __gnu_mcount_nc
        ProvedShape(
            "push; call mcount", .t32, .mcountCall(prologueByteCount: 2, callByteCount: 6),
            original: [0x10, 0xb5, 0x00, 0xb5, 0x01, 0xf0, 0x21, 0xfa], tail: [0x10, 0xb5], prologue: [2]),
        // push.w {r4-r8, lr}; sub sp, #8; push {lr}; bl __gnu_mcount_nc
        ProvedShape(
            "2-instruction prologue; call mcount", .t32, .mcountCall(prologueByteCount: 6, callByteCount: 6),
            original: [0x2d, 0xe9, 0xf0, 0x41, 0x82, 0xb0, 0x00, 0xb5, 0x01, 0xf0, 0x21, 0xfa],
            tail: [0x2d, 0xe9, 0xf0, 0x41, 0x82, 0xb0], prologue: [4, 2]),
    ]
}
