import Patching

/// Finds windows by address.
struct WindowTable {
    private let windows: [Window]

    init(_ sorted: [Window]) { windows = sorted }

    /// The window that an address is inside of: behind its first byte, before its end.
    func window(inside address: UInt64) -> Window? {
        guard let window = window(with: address), window.range.lowerBound < address else { return nil }
        return window
    }

    /// The window that begins at an address.
    func window(at address: UInt64) -> Window? {
        guard let window = window(with: address), window.range.lowerBound == address else { return nil }
        return window
    }

    private func window(with address: UInt64) -> Window? {
        var low = 0
        var high = windows.count
        while low < high {
            let middle = (low + high) / 2
            if windows[middle].range.upperBound <= address { low = middle + 1 } else { high = middle }
        }
        guard low < windows.count, windows[low].range.lowerBound <= address else { return nil }
        return windows[low]
    }
}
