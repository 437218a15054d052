import ArgumentParser
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

            Functions that were inlined have no entry, and are not listed. With --all, functions without a
            site are.

            EXAMPLES
                nopal sites ./prog
                nopal sites --summary /usr/lib/x86_64-linux-gnu/libz.so.1
                nopal sites -F 'parse*' --json ./prog | jq '.sites[].function'
            """)

    @Argument(help: "A program (found along PATH like in a shell) or a shared library.") var program: String
    @Flag(help: "Print one object: module, counts, sites.") var json = false
    @Flag(help: "List functions without a site too.") var all = false
    @Flag(help: "Print counts only.") var summary = false
    @Option(name: .customShort("F"), help: "Only functions that match (may be repeated).") var only: [String] = []
    @Option(name: .customShort("N"), help: "No functions that match (may be repeated).") var never: [String] = []

    func run() throws {
        do {
            let image = try ModuleImage.read(path: locate())
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
    private func locate() throws(ProgramError) -> String {
        if access(program, F_OK) == 0 || program.contains("/") { return program }
        return try executablePath(program)
    }

    private func show(_ listing: SiteListing, _ image: ModuleImage) throws {
        if json {
            try JSONOutput.write(summary ? listing.withoutSites : listing)
            return
        }
        if !summary, !listing.sites.isEmpty { print(listing.table, terminator: "") }
        print(listing.summaryText, terminator: "")
        if let advice = listing.advice { Failure.remark(advice) }
    }
}
