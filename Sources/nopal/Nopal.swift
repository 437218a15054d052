import ArgumentParser
import Control

@main
struct Nopal: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nopal",
        abstract: "Trace every function of a running native program.",
        discussion: """
            Compile a program with room for tracing, record it, and look at every call:

              gcc $(nopal cflags) -g -O2 -o prog prog.c
              nopal record -- ./prog
              nopal replay | less
              nopal report

            Or attach to one that runs, and switch functions on and off:

              nopal attach PID --off &
              nopal enable PID 'parse_*'

            Every command takes --help. A command without FILE reads nopal.trace.
            """,
        version: nopalVersion,
        subcommands: [
            RecordCommand.self, AttachCommand.self, EnableCommand.self, DisableCommand.self, StatusCommand.self,
            DetachCommand.self, PrepareCommand.self, CollectCommand.self, ReplayCommand.self, ReportCommand.self,
            GraphCommand.self, InfoCommand.self,
            ExportCommand.self, SitesCommand.self, ProveCommand.self, CflagsCommand.self,
        ])
}
