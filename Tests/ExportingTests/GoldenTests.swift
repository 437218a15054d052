import Reading
import Testing

@testable import Exporting

/// The whole text of each format for one small trace.
@Suite struct GoldenTests {
    private func exported(_ format: ExportFormat, weight: FoldedWeight = .time) throws -> String {
        let trace = try SampleTrace.story.opened()
        #expect(trace.faults == [])
        var export = TraceExport(format: format)
        export.foldedWeight = weight
        return try writtenText { try export.write(trace, to: $0) }
    }

    @Test func chrome() throws {
        #expect(
            try exported(.chrome) == #"""
                {"displayTimeUnit":"ns","otherData":{"exporter":"nopal"},"traceEvents":[
                {"pid":70,"tid":70,"ph":"M","name":"process_name","args":{"name":"app"}},
                {"pid":70,"tid":70,"ph":"M","name":"thread_name","args":{"name":"main"}},
                {"pid":70,"tid":70,"ph":"X","ts":1000.150,"dur":1.250,"name":"parse"},
                {"pid":70,"tid":70,"ph":"X","ts":1001.600,"dur":0.100,"name":"throw\"s","args":{"ended":"unwound"}},
                {"pid":70,"tid":70,"ph":"X","ts":1001.500,"dur":0.250,"name":"parse","args":{"ended":"unwound"}},
                {"pid":70,"tid":70,"ph":"i","s":"t","ts":1001.800,"name":"lean"},
                {"pid":70,"tid":70,"ph":"i","s":"t","ts":1003.000,"name":"events lost","args":{"count":12}},
                {"pid":70,"tid":70,"ph":"X","ts":1003.000,"dur":0.100,"name":"parse"},
                {"pid":70,"tid":70,"ph":"X","ts":1000.100,"dur":3.000,"name":"main","args":{"ended":"open when the recording ended"}},
                {"pid":70,"tid":71,"ph":"M","name":"thread_name","args":{"name":"helper"}},
                {"pid":70,"tid":71,"ph":"X","ts":1000.300,"dur":0.100,"name":"work"},
                {"pid":70,"tid":71,"ph":"X","ts":1000.200,"dur":0.300,"name":"work"}
                ]}

                """#)
    }

    @Test func folded() throws {
        #expect(
            try exported(.folded) == """
                main;main 1400
                main;main;parse 1500
                main;main;parse;throw"s 100
                helper;work 200
                helper;work;work 100

                """)
    }

    @Test func foldedCalls() throws {
        #expect(
            try exported(.folded, weight: .calls) == """
                main;main 1
                main;main;parse 3
                main;main;parse;throw"s 1
                main;main;lean 1
                helper;work 1
                helper;work;work 1

                """)
    }

    @Test func callgrind() throws {
        #expect(
            try exported(.callgrind) == """
                # callgrind format
                version: 1
                creator: nopal
                cmd: ./app -x
                desc: Trace: 12 events were lost; costs are too low
                positions: line
                events: ns
                summary: 3300

                ob=(1) app
                fl=(1) ???
                fn=(1) main
                0 1400
                cob=(1)
                cfi=(1)
                cfn=(2) parse
                calls=3 0
                0 1600
                cob=(1)
                cfi=(1)
                cfn=(4) lean
                calls=1 0
                0 0

                ob=(1)
                fl=(1)
                fn=(2)
                0 1500
                cob=(1)
                cfi=(1)
                cfn=(3) throw"s
                calls=1 0
                0 100

                ob=(1)
                fl=(1)
                fn=(3)
                0 100

                ob=(1)
                fl=(1)
                fn=(4)
                0 0

                ob=(1)
                fl=(1)
                fn=(5) work
                0 300
                cob=(1)
                cfi=(1)
                cfn=(5)
                calls=1 0
                0 0

                totals: 3300

                """)
    }

    @Test func speedscope() throws {
        #expect(
            try exported(.speedscope) == #"""
                {"$schema":"https://www.speedscope.app/file-format-schema.json",
                "exporter":"nopal","activeProfileIndex":0,"name":"./app -x",
                "profiles":[
                {"type":"evented","unit":"nanoseconds","name":"main (70)","events":[
                {"type":"O","frame":0,"at":1000100},
                {"type":"O","frame":1,"at":1000150},
                {"type":"C","frame":1,"at":1001400},
                {"type":"O","frame":1,"at":1001500},
                {"type":"O","frame":2,"at":1001600},
                {"type":"C","frame":2,"at":1001700},
                {"type":"C","frame":1,"at":1001750},
                {"type":"O","frame":3,"at":1001800},
                {"type":"C","frame":3,"at":1001800},
                {"type":"O","frame":4,"at":1003000},
                {"type":"C","frame":4,"at":1003000},
                {"type":"O","frame":1,"at":1003000},
                {"type":"C","frame":1,"at":1003100},
                {"type":"C","frame":0,"at":1003100}],"startValue":1000100,"endValue":1003100},
                {"type":"evented","unit":"nanoseconds","name":"helper (71)","events":[
                {"type":"O","frame":5,"at":1000200},
                {"type":"O","frame":5,"at":1000300},
                {"type":"C","frame":5,"at":1000400},
                {"type":"C","frame":5,"at":1000500}],"startValue":1000200,"endValue":1000500}],
                "shared":{"frames":[
                {"name":"main","file":"app"},
                {"name":"parse","file":"app"},
                {"name":"throw\"s","file":"app"},
                {"name":"lean","file":"app"},
                {"name":"[events lost]"},
                {"name":"work","file":"app"}]}}

                """#)
    }
}
