import ArgumentParser
import Control
import Foundation
import Globs
import TraceFormat

struct Record: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run a program and record every call of its functions.")
    @Option(name: .short) var o = "nopal.trace"
    @Option(name: .customShort("F")) var only: [String] = []
    @Option(name: .customShort("N")) var not: [String] = []
    @Option(name: .customShort("D")) var depth: Int?
    @Flag var noExits = false
    @Option var buffer = 64 << 20
    @Option var whenFull = "wait"
    @Argument(parsing: .postTerminator) var command: [String] = []
    func run() throws {
        let outcome = try RecordSession(RecordOptions(executable: command[0], arguments: command, outputPath: o,
            selection: Selection(filter: FunctionFilter(only: only, never: not), recordsExits: !noExits, depthLimit: depth), filterTexts: [], bufferByteCount: buffer,
            whenFull: whenFull == "drop" ? .drop : whenFull == "overwrite" ? .overwrite : .wait, agentPath: AgentLocation.find())).run()
        for n in outcome.notes { FileHandle.standardError.write(Data("nopal: \(n)\n".utf8)) }
        throw ExitCode(outcome.waitStatus & 0x7f == 0 ? (outcome.waitStatus >> 8) & 0xff : 128 + outcome.waitStatus & 0x7f)
    }
}
