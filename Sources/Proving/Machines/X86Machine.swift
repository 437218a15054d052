import MachineCode

/// x86-64: bytes, fetched in aligned granules.
///
/// - Stores become visible in order (Intel SDM vol. 3, 8.2.2; AMD APM vol. 2, 7.2). The patching side is one
///   thread, so memory at any time is known by how many of its stores are done: *time* counts them.
/// - A granule is fetched as a whole, at any time before it is executed, but since the last event that empties the
///   window: a serialising instruction, an interrupt or its return, a taken branch. AMD guarantees that a store
///   within an aligned quadword is seen as a whole by who fetches (APM vol. 2, 7.6.1): granules of 8 bytes. 64 is
///   what is observed; 1 assumes nothing.
/// - Within the window a granule may be fetched again, but never older than before: instruction caches are
///   coherent.
/// - `int3` is delivered to a handler, which serialises (SDM vol. 3, 8.3), and so does its return.
///
/// Fetching is not a step of its own here. It only reads; so it commutes with everything but stores, and may be
/// put off to the moment of execution, if then any time since the window was emptied is tried. A thread
/// that is descheduled is one that does not step; when it comes back its window is empty, which is one of
/// the times tried.
struct X86Machine: MachineModel {
    private let program: ModelProgram
    private let granule: UInt64
    /// By operation: stores done before it.
    private var times: [UInt8] = []
    /// By cell and time: the version that stands there.
    private var versions: [[Int]]
    /// Granules that hold cells, where more than one instruction may lie in one: numbers.
    private var granules: [UInt64: Int] = [:]
    /// By place: those that its instructions reach into.
    private var reach: [[Int]] = []

    init(_ program: ModelProgram) throws(ModelError) {
        self.program = program
        granule = UInt64(program.scenario.granuleByteCount)
        versions = program.cells.map { _ in [0] }
        var time: UInt8 = 0
        for placed in program.operations {
            times.append(time)
            switch placed.operation {
            case .store(let cells), .release(_, _, let cells):
                guard time < 250 else { throw .tooLarge("more than 250 stores") }
                time += 1
                for cell in versions.indices {
                    versions[cell].append((versions[cell].last ?? 0) + (cells.contains(cell) ? 1 : 0))
                }
            default: break
            }
        }
        times.append(time)
        if granule > 1 {
            for cell in program.cells where granules[cell / granule] == nil {
                granules[cell / granule] = granules.count
            }
        }
        reach = program.places.map { place in
            guard place.byteCount > 0 else { return [] }
            let last = place.address &+ UInt64(place.byteCount - 1)
            return (place.address / granule...last / granule).compactMap { granules[$0] }
        }
        guard reach.allSatisfy({ $0.count <= 8 }) else { throw .tooLarge("an instruction in more than 8 granules") }
    }

    let byteCount = 0
    /// When the window was emptied; then by granule what it was fetched at, at the earliest.
    var threadByteCount: Int { 1 + granules.count }

    func isReady(_ operation: Int, in state: ModelState) -> Bool { true }
    func perform(_ operation: Int, isAlone: Bool, in state: inout ModelState) {}
    func visibleNext(in state: ModelState) -> [Int] { [] }
    func makeVisible(_ operation: Int, in state: inout ModelState) {}
    func catchUp(_ thread: ThreadLayout, in state: inout ModelState) -> Bool { false }

    func synchronise(_ thread: ThreadLayout, in state: inout ModelState) {
        // Outside it will take a branch to come here.
        guard state[thread.place] != 0 else { return }
        empty(thread, now: times[state.operation], &state)
    }

    func branch(_ thread: ThreadLayout, in state: inout ModelState) {
        empty(thread, now: times[state.operation], &state)
    }

    func leave(_ thread: ThreadLayout, in state: inout ModelState) { empty(thread, now: 0, &state) }

    private func empty(_ thread: ThreadLayout, now: UInt8, _ state: inout ModelState) {
        state[thread.machine] = now
        for index in 0..<granules.count { state[thread.machine + 1 + index] = 0 }
    }

    func newest(_ cell: Int, in state: ModelState) -> Int { versions[cell][Int(times[state.operation])] }

    /// What decides what can be fetched: the place, when the window was emptied, what time it is, and when the
    /// granules there were fetched before.
    private struct Question: Hashable {
        var place: Int
        var emptied: UInt8
        var now: UInt8
        /// The granules that the place's instructions reach, eight bits each.
        var earlier: UInt64
    }

    private struct Answer {
        var instruction: Int?
        var violation: Violation?
        var isStale = false
        /// When each granule was fetched: index, time.
        var fetched: [(granule: Int, time: UInt8)]
    }

    /// Each question comes up in many states, and has one answer.
    private var answers: [Question: [Answer]] = [:]

    mutating func fetch(at place: Int, _ thread: ThreadLayout, in state: ModelState, into fetches: inout [Fetch]) {
        var question = Question(
            place: place, emptied: state[thread.machine], now: times[state.operation], earlier: 0)
        for index in reach[place] {
            question.earlier = question.earlier << 8 | UInt64(state[thread.machine + 1 + index])
        }
        for answer in found(question) {
            var next = state
            for (index, time) in answer.fetched {
                next[thread.machine + 1 + index] = time > question.emptied ? time : 0
            }
            fetches.append(
                Fetch(
                    instruction: answer.instruction, state: next, violation: answer.violation, isStale: answer.isStale))
        }
    }

    private mutating func found(_ question: Question) -> [Answer] {
        if let known = answers[question] { return known }
        let place = program.places[question.place]
        var found: [Answer] = []
        let part = Part(start: place.address, end: place.address &+ UInt64(place.byteCount))
        look(part, [], [], question, &found)
        answers[question] = found
        return found
    }

    /// The part of an instruction that lies in one granule, or all that is left of it.
    private struct Part {
        var start: UInt64
        var end: UInt64
    }

    /// Tries every content of the granule that `part` begins in, and goes on to the next while the bytes so far
    /// could be the beginning of a lawful instruction.
    private func look(
        _ part: Part, _ bytes: [UInt32], _ fetched: [(granule: Int, time: UInt8)], _ question: Question,
        _ found: inout [Answer]
    ) {
        let index = granules[part.start / granule]
        let earliest = max(question.emptied, index.map { earlier($0, question) } ?? 0)
        let end = min(part.end, (part.start / granule &+ 1) &* granule)
        var seen: [[UInt32]] = []
        for time in earliest...max(earliest, question.now) {
            let content = contents(part.start, end, time)
            if seen.contains(content) { continue }
            seen.append(content)
            let times = fetched + (index.map { [($0, time)] } ?? [])
            let all = bytes + content
            switch match(all, question.place) {
            case .instruction(let choice):
                found.append(Answer(instruction: choice, isStale: isStale(choice, question.now), fetched: times))
            case .beginning where end < part.end:
                look(Part(start: end, end: part.end), all, times, question, &found)
            case .beginning, .nothing:
                let violation = violation(all, question.place, question.now)
                found.append(Answer(violation: violation, fetched: times))
            }
        }
    }

    private func earlier(_ granule: Int, _ question: Question) -> UInt8 {
        let reach = reach[question.place]
        guard let position = reach.firstIndex(of: granule) else { return 0 }
        let distance = reach.count - 1 - position
        return UInt8(truncatingIfNeeded: question.earlier >> UInt64(8 * distance))
    }

    /// Whether something else stands there by now.
    private func isStale(_ choice: Int, _ now: UInt8) -> Bool {
        let instruction = program.scenario.instructions[choice]
        return contents(instruction.address, instruction.end, now) != instruction.bytes.map(UInt32.init)
    }

    private func contents(_ start: UInt64, _ end: UInt64, _ time: UInt8) -> [UInt32] {
        (start..<end).map { address in
            program.value(at: address) { versions[$0][Int(time)] } ?? ModelProgram.freed
        }
    }

    private enum Match {
        case instruction(Int)
        case beginning
        case nothing
    }

    private func match(_ bytes: [UInt32], _ place: Int) -> Match {
        var isBeginning = false
        for choice in program.places[place].choices {
            let lawful = program.scenario.instructions[choice].bytes
            let count = min(lawful.count, bytes.count)
            guard (0..<count).allSatisfy({ bytes[$0] == UInt32(lawful[$0]) }) else { continue }
            if lawful.count <= bytes.count { return .instruction(choice) }
            isBeginning = true
        }
        return isBeginning ? .beginning : .nothing
    }

    private func violation(_ bytes: [UInt32], _ place: Int, _ now: UInt8) -> Violation {
        let start = program.places[place].address
        let present = contents(start, start &+ UInt64(bytes.count), now)
        return program.violation(ofFetched: bytes, at: start, present: present)
    }
}
