import Foundation

/// Where things lie: the package, the caches, the command and the agent under test.
enum Locations {
    static let integration = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let package = integration.deletingLastPathComponent()
    static let programs = integration.appendingPathComponent("Programs")
    static let cache = package.appendingPathComponent(".cache/integration")

    /// The command: NOPAL, or the release build of this package.
    static let nopal =
        ProcessInfo.processInfo.environment["NOPAL"]
        ?? package.appendingPathComponent(".build/release/nopal").path

    /// The agent lies beside the command.
    static let agent = URL(fileURLWithPath: nopal).resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("libnopal-agent.so").path

    /// This process's runs. What earlier test processes left is removed.
    private static let runs: URL = {
        let all = cache.appendingPathComponent("run")
        for name in (try? FileManager.default.contentsOfDirectory(atPath: all.path)) ?? [] {
            guard let pid = Int32(name), kill(pid, 0) != 0 else { continue }
            try? FileManager.default.removeItem(at: all.appendingPathComponent(name))
        }
        return all.appendingPathComponent("\(getpid())")
    }()

    /// A fresh directory for one run; its name begins with `name`.
    static func freshDirectory(_ name: String) throws -> URL {
        let safe = name.replacingOccurrences(of: "/", with: ".")
        let directory = runs.appendingPathComponent("\(safe)-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory
    }
}
