import CSupport
import Glibc
import TraceFormat

/// What connects to the session's socket: agents, their helpers, commands.
extension Session {
    /// Takes every connection of those who may; what it is, its first packet says.
    func accept() {
        while let connection = socket.accept() {
            // Whoever connects and says nothing must not keep others waiting.
            if newcomers.count >= Self.newcomerLimit, let oldest = newcomers.keys.min() { newcomers[oldest] = nil }
            newcomers[connection.socket] = connection
        }
    }

    func serveNewcomer(_ socket: Int32) {
        guard let connection = newcomers.removeValue(forKey: socket) else { return }
        do {
            guard let packet = try connection.receive() else { return }
            switch packet.kind {
            case .hello: try welcome(TracedProcess(connection: connection, hello: packet, target: options.target))
            case .helper: try welcome(HelperConnection(connection: connection, packet: packet))
            case .request: requests.append((connection, packet))
            default: throw ControlError.badMessage("\(packet.kind) at first")
            }
        } catch {
            note("\(error)")
        }
    }

    /// The same sentence a thousand times says no more than once.
    func note(_ sentence: String) {
        if shared.notes.count < 1000, !shared.notes.contains(sentence) { shared.notes.append(sentence) }
    }

    private func welcome(_ helper: HelperConnection) throws(ControlError) {
        guard awaitedHelpers.contains(helper.process), let process = process(Int32(bitPattern: helper.process)),
            process.helper == nil
        else { throw .badMessage("a helper that was not asked for") }
        awaitedHelpers.remove(helper.process)
        process.helper = helper
    }

    private func welcome(_ process: TracedProcess) {
        wasTraced = true
        let origin: ProcessOrigin =
            switch process.origin {
            case .attached: .attached
            case .forked: .forked
            case .started: known.isEmpty ? .started : .executed
            }
        if known.contains(process.process) && !process.isFork { drain.retire(process: process.process) }
        known.insert(process.process)
        socket.note(process.process)
        orphans.remove(process.process)
        detached.remove(process.process)
        if process.isFork, let parent = self.process(Int32(bitPattern: process.parent)) {
            process.inherit(from: parent)
        }
        processes[process.connection.socket] = process
        if !output.clock.isKnown {
            output.clock.learn(
                frequency: process.clock.frequency, ticks: process.clock.ticks,
                monotonicNanos: process.clock.monotonicNanos)
            output.appendClockFit()
        }
        let executable = options.target == nil ? ProcessNames.executable(process.process) : shared.executable
        drain.note(process: process.process, executable: executable)
        output.append(
            ProcessRecord(
                process: process.process, parent: process.parent, origin: origin, executable: executable,
                tick: output.clock.ticks()))
        guard !process.isFork else { return }
        let depth = UInt64(options.selection.depthLimit ?? 0)
        // Nobody can start a thread in an emulated process but itself.
        let flags = options.target == nil ? 0 : SessionFlags.startHelper
        if options.target != nil { awaitedHelpers.insert(process.process) }
        process.connection.send(
            Packet(.session, [UInt64(memory.capacity), UInt64(getpid()), depth, flags]), descriptor: memory.descriptor)
    }

    func serveProcess(_ socket: Int32) {
        guard let process = processes[socket] else { return }
        do {
            guard let packet = try process.connection.receive() else { return end(process) }
            serve(process, packet)
        } catch {
            note("process \(process.process): \(error)")
            end(process)
        }
    }

    private func serve(_ process: TracedProcess, _ packet: Packet) {
        switch packet.kind {
        case .module: process.noteModule(packet)
        case .moduleGone:
            if let module = process.noteGone(packet) {
                output.append(
                    LoadRecord(
                        process: process.process, moduleIndex: module, bias: packet.fields[0],
                        tick: output.clock.ticks(),
                        isUnload: true))
            }
        case .modules:
            if process.arm(shared) { liveArms.append(process) }
        case .done:
            process.isReady = true
            if packet.fields[1] > 0 {
                note(
                    "process \(process.process): \(packet.fields[1]) sites are not armed: other bytes than the file's stood there"
                )
            }
        case .complaint: note(String(decoding: packet.text, as: UTF8.self))
        default: note("process \(process.process) sent \(packet.kind)")
        }
    }

    /// The connection ended: the process did, or it closed the descriptor, or left the session.
    func end(_ process: TracedProcess) {
        processes[process.connection.socket] = nil
        liveArms.removeAll { $0 === process }
        // After an exec, its new program is connected already.
        if !processes.values.contains(where: { $0.process == process.process }) { socket.forget(process.process) }
        let isAlive = nopal_thread_exists(pid_t(bitPattern: process.process), pid_t(bitPattern: process.process)) != 0
        if isAlive && !detached.contains(process.process) { orphans.insert(process.process) }
        output.append(
            ProcessRecord(
                process: process.process, parent: process.parent, origin: process.isFork ? .forked : .started,
                executable: "", tick: output.clock.ticks(), hasEnded: true))
    }

    /// The process of that id; after an exec, what it became.
    package func process(_ id: Int32) -> TracedProcess? {
        processes.values.first { $0.process == UInt32(bitPattern: id) && !detached.contains($0.process) }
    }
}
