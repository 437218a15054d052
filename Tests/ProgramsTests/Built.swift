import Foundation
import Programs

/// Compiles sources at test time and keeps the results for the run. A missing compiler fails the
/// test: scripts/setup installs all that are named here.
enum Built {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    static let folder: URL = {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("nopal-programs-\(getpid())")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }()

    /// Runs a program found in PATH and gives its standard output.
    @discardableResult
    static func run(_ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let output = folder.appendingPathComponent(UUID().uuidString)
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let text = String(decoding: try Data(contentsOf: output), as: UTF8.self)
        try? FileManager.default.removeItem(at: output)
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(command.joined(separator: " ")) failed with \(process.terminationStatus)")
        }
        return text
    }

    /// Compiles `source` with the compiler and flags; the path of the result.
    static func program(_ source: String, _ command: String, suffix: String = "c") throws -> String {
        let name = UUID().uuidString
        let input = folder.appendingPathComponent("\(name).\(suffix)")
        try source.write(to: input, atomically: true, encoding: .utf8)
        let output = folder.appendingPathComponent(name).path
        try run(command.split(separator: " ").map(String.init) + [input.path, "-o", output])
        return output
    }

    /// A file of any instruction set that sites are found of.
    static func image(_ path: String) throws -> ModuleImage {
        try ModuleImage.read(path: path, accepting: ModuleImage.readable)
    }

    /// The functions of a file and their values, as llvm-nm has them: on 32-bit Arm bit 0 marks T32.
    static func addresses(in path: String) throws -> [String: UInt64] {
        var addresses: [String: UInt64] = [:]
        for line in try run(["llvm-nm-19", path]).split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 3, ["T", "t", "W", "w"].contains(parts[1]) {
                addresses[String(parts[2])] = UInt64(parts[0], radix: 16)
            }
        }
        return addresses
    }

    static let sample = """
        #include <stdio.h>
        #include <stdarg.h>
        __attribute__((noinline)) int leaf(int a) { return a * 3; }
        __attribute__((noinline)) int buffer(int a, int b) { volatile char c[64]; c[a] = b; return c[b] + a; }
        __attribute__((noinline)) int many(int a, int b, int c, int d, int e, int f, int g, int h)
        { return leaf(a + b) + leaf(c + d) + buffer(e & 7, f & 7) + g + h; }
        __attribute__((noinline)) int loop(int a) { int s = 0; while (a--) s += leaf(s ^ a); return s; }
        __attribute__((noinline)) long caller(void) { return (long)__builtin_return_address(0); }
        __attribute__((noinline)) long callerAfterFrame(int n)
        { volatile char c[128]; c[n] = leaf(n); c[leaf(c[n]) & 7] = 3; return (long)__builtin_return_address(0) + c[2]; }
        static __attribute__((noinline, used)) int local(int a) { return leaf(a) + 1; }
        __attribute__((noinline)) int sum(int n, ...)
        { va_list v; va_start(v, n); int s = 0; while (n--) s += va_arg(v, int); va_end(v); return s; }
        int main(int argc, char **argv)
        { printf("%d %d %d %d\\n", many(argc, 2, 3, 4, 5, 6, 7, 8), loop(argc), local(argc), sum(3, 1, 2, 3));
          return (caller() == callerAfterFrame(argc)); }
        """

    /// The functions of `sample`.
    static let functions: Set<String> = [
        "leaf", "buffer", "many", "loop", "caller", "callerAfterFrame", "local", "sum", "main",
    ]
    static let returnAddressReaders: Set<String> = ["caller", "callerAfterFrame"]
}
