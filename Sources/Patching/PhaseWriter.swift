/// Writes the steps of a plan: phase by phase, each a pass over all sites.
struct PhaseWriter {
    let code: CodeImage

    func plan(_ changes: [PlannedChange], by patchProtocol: PatchProtocol) throws(PlanError) -> Plan {
        var plan = Plan(steps: [], patchProtocol: patchProtocol, siteCount: changes.count)
        plan.steps.reserveCapacity(changes.count * (patchProtocol == .singleStore ? 1 : 4) + 8)
        switch patchProtocol {
        case .singleStore, .exclusive: try singleStore(changes, &plan)
        case .breakpoint: try breakpoint(changes, &plan)
        case .stopped: try stopped(changes, &plan)
        }
        try plan.validate()
        return plan
    }

    /// What is dead behind a jump first, where there is such; then one store a site.
    private func singleStore(_ changes: [PlannedChange], _ plan: inout Plan) throws(PlanError) {
        plan.steps.append(.open)
        let jumps = changes.filter { PatchRules.isDeadBehindJump($0.change) }
        for planned in jumps { try append(planned, 2..<planned.new.count, to: &plan) }
        if !jumps.isEmpty { sync(&plan) }
        for planned in changes {
            if PatchRules.isDeadBehindJump(planned.change) {
                try append(planned, 0..<2, to: &plan)
            } else if let changed = planned.changed {
                plan.steps.append(try covering(planned, changed))
            }
        }
        sync(&plan)
        plan.steps.append(.close)
    }

    /// Breakpoints; sync; tails; sync; heads; sync. The middle pair falls away when only heads change.
    private func breakpoint(_ changes: [PlannedChange], _ plan: inout Plan) throws(PlanError) {
        plan.traps = changes.map { planned in
            let change = planned.change
            // Between the armed forms what follows the sled stays, and is to be executed.
            let target = change.isToggle ? change.address &+ UInt64(change.site.sledByteCount) : change.end
            return Trap(address: change.address, target: target)
        }
        plan.steps += [.open, .catchBreakpoints]
        for planned in changes {
            plan.steps.append(
                .store(
                    address: planned.change.address, width: 1, value: UInt64(Sled.breakpoint),
                    expected: UInt64(planned.old[0])))
        }
        sync(&plan)
        let before = plan.steps.count
        for planned in changes where planned.new.count > 1 { try append(planned, 1..<planned.new.count, to: &plan) }
        if plan.steps.count > before { sync(&plan) }
        for planned in changes {
            plan.steps.append(
                .store(
                    address: planned.change.address, width: 1, value: UInt64(planned.new[0]),
                    expected: UInt64(Sled.breakpoint)))
        }
        sync(&plan)
        plan.steps.append(.close)
    }

    private func stopped(_ changes: [PlannedChange], _ plan: inout Plan) throws(PlanError) {
        plan.windows = changes.compactMap { planned in
            guard let changed = planned.changed, planned.change.standingOffsets.lowerBound <= changed.upperBound else {
                return nil
            }
            return window(planned.change)
        }
        plan.steps.append(.park)
        for planned in changes { try append(planned, 0..<planned.new.count, to: &plan) }
        var stubs: [(address: UInt64, step: PlanStep)] = []
        for planned in changes { stubs += try redirections(planned.change) }
        // Stubs lie elsewhere, in an order of their own; all threads are stopped.
        if !stubs.isEmpty { plan.steps += [.maintainCaches] + stubs.sorted { $0.address < $1.address }.map(\.step) }
        if changes.contains(where: { $0.change.site.isa != .x86_64 }) { plan.steps.append(.maintainCaches) }
        plan.steps.append(.resume)
    }

    private func redirections(_ change: SiteChange) throws(PlanError) -> [(address: UInt64, step: PlanStep)] {
        guard let target = change.bodyTarget else { return [] }
        guard change.site.isa == .x86_64 else { return try branches(change, to: target) }
        return try displacements(change, to: target)
    }

    /// Byte by byte, since displacements are not aligned.
    private func displacements(
        _ change: SiteChange, to target: UInt64
    ) throws(PlanError) -> [(address: UInt64, step: PlanStep)] {
        var steps: [(UInt64, PlanStep)] = []
        for hole in change.bodyHoles {
            guard let old = code.word(at: hole, width: 4) else { throw .unexpected(hole) }
            let distance = Int64(bitPattern: target &- (hole &+ 4))
            guard let near = Int32(exactly: distance) else {
                throw .outOfRange(site: change.address, distance: distance)
            }
            let new = UInt64(UInt32(bitPattern: near))
            for byte in UInt64(0)..<4 where (old ^ new) >> (8 * byte) & 0xff != 0 {
                steps.append(
                    (
                        hole &+ byte,
                        .store(
                            address: hole &+ byte, width: 1, value: new >> (8 * byte) & 0xff,
                            expected: old >> (8 * byte) & 0xff)
                    ))
            }
        }
        return steps
    }

    /// Unit by unit: whole branches, by their instruction set.
    private func branches(
        _ change: SiteChange, to target: UInt64
    ) throws(PlanError) -> [(address: UInt64, step: PlanStep)] {
        var steps: [(UInt64, PlanStep)] = []
        let unit = UInt64(change.site.isa.unitByteCount)
        for hole in change.bodyHoles {
            let bytes = try change.site.callBytes(from: hole, to: target)
            for offset in stride(from: UInt64(0), to: UInt64(bytes.count), by: Int(unit)) {
                guard let old = code.word(at: hole &+ offset, width: Int(unit)) else { throw .unexpected(hole) }
                let new = (0..<unit).reduce(UInt64(0)) { $0 | UInt64(bytes[Int(offset + $1)]) << (8 * $1) }
                guard old != new else { continue }
                steps.append(
                    (hole &+ offset, .store(address: hole &+ offset, width: Int(unit), value: new, expected: old)))
            }
        }
        return steps
    }

    private func window(_ change: SiteChange) -> Window {
        Window(
            range: change.address..<change.end,
            // Where no instruction begins, nobody stands.
            moves: (1..<change.site.original.count).map {
                change.standingOffsets.contains($0) ? change.target(ofOffset: $0) ?? 0 : 0
            },
            entered: change.enteredTarget)
    }

    private func sync(_ plan: inout Plan) { plan.steps += [.maintainCaches, .syncCores] }

    /// The one naturally aligned store that covers all bytes that differ; the others keep what stands there.
    private func covering(_ planned: PlannedChange, _ changed: ClosedRange<Int>) throws(PlanError) -> PlanStep {
        let first = planned.change.address &+ UInt64(changed.lowerBound)
        let last = planned.change.address &+ UInt64(changed.upperBound)
        // Arm: an instruction is written as a whole, whatever of it differs.
        var width = planned.change.site.isa.unitByteCount
        while first / UInt64(width) != last / UInt64(width) { width *= 2 }
        guard width <= 8 else { throw .straddles(planned.change.address) }
        let start = first / UInt64(width) * UInt64(width)
        guard let expected = code.word(at: start, width: width) else { throw .unexpected(planned.change.address) }
        var value = expected
        for offset in changed where planned.old[offset] != planned.new[offset] {
            let shift = UInt64(8) * (planned.change.address &+ UInt64(offset) &- start)
            value = value & ~(0xff << shift) | UInt64(planned.new[offset]) << shift
        }
        return .store(address: start, width: width, value: value, expected: expected)
    }

    /// Naturally aligned stores of the bytes that differ among those of `offsets`.
    private func append(_ planned: PlannedChange, _ offsets: Range<Int>, to plan: inout Plan) throws(PlanError) {
        let unit = planned.change.site.isa.unitByteCount
        var offset = offsets.lowerBound
        while offset + unit <= offsets.upperBound {
            guard planned.old[offset..<offset + unit] != planned.new[offset..<offset + unit] else {
                offset += unit
                continue
            }
            let address = planned.change.address &+ UInt64(offset)
            var width = 8
            while width > unit, address % UInt64(width) != 0 || offset + width > offsets.upperBound { width /= 2 }
            var value: UInt64 = 0
            var expected: UInt64 = 0
            for index in 0..<width {
                value |= UInt64(planned.new[offset + index]) << UInt64(8 * index)
                expected |= UInt64(planned.old[offset + index]) << UInt64(8 * index)
            }
            plan.steps.append(.store(address: address, width: width, value: value, expected: expected))
            offset += width
        }
    }
}
