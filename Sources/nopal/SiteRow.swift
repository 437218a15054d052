import Control
import Demangling
import Patching
import Programs

/// One line of `nopal sites`.
struct SiteRow: Encodable {
    var address: String
    var function: String
    var linkageName: String
    var byteCount: UInt64
    var file: String?
    var line: Int?
    var isTraceable: Bool
    /// nil, with a reason, where nothing can be armed.
    var shape: String?
    var windowByteCount: Int?
    var armedOff: String?
    var armedOn: String?
    var straddles: String?
    var protocolAtStart: String?
    /// How it is armed in a process whose threads run, and how it is switched then.
    var protocolLive: String?
    var protocolToggle: String?
    var exits: Bool?
    var remark: String?
    var reason: String?
    /// With --live: on, off, original, or foreign.
    var state: String?
    /// With --live: where the site stands in memory.
    var runtimeAddress: String?

    init(_ state: LiveSites.State, source: SourceLine?) {
        self.init(state.site, source: source)
        self.state = state.form?.rawValue ?? "foreign"
        runtimeAddress = "0x" + String(state.address, radix: 16)
    }

    init(_ site: FunctionSite, source: SourceLine?) {
        address = "0x" + String(site.address, radix: 16)
        function = demangled(site.function.name)
        linkageName = site.function.name
        byteCount = site.function.byteCount
        file = source?.file
        line = source?.line
        isTraceable = site.isTraceable
        switch site.verdict {
        case .notTraceable(let reason):
            self.reason = reason
        case .traceable(let place, let exits, let remark):
            shape = place.shape.text
            windowByteCount = place.original.count
            armedOff = place.sledText(isOn: false) + place.tailText
            armedOn = place.sledText(isOn: true) + place.tailText
            straddles = place.straddling.rawValue
            protocolAtStart = "exclusive"
            protocolLive = place.liveArming
            protocolToggle = "single store"
            self.exits = exits
            self.remark = remark
        }
    }

    var sourceText: String {
        guard let file, let line else { return "-" }
        return "\(file.split(separator: "/").last ?? "")" + ":\(line)"
    }

    /// The columns of the table.
    var columns: [String] {
        guard let shape, let armedOff, let straddles else {
            return [address, function, sourceText, "-", "-", "-", "not traceable: \(reason ?? "")"]
        }
        let note = remark.map { "; \($0)" } ?? ""
        return [
            runtimeAddress ?? address, function, sourceText, shape, state ?? armedOff, straddles,
            "exclusive, live \(protocolLive ?? "-"); toggled by single store\(note)",
        ]
    }

    static let titles = ["ADDRESS", "FUNCTION", "SOURCE", "SHAPE", "ARMED (OFF)", "STRADDLES", "PROTOCOL"]
    static let liveTitles = ["ADDRESS", "FUNCTION", "SOURCE", "SHAPE", "STATE", "STRADDLES", "PROTOCOL"]
}

extension SiteShape {
    /// As a person would call it.
    var text: String {
        switch self {
        case .singleNop(let byteCount): "\(byteCount)-byte nop"
        case .smallNops(let count): "\(count) small nops"
        case .mixedNops(let count, let byteCount): "\(count) nops, \(byteCount) bytes"
        case .fentryCall(let byteCount): "\(byteCount)-byte call __fentry__"
        case .mcountCall(let prologue, let call): "\(prologue)-byte prologue, \(call)-byte call mcount"
        case .xraySled: "xray sled"
        }
    }
}

extension Site {
    /// The cheapest sound protocol that arms it under running threads, as a module's file has it.
    fileprivate var liveArming: String {
        // Modules are moved by whole pages, so that the file's addresses tell; what stands around does not matter.
        let change = SiteChange(site: self, bias: 0, from: .original, to: .off, stub: address)
        let around = [UInt8](repeating: 0, count: 8)
        let start = address & ~7 &- 8
        let before = [UInt8](repeating: 0, count: Int(address &- start))
        let code = CodeImage(start: start, bytes: before + original + around + around)
        let planner = LivePlanner(environment: PatchEnvironment(vendor: .amd))
        guard let outcome = try? planner.plan([change], in: code) else { return "-" }
        if outcome.plans.isEmpty && outcome.refused.isEmpty { return "as it is" }
        return outcome.plans.first?.patchProtocol.rawValue ?? "-"
    }

    /// The sled itself once armed.
    fileprivate func sledText(isOn: Bool) -> String {
        switch isa {
        case .x86_64: isOn ? "e9 rel32" : "a9 rel32"
        case .a64, .a32: isOn ? "b stub" : shape == .xraySled ? "b over" : "nop"
        case .t32: isOn ? "nop; b.w stub" : "b.n over; b.w stub"
        }
    }

    /// What stands behind the sled once armed.
    fileprivate var tailText: String {
        if case .mcountCall(let prologue, _) = shape {
            return " + prologue" + (tail.count > prologue ? " + nop" : "")
        }
        return tail.isEmpty ? "" : " + nop\(tail.count)"
    }
}
