import AgentShims

/// One arena of a plan file, for a module at one bias.
struct StandaloneArena {
    let plan: PlanMapping
    let arena: UInt64
    let bias: UInt64

    private typealias Place = StandalonePlan.Arena

    var group: UInt64 { field(Place.group) }
    private var text: (low: UInt64, high: UInt64) { (field(Place.textLow) &+ bias, field(Place.textHigh) &+ bias) }
    /// Behind steps and sites, a word: the address of the record that they were made from.
    private static let recordByteCount: UInt64 = 8

    init(plan: PlanMapping, arena: UInt64, bias: UInt64) {
        self.plan = plan
        self.arena = arena
        self.bias = bias
    }

    /// One that was prepared.
    init(_ plan: PlanMapping, _ entry: BundleEntry) {
        self.init(
            plan: plan, arena: nopal_load64(entry.plan &+ entry.planByteCount &- Self.recordByteCount), bias: entry.bias
        )
    }

    private func field(_ offset: Int) -> UInt64 { nopal_load64(arena &+ UInt64(offset)) }

    private func records(_ offset: Int, _ count: Int, _ byteCount: Int) -> (at: UInt64, byteCount: UInt64) {
        let limit: UInt64 = 1 << 32
        let all = field(count) < limit ? field(count) &* UInt64(byteCount) : ~0
        return (plan.part(field(offset), all), all)
    }

    /// Maps it and fills it in; false when its place is taken, or the file is not what it should be.
    func prepare() -> Bool {
        let bytes = records(Place.bytesOffset, Place.byteCount, 1)
        let steps = records(Place.stepsOffset, Place.stepCount, Bundle.stepByteCount)
        let sites = records(Place.sitesOffset, Place.siteCount, Bundle.siteByteCount)
        let text = self.text
        let place = bias &+ field(Place.distance)
        guard bytes.at != 0, steps.at != 0, sites.at != 0, bytes.byteCount % 4096 == 0, bytes.byteCount > 0,
            place % 4096 == 0, field(Place.unwindOffset) < bytes.byteCount, MapsReader.isText(text.low, text.high),
            System.mapExactly(place, bytes.byteCount)
        else { return false }
        let ownByteCount = steps.byteCount &+ sites.byteCount &+ Self.recordByteCount
        let own = System.allocate(ownByteCount)
        guard own != 0, fill(place, bytes), let entry = BundleEntry.take() else {
            System.unmap(place, bytes.byteCount)
            if own != 0 { System.unmap(own, ownByteCount) }
            return false
        }
        CodeCaches.maintain(place, bytes.byteCount)
        _ = System.protect(place, bytes.byteCount, System.protectRead | System.protectExecute)
        copyWords(steps.at, to: own, steps.byteCount)
        copyWords(sites.at, to: own &+ steps.byteCount, sites.byteCount)
        move(own, field(Place.stepCount), UInt64(Bundle.stepByteCount), at: 8)
        move(own &+ steps.byteCount, field(Place.siteCount), UInt64(Bundle.siteByteCount), at: 0)
        nopal_store64(own &+ ownByteCount &- Self.recordByteCount, arena)
        entry.set(
            start: place, end: place &+ bytes.byteCount, sites: own &+ steps.byteCount,
            siteCount: field(Place.siteCount), unwindTable: place &+ field(Place.unwindOffset), bias: bias, plan: own,
            planByteCount: ownByteCount)
        nopal_jit_register(
            entry.index, place &+ nopal_load64(place &+ UInt64(Bundle.ArenaOffset.imageOffset)),
            nopal_load64(place &+ UInt64(Bundle.ArenaOffset.imageByteCount)))
        _ = System.protect(own, ownByteCount, System.protectRead)
        return true
    }

    /// Runs its plan, unless its module has gone.
    func arm(_ entry: BundleEntry) {
        guard MapsReader.isText(text.low, text.high) else { return }
        // As many as it has steps when the text can't be opened.
        let refused = min(PlanExecutor.run(entry.plan, field(Place.stepCount), text), field(Place.siteCount))
        Standalone.count(StandalonePlan.Events.armed, field(Place.siteCount) &- refused)
        Standalone.count(StandalonePlan.Events.refused, refused)
        if refused == 0 { keepWindows() }
    }

    /// The bytes, with the addresses and numbers that nobody knew before this process.
    private func fill(_ place: UInt64, _ bytes: (at: UInt64, byteCount: UInt64)) -> Bool {
        copyWords(bytes.at, to: place, bytes.byteCount)
        typealias Offset = Bundle.ArenaOffset
        nopal_store64(place &+ UInt64(Offset.enter), nopal_vectors.enter)
        nopal_store64(place &+ UInt64(Offset.record), nopal_vectors.record)
        nopal_store64(place &+ UInt64(Offset.leave), nopal_vectors.leave)
        nopal_store64(place &+ UInt64(Offset.personality), nopal_vectors.personality)
        nopal_store64(place &+ UInt64(Offset.clock), Clock.thunk)
        let personality = field(Place.personality)
        if personality >= bytes.byteCount &- 8 { return false }
        if personality != 0 { nopal_store_bytes(place &+ personality, nopal_vectors.personality, 8) }
        return addBias(place, bytes.byteCount) && setStateOffsets(place, bytes.byteCount)
    }

    private func addBias(_ place: UInt64, _ byteCount: UInt64) -> Bool {
        let words = records(Place.biasWordsOffset, Place.biasWordCount, 4)
        if words.at == 0 { return false }
        let long: UInt32 = 1 << 31
        for index in 0..<field(Place.biasWordCount) {
            let word = nopal_load32(words.at &+ index &* 4)
            let at = UInt64(word & ~long)
            let width: UInt32 = word & long != 0 ? 8 : 4
            if at &+ UInt64(width) > byteCount { return false }
            nopal_store_bytes(place &+ at, nopal_load_bytes(place &+ at, width) &+ bias, width)
        }
        return true
    }

    private func setStateOffsets(_ place: UInt64, _ byteCount: UInt64) -> Bool {
        let words = records(Place.stateWordsOffset, Place.stateWordCount, 4)
        if words.at == 0 { return false }
        for index in 0..<field(Place.stateWordCount) {
            let at = UInt64(nopal_load32(words.at &+ index &* 4))
            if at &+ 4 > byteCount { return false }
            guard let word = StandaloneState.word(nopal_load32(place &+ at)) else { return false }
            nopal_store32(place &+ at, word)
        }
        return true
    }

    private func copyWords(_ from: UInt64, to: UInt64, _ byteCount: UInt64) {
        for offset in stride(from: UInt64(0), to: byteCount, by: 8) {
            nopal_store64(to &+ offset, nopal_load64(from &+ offset))
        }
    }

    /// Adds the bias to an address of each record.
    private func move(_ records: UInt64, _ count: UInt64, _ byteCount: UInt64, at offset: UInt64) {
        for index in 0..<count {
            let at = records &+ index &* byteCount &+ offset
            // Steps that store nothing have no address.
            if nopal_load64(at) != 0 { nopal_store64(at, nopal_load64(at) &+ bias) }
        }
    }

    /// The plans of windows, if there are any.
    private func keepWindows() {
        let off = livePlan(Place.offPlanOffset, Place.offPlanByteCount)
        let on = livePlan(Place.onPlanOffset, Place.onPlanByteCount)
        if off != 0 && on != 0 { StandaloneWindows.keep(off: off, on: on) }
    }

    /// A copy with this process's addresses; 0 for none.
    private func livePlan(_ offset: Int, _ count: Int) -> UInt64 {
        let bytes = records(offset, count, 1)
        let head = UInt64(Bundle.planHeadByteCount)
        if bytes.at == 0 || bytes.byteCount < head || bytes.byteCount % 8 != 0 { return 0 }
        let own = System.allocate(bytes.byteCount)
        if own == 0 { return 0 }
        copyWords(bytes.at, to: own, bytes.byteCount)
        let stepCount = nopal_load64(own)
        if stepCount > (bytes.byteCount &- head) / UInt64(Bundle.stepByteCount) || nopal_load64(own &+ 8) != 0 {
            System.unmap(own, bytes.byteCount)
            return 0
        }
        nopal_store64(own &+ 16, nopal_load64(own &+ 16) &+ bias)
        nopal_store64(own &+ 24, nopal_load64(own &+ 24) &+ bias)
        move(own &+ head, stepCount, UInt64(Bundle.stepByteCount), at: 8)
        return own
    }
}
