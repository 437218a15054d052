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

    case a64O2 = "aarch64-O2"
    case a64O0 = "aarch64-O0"
    case a64Os = "aarch64-Os"
    case a64NoPIE = "aarch64-no-pie"
    /// Sites behind BTI and before PACIASP.
    case a64Protected = "aarch64-protected"
    case a64Clang = "clang-aarch64"
    case a64XRay = "clang-aarch64-xray"
    case a32O2 = "arm-O2"
    case a32O0 = "arm-O0"
    case a32Os = "arm-Os"
    case a32NoPIE = "arm-no-pie"
    case t32O2 = "thumb-O2"
    case t32O0 = "thumb-O0"
    case t32Os = "thumb-Os"
    case t32NoPIE = "thumb-no-pie"
    /// `push {lr}; bl __gnu_mcount_nc` after the prologue.
    case a32Mcount = "arm-mcount"
    case t32Mcount = "thumb-mcount"
    case a32McountO0 = "arm-mcount-O0"
    case t32McountOs = "thumb-mcount-Os"
    /// clang's, with `stmfd sp!, {lr}` on A32. At -O0: when it optimises it moves reads of pc to before the call.
    case a32ClangMcount = "clang-arm-mcount-O0"
    case t32ClangMcount = "clang-thumb-mcount-O0"

    static let standard: [Variant] = [.gccO2, .gccO0, .clangO2]
    static let optimised: [Variant] = [.gccO2, .clangO2]
    static let clang: [Variant] = [.clangO2]
    static let everyKind = Variant.allCases.filter { $0.target == nil }

    static let a64: [Variant] = [.a64O2, .a64O0, .a64Os, .a64NoPIE, .a64Protected, .a64Clang, .a64XRay]
    static let a32: [Variant] = [.a32O2, .a32O0, .a32Os, .a32NoPIE, .a32Mcount, .a32ClangMcount]
    static let t32: [Variant] = [.t32O2, .t32O0, .t32Os, .t32NoPIE, .t32Mcount, .t32ClangMcount]
    /// gcc 12 writes exception tables for 32-bit Arm that abort with -fpatchable-function-entry, also untraced.
    static let armThrowing: [Variant] = [
        .a64O2, .a64O0, .a64Os, .a64NoPIE, .a64Protected, .a32Mcount, .a32McountO0, .t32Mcount, .t32McountOs,
        .a32ClangMcount, .t32ClangMcount,
    ]
    static let everyArm = a64 + a32 + t32
    /// One a set.
    static let someArm: [Variant] = [.a64O2, .a32O2, .t32O2]

    /// What it runs on; nil for this machine.
    var target: ArmTarget? {
        if rawValue.contains("aarch64") { return .a64 }
        return rawValue.contains("arm") || rawValue.contains("thumb") ? .arm : nil
    }

    var isClang: Bool { rawValue.hasPrefix("clang") }

    func compiler(isCxx: Bool) -> String {
        if let target, !isClang { return target.prefix + (isCxx ? "g++" : "gcc") }
        return switch (isClang, isCxx) {
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
        case .a64O2, .a64NoPIE: ["-O2", "-fpatchable-function-entry=1"]
        case .a64O0: ["-O0", "-fpatchable-function-entry=2"]
        case .a64Os: ["-Os", "-fpatchable-function-entry=3"]
        case .a64Protected: ["-O2", "-fpatchable-function-entry=1", "-mbranch-protection=standard"]
        case .a64Clang: ["--target=aarch64-linux-gnu", "-O2", "-fpatchable-function-entry=1"]
        case .a64XRay:
            [
                "--target=aarch64-linux-gnu", "-O2", "-fxray-instrument", "-fxray-instruction-threshold=1",
                "-fxray-instrumentation-bundle=function-entry",
            ]
        case .a32O2, .a32NoPIE: ["-marm", "-O2", "-fpatchable-function-entry=1"]
        case .a32O0: ["-marm", "-O0", "-fpatchable-function-entry=1"]
        case .a32Os: ["-marm", "-Os", "-fpatchable-function-entry=2"]
        case .t32O2, .t32NoPIE: ["-mthumb", "-O2", "-fpatchable-function-entry=3"]
        case .t32O0: ["-mthumb", "-O0", "-fpatchable-function-entry=3"]
        case .t32Os: ["-mthumb", "-Os", "-fpatchable-function-entry=3"]
        case .a32Mcount: ["-marm", "-O2", "-pg"]
        case .a32McountO0: ["-marm", "-O0", "-pg"]
        case .t32Mcount: ["-mthumb", "-O2", "-pg"]
        case .t32McountOs: ["-mthumb", "-Os", "-pg"]
        case .a32ClangMcount: ["--target=arm-linux-gnueabihf", "-meabi", "gnu", "-marm", "-O0", "-pg"]
        case .t32ClangMcount: ["--target=arm-linux-gnueabihf", "-meabi", "gnu", "-mthumb", "-O0", "-pg"]
        }
    }

    /// It is linked for a fixed address.
    var isFixed: Bool { [.gccFentryNop, .a64NoPIE, .a32NoPIE, .t32NoPIE].contains(self) }

    var linkFlags: [String] {
        let other =
            switch target {
            case .a64 where isClang: ["--target=aarch64-linux-gnu", "-fuse-ld=lld"]
            case .arm where isClang: ["--target=arm-linux-gnueabihf"]
            default: [String]()
            }
        return (isFixed ? ["-no-pie"] : []) + other
    }
}
