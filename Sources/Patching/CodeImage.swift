/// What stands in a process's code now: a few ranges of bytes, as an executor read them.
public struct CodeImage: Sendable {
    private struct Piece: Sendable {
        var start: UInt64
        var bytes: [UInt8]
        var end: UInt64 { start &+ UInt64(bytes.count) }
    }

    private var pieces: [Piece] = []

    public init() {}

    public init(start: UInt64, bytes: [UInt8]) { pieces = [Piece(start: start, bytes: bytes)] }

    /// Adds a range; ranges must not overlap.
    public mutating func add(start: UInt64, bytes: [UInt8]) {
        let place = pieces.firstIndex { $0.start > start } ?? pieces.endIndex
        pieces.insert(Piece(start: start, bytes: bytes), at: place)
    }

    private func piece(at address: UInt64, byteCount: Int) -> Piece? {
        var low = 0
        var high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        guard low < pieces.count, pieces[low].start <= address, address &+ UInt64(byteCount) <= pieces[low].end else {
            return nil
        }
        return pieces[low]
    }

    /// `width` bytes (at most 8) as a little-endian number; nil where the image has none.
    public func word(at address: UInt64, width: Int) -> UInt64? {
        guard let piece = piece(at: address, byteCount: width) else { return nil }
        let from = Int(address &- piece.start)
        var value: UInt64 = 0
        for index in 0..<width { value |= UInt64(piece.bytes[from + index]) << UInt64(8 * index) }
        return value
    }

    /// Nil where the image has not all of them; none are had anywhere.
    public func bytes(at address: UInt64, count: Int) -> [UInt8]? {
        if count == 0 { return [] }
        guard let piece = piece(at: address, byteCount: count) else { return nil }
        let from = Int(address &- piece.start)
        return Array(piece.bytes[from..<from + count])
    }
}
