import TraceFormat

/// The unwind table of an arena of 32-bit Arm: see `ArmFrameCode` for its shape.
///
/// Source: Exception Handling ABI for the Arm Architecture, 5 and 6.
enum ArmIndexTable {
    private static let cannotUnwind: UInt32 = 1

    static func bytes(runs: [StubRun], at address: UInt64, personalityWay: UInt64) -> [UInt8] {
        let first = runs.first?.start ?? 0
        let end = runs.map { $0.start &+ UInt64($0.stubCount * $0.stride) }.max() ?? first
        var table = ByteWriter()
        func distance(_ target: UInt64) -> UInt32 {
            UInt32(truncatingIfNeeded: target &- (address &+ UInt64(table.bytes.count))) & 0x7fff_ffff
        }
        let entry = address &+ 16
        table.fixed(distance(first))
        table.fixed(distance(entry))
        table.fixed(distance(end))
        table.fixed(cannotUnwind)
        table.fixed(distance(personalityWay))
        table.fixed(UInt32(0))
        for run in runs {
            for value in [
                run.start, run.start &+ UInt64(run.stubCount * run.stride), UInt64(run.stride), run.frameCodes,
            ] {
                table.fixed(UInt32(truncatingIfNeeded: value))
            }
        }
        return table.bytes
    }
}
