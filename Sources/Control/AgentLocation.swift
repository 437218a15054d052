import Glibc

/// Where the agent lies: beside the command, or where `make install` puts it.
public enum AgentLocation {
    /// Throws: `.agentMissing` with the places that were looked at.
    public static func find(name: String = "libnopal-agent.so") throws(ControlError) -> String {
        let command = ProcessNames.executable(UInt32(getpid()))
        let directory = command.split(separator: "/").dropLast().joined(separator: "/")
        let places = ["/\(directory)/\(name)", "/\(directory)/../lib/nopal/\(name)"]
        for place in places where access(place, R_OK) == 0 {
            guard let real = unsafe realpath(place, nil) else { continue }
            defer { unsafe free(real) }
            return unsafe String(cString: real)
        }
        throw .agentMissing(name: name, places: places)
    }
}
