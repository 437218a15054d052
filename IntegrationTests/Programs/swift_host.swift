// A Swift program: classes, strings, errors and concurrency around traced C functions.
@_silgen_name("c_work") func work(_ n: Int) -> Int
@_silgen_name("c_calls_back") func callsBack(_ n: Int, _ f: @convention(c) (Int) -> Int) -> Int

final class Node {
    let value: Int
    let next: Node?
    init(_ value: Int, _ next: Node?) { (self.value, self.next) = (value, next) }
}

struct Odd: Error { let n: Int }

func check(_ n: Int) throws -> Int {
    if n % 7 == 3 { throw Odd(n: n) }
    return work(n)
}

@main struct Host {
    static func main() async {
        var list: Node?
        for i in 0..<1000 { list = Node(callsBack(i) { work($0) + 1 }, list) }
        var sum = 0
        while let node = list { (sum, list) = (sum + node.value, node.next) }
        var text: [String: Int] = [:]
        for i in 0..<200 { text["key \(i % 17)", default: 0] += (try? check(i)) ?? -1 }
        let parallel = await withTaskGroup(of: Int.self) { group in
            for i in 0..<50 { group.addTask { work(i) } }
            return await group.reduce(0, +)
        }
        print(sum, parallel, text.sorted { $0.key < $1.key })
    }
}
