import MachineCode
import TraceFormat

/// The code that starts the agent's helper thread in a process, and the data it works on.
///
/// ```
/// 0      code: the first thread, which makes a thread of the C library; what that one runs; addresses
/// 4096   HelperRequest
/// 16384  thread-local storage of the first thread, zero but for its own address and the stack guards
/// 32768  its stack
/// 65536  end
/// ```
/// The first thread is made by a bare `clone`: it holds no lock, so that waiting for one of the C
/// library's can't hang. It only calls `pthread_create`; the thread that this makes is like any other.
struct HelperCode {
    /// Functions of the C library that the code calls; runtime addresses.
    struct Functions {
        var createThread: UInt64
        var thisThread: UInt64
        var detachThread: UInt64
        var openLibrary: UInt64
        var findSymbol: UInt64
        var openError: UInt64
    }

    static let byteCount: UInt64 = 65536
    static let requestOffset: UInt64 = 4096
    static let threadPointerOffset: UInt64 = 24576
    static let stackOffset: UInt64 = 65536 - 64
    private static let addressesOffset = 3072
    private static let nameOffset = 3584

    /// The code page.
    let bytes: [UInt8]

    init(_ functions: Functions) {
        var code = Assembler()
        code.emit(.systemCall)
        Self.firstThread(&code)
        let worker = code.bytes.count
        Self.worker(&code)
        code.resolveWorker(worker)
        precondition(code.bytes.count <= Self.addressesOffset, "the code ends before its addresses")
        var page = code.bytes + Array(repeating: UInt8(0xcc), count: 4096 - code.bytes.count)
        let addresses = [
            functions.createThread, functions.thisThread, functions.detachThread, functions.openLibrary,
            functions.findSymbol, functions.openError,
        ]
        for (index, address) in addresses.enumerated() {
            for byte in 0..<8 {
                page[Self.addressesOffset + 8 * index + byte] = UInt8(truncatingIfNeeded: address >> UInt64(8 * byte))
            }
        }
        for (index, byte) in "nopal_help\0".utf8.enumerated() { page[Self.nameOffset + index] = byte }
        bytes = page
    }

    /// pthread_create(&thread, 0, worker, request); then it ends.
    private static func firstThread(_ code: inout Assembler) {
        code.request(.rdi, HelperRequest.thread)
        code.emit(.moveImmediate32(.rsi, 0))
        code.worker(.rdx)
        code.request(.rcx, 0)
        code.call(0)
        code.relative {
            .store(.rip($0), .rax)
        } to: {
            Int(requestOffset) + HelperRequest.createResult
        }
        code.emit(.moveImmediate32(.rdi, 0), .moveImmediate32(.rax, 60), .systemCall)
    }

    /// pthread_detach(pthread_self()); dlopen(agent); then on to the agent's `nopal_help(request)`.
    private static func worker(_ code: inout Assembler) {
        let now: UInt32 = 2
        code.emit(.push(.rbx), .move(.rbx, .rdi))
        code.call(1)
        code.emit(.move(.rdi, .rax))
        code.call(2)
        code.request(.rdi, HelperRequest.agentPath)
        code.emit(.moveImmediate32(.rsi, now))
        code.call(3)
        code.emit(.store(.base(.rbx, Int32(HelperRequest.openResult)), .rax))
        code.emit(.moveImmediate32(.rcx, 0), .compare(.rax, .rcx))
        let toFailure = code.forward(.equal)
        code.emit(.move(.rdi, .rax))
        code.relative {
            .loadAddress(.rsi, .rip($0))
        } to: {
            nameOffset
        }
        code.call(4)
        code.emit(.moveImmediate32(.rcx, 0), .compare(.rax, .rcx))
        let toMissing = code.forward(.equal)
        code.emit(.store(.base(.rbx, Int32(HelperRequest.function)), .rax))
        code.emit(.move(.rdi, .rbx), .pop(.rbx))
        code.relative {
            .jumpMemory(.rip($0))
        } to: {
            Int(requestOffset) + HelperRequest.function
        }
        code.land(toFailure)
        code.land(toMissing)
        failure(&code)
    }

    /// The text of dlerror is the thread's own: it waits until the host has read it.
    private static func failure(_ code: inout Assembler) {
        code.call(5)
        code.emit(.store(.base(.rbx, Int32(HelperRequest.openError)), .rax))
        code.emit(.moveImmediate32(.rax, UInt32(HelperRequest.Progress.failed)))
        code.emit(.store(.base(.rbx, Int32(HelperRequest.progress)), .rax))
        let loop = code.bytes.count
        code.emit(.moveImmediate32(.rax, 24), .systemCall)
        code.emit(.moveImmediate32(.rax, UInt32(HelperRequest.Progress.read)))
        code.emit(.compareWithMemory(.rax, .base(.rbx, Int32(HelperRequest.progress))))
        code.backward(.notEqual, loop)
        code.emit(.pop(.rbx), .ret)
    }

    /// Instructions with distances that are known when all is placed.
    private struct Assembler {
        private(set) var bytes: [UInt8] = []
        private var workers: [Int] = []

        mutating func emit(_ instructions: X86Instruction...) {
            for instruction in instructions { bytes += instruction.encoded }
        }

        /// An instruction whose operand lies at an offset from the start of the code.
        mutating func relative(_ make: (Int32) -> X86Instruction, to target: () -> Int) {
            let byteCount = make(0).encoded.count
            emit(make(Int32(target() - (bytes.count + byteCount))))
        }

        /// Loads the address of a field of the request.
        mutating func request(_ register: X86Register, _ field: Int) {
            relative {
                .loadAddress(register, .rip($0))
            } to: {
                Int(requestOffset) + field
            }
        }

        mutating func worker(_ register: X86Register) {
            emit(.loadAddress(register, .rip(0)))
            workers.append(bytes.count)
        }

        mutating func resolveWorker(_ offset: Int) { for end in workers { patch(end, offset - end) } }

        /// Calls the function whose address has this place in the table.
        mutating func call(_ index: Int) {
            relative {
                .callMemory(.rip($0))
            } to: {
                addressesOffset + 8 * index
            }
        }

        mutating func forward(_ condition: X86Condition) -> Int {
            emit(.jumpIf(condition, 0))
            return bytes.count
        }

        mutating func land(_ end: Int) { patch(end, bytes.count - end) }

        mutating func backward(_ condition: X86Condition, _ target: Int) {
            emit(.jumpIf(condition, 0))
            patch(bytes.count, target - bytes.count)
        }

        /// Fills in the four bytes before `end`.
        private mutating func patch(_ end: Int, _ distance: Int) {
            for index in 0..<4 { bytes[end - 4 + index] = UInt8(truncatingIfNeeded: distance >> (8 * index)) }
        }
    }
}
