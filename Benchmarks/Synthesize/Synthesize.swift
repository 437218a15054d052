import TestSupport
import TraceFormat

/// `nopal-synthesize FILE EVENTS THREADS FUNCTIONS`: a trace of random nested calls, so that the
/// readers' speed and memory can be measured without recording for minutes.
@main
struct Synthesize {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let events = Int(arguments[2]), let threads = UInt32(arguments[3]),
            let functions = UInt32(arguments[4]), threads > 0, functions > 0
        else {
            print("usage: nopal-synthesize FILE EVENTS THREADS FUNCTIONS")
            return
        }
        let names = (1...functions).map { "function_\($0)" }
        let builder = try TraceBuilder(path: arguments[1], functions: names)
        for serial in 1...threads { try builder.thread(serial, tid: 1000 + serial) }
        var walkers = (1...threads).map { Walker(serial: $0, functionCount: functions) }
        var written = 0
        while written < events {
            for index in walkers.indices { written += try walkers[index].run(4000, builder) }
        }
        for index in walkers.indices { try walkers[index].end(builder) }
        try builder.finish()
    }
}

/// One thread that calls and returns at random, 20 levels deep at most.
struct Walker {
    let serial: UInt32
    let functionCount: UInt32
    private var random: SeededRandom
    private var stack: [UInt32] = []
    private var tick: UInt64 = 1000

    init(serial: UInt32, functionCount: UInt32) {
        self.serial = serial
        self.functionCount = functionCount
        random = SeededRandom(seed: UInt64(serial))
    }

    mutating func run(_ count: Int, _ builder: TraceBuilder) throws -> Int {
        for _ in 0..<count {
            let bits = random.next()
            tick += 20 + bits & 127
            if stack.isEmpty || (stack.count < 20 && bits >> 60 & 1 == 1) {
                // Few functions are called often, many seldom.
                let limit = bits >> 59 & 1 == 1 ? min(functionCount, 32) : functionCount
                let function = UInt32(bits >> 20 & 0xffff) % limit + 1
                stack.append(function)
                try builder.event(serial, .entry, function, tick)
            } else {
                try builder.event(serial, .exit, stack.removeLast(), tick)
            }
        }
        return count
    }

    mutating func end(_ builder: TraceBuilder) throws {
        while let function = stack.popLast() {
            tick += 20
            try builder.event(serial, .exit, function, tick)
        }
    }
}
