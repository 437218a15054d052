import Foundation

/// An Arm machine that programs of this one's cross compilers run on: qemu's user mode.
enum ArmTarget: Sendable {
    case a64, arm

    var emulator: String { self == .a64 ? "qemu-aarch64" : "qemu-arm" }
    var sysroot: String { self == .a64 ? "/usr/aarch64-linux-gnu" : "/usr/arm-linux-gnueabihf" }
    /// Of the cross compiler's names.
    var prefix: String { self == .a64 ? "aarch64-linux-gnu-" : "arm-linux-gnueabihf-" }

    /// What `nopal record` is told.
    var options: [String] { ["--target", emulator, "-L", sysroot] }

    var agent: String {
        let name = self == .a64 ? "libnopal-agent-aarch64.so" : "libnopal-agent-arm.so"
        return URL(fileURLWithPath: Locations.nopal).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// What `nopal prepare` is told: qemu-arm lets nobody read the counter.
    var prepareOptions: [String] { ["-L", sysroot] + (self == .arm ? ["--clock", "call"] : []) }
}
