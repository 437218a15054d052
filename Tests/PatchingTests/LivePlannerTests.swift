import MachineCode
import Testing

@testable import Patching

/// Every shape, at every place in a cache line, from every form to every form, by every protocol.
@Suite struct LivePlannerTests {
    static let bias: UInt64 = 0x5555_5555_4000
    static let base: UInt64 = bias + 0x1000

    /// One of each kind of site, with bytes that differ from each other.
    static let shapes: [(shape: SiteShape, original: [UInt8], tail: [UInt8])] = [
        (.singleNop(byteCount: 5), [0x0f, 0x1f, 0x44, 0, 0], []),
        (.singleNop(byteCount: 8), [0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], [0x0f, 0x1f, 0]),
        (.smallNops(count: 5), Array(repeating: 0x90, count: 5), []),
        (.mixedNops(count: 2, byteCount: 6), [0x66, 0x90, 0x0f, 0x1f, 0x40, 0], [0x90]),
        (.fentryCall(byteCount: 5), [0xe8, 1, 2, 3, 4], []),
        (.fentryCall(byteCount: 6), [0xff, 0x15, 1, 2, 3, 4], [0x90]),
        (
            .mcountCall(prologueByteCount: 4, callByteCount: 5), [0x55, 0x48, 0x89, 0xe5, 0xe8, 1, 2, 3, 4],
            [0x55, 0x48, 0x89, 0xe5]
        ),
        (.mcountCall(prologueByteCount: 1, callByteCount: 6), [0x55, 0xff, 0x15, 1, 2, 3, 4], [0x55, 0x90]),
        (.xraySled, [0xeb, 0x09, 0x66, 0x0f, 0x1f, 0x84, 0, 0, 2, 0, 0], [0x66, 0x0f, 0x1f, 0x44, 0, 0]),
    ]

    struct Case {
        var change: SiteChange
        var code: CodeImage
        var before: [UInt8]
        /// Where the window begins, in `before`.
        var offset: Int
    }

    /// Code of 192 bytes around a site, in the form that the change starts from.
    static func make(_ shape: Int, _ alignment: Int, _ from: SiteForm, _ to: SiteForm) throws -> Case {
        let (kind, original, tail) = shapes[shape]
        let offset = 64 + alignment
        let site = Site(address: 0x1000 + UInt64(offset), shape: kind, original: original, tail: tail)
        let stub = base &- 0x12_3456_7890 &+ 0x12_0000_0000
        let present = try SiteChange(site: site, bias: bias, from: .original, to: from, stub: stub).newBytes()
        var bytes = (0..<192).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
        bytes.replaceSubrange(offset..<offset + present.count, with: present)
        return Case(
            change: SiteChange(site: site, bias: bias, from: from, to: to, stub: stub),
            code: CodeImage(start: base, bytes: bytes), before: bytes, offset: offset)
    }

    static func withEvery(_ body: (Case) throws -> Void) throws {
        for shape in shapes.indices {
            for alignment in 0..<64 {
                for from in SiteForm.allCases {
                    for to in SiteForm.allCases where to != from { try body(try make(shape, alignment, from, to)) }
                }
            }
        }
    }

    static let machine = PatchEnvironment(vendor: .amd)

    static func planner(_ wanted: PatchProtocol? = nil, _ environment: PatchEnvironment = machine) -> LivePlanner {
        LivePlanner(environment: environment, wanted: wanted)
    }

    /// Whatever is planned leads to the new form, touches nothing else, and its inverse leads back.
    @Test(arguments: [nil, PatchProtocol.singleStore, .breakpoint, .stopped])
    func everyPlanLeadsToTheNewFormAndBack(_ wanted: PatchProtocol?) throws {
        var planned = 0
        try Self.withEvery { test in
            let outcome = try Self.planner(wanted).plan([test.change], in: test.code)
            try #require(outcome.plans.count + outcome.refused.count == 1)
            guard let plan = outcome.plans.first else { return }
            planned += 1
            try plan.validate()
            if let wanted { try #require(plan.patchProtocol == wanted) }
            let after = try Self.run(plan, on: test.before)
            let new = try test.change.newBytes()
            var expected = test.before
            expected.replaceSubrange(test.offset..<test.offset + new.count, with: new)
            try #require(after == expected, "\(test.change)")
            // Back, by whichever protocol is sound for the way back.
            let back = try Self.planner().plan([test.change.inverse], in: CodeImage(start: Self.base, bytes: after))
            try #require(try Self.run(try #require(back.plans.first), on: after) == test.before)
        }
        #expect(planned > 1000)
    }

    static func run(_ plan: Plan, on bytes: [UInt8]) throws -> [UInt8] {
        var memory = RecordingMemory(base: base, bytes: bytes)
        try memory.run(plan)
        return memory.bytes
    }

    /// The rules of docs/PATCHING.md, each as a predicate of its own, against the planner's choice.
    @Test func choices() throws {
        try Self.withEvery { test in
            let change = test.change
            let site = change.site
            let single = try Self.planner(.singleStore).plan([change], in: test.code).plans.first
            let trap = try Self.planner(.breakpoint).plan([change], in: test.code).plans.first
            let stopped = try Self.planner(.stopped).plan([change], in: test.code).plans.first
            try #require(stopped != nil, "stopping everybody is always sound")
            // A toggle is one byte: all three are sound, whatever the shape.
            if change.isToggle {
                let store = PlanStep.store(
                    address: change.address, width: 1, value: change.to == .on ? 0xe9 : 0xa9,
                    expected: change.to == .on ? 0xa9 : 0xe9)
                try #require(single?.steps == [.open, store, .maintainCaches, .syncCores, .close])
                try #require(trap != nil)
                return
            }
            let manyInstructions: Bool =
                switch site.shape {
                case .smallNops, .mixedNops, .mcountCall: change.from == .original
                default: false
                }
            let leavesTail = change.from != .original && site.original.count > 5
            let isOne = !manyInstructions && !leavesTail
            // Who hits a breakpoint would be neither hooked nor traced.
            var losesHook = false
            if case .fentryCall = site.shape { losesHook = change.from != .off && change.to != .off }
            try #require((trap != nil) == (isOne && !losesHook), "\(change)")
            let new = try change.newBytes()
            let differing = new.indices.filter { new[$0] != test.before[test.offset + $0] }.map {
                change.address + UInt64($0)
            }
            let isWithinWord = try #require(differing.first) / 8 == #require(differing.last) / 8
            let isDeadSled = site.shape == .xraySled && change.from == .original && change.address % 2 == 0
            try #require((single != nil) == (isOne && (isWithinWord || isDeadSled)), "\(change)")
            let chosen = try Self.planner().plan([change], in: test.code)
            try #require(chosen.plans.first?.patchProtocol == (single != nil ? .singleStore : .stopped))
            if single == nil { try #require(chosen.reasons.count == 1) }
        }
    }

    /// A live store is one that the architecture makes at once: natural, and one for each site.
    @Test func singleStoresAreSingle() throws {
        try Self.withEvery { test in
            guard let plan = try Self.planner(.singleStore).plan([test.change], in: test.code).plans.first else {
                return
            }
            let stores = plan.steps.filter { if case .store = $0 { true } else { false } }
            let isDeadSled = test.change.site.shape == .xraySled && test.change.from == .original
            if !isDeadSled { try #require(stores.count == 1) }
            guard case .store(let address, let width, _, _) = try #require(stores.last) else { return }
            try #require(address % UInt64(width) == 0 && address <= test.change.address)
            try #require(plan.steps.suffix(3) == [.maintainCaches, .syncCores, .close])
        }
    }

    /// Breakpoints first, then a sync, tails, a sync, heads, a sync; and everybody knows where to go on.
    @Test func breakpointPhases() throws {
        for alignment in [3, 60, 61, 62, 63] {
            let test = try Self.make(0, alignment, .original, .on)
            let plan = try #require(try Self.planner(.breakpoint).plan([test.change], in: test.code).plans.first)
            let sync: [PlanStep] = [.maintainCaches, .syncCores]
            let parts = plan.steps.split(whereSeparator: { sync.contains($0) }).map(Array.init)
            try #require(parts.count == 4 && parts[3] == [.close])
            #expect(parts[0].prefix(2) == [.open, .catchBreakpoints])
            #expect(parts[0].last == .store(address: test.change.address, width: 1, value: 0xcc, expected: 0x0f))
            #expect(parts[2] == [.store(address: test.change.address, width: 1, value: 0xe9, expected: 0xcc)])
            #expect(plan.traps == [Trap(address: test.change.address, target: test.change.address + 5)])
        }
    }

    /// A slid prologue is executed by whoever is sent on from a toggle's breakpoint.
    @Test func togglesTrapToThePrologue() throws {
        let test = try Self.make(6, 0, .off, .on)
        let plan = try #require(try Self.planner(.breakpoint).plan([test.change], in: test.code).plans.first)
        #expect(plan.traps == [Trap(address: test.change.address, target: test.change.address + 5)])
    }

    /// Where a thread goes on that stood inside: what it would have run still runs, once.
    @Test func windowsMoveThreadsToWhatTheyHadLeft() throws {
        let slid = try Self.make(6, 9, .original, .on)  // push rbp; mov rbp, rsp; call mcount
        let plan = try #require(try Self.planner().plan([slid.change], in: slid.code).plans.first)
        let window = try #require(plan.windows.first)
        let at = slid.change.address
        #expect(window.target(of: at) == at && window.target(of: at + 9) == at + 9)
        #expect(window.target(of: at + 1) == at + 6)  // behind the push
        #expect(window.target(of: at + 4) == at + 9)  // before the call: the body
        let back = try Self.make(6, 9, .on, .original)
        let backWindow = try #require(try Self.planner().plan([back.change], in: back.code).plans.first?.windows.first)
        #expect(backWindow.target(of: at + 5) == at)  // sent into the body by the stub: the prologue's start
        #expect(backWindow.target(of: at + 6) == at + 1)
        let nops = try Self.make(2, 9, .original, .off)
        let nopWindow = try #require(try Self.planner().plan([nops.change], in: nops.code).plans.first?.windows.first)
        for offset in UInt64(1)...4 { #expect(nopWindow.target(of: nops.change.address + offset) == nops.change.end) }
    }

    /// Only what a manual guarantees: on AMD a store within a quadword, on others nothing but a stop.
    @Test func strict() throws {
        for vendor in [PatchEnvironment.Vendor.intel, .other] {
            let strict = PatchEnvironment(vendor: vendor, isStrict: true)
            try Self.withEvery { test in
                for wanted in [PatchProtocol.singleStore, .breakpoint] {
                    let outcome = try Self.planner(wanted, strict).plan([test.change], in: test.code)
                    try #require(outcome.plans.isEmpty && outcome.refused.first?.reason?.isEmpty == false)
                }
                let chosen = try Self.planner(nil, strict).plan([test.change], in: test.code).plans.first
                try #require(chosen?.patchProtocol == .stopped)
            }
        }
    }

    /// An unsound or impossible protocol is refused with its reason, never weakened.
    @Test func refusals() throws {
        let toggle = try Self.make(0, 3, .off, .on)
        var machine = Self.machine
        machine.trapObstacle = "a thread blocks SIGTRAP"
        let trap = try Self.planner(.breakpoint, machine).plan([toggle.change], in: toggle.code)
        #expect(trap.plans.isEmpty && trap.refused.first?.reason?.contains("SIGTRAP") == true)
        machine = PatchEnvironment(vendor: .amd, hasCoreSync: false)
        #expect(try Self.planner(.breakpoint, machine).plan([toggle.change], in: toggle.code).plans.isEmpty)
        let straddler = try Self.make(0, 62, .original, .on)
        let single = try Self.planner(.singleStore).plan([straddler.change], in: straddler.code)
        #expect(single.refused.first?.reason?.contains("straddle") == true)
        let small = try Self.make(2, 0, .original, .on)
        for wanted in [PatchProtocol.singleStore, .breakpoint] {
            let outcome = try Self.planner(wanted).plan([small.change], in: small.code)
            #expect(outcome.refused.first?.reason?.contains("between its instructions") == true)
        }
        machine = PatchEnvironment(vendor: .amd, canStop: false)
        #expect(try Self.planner(nil, machine).plan([small.change], in: small.code).plans.isEmpty)
    }

    @Test func wrongInputThrows() throws {
        let test = try Self.make(0, 3, .original, .on)
        var other = test.before
        other[test.offset] ^= 1
        #expect(throws: PlanError.unexpected(test.change.address)) {
            try Self.planner().plan([test.change], in: CodeImage(start: Self.base, bytes: other))
        }
        #expect(throws: PlanError.unexpected(test.change.address)) {
            try Self.planner().plan([test.change], in: CodeImage())
        }
        var near = test.change
        near.site.address += 4
        #expect(throws: PlanError.overlap(test.change.address, near.address)) {
            try Self.planner().plan([test.change, near], in: test.code)
        }
        var far = test.change
        far.stub = far.address &+ (4 << 30)
        #expect(throws: PlanError.self) { try Self.planner().plan([far], in: test.code) }
    }

    /// Many sites: phases pass over all of them in order, with one sync behind each.
    @Test func batchesShareSyncs() throws {
        var code: [UInt8] = []
        var changes: [SiteChange] = []
        for index in 0..<500 {
            let (kind, original, tail) = Self.shapes[0]
            let site = Site(address: 0x1000 + UInt64(code.count), shape: kind, original: original, tail: tail)
            changes.append(
                SiteChange(site: site, bias: Self.bias, from: .original, to: .on, stub: Self.base &- 0x10000))
            code += original + Array(repeating: 0xcc, count: 3 + index % 13)
        }
        code += Array(repeating: 0xcc, count: 16)
        let image = CodeImage(start: Self.base, bytes: code)
        for wanted in [PatchProtocol.breakpoint, .stopped] {
            let plan = try #require(try Self.planner(wanted).plan(changes.reversed(), in: image).plans.first)
            #expect(plan.siteCount == 500)
            #expect(plan.steps.count { $0 == .syncCores } == (wanted == .breakpoint ? 3 : 0))
            let after = try Self.run(plan, on: code)
            for change in changes {
                let from = Int(change.address - Self.base)
                #expect(Array(after[from..<from + 5]) == (try change.newBytes()))
            }
        }
    }

    /// The checks that every executor relies on can fail.
    @Test func validationRefuses() {
        let store = PlanStep.store(address: 16, width: 8, value: 1, expected: 2)
        let wrong: [[PlanStep]] = [
            [store], [.open, store], [.park, store],
            [.open, .store(address: 4, width: 8, value: 0, expected: 0), .close],
            [.open, .store(address: 3, width: 3, value: 0, expected: 0), .close],
            [.open, .store(address: 3, width: 1, value: 256, expected: 0), .close], [.open, store, store, .close],
            [.open, store, .store(address: 8, width: 8, value: 0, expected: 0), .close],
        ]
        for steps in wrong {
            #expect(throws: PlanError.self, "\(steps)") {
                try Plan(steps: steps, patchProtocol: .singleStore).validate()
            }
        }
        #expect(throws: PlanError.self) {
            try Plan(steps: [.open, store, .close], patchProtocol: .breakpoint).validate()
        }
        #expect(throws: Never.self) { try Plan(steps: [.open, store, .close], patchProtocol: .singleStore).validate() }
    }

    @Test func formsAreReadFromMemory() throws {
        try Self.withEvery { test in
            let read = test.change.site.form(in: test.code, bias: Self.bias, isStub: { $0 == test.change.stub })
            try #require(read == test.change.from)
            if test.change.from != .original {
                try #require(test.change.site.stub(in: test.code, bias: Self.bias) == test.change.stub)
                try #require(test.change.site.form(in: test.code, bias: Self.bias, isStub: { _ in false }) == nil)
            }
        }
    }
}
