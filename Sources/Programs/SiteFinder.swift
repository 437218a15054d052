import MachineCode
import Patching

/// Turns records into verdicts by looking at the bytes.
struct SiteFinder {
    private let elf: ElfFile
    private let functions: FunctionTable
    let targets: CallTargets
    private var returnAddresses: ReturnAddressReads
    var prologues = PrologueSlide()
    var armPrologues = ArmPrologueSlide()

    init(elf: ElfFile, functions: FunctionTable, targets: CallTargets, unwind: UnwindTable?) {
        self.elf = elf
        self.functions = functions
        self.targets = targets
        returnAddresses = ReturnAddressReads(unwind: unwind)
    }

    /// One verdict a function, sorted by address.
    mutating func verdicts(on records: [SiteRecord]) -> [FunctionSite] {
        var found: [FunctionSite] = []
        found.reserveCapacity(records.count)
        var isSorted = true
        for record in records {
            let site = verdict(on: record)
            if let last = found.last, last.function.address >= site.function.address { isSorted = false }
            found.append(site)
        }
        return isSorted ? found : Self.withoutRepeats(found)
    }

    /// Keeps the best verdict on each function: traceable before not.
    private static func withoutRepeats(_ found: [FunctionSite]) -> [FunctionSite] {
        let order = found.indices.sorted { left, right in
            let (a, b) = (found[left], found[right])
            if a.function.address != b.function.address { return a.function.address < b.function.address }
            if a.isTraceable != b.isTraceable { return a.isTraceable }
            return left < right
        }
        var kept: [FunctionSite] = []
        kept.reserveCapacity(found.count)
        for index in order where kept.last?.function.address != found[index].function.address {
            kept.append(found[index])
        }
        return kept
    }

    private mutating func verdict(on record: SiteRecord) -> FunctionSite {
        guard let index = function(of: record) else {
            let function = FunctionSymbol(
                name: FunctionTable.placeholder(record.address), address: record.address, byteCount: 0)
            guard functions.entries.isEmpty else {
                return FunctionSite(
                    function: function, verdict: .notTraceable(reason: "no function has this address"))
            }
            return FunctionSite(function: function, verdict: verdict(on: record, entry: record.address, end: nil))
        }
        let function = functions.symbol(at: index)
        if let reason = Self.forbidden(function.name, isResolver: functions.entries[index].isResolver) {
            return FunctionSite(function: function, verdict: .notTraceable(reason: reason))
        }
        let verdict = verdict(
            on: record, entry: function.address, end: functions.end(of: index),
            isThumb: functions.entries[index].isThumb)
        return FunctionSite(function: function, verdict: verdict)
    }

    /// The function that a record belongs to. NOPs in front of the entry belong to the function
    /// behind them.
    private func function(of record: SiteRecord) -> Int? {
        let last = functions.indexOfLast(startingAtOrBefore: record.function ?? record.address)
        if let last, functions.entries[last].address == record.address || record.function != nil { return last }
        if record.source == .patchable {
            let next = last.map { $0 + 1 } ?? 0
            if next < functions.entries.count, areNops(record.address, functions.entries[next].address) {
                return next
            }
        }
        guard let last, record.address < functions.end(of: last) else { return nil }
        return last
    }

    private func areNops(_ from: UInt64, _ to: UInt64) -> Bool {
        guard to > from, to - from <= 256, let code = elf.loaded(at: from, upTo: 512) else { return false }
        var at = 0
        while at < Int(to - from), let length = nopByteCount(in: code, at: at) { at += length }
        return at == Int(to - from)
    }

    private static func forbidden(_ name: String, isResolver: Bool) -> String? {
        if isResolver { return "resolves an indirect function while the loader relocates" }
        switch name {
        case "_start", "_init", "_fini": return "start-up code without an ordinary caller"
        case "mcount", "_mcount", "__gnu_mcount_nc", "__fentry__": return "is itself a tracer's entry hook"
        default: return nil
        }
    }
}

extension SiteFinder {
    /// - Parameters:
    ///   - entry: where the function starts, as far as known.
    ///   - end: where it ends, nil when unknown.
    ///   - isThumb: 32-bit Arm: it is T32.
    private mutating func verdict(
        on record: SiteRecord, entry: UInt64, end: UInt64?, isThumb: Bool = false
    ) -> FunctionSite.Verdict {
        let byteCount = end.map { Int(clamping: $0 &- entry) } ?? Self.unknownFunctionByteCount
        guard let code = elf.loaded(at: entry, upTo: max(byteCount, Self.unknownFunctionByteCount)),
            code.count > 0, elf.isCode(entry)
        else { return .notTraceable(reason: "recorded address lies outside the code") }
        let start = Self.branchTargetByteCount(in: code, elf.isa)
        let found: Found
        switch record.source {
        case _ where elf.isa == .a64:
            found = a64(record, in: code, at: start, entry: entry)
        case _ where elf.isa == .a32:
            found = arm(record, in: code, entry: entry, byteCount: byteCount, isThumb: isThumb)
        case .patchable: found = nops(in: code, at: start, entry: entry)
        case .xray: found = sled(in: code, at: Int(clamping: record.address &- entry), entry: entry)
        case .mcountLocation, .call:
            found = call(in: code, at: Int(clamping: record.address &- entry), entry: entry, byteCount: byteCount)
        }
        switch found {
        case .obstacle(let reason): return .notTraceable(reason: reason)
        case .site(let site): return verdict(on: site, code: code, byteCount: byteCount, entry: entry)
        }
    }

    /// What is looked at of a function whose size nothing gives.
    private static var unknownFunctionByteCount: Int { 64 }

    enum Found {
        case site(Site)
        case obstacle(String)
    }

    private mutating func verdict(
        on site: Site, code: FileBytes, byteCount: Int, entry: UInt64
    ) -> FunctionSite.Verdict {
        let remark = functions.hasNames ? nil : "stripped: no symbol names it"
        if let body = code.slice(0, byteCount: min(byteCount, code.count)),
            readsReturnAddress(body, entry, site)
        {
            return .traceable(site, exits: false, remark: "reads its own return address: entries only")
        }
        return .traceable(site, exits: true, remark: remark)
    }

    private mutating func readsReturnAddress(_ body: FileBytes, _ entry: UInt64, _ site: Site) -> Bool {
        switch site.isa {
        case .x86_64: returnAddresses.reads(body, address: entry)
        case .a64: LinkRegisterReads.reads(body)
        case .a32, .t32: LinkRegisterReads.readsArm(body, isThumb: site.isa == .t32, entryCall: site.entryCall)
        }
    }

    /// The length of an `endbr64` or of a `bti` at the start.
    static func branchTargetByteCount(in code: FileBytes, _ isa: InstructionSet) -> Int {
        guard let first: UInt32 = code.integer(at: 0) else { return 0 }
        switch isa {
        case .x86_64: return first == 0xFA1E_0FF3 ? 4 : 0
        case .a64: return isBranchTarget(first) ? 4 : 0
        case .a32, .t32: return 0
        }
    }

    private func nopByteCount(in code: FileBytes, at offset: Int) -> Int? {
        switch elf.isa {
        case .x86_64: NopDecoding.byteCount(in: code, at: offset)
        case .a64: Self.isNop(code.integer(at: offset)) ? 4 : nil
        case .a32, .t32: Self.isArmNop(code, at: offset) ? 4 : Self.isThumbNop(code, at: offset) ? 2 : nil
        }
    }
}
