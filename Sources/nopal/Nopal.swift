import ArgumentParser

@main
struct Nopal: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nopal", abstract: "Trace every function of a running native program.",
        subcommands: [
            RecordCommand.self, ReplayCommand.self, ReportCommand.self, GraphCommand.self, InfoCommand.self,
            ExportCommand.self,
        ])
}
