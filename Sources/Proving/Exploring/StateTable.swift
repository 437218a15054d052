/// The states that were seen: each once, packed one behind the other, found by hashing.
struct StateTable {
    private let wordCount: Int
    private var words: [UInt64] = []
    private var slots: [UInt32]
    private var mask: Int
    private(set) var count = 0
    /// By state: the one it was first reached from.
    private(set) var parents: [UInt32] = []

    init(wordCount: Int) {
        self.wordCount = wordCount
        slots = Array(repeating: 0, count: 1 << 10)
        mask = slots.count - 1
    }

    var byteCount: Int { words.count * 8 + slots.count * 4 + parents.count * 4 }

    func state(_ index: Int) -> ModelState {
        ModelState(words: words[index * wordCount..<(index + 1) * wordCount])
    }

    func index(of state: ModelState) -> Int? {
        var slot = hash(state) & mask
        while slots[slot] != 0 {
            if isEqual(Int(slots[slot]) - 1, state) { return Int(slots[slot]) - 1 }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Adds a state; false when it is there already.
    mutating func insert(_ state: ModelState, parent: Int) -> Bool {
        var slot = hash(state) & mask
        while slots[slot] != 0 {
            if isEqual(Int(slots[slot]) - 1, state) { return false }
            slot = (slot + 1) & mask
        }
        count += 1
        slots[slot] = UInt32(count)
        for index in 0..<wordCount { words.append(state.word(index)) }
        parents.append(UInt32(parent))
        if count * 2 > slots.count { grow() }
        return true
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 4)
        mask = slots.count - 1
        for index in 0..<count {
            var slot = hash(state(index)) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(index + 1)
        }
    }

    private func isEqual(_ index: Int, _ state: ModelState) -> Bool {
        for word in 0..<wordCount where words[index * wordCount + word] != state.word(word) { return false }
        return true
    }

    /// Multiply and fold, word by word.
    private func hash(_ state: ModelState) -> Int {
        var hash: UInt64 = 0x9e37_79b9_7f4a_7c15
        for index in 0..<wordCount {
            let product = (hash ^ state.word(index)).multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
            hash = product.high ^ product.low
        }
        return Int(truncatingIfNeeded: hash ^ hash >> 32) & Int.max
    }
}
