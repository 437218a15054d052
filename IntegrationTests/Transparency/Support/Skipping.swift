import Foundation

/// Decides whether a test that needs something may be skipped. The reason stands at the test and is
/// printed with it; with CI=true only what is listed here may be missing.
enum Skipping {
    enum Need: Hashable {
        case root
    }

    static let allowedInCI: Set<Need> = [.root]

    /// True when the test is to run: the need is met, or its absence is a failure here.
    static func runs(_ need: Need) -> Bool {
        isMet(need) || (ProcessInfo.processInfo.environment["CI"] == "true" && !allowedInCI.contains(need))
    }

    private static func isMet(_ need: Need) -> Bool {
        switch need {
        case .root: geteuid() == 0
        }
    }
}
