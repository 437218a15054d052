// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// The agent is Embedded Swift: no runtime, no heap, and no vector registers, so that its slow
/// paths need to save general registers only. It is optimised in debug builds as well, because
/// at -Onone globals go through `swift_once`.
let agentSettings: [SwiftSetting] = [
    .enableExperimentalFeature("Embedded"),
    .unsafeFlags([
        "-wmo", "-O", "-no-allocations", "-Xfrontend", "-disable-stack-protector",
        "-Xcc", "-mno-sse", "-Xcc", "-mno-mmx", "-Xcc", "-mno-avx",
    ]),
]

let agentLinking: [LinkerSetting] = [
    .unsafeFlags([
        "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/Agent/agent.map",
        "-Xlinker", "--gc-sections", "-Xlinker", "-Bsymbolic", "-Xlinker", "-z", "-Xlinker", "now",
        "-Xlinker", "-z", "-Xlinker", "initfirst",
        "-Xclang-linker", "-nostdlib",
    ])
]

let package = Package(
    name: "nopal",
    products: [
        .executable(name: "nopal", targets: ["nopal"]),
        .library(name: "nopal-agent", type: .dynamic, targets: ["Agent"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Without traits: they are for streams and field masks, and bring the whole of Foundation along.
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    ],
    targets: [
        // The leaf: the contract of agent, host and readers.
        .target(name: "TraceFormat", swiftSettings: strict),

        // Function name patterns: what -F and -N mean, for recorder and readers alike.
        .target(name: "Globs", swiftSettings: strict),

        // The way of a patch.
        .target(name: "MachineCode", swiftSettings: strict),
        .target(name: "Patching", dependencies: ["MachineCode"], swiftSettings: strict),
        // Every plan, proved: machine models that run plans, and what must never happen.
        // The architecture's axioms, held against litmus tests of instruction fetch.
        .target(name: "Litmus", swiftSettings: strict + [.unsafeFlags(["-O"])]),
        // Optimised in debug builds as well: its tests explore millions of states.
        .target(
            name: "Proving", dependencies: ["Patching", "MachineCode"],
            swiftSettings: strict + [.unsafeFlags(["-O"])]),
        .target(
            name: "Stubs", dependencies: ["MachineCode", "Patching", "TraceFormat"],
            swiftSettings: strict),
        .target(
            name: "Programs",
            dependencies: ["Patching", "MachineCode", "CElfutils", "CCapstone", "CSupport"],
            swiftSettings: strict),
        .target(
            name: "AgentShims",
            cSettings: [
                .unsafeFlags([
                    "-O2", "-fvisibility=hidden", "-mgeneral-regs-only", "-fno-builtin",
                    "-ftls-model=initial-exec", "-fno-stack-protector",
                ])
            ]),
        .target(
            name: "Agent", dependencies: ["AgentShims"], exclude: ["agent.map", "agent-arm.map"],
            swiftSettings: agentSettings, linkerSettings: agentLinking),
        .target(
            name: "Control",
            dependencies: [
                "Programs", "Globs", "Demangling", "Stubs", "Patching", "TraceFormat", "Reading", "CSupport",
            ],
            swiftSettings: strict),

        // The way of an event.
        .target(name: "Demangling", dependencies: ["CDemangle"], swiftSettings: strict),
        .target(
            name: "Reading", dependencies: ["TraceFormat", "Demangling", "Globs", "CXXHash"],
            swiftSettings: strict),
        .target(name: "Analysis", dependencies: ["Reading", "Globs"], swiftSettings: strict),
        .target(
            name: "Exporting",
            dependencies: [
                "Reading", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["Perfetto/perfetto.proto"],
            swiftSettings: strict),

        .executableTarget(
            name: "nopal",
            dependencies: [
                "Control", "Programs", "Patching", "MachineCode", "Proving", "Litmus", "Globs", "Demangling",
                "TraceFormat", "Reading", "Analysis", "Exporting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        // C libraries.
        .systemLibrary(name: "CElfutils", providers: [.apt(["libdw-dev", "libelf-dev"])]),
        .systemLibrary(name: "CCapstone", providers: [.apt(["libcapstone-dev"])]),
        .systemLibrary(name: "CXXHash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CDemangle", providers: [.apt(["libiberty-dev"])]),
        .target(name: "CSupport"),

        .testTarget(name: "TraceFormatTests", dependencies: ["TraceFormat"]),
        .target(name: "Disassembly", dependencies: ["CCapstone", "MachineCode"], path: "Tests/Support/Disassembly"),
        .testTarget(name: "MachineCodeTests", dependencies: ["MachineCode", "Disassembly"]),
        .testTarget(name: "PatchingTests", dependencies: ["Patching", "MachineCode"]),
        .testTarget(name: "LitmusTests", dependencies: ["Litmus"]),
        .testTarget(name: "ProvingTests", dependencies: ["Proving", "Litmus", "Patching", "MachineCode"]),
        .testTarget(name: "StubsTests", dependencies: ["Stubs", "TraceFormat", "Disassembly", "CElfutils"]),
        .testTarget(
            name: "ControlTests",
            dependencies: [
                "Control", "Programs", "Patching", "Proving", "MachineCode", "Stubs", "Globs", "TraceFormat",
            ]),
        .target(
            name: "TestSupport", dependencies: ["TraceFormat", "Reading"], path: "Tests/Support/TestSupport",
            swiftSettings: strict),
        .testTarget(
            name: "ReadingTests", dependencies: ["Reading", "Analysis", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "AnalysisTests", dependencies: ["Reading", "Analysis", "TestSupport"], swiftSettings: strict),
        // Runs the built command, which every build of the tests makes too.
        .testTarget(name: "GoldenTests", dependencies: ["TestSupport", "TraceFormat"], swiftSettings: strict),
        .executableTarget(
            name: "nopal-synthesize", dependencies: ["TestSupport"], path: "Benchmarks/Synthesize",
            swiftSettings: strict),
        .target(name: "ProcessSupport", path: "Tests/Support/ProcessSupport"),
        .testTarget(
            name: "IntegrationTests", dependencies: ["ProcessSupport", "CSupport", "TraceFormat"],
            path: "IntegrationTests/Transparency",
            swiftSettings: strict),
        // Patches a running program at full rate and holds its trace against the program's own account.
        .executableTarget(
            name: "nopal-stress",
            dependencies: [
                "Control", "Programs", "Patching", "TraceFormat", "Reading", "Analysis", "Globs", "CSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "IntegrationTests/Stress/Driver", swiftSettings: strict),
        .testTarget(name: "GlobsTests", dependencies: ["Globs"]),
        .testTarget(
            name: "ProgramsTests", dependencies: ["Programs", "Patching", "MachineCode", "CElfutils", "Demangling"]),
        .testTarget(
            name: "ExportingTests",
            dependencies: [
                "Exporting", "Reading", "TraceFormat", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
    ]
)
