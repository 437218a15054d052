import Glibc
import MachineCode
import Programs

/// What a program of another instruction set runs on: an emulator of this machine, and a folder with its libraries.
public struct Target: Equatable, Sendable {
    /// The emulator's resolved path.
    public let emulator: String
    /// Where the program's absolute paths are looked for first; the emulator's -L.
    public let sysroot: String
    /// A64, or A32 for 32-bit Arm.
    public let isa: InstructionSet

    /// What --target names: the emulators of qemu that this command knows.
    private static let known: [(name: String, isa: InstructionSet, sysroot: String)] = [
        ("qemu-aarch64", .a64, "/usr/aarch64-linux-gnu"), ("qemu-arm", .a32, "/usr/arm-linux-gnueabihf"),
    ]

    /// Where Debian's cross compilers have the libraries of a set; nil for this machine's own.
    static func sysroot(of isa: InstructionSet) -> String? { known.first { $0.isa == isa }?.sysroot }

    /// - Parameters:
    ///   - name: of the emulator, with or without its folder.
    ///   - sysroot: nil for where Debian's cross compilers have their libraries.
    ///
    /// Throws: `.badTarget` with the sentence.
    public init(name: String, sysroot: String?) throws(ControlError) {
        let last = name.split(separator: "/").last.map(String.init) ?? name
        guard let found = Self.known.first(where: { last == $0.name || last == "\($0.name)-static" }) else {
            throw .badTarget(
                "--target \(name): no target that is known; use \(Self.known.map(\.name).joined(separator: " or "))")
        }
        guard let emulator = Self.find(name) else {
            throw .badTarget("--target \(name): no such emulator in PATH; install it (Debian: qemu-user)")
        }
        let folder = sysroot ?? found.sysroot
        let loader = found.isa == .a64 ? "lib/ld-linux-aarch64.so.1" : "lib/ld-linux-armhf.so.3"
        guard access(folder, R_OK) == 0 else {
            throw .badTarget(
                "-L \(folder): no such folder; name the one that has \(loader) (Debian: libc6-dev-arm64-cross, "
                    + "libc6-dev-armhf-cross)")
        }
        self.emulator = emulator
        self.sysroot = folder
        isa = found.isa
    }

    private static func find(_ name: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// The name of the emulator that a process is; nil for any other program.
    public static func emulator(of process: Int32) -> String? {
        let name =
            ProcessNames.executable(UInt32(bitPattern: process)).split(separator: "/").last.map(String.init) ?? ""
        return known.contains { name == $0.name || name == "\($0.name)-static" } ? name : nil
    }

    /// The file of this machine that a path of the program names.
    public func file(_ path: String) -> String {
        let inside = sysroot + path
        return path.hasPrefix("/") && access(inside, R_OK) == 0 ? inside : path
    }

    /// The name of its agent's file.
    public var agentName: String { Self.agentName(of: isa) }

    static func agentName(of isa: InstructionSet) -> String {
        isa == .a64 ? "libnopal-agent-aarch64.so" : "libnopal-agent-arm.so"
    }

    /// The sets whose files its programs are.
    public var readable: Set<InstructionSet> { [isa] }

    /// What to say of a program that can't be read as one of this target's; nil where its own sentence is right.
    public func sentence(on error: ProgramError) -> String? {
        guard case .foreignMachine(let path, let machine) = error, machine != "a big-endian machine" else { return nil }
        let wanted = isa == .a64 ? "AArch64" : "32-bit Arm"
        return "\(path): built for \(machine), and --target says \(wanted); name the emulator of the program's set"
    }

    /// Checks that a program can run here: its set, its loader, its floating-point convention.
    ///
    /// Throws: `.badTarget` with the sentence.
    public func check(_ program: TraceableProgram) throws(ControlError) {
        guard let interpreter = program.loader else { return }
        guard access(sysroot + interpreter, R_OK) == 0 || access(interpreter, R_OK) == 0 else {
            let hint =
                interpreter.hasSuffix("ld-linux.so.3")
                ? "; it is built for soft floating point, and this target's agent and libraries are hard-float: "
                    + "rebuild it with -mfloat-abi=hard" : "; name the right one with -L"
            throw .badTarget("\(program.path): its loader \(interpreter) is not in \(sysroot)\(hint)")
        }
    }

    /// What is executed instead of the program.
    ///
    /// - Parameters:
    ///   - variables: of the program's environment, the emulator's own is ours.
    func command(_ executable: String, _ arguments: [String], variables: [String]) -> [String] {
        [emulator, "-L", sysroot] + variables.flatMap { ["-E", $0] }
            + (arguments.first.map { ["-0", $0] } ?? []) + [executable] + arguments.dropFirst()
    }
}
