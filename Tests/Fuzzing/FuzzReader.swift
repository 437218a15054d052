import Analysis
import Glibc
import Reading
import TestSupport
import TraceFormat

// The libFuzzer target of the reader; `make fuzz` builds and runs it.
//
// The first byte of an input says whether checksums are made right first: without that hardly an
// input would come past them.

@_cdecl("LLVMFuzzerInitialize")
public func initialize(_: UnsafeMutablePointer<Int32>, _: UnsafeMutableRawPointer) -> Int32 {
    guard let directory = getenv("NOPAL_SEED_DIRECTORY") else { return 0 }
    do { try makeSeeds(String(cString: directory)) } catch {
        print("cannot write seeds: \(error)")
        exit(1)
    }
    exit(0)
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let start, count > 1 else { return 0 }
    var bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    if start[0] & 1 == 1 { repair(&bytes) }
    // In memory: a disk would be the slowest part.
    let path = "/dev/shm/nopal-fuzz-\(getpid())"
    guard (try? write(bytes, to: path)) != nil else { return 0 }
    readEverything(path)
    unlink(path)
    return 0
}

/// What every verb does with a trace; entries must add up whatever the file holds.
private func readEverything(_ path: String) {
    guard let trace = try? Trace(path: path) else { return }
    let totals = Account(trace).totals
    precondition(totals.entries == totals.exits + totals.unwound + totals.open, "the account does not add up")
    let selection = CallSelection(trace, only: ["m*"], never: ["g"], depth: 3)
    _ = Report(trace, selection).rows
    _ = CallGraph(trace, CallSelection(trace))
    for options in [
        ReplayOptions(selection: CallSelection(trace)), ReplayOptions(selection: CallSelection(trace), isFlat: true),
        ReplayOptions(selection: selection, minimumNanos: 100),
    ] {
        Replay.write(trace, options, to: TextBuffer { _ in true })
    }
}

/// Gives the header its magic and version, and every chunk a length that fits and right checksums.
private func repair(_ bytes: inout [UInt8]) {
    guard bytes.count >= TraceFile.headerByteCount else { return }
    bytes.replaceSubrange(0..<12, with: FileHeader.encoded()[0..<12])
    var offset = TraceFile.headerByteCount
    while bytes.count - offset >= TraceFile.chunkHeaderByteCount {
        let start = offset + TraceFile.chunkHeaderByteCount
        let wanted = Int(bytes[offset + 8]) | Int(bytes[offset + 9]) << 8
        let count = min(wanted, bytes.count - start)
        var writer = ByteWriter()
        writer.fixed(TraceFile.chunkMagic)
        writer.fixed(UInt32(bytes[offset + 4]))
        writer.fixed(UInt64(count))
        writer.fixed(Checksum.of(Array(bytes[start..<start + count])))
        writer.fixed(Checksum.of(writer.bytes))
        bytes.replaceSubrange(offset..<start, with: writer.bytes)
        offset = start + (count + 7) & ~7
    }
}

/// Small traces through the real writer, each once as it is and once to be repaired.
private func makeSeeds(_ directory: String) throws {
    var random = SeededRandom(seed: 1)
    for seed in 0..<16 {
        let path = "\(directory)/seed-\(seed)"
        let builder = try TraceBuilder(path: path, functions: ["main", "f", "_ZN1g1hEv"], entryOnly: ["f"])
        try builder.thread(1, tid: 101)
        try builder.thread(2, tid: 102, name: "worker")
        for step in 0..<UInt64(4 + seed * 3) {
            let kinds: [EventKind] = [.entry, .entry, .exit, .unwound, .entryOnly]
            let kind = kinds[Int(random.next() % 5)]
            try builder.event(UInt32(1 + random.next() % 2), kind, UInt32(1 + random.next() % 4), step << 28)
            if random.next() % 8 == 0 { try builder.flush(1, skipping: UInt32(random.next() % 2)) }
        }
        try builder.finish()
        let bytes = try contents(path)
        try write([UInt8(seed % 2)] + bytes, to: path)
    }
}
