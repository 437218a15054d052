import Foundation

/// Where things lie: the package, the caches, the command and the agent under test.
enum Locations {
    static let integration = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
    static let package = integration.deletingLastPathComponent()
    static let programs = integration.appendingPathComponent("Programs")
    static let cache = package.appendingPathComponent(".cache/integration")

    /// The command: NOPAL, or the release build of this package.
    static let nopal = ProcessInfo.processInfo.environment["NOPAL"]
        ?? package.appendingPathComponent(".build/release/nopal").path

    /// The agent lies beside the command.
    static let agent = URL(fileURLWithPath: nopal).resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("libnopal-agent.so").path

    /// A fresh directory for one run; its name begins with `name`.
    static func freshDirectory(_ name: String) throws -> URL {
        let safe = name.replacingOccurrences(of: "/", with: ".")
        let directory = cache.appendingPathComponent("run/\(safe)-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory
    }
}
