import CSupport
import Foundation
import ProcessSupport
import Testing
import TraceFormat

/// Messages that are malformed, oversized or out of order, to both ends: whoever gets them goes on, and the
/// program is not harmed.
@Suite struct FuzzTests {
    /// The same numbers in every run.
    private struct Random {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 24
        }
        mutating func below(_ limit: UInt64) -> UInt64 { next() % limit }
    }

    private func packet(_ kind: UInt64, _ fields: [UInt64], _ text: [UInt8] = []) -> [UInt8] {
        var writer = ByteWriter()
        for word in [kind] + fields + Array(repeating: 0, count: 7 - fields.count) { writer.fixed(word) }
        return writer.bytes + text
    }

    private static let interesting: [UInt64] = [
        0, 1, 2, 7, 4095, 4096, 1 << 20, 1 << 31, 1 << 40, 1 << 47, 1 << 63, .max,
    ]

    private func mutant(_ random: inout Random) -> [UInt8] {
        let kind = random.below(4) == 0 ? random.next() : random.below(40)
        let fields = (0..<7).map { _ in
            random.below(3) == 0 ? random.next() : Self.interesting[Int(random.below(UInt64(Self.interesting.count)))]
        }
        let text = (0..<random.below(300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var bytes = packet(kind, fields, text)
        switch random.below(5) {
        case 0: bytes = Array(bytes.prefix(Int(random.below(UInt64(bytes.count + 1)))))
        case 1: bytes += [UInt8](repeating: 7, count: 8192)  // more than any message has
        default: break
        }
        return bytes
    }

    private func send(_ bytes: [UInt8], to socket: Int32, descriptor: Int32 = -1) {
        _ = bytes.withUnsafeBytes { nopal_send_packet(socket, $0.baseAddress, $0.count, descriptor) }
    }

    private func socketPath(of pid: Int32) throws -> String {
        let parents = [ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"], "/tmp"].compactMap { $0 }
        for parent in parents {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
            where name.hasPrefix("nopal-") {
                if FileManager.default.fileExists(atPath: "\(parent)/\(name)/\(pid)") {
                    return "\(parent)/\(name)/session"
                }
            }
        }
        throw ControlledError.unexpected("no session of \(pid)")
    }

    /// Thousands of connections that talk nonsense; a command is answered among them, and the trace is exact.
    @Test func hostGoesOn() throws {
        let program = try ControlledProgram(recorded: [])
        let path = try socketPath(of: program.pid)
        var random = Random(state: 1)
        var silent: [Int32] = []
        for turn in 0..<3000 {
            let socket = nopal_connect(path)
            try #require(socket >= 0, "turn \(turn)")
            // Some say nothing at all, and stay.
            if turn % 100 == 0 {
                silent.append(socket)
                continue
            }
            for _ in 0..<random.below(4) { send(mutant(&random), to: socket) }
            close(socket)
            if turn % 500 == 0 { #expect(try program.json("status", "\(program.pid)")["on"] as? Int ?? 0 > 0) }
        }
        // As an agent would begin, and then not go on; and a helper that nobody asked for.
        for text in [80, 24, 4096] {
            let socket = nopal_connect(path)
            send(
                packet(
                    AgentMessage.Kind.hello.rawValue, [AgentMessage.version, 1, 1, UInt64(bitPattern: -192)],
                    Array(repeating: 0, count: text)), to: socket)
            for kind in UInt64(0)..<40 { send(packet(kind, Self.interesting.prefix(7).map { $0 }), to: socket) }
            close(socket)
        }
        let helper = nopal_connect(path)
        send(packet(AgentMessage.Kind.helper.rawValue, [AgentMessage.version, UInt64(program.pid), 1, 1]), to: helper)
        close(helper)
        try program.tell("call 1000")
        #expect(try program.json("disable", "\(program.pid)", "inner")["changed"] as? Int == 1)
        silent.forEach { close($0) }
        #expect(try program.quit() == 0)
        #expect(try program.entries()["outer"] == 1000 * ControlledProgram.workers)
    }

    /// An agent whose host answers nonsense: the program runs as if nothing had been.
    @Test func agentGoesOn() throws {
        let build = try TracedProgram(name: "steady", arguments: []).build()
        var random = Random(state: 2)
        for turn in 0..<60 {
            let place = try Locations.freshDirectory("fuzz-agent")
            let path = "/tmp/nopal-fuzz-\(getpid())-\(turn)"
            let listener = nopal_listen(path)
            try #require(listener >= 0)
            defer {
                close(listener)
                unlink(path)
            }
            var run = ProcessRun(
                program: build.appendingPathComponent("steady").path, arguments: ["account", "2", "1000"],
                directory: place)
            run.environment["LD_PRELOAD"] = Locations.agent
            run.environment["NOPAL_SESSION"] = path
            let pid = try run.start()
            let connection = try accept(listener, unlessEnded: pid)
            converse(connection, turn, &random)
            close(connection)
            let result = try run.finish(pid)
            #expect(
                result.ending == .exited(0) && result.output == "done\n",
                "turn \(turn): \(result.ending) \(result.errors)")
            try? FileManager.default.removeItem(at: place)
        }
    }

    private func accept(_ listener: Int32, unlessEnded pid: Int32) throws -> Int32 {
        while true {
            let connection = nopal_accept(listener)
            if connection >= 0 { return connection }
            if process_await_end(pid, 1) != 0 {
                throw ControlledError.unexpected("the program ended before it said hello")
            }
        }
    }

    /// Plays a host that is right up to some point, and wrong from there on.
    private func converse(_ socket: Int32, _ turn: Int, _ random: inout Random) {
        receive(socket)
        let memory = nopal_memory_file("fuzz")
        defer { close(memory) }
        let isGood = turn % 3 != 0
        if isGood {
            // A session as it should be: room for 64 blocks.
            ftruncate(memory, SessionMemory.byteCount(blockCount: 64))
            send(packet(AgentMessage.Kind.session.rawValue, [64, UInt64(getpid()), 0]), to: socket, descriptor: memory)
        } else {
            ftruncate(memory, Int(random.below(1 << 18)))
            let count = Self.interesting[turn / 3 % Self.interesting.count]
            send(
                packet(AgentMessage.Kind.session.rawValue, [count, UInt64(getpid()), random.next()]), to: socket,
                descriptor: turn % 2 == 0 ? memory : -1)
        }
        for _ in 0..<6 {
            guard isGood, random.below(4) != 0 else {
                send(mutant(&random), to: socket, descriptor: random.below(2) == 0 ? memory : -1)
                continue
            }
            // A bundle for places that are none: the file is too short, nothing is code, or all is taken.
            let fields = (0..<7).map { _ in Self.interesting[Int(random.below(UInt64(Self.interesting.count)))] }
            send(
                packet(AgentMessage.Kind.arm.rawValue, fields, [0, 0, 0, 0, 0, 0, 0, 0]), to: socket, descriptor: memory
            )
        }
    }

    private func receive(_ socket: Int32) {
        var buffer = [UInt8](repeating: 0, count: 8192)
        var descriptor: Int32 = -1
        _ = buffer.withUnsafeMutableBytes { nopal_receive_packet(socket, $0.baseAddress, $0.count, &descriptor) }
    }
}
