import Foundation

enum Processor {
    private static let flags: Set<Substring> = {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
        return Set(line.split(separator: " "))
    }()

    static let hasAVX2 = flags.contains("avx2")
    static let hasAVX512 = flags.contains("avx512f")
}
