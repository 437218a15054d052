import TestSupport
import Testing

@testable import Analysis

@Suite struct HistogramTests {
    @Test func quantilesAreWithinOnePercent() {
        var random = SeededRandom(seed: 1)
        for shift in stride(from: UInt64(0), through: 60, by: 6) {
            var histogram = Histogram()
            defer { histogram.deallocate() }
            let values = (0..<999).map { _ in random.next() >> shift }.sorted()
            for value in values { histogram.add(value) }
            for (index, percent) in [(499, UInt64(50)), (989, 99), (998, 100)] {
                let found = histogram.quantile(percent, of: 100)
                let error = found > values[index] ? found - values[index] : values[index] - found
                #expect(error <= values[index] / 100)
            }
        }
    }

    @Test func sumsAreTheSameAsOne() {
        var random = SeededRandom(seed: 2)
        var parts = [Histogram(), Histogram()]
        var whole = Histogram()
        for index in 0..<1000 {
            let value = random.next() >> UInt64(index % 64)
            parts[index % 2].add(value)
            whole.add(value)
        }
        parts[0].add(parts[1])
        for percent: UInt64 in [1, 50, 90, 99, 100] {
            #expect(parts[0].quantile(percent, of: 100) == whole.quantile(percent, of: 100))
        }
        for var histogram in parts + [whole] { histogram.deallocate() }
    }
}
