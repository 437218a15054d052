import ArgumentParser
import Control
import Demangling
import Glibc
import Globs
import Programs

struct SitesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sites",
        abstract: "List the functions of a program or library that can be traced, and why others cannot.",
        discussion: """
            Each line is a function at whose entry the compiler left room: where, what stands there, what it
            is armed to (off; switching on changes its first byte from a9 to e9), what boundary its five
            bytes cross, and the protocol: before main nobody else runs (exclusive), later one store.

            With --live PID, what stands at each site in the memory of a running process is read: on, off, original
            (the file's bytes), or foreign (neither). It needs the right to trace the process, and stops nobody.

            Programs for AArch64 and 32-bit Arm are read too, on any machine: what stands there is one NOP, off as it is;
            in Thumb code three of 16 bits (-fpatchable-function-entry=3). On 32-bit Arm it may be the call of -pg
            (__gnu_mcount_nc), over which the prologue slides. They are recorded with nopal record --target.

            Functions that were inlined have no entry, and are not listed. With --all, functions without a
            site are.

            EXAMPLES
                nopal sites ./prog
                nopal sites --summary /usr/lib/x86_64-linux-gnu/libz.so.1
                nopal sites --live 1234 -F 'parse*'
                nopal sites -F 'parse*' --json ./prog | jq '.sites[].function'
            """)

    @Argument(help: "A program (found along PATH like in a shell) or a shared library.") var program: String?
    @Option(help: ArgumentHelp("Show how the sites of a running process stand.", valueName: "pid")) var live: Int32?
    @Flag(help: "Print one object: module, counts, sites.") var json = false
    @Flag(help: "List functions without a site too.") var all = false
    @Flag(help: "Print counts only.") var summary = false
    @Option(name: .customShort("F"), help: "Only functions that match (may be repeated).") var only: [String] = []
    @Option(name: .customShort("N"), help: "No functions that match (may be repeated).") var never: [String] = []

    func validate() throws {
        guard (program == nil) != (live == nil) else { throw ValidationError("give a program, or --live PID") }
    }

    func run() throws {
        if let live { return try show(live: live) }
        do {
            let image = try ModuleImage.read(path: locate(program ?? ""), accepting: ModuleImage.readable)
            let filter = FunctionFilter(only: only, never: never)
            let chosen = (all ? image.allFunctions() : image.sites).filter {
                filter.selects(linkageName: $0.function.name, demangle: demangled)
            }
            try show(SiteListing(image: image, sites: chosen, withLines: !summary), image)
        } catch let error as ProgramError {
            if case .noSuchProgram = error { throw Failure.say("\(error)", status: Failure.missing) }
            throw Failure.say("\(error)", status: Failure.untraceable)
        }
    }

    /// A bare name that is no file here is looked for along PATH.
    private func locate(_ program: String) throws(ProgramError) -> String {
        if access(program, F_OK) == 0 || program.contains("/") { return program }
        return try executablePath(program)
    }

    private func show(live process: Int32) throws {
        let filter = FunctionFilter(only: only, never: never)
        var listings: [SiteListing] = []
        do {
            let sites = try LiveSites(process: process)
            for module in try MappedModule.modules(of: process, read: { try? ModuleImage.read(path: $0) })
            where module.image.sites.contains(where: \.isTraceable) {
                let states = sites.states(of: module.image, bias: module.bias) {
                    filter.selects(linkageName: $0.function.name, demangle: demangled)
                }
                listings.append(SiteListing(image: module.image, states: states ?? [], withLines: !summary))
            }
        } catch {
            throw Failure.say("\(error)", status: Live.status(of: error))
        }
        if listings.isEmpty, let emulator = Target.emulator(of: process) {
            throw Failure.say(
                "process \(process) is \(emulator), in whose program --live can't look; 'nopal status \(process)' counts its sites",
                status: Failure.untraceable)
        }
        if listings.isEmpty {
            throw Failure.say(
                "nothing of process \(process) was compiled with room for tracing", status: Failure.untraceable)
        }
        if json { return try JSONOutput.write(summary ? listings.map(\.withoutSites) : listings) }
        for listing in listings { try show(listing, nil) }
    }

    private func show(_ listing: SiteListing, _ image: ModuleImage?) throws {
        if json {
            try JSONOutput.write(summary ? listing.withoutSites : listing)
            return
        }
        if !summary, !listing.sites.isEmpty { print(listing.table, terminator: "") }
        print(listing.summaryText, terminator: "")
        if let warning = listing.warning { Failure.remark("\(listing.path): \(warning)") }
        if let advice = listing.advice { Failure.remark(advice) }
    }
}
