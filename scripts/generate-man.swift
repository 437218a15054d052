// Writes the man pages from what the command says of itself.
//
//     swift scripts/generate-man.swift NOPAL DOCS_MAN
//
// NOPAL is the built command. A page's options and description are `--experimental-dump-help`;
// what that does not know (exit status, files, see also) stands in DOCS_MAN/sections/PAGE.mdoc,
// and the pages go to DOCS_MAN. In a discussion, a paragraph that begins with "Examples:" is the
// section of that name, and indented or tabled lines are kept as they are.

import Foundation

struct Help: Decodable {
    struct Name: Decodable {
        var kind: String
        var name: String
    }
    struct Argument: Decodable {
        var kind: String
        var names: [Name]?
        var valueName: String?
        var abstract: String?
        var discussion: String?
        var defaultValue: String?
        var allValues: [String]?
        var isOptional: Bool
        var isRepeating: Bool
        var shouldDisplay: Bool
    }
    struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var discussion: String?
        var arguments: [Argument]?
        var subcommands: [Command]?
        var shouldDisplay: Bool?
    }
    var command: Command
}

func fail(_ text: String) -> Never {
    FileHandle.standardError.write(Data("generate-man: \(text)\n".utf8))
    exit(1)
}

func dumpHelp(_ path: String) -> Help {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["--experimental-dump-help"]
    process.standardOutput = pipe
    do {
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try JSONDecoder().decode(Help.self, from: data)
    } catch {
        fail("cannot read the help of \(path): \(error)")
    }
}

/// Text on a line of its own: no macro, no escape, hyphens as they are typed.
func text(_ line: String) -> String {
    let escaped = line.replacingOccurrences(of: "\\", with: "\\e")
    return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
}

/// Text as the argument of a macro, where some short words are macros again.
func argument(_ word: String) -> String {
    let escaped = word.replacingOccurrences(of: "\\", with: "\\e")
        .replacingOccurrences(of: "\"", with: "\\(dq")
    let isCalled = escaped.count <= 3 && escaped.first?.isUppercase == true
    let isPunctuation = escaped.count == 1 && ".,:;()[]?!|".contains(escaped)
    return isCalled || isPunctuation ? "\\&" + escaped : escaped
}

/// A paragraph, one sentence a line as mdoc wants it, or as it stands where lines are laid out.
func paragraph(_ lines: [String]) -> [String] {
    let isLaidOut = lines.contains { $0.hasPrefix(" ") || $0.contains("   ") }
    if isLaidOut {
        return [".Bd -literal -offset indent"] + lines.map { text($0) } + [".Ed"]
    }
    return sentences(lines.joined(separator: " "))
}

/// One sentence a line, and lines of less than 80 characters.
func sentences(_ string: String) -> [String] {
    var lines: [String] = []
    var rest = Substring(string)
    let ends = #"(?<=[A-Za-z0-9)\]'][.?!]) +(?=[A-Z`'-])"#
    while let end = rest.range(of: ends, options: .regularExpression) {
        lines += filled(rest[..<end.lowerBound])
        rest = rest[end.upperBound...]
    }
    return lines + filled(rest)
}

func filled(_ sentence: Substring) -> [String] {
    var lines: [String] = []
    for word in sentence.split(separator: " ") {
        if let last = lines.last, last.count + word.count < 76 {
            lines[lines.count - 1] = last + " " + word
        } else {
            lines.append(String(word))
        }
    }
    return lines.map(text)
}

func flag(_ name: Help.Name) -> String { (name.kind == "short" ? "" : "-") + name.name }

func synopsis(_ arguments: [Help.Argument]) -> [String] {
    arguments.map { item in
        let value = item.valueName.map(argument) ?? ""
        let repeats = item.isRepeating ? " ..." : ""
        guard item.kind != "positional" else {
            return (item.isOptional ? ".Op Ar " : ".Ar ") + value + repeats
        }
        let names = (item.names ?? []).sorted { $0.kind == "short" && $1.kind != "short" }
        let name = names.first.map(flag) ?? ""
        let option =
            (item.isOptional ? ".Op " : "") + "Fl " + argument(name)
            + (item.kind == "option" ? " Ar " + value : "") + repeats
        return item.isOptional ? option : "." + option
    }
}

func option(_ item: Help.Argument) -> [String] {
    var head = ".It "
    if item.kind == "positional" {
        head += "Ar " + argument(item.valueName ?? "")
    } else {
        let names = (item.names ?? []).sorted { $0.kind == "short" && $1.kind != "short" }
        head += names.map { "Fl " + argument(flag($0)) }.joined(separator: " , ")
        if item.kind == "option" { head += " Ar " + argument(item.valueName ?? "") }
    }
    var lines = [head] + sentences(item.abstract ?? "")
    if let discussion = item.discussion, !discussion.isEmpty { lines += sentences(discussion) }
    if let values = item.allValues, !values.isEmpty {
        lines +=
            ["One of"]
            + values.enumerated().map { index, value in
                ".Cm \(argument(value))" + (index == values.count - 1 ? " ." : " ,")
            }
    }
    if let value = item.defaultValue, item.kind != "flag" {
        lines += ["The default is", ".Cm \(argument(value)) ."]
    }
    return lines
}

/// What a discussion says, sorted into a page's sections.
struct Discussion {
    var body: [[String]] = []
    var examples: [String] = []
    /// Code and meaning.
    var exitCodes: [(code: String, meaning: String)] = []

    init(_ text: String) {
        for block in text.components(separatedBy: "\n\n") {
            let lines = block.components(separatedBy: "\n").filter { !$0.isEmpty }
            if lines.first == "EXIT CODES" {
                readExitCodes(lines.dropFirst())
            } else if let first = lines.first, first.lowercased().hasPrefix("example") {
                examples += lines.dropFirst().map { String($0.drop { $0 == " " }) }
            } else if !lines.isEmpty, lines.allSatisfy({ $0.hasPrefix("  nopal ") }) {
                examples += lines.map { String($0.drop { $0 == " " }) }
            } else if !lines.isEmpty {
                body.append(lines)
            }
        }
    }

    /// Lines of `  CODE  meaning`, and of what goes on from the line before.
    private mutating func readExitCodes(_ lines: ArraySlice<String>) {
        for line in lines {
            let words = line.split(separator: " ", maxSplits: 1)
            if words.count == 2, UInt8(words[0]) != nil {
                exitCodes.append((String(words[0]), words[1].trimmingCharacters(in: .whitespaces)))
            } else if let last = exitCodes.popLast() {
                exitCodes.append((last.code, last.meaning + " " + line.trimmingCharacters(in: .whitespaces)))
            }
        }
    }

    var exampleSection: [String] {
        examples.isEmpty ? [] : [".Sh EXAMPLES", ".Bd -literal -offset indent"] + examples.map(text) + [".Ed"]
    }

    var exitSection: [String] {
        guard !exitCodes.isEmpty else { return [] }
        let items = exitCodes.flatMap { item in
            [".It \(item.code)"] + sentences(item.meaning.prefix(1).uppercased() + item.meaning.dropFirst() + ".")
        }
        return [".Sh EXIT STATUS", ".Bl -tag -width Ds"] + items + [".El"]
    }
}

func page(_ command: Help.Command, title: String, sections: String) -> String {
    let shown = (command.arguments ?? []).filter { $0.shouldDisplay && $0.names?.first?.name != "version" }
    let words = title.split(separator: "-", maxSplits: 1).map(String.init)
    let discussion = Discussion(command.discussion ?? "")
    var abstract = command.abstract ?? ""
    if abstract.hasSuffix(".") { abstract.removeLast() }
    var lines = [
        ".\\\" Written by scripts/generate-man.swift from the command's own help; do not edit.",
        ".Dd $Mdocdate$", ".Dt \(title.uppercased()) 1", ".Os Nopal", ".Sh NAME", ".Nm \(title)",
        ".Nd \(abstract.prefix(1).lowercased() + abstract.dropFirst())",
        ".Sh SYNOPSIS", ".Nm \(words.joined(separator: " "))",
    ]
    let subcommands = (command.subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" }
    if !subcommands.isEmpty { lines += [".Ar command", ".Op Ar options"] }
    lines += synopsis(shown.filter { $0.names?.contains { $0.name == "help" } != true })
    lines += [".Sh DESCRIPTION"] + sentences((command.abstract ?? ""))
    for block in discussion.body { lines += [".Pp"] + paragraph(block) }
    if !subcommands.isEmpty {
        lines += [".Pp", "The commands, each with a page of its own:", ".Bl -tag -width Ds"]
        for sub in subcommands { lines += [".It Xr \(title)-\(sub.commandName) 1"] + sentences(sub.abstract ?? "") }
        lines += [".El"]
    }
    if !shown.isEmpty {
        if !subcommands.isEmpty { lines += [".Pp"] }
        lines += [".Pp", "The arguments and options are:", ".Bl -tag -width Ds"] + shown.flatMap(option) + [".El"]
    }
    lines += sections.components(separatedBy: "\n").flatMap { line in
        switch line {
        case "@EXAMPLES@": discussion.exampleSection
        case "@EXIT@": discussion.exitSection
        case ".Xr \(title) 1": [String]()
        default: [line]
        }
    }
    let result = lines.filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
    // A display that follows begins with its own space, and a list after a paragraph does, too.
    return result.replacingOccurrences(of: ".Pp\n.Pp\n", with: ".Pp\n")
        .replacingOccurrences(of: ".Pp\n.Bd", with: ".Bd")
}

guard CommandLine.arguments.count == 3 else { fail("usage: generate-man.swift NOPAL DOCS_MAN") }
let folder = URL(fileURLWithPath: CommandLine.arguments[2], isDirectory: true)
let help = dumpHelp(CommandLine.arguments[1])
var pages = [("nopal", help.command)]
for sub in help.command.subcommands ?? [] where sub.commandName != "help" && sub.shouldDisplay != false {
    pages.append(("nopal-" + sub.commandName, sub))
}
for (title, command) in pages {
    let extra = folder.appendingPathComponent("sections/\(title).mdoc")
    let common = folder.appendingPathComponent("sections/default.mdoc")
    guard
        let sections = (try? String(contentsOf: extra, encoding: .utf8))
            ?? (try? String(contentsOf: common, encoding: .utf8))
    else { fail("neither \(extra.path) nor \(common.path) is there") }
    do {
        let target = folder.appendingPathComponent(title + ".1")
        try page(command, title: title, sections: sections).write(to: target, atomically: true, encoding: .utf8)
        print("wrote \(target.path)")
    } catch {
        fail("cannot write the page of \(title): \(error)")
    }
}
