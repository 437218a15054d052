import Programs
import Testing

@testable import Control

/// Where arenas go, over small address spaces that are enumerated in full.
@Suite struct ArenaPlacementTests {
    static let reach: UInt64 = 0x7f00_0000

    static func entry(_ start: UInt64, _ end: UInt64) -> MapEntry {
        MapEntry(start: start, end: end, permissions: "r-xp", offset: 0, path: "/x")
    }

    /// What must hold for every answer.
    static func check(_ address: UInt64, _ byteCount: UInt64, _ span: Range<UInt64>, _ maps: [MapEntry]) -> Bool {
        let end = address + byteCount
        let isNear = max(span.upperBound, end) - min(span.lowerBound, address) <= reach
        return address % 4096 == 0 && address >= 0x1_0000 && end <= 0x7fff_ffff_f000 && isNear
            && maps.allSatisfy { end <= $0.start || $0.end <= address }
    }

    /// Every set of 64 MiB areas, out of twelve spread over 6 GiB around the module, that may be
    /// taken by other mappings.
    @Test(arguments: [UInt64(4096), 64 << 20, 300 << 20]) func smallUniverses(byteCount: UInt64) throws {
        let (unit, base): (UInt64, UInt64) = (512 << 20, 0x5555_0000_0000)
        let span = base + 6 * unit..<base + 6 * unit + (16 << 20)
        var (found, missing) = (0, 0)
        for taken in 0..<UInt64(1 << 12) where taken & (1 << 6) != 0 {
            var maps = [Self.entry(0x1_0000, base)]
            for slot in UInt64(0)..<12 where taken & (1 << slot) != 0 {
                let start = base + slot * unit
                maps.append(slot == 6 ? Self.entry(start, span.upperBound) : Self.entry(start, start + unit))
            }
            maps.append(Self.entry(base + 12 * unit, 0x7fff_ffff_f000))
            if let address = ArenaPlacement.choose(byteCount: byteCount, near: span, maps: maps) {
                try #require(Self.check(address, byteCount, span, maps), "\(String(taken, radix: 2)) \(address)")
                found += 1
            } else {
                // Behind the module there is room in its own slot, always.
                missing += 1
            }
        }
        #expect(found == 2048 && missing == 0)
    }

    /// Below the module when there is room: a program's heap grows above it.
    @Test func prefersRoomBelow() throws {
        let base: UInt64 = 0x5555_0000_0000
        let span = base..<base + 0x10_0000
        let maps = [Self.entry(span.lowerBound, span.upperBound), Self.entry(0x7fff_0000_0000, 0x7fff_0001_0000)]
        let address = try #require(ArenaPlacement.choose(byteCount: 0x10_0000, near: span, maps: maps))
        #expect(address + 0x10_0000 <= span.lowerBound)
        #expect(span.lowerBound - address >= 64 << 20, "a heap below the module has room to grow")
        #expect(Self.check(address, 0x10_0000, span, maps))
        // With a wall below it, above it is.
        let walled = [Self.entry(0x1_0000, base)] + maps
        let above = try #require(ArenaPlacement.choose(byteCount: 0x10_0000, near: span, maps: walled))
        #expect(above >= span.upperBound)
        #expect(Self.check(above, 0x10_0000, span, walled))
    }

    /// An executable that is not position-independent lies at 4 MiB: there is no room below.
    @Test func lowExecutable() throws {
        let span: Range<UInt64> = 0x40_1000..<0x48_0000
        let maps = [Self.entry(0x40_0000, 0x50_0000), Self.entry(0x1a0_0000, 0x1c0_0000)]
        let address = try #require(ArenaPlacement.choose(byteCount: 1 << 20, near: span, maps: maps))
        #expect(address > 0x1c0_0000)
        #expect(Self.check(address, 1 << 20, span, maps))
    }

    @Test func nothingFits() {
        let base: UInt64 = 0x5555_0000_0000
        let span = base..<base + 0x1000
        #expect(
            ArenaPlacement.choose(byteCount: 4096, near: span, maps: [Self.entry(0x1_0000, 0x7fff_ffff_f000)]) == nil)
        // Free, but too small everywhere.
        let holes = [Self.entry(0x1_0000, base), Self.entry(base + 0x1000, base + (3 << 30))]
        #expect(ArenaPlacement.choose(byteCount: 0x2000, near: span, maps: holes) == nil)
        // Free, but too far.
        let far = [Self.entry(base - (3 << 30), base + (3 << 30))]
        #expect(ArenaPlacement.choose(byteCount: 4096, near: span, maps: far) == nil)
        // A module that is wider than a branch reaches.
        #expect(ArenaPlacement.choose(byteCount: 4096, near: base..<base + (5 << 30), maps: []) == nil)
    }

    /// Gaps and sizes around the limits, one page at a time.
    @Test func everyPageOfASmallGap() throws {
        let base: UInt64 = 0x5555_0000_0000
        let span = base..<base + 0x1000
        for pages in UInt64(0)...8 {
            for wanted in UInt64(1)...8 {
                let maps = [
                    Self.entry(0x1_0000, base - pages * 4096), Self.entry(base, base + 0x1000),
                    Self.entry(base + 0x1000, 0x7fff_ffff_f000),
                ]
                let address = ArenaPlacement.choose(byteCount: wanted * 4096, near: span, maps: maps)
                #expect((address != nil) == (wanted <= pages))
                if let address { #expect(Self.check(address, wanted * 4096, span, maps)) }
            }
        }
    }
}
