/// A way to compile a traced program: compiler, optimisation, kind of site.
enum Variant: String, CaseIterable, Sendable {
    case gccO2 = "gcc-O2"
    case gccO0 = "gcc-O0"
    case clangO2 = "clang-O2"
    /// `call __fentry__` at entry; linked without -pg, so that nothing writes gmon.out.
    case gccFentry = "gcc-fentry"
    /// A 5-byte no-op and a list of places.
    case gccFentryNop = "gcc-fentry-nop"
    /// `call mcount` after the prologue.
    case gccMcount = "gcc-mcount"
    case clangMcount = "clang-mcount"
    case clangXRay = "clang-xray"
    /// Sites after endbr64, and hardware shadow stacks allowed.
    case gccEndbr = "gcc-endbr"

    static let standard: [Variant] = [.gccO2, .gccO0, .clangO2]
    static let optimised: [Variant] = [.gccO2, .clangO2]
    static let clang: [Variant] = [.clangO2]
    static let everyKind = Variant.allCases

    var isClang: Bool { rawValue.hasPrefix("clang") }

    func compiler(isCxx: Bool) -> String {
        switch (isClang, isCxx) {
        case (true, true): "clang++-19"
        case (true, false): "clang-19"
        case (false, true): "g++"
        case (false, false): "gcc"
        }
    }

    /// What the instrumented sources are compiled with.
    var compileFlags: [String] {
        switch self {
        case .gccO2, .clangO2: ["-O2", "-fpatchable-function-entry=5"]
        case .gccO0: ["-O0", "-fpatchable-function-entry=5"]
        case .gccFentry: ["-O2", "-pg", "-mfentry"]
        case .gccFentryNop: ["-O2", "-pg", "-mfentry", "-mnop-mcount", "-mrecord-mcount", "-fno-pie"]
        case .gccMcount: ["-O2", "-pg"]
        case .clangMcount: ["-O2", "-pg"]
        case .clangXRay: ["-O2", "-fxray-instrument", "-fxray-instruction-threshold=1"]
        case .gccEndbr: ["-O2", "-fpatchable-function-entry=5", "-fcf-protection=full"]
        }
    }

    var linkFlags: [String] { self == .gccFentryNop ? ["-no-pie"] : [] }
}
