import ArgumentParser

/// A size as a person types it: `4M`, `512K`, `1G`, or plain bytes.
struct ByteSize: ExpressibleByArgument {
    var byteCount: Int

    init(byteCount: Int) { self.byteCount = byteCount }

    init?(argument: String) {
        let suffixes: [Character: Int] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
        var digits = argument.lowercased()
        if digits.count > 2, digits.hasSuffix("ib") {
            digits.removeLast(2)
        } else if digits.hasSuffix("b") {
            digits.removeLast()
        }
        var unit = 1
        if let last = digits.last, let found = suffixes[last] {
            unit = found
            digits.removeLast()
        }
        guard let number = Int(digits), number > 0 else { return nil }
        let (bytes, overflows) = number.multipliedReportingOverflow(by: unit)
        guard !overflows else { return nil }
        byteCount = bytes
    }

    var defaultValueDescription: String {
        byteCount % (1 << 20) == 0 ? "\(byteCount >> 20)M" : "\(byteCount)"
    }
}
