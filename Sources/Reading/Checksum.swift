import CXXHash

/// XXH3-64, the checksum of chunks and their headers.
public enum Checksum {
    public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        XXH3_64bits(bytes.baseAddress, bytes.count)
    }

    public static func of(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBytes { of($0) }
    }
}

/// XXH3-64 of bytes that lie in several places.
final class RunningChecksum {
    private let state: OpaquePointer?

    init() { state = XXH3_createState() }

    deinit { XXH3_freeState(state) }

    /// The checksum of both parts as if they stood together.
    func of(_ first: [UInt8], _ second: UnsafeRawBufferPointer) -> UInt64 {
        guard let state else { return Checksum.of(first + Array(second)) }
        XXH3_64bits_reset(state)
        first.withUnsafeBytes { _ = XXH3_64bits_update(state, $0.baseAddress, $0.count) }
        XXH3_64bits_update(state, second.baseAddress, second.count)
        return XXH3_64bits_digest(state)
    }
}
