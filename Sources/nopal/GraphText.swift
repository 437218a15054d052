import Analysis
import Reading

/// A call graph as text, in uftrace's layout, and as JSON.
struct GraphText {
    let trace: Trace
    let depth: Int

    func whole(_ graph: CallGraph) -> String {
        "========== FUNCTION CALL GRAPH ==========\n# TOTAL TIME   FUNCTION\n" + tree(graph, root: "all threads")
    }

    /// The paths to a function, then what it called.
    func around(_ graph: CallGraph, function: UInt32) -> String {
        let places = outermost(graph, function)
        var text = "# Function Call Graph for '\(name(function))'\n=============== BACKTRACE ===============\n"
        let sorted = places.sorted { (graph.nodes[$0].nanos, $1) > (graph.nodes[$1].nanos, $0) }
        for (number, place) in sorted.enumerated() {
            let node = graph.nodes[place]
            text += " backtrace #\(number): hit \(node.calls), time\(durationText(node.nanos))\n"
            for (index, step) in graph.path(to: place).enumerated() {
                text += "   [\(index)] \(name(graph.nodes[step].function))\n"
            }
            text += "\n"
        }
        return text + "========== FUNCTION CALL GRAPH ==========\n# TOTAL TIME   FUNCTION\n"
            + tree(graph.merged(places), root: name(function))
    }

    func json(_ graph: CallGraph, function: UInt32) -> JSON {
        let places = outermost(graph, function)
        let traces = places.map { place in
            JSON.object([
                ("calls", .number(graph.nodes[place].calls)), ("total_ns", .number(graph.nodes[place].nanos)),
                ("path", .array(graph.path(to: place).map { .string(name(graph.nodes[$0].function)) })),
            ])
        }
        return .object([
            ("function", .string(name(function))), ("backtraces", .array(traces)),
            ("graph", json(graph.merged(places), 0, root: name(function))),
        ])
    }

    func json(_ graph: CallGraph, _ place: Int, root: String = "all threads", level: Int = 0) -> JSON {
        let node = graph.nodes[place]
        let children = level < depth ? node.children : []
        return .object([
            ("function", .string(place == 0 ? root : name(node.function))), ("calls", .number(node.calls)),
            ("total_ns", .number(node.nanos)),
            ("children", .array(children.map { json(graph, $0, level: level + 1) })),
        ])
    }

    /// Nodes of the function that do not lie inside another call of it.
    private func outermost(_ graph: CallGraph, _ function: UInt32) -> [Int] {
        graph.nodes(of: function).filter { place in
            !graph.path(to: place).dropLast().contains { graph.nodes[$0].function == function }
        }
    }

    private func name(_ function: UInt32) -> String { trace.function(function).baseName }

    private func tree(_ graph: CallGraph, root: String) -> String {
        var text = line(graph.nodes[0], prefix: "", root, hasCount: graph.nodes[0].calls > 0)
        var waiting = pending(graph, 0, prefix: " ", level: 1)
        while let next = waiting.popLast() {
            let node = graph.nodes[next.place]
            let branch = next.isAlone ? next.prefix : next.prefix + "+-"
            text += line(node, prefix: branch, name(node.function))
            let below = next.isAlone ? next.prefix : next.prefix + (next.isLast ? "  " : "| ")
            waiting += pending(graph, next.place, prefix: below, level: next.level + 1)
        }
        return text
    }

    private struct Pending { var place: Int, prefix: String, isLast: Bool, isAlone: Bool, level: Int }

    private func pending(_ graph: CallGraph, _ place: Int, prefix: String, level: Int) -> [Pending] {
        guard level <= depth else { return [] }
        let children = graph.nodes[place].children
        return children.enumerated().reversed().map { index, child in
            Pending(
                place: child, prefix: prefix, isLast: index == children.count - 1,
                isAlone: children.count == 1 && level > 1, level: level)
        }
    }

    private func line(_ node: CallGraph.Node, prefix: String, _ name: String, hasCount: Bool = true) -> String {
        " " + durationText(node.nanos) + " : " + prefix + (hasCount ? "(\(node.calls)) " : "") + name + "\n"
    }
}
