import CSupport
import Glibc
import TraceFormat

/// The connection of the agent's helper thread in one process: asks, and takes the answers.
final class HelperConnection {
    let connection: Connection
    let process: UInt32
    /// The helper's own thread: it is not one of the program's.
    let thread: pid_t
    /// membarrier offers SYNC_CORE there.
    let hasCoreSync: Bool
    /// CLOCK_MONOTONIC of the last question.
    var lastUseNanos: UInt64

    /// Takes the `helper` of a new connection.
    init(connection: Connection, packet: Packet) throws(ControlError) {
        guard packet.kind == .helper, packet.fields[0] == AgentMessage.version else { throw .badMessage("no helper") }
        guard connection.isOf(UInt32(truncatingIfNeeded: packet.fields[1])) else {
            throw .badMessage("helper of process \(packet.fields[1]), which it is not")
        }
        self.connection = connection
        process = UInt32(truncatingIfNeeded: packet.fields[1])
        hasCoreSync = packet.fields[2] != 0
        thread = pid_t(truncatingIfNeeded: packet.fields[3])
        lastUseNanos = nopal_clock_nanos(CLOCK_MONOTONIC)
    }

    /// Sends an order; the answer comes when `pump` has served the session's other connections meanwhile.
    ///
    /// Throws: `.ended` when the helper is gone, `.planFailed` for an answer of another kind.
    func ask(
        _ packet: Packet, descriptor: Int32 = -1, for kind: AgentMessage.Kind, pump: (Int32) -> Bool
    ) throws(LiveError) -> Packet {
        lastUseNanos = nopal_clock_nanos(CLOCK_MONOTONIC)
        guard connection.send(packet, descriptor: descriptor), pump(connection.socket) else {
            throw .ended(Int32(bitPattern: process))
        }
        guard let answer = try? connection.receive() else { throw .ended(Int32(bitPattern: process)) }
        guard answer.kind == kind else {
            throw .planFailed(Int32(bitPattern: process), what: "the agent answered \(answer.kind) to \(packet.kind)")
        }
        return answer
    }
}
