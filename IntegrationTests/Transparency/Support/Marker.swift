import Foundation
import ProcessSupport
import Testing

/// A file that a program writes its process id to at a known point; it then waits for the file's
/// removal, so that a test can do something to it in between.
struct Marker {
    let url: URL

    init(_ url: URL) { self.url = url }

    /// The program's process id. Throws when `child` ends before it gets there.
    func waitForProcess(unlessEnded child: Int32) throws -> Int32 {
        while process_await_end(child, 5) == 0 {
            let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
            if text.hasSuffix("\n"), let pid = Int32(text.dropLast()) { return pid }
        }
        throw MarkerError.endedBefore(url.path)
    }

    func remove() { try? FileManager.default.removeItem(at: url) }
}

enum MarkerError: Error, CustomStringConvertible {
    case endedBefore(String)

    var description: String {
        switch self {
        case .endedBefore(let path): "the program ended before it wrote \(path)"
        }
    }
}
