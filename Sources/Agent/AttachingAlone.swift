#if !arch(x86_64)
    import AgentShims

    /// Begins to trace a program that runs, by a plan, with the help of `nopal-attach`: it stops the other threads while
    /// sites are armed. On a thread of the agent's own, with all signals blocked.
    enum AttachingAlone {
        /// The plan of this process; one that was given up is taken up again.
        nonisolated(unsafe) private static var plan: PlanMapping?
        /// 1 while somebody is at it.
        nonisolated(unsafe) private static var isBusy: UInt32 = 0

        /// - Parameter request: laid out as `HelperRequest` and `AttachRequest` say.
        static func begin(_ request: UInt64) {
            let attach = AttachRequestMemory(request: request)
            let busy = withUnsafeMutablePointer(to: &isBusy) { System.word($0) }
            let isFirst = nopal_swap32(busy, 0, 1) != 0
            let outcome = isFirst ? begin(attach) : .tracedAlready
            if isFirst { nopal_store32(busy, 0) }
            attach.set(AttachRequest.outcome, outcome.rawValue)
            attach.set(AttachRequest.step, AttachRequest.Step.ended)
            _ = attach.wait(while: AttachRequest.Step.ended)
            if outcome == .traced, let plan { StandaloneWindows.start(plan) }
        }

        private static func begin(_ attach: AttachRequestMemory) -> AttachRequest.Outcome {
            if AgentState.isRecording { return .tracedAlready }
            let problem = prepare(attach)
            guard problem == .traced, let plan else { return problem }
            attach.set(AttachRequest.thread, UInt64(System.threadID()))
            attach.set(AttachRequest.entries, Tables.address(Tables.bundles))
            attach.set(AttachRequest.entryCount, UInt64(BundleEntry.count))
            StandaloneWindows.noteArming()
            var attempt = Attempt(attach: attach, plan: plan)
            repeat { attempt.run() } while attempt.end == AttachRequest.Step.again
            guard attempt.end == AttachRequest.Step.armed else { return .givenUp }
            Forking.listen()
            return .traced
        }

        private static func prepare(_ attach: AttachRequestMemory) -> AttachRequest.Outcome {
            guard let found = PlanMapping(attach.address(AttachRequest.plan)) else { return .noPlan }
            if let plan {
                defer { found.unmap() }
                return plan.isSame(as: found) ? .traced : .otherPlan
            }
            if AgentState.tables == 0 { AgentState.tables = System.allocate(Tables.byteCount) }
            if AgentState.tables == 0 { return .noMemory }
            setMainStack(attach.value(HelperRequest.mainStackHigh) &- 8)
            if AgentState.forkMarker == 0 { Forking.prepareMarker() }
            nopal_choose_clock(attach.value(AttachRequest.hasCounter) == 0 ? 0 : 1)
            let outcome = Standalone.prepare(found, folder: attach.address(AttachRequest.folder))
            if outcome != .traced {
                found.unmap()
                return outcome
            }
            plan = found
            LoaderLock.hold(nopal_iterate_programs()) { _, _, _ in
                if let plan = AttachingAlone.plan { StandaloneModules.prepare(plan) }
                return 1
            }
            Unwinding.registerArenas()
            return .traced
        }

        /// One time that all other threads are stopped; under the loader's lock, which none of them then holds.
        private struct Attempt {
            let attach: AttachRequestMemory
            let plan: PlanMapping
            var end = AttachRequest.Step.begun

            mutating func run() {
                withUnsafeMutablePointer(to: &self) { attempt in
                    LoaderLock.hold(nopal_iterate_programs(), data: UInt64(UInt(bitPattern: attempt))) { _, _, data in
                        UnsafeMutablePointer<Attempt>(bitPattern: data)?.pointee.runLocked()
                        return 1
                    }
                }
                if end == AttachRequest.Step.again { attach.pause() }
            }

            private mutating func runLocked() {
                attach.set(AttachRequest.step, AttachRequest.Step.prepared)
                end = attach.wait(while: AttachRequest.Step.prepared)
                guard end == AttachRequest.Step.stopped else { return }
                StandaloneModules.arm(plan)
                AgentState.setRecording(true)
                StandaloneWindows.noteArmed()
                end = AttachRequest.Step.armed
                attach.set(AttachRequest.step, end)
            }
        }
    }

    /// What the agent and `nopal-attach` say to each other.
    private struct AttachRequestMemory {
        let request: UInt64

        private static let turnNanos: Int64 = 1_000_000
        /// Nobody is waited for without end: the loader's lock may be held.
        private static let turnLimit: UInt32 = 30_000

        func address(_ field: Int) -> UInt64 { request &+ UInt64(field) }
        func value(_ field: Int) -> UInt64 { nopal_load64(address(field)) }
        func set(_ field: Int, _ value: UInt64) { nopal_store64(address(field), value) }

        func pause() {
            let turns: Int64 = 10
            sleep(turns &* Self.turnNanos)
        }

        /// The step that follows; `givenUp` when the other side is gone.
        func wait(while step: UInt64) -> UInt64 {
            var turn: UInt32 = 0
            while value(AttachRequest.step) == step {
                turn = turn &+ 1
                if turn > Self.turnLimit { return AttachRequest.Step.givenUp }
                if !System.processExists(UInt32(truncatingIfNeeded: value(AttachRequest.attacher))) {
                    return AttachRequest.Step.givenUp
                }
                sleep(Self.turnNanos)
            }
            return value(AttachRequest.step)
        }

        private func sleep(_ nanos: Int64) {
            // The other side's stores wake nobody.
            System.futexWait(
                address(HelperRequest.mode), expected: UInt32(truncatingIfNeeded: AttachRequest.mode),
                timeoutNanos: nanos)
        }
    }
#endif
