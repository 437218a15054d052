import Patching

/// A run of neighbouring pages before and after a plan: thousands of stores become one write, which
/// nobody sees half made while all threads are stopped.
struct PageImage {
    let start: UInt64
    let old: [UInt8]
    let new: [UInt8]

    /// Throws: `.planFailed` when other bytes than the expected ones stand in memory.
    static func images(of steps: [PlanStep], in memory: ProcessMemory) throws(LiveError) -> [PageImage] {
        var stores: [(address: UInt64, width: Int, value: UInt64, expected: UInt64)] = []
        for case .store(let address, let width, let value, let expected) in steps {
            stores.append((address, width, value, expected))
        }
        stores.sort { $0.address < $1.address }
        var images: [PageImage] = []
        var first = 0
        while first < stores.count {
            var last = first
            while last + 1 < stores.count, stores[last + 1].address >> 12 <= (stores[last].address >> 12) + 1 {
                last += 1
            }
            images.append(try image(stores[first...last], memory))
            first = last + 1
        }
        return images
    }

    private static func image(
        _ stores: ArraySlice<(address: UInt64, width: Int, value: UInt64, expected: UInt64)>, _ memory: ProcessMemory
    ) throws(LiveError) -> PageImage {
        guard let first = stores.first, let last = stores.last else { preconditionFailure("a run has stores") }
        let start = first.address & ~4095
        let end = (last.address &+ UInt64(last.width) &+ 4095) & ~4095
        guard let old = memory.read(start, count: Int(end - start)) else {
            throw .planFailed(memory.process, what: "its code at 0x\(String(start, radix: 16)) is gone")
        }
        var new = old
        for store in stores {
            let from = Int(store.address - start)
            for index in 0..<store.width {
                guard old[from + index] == UInt8(truncatingIfNeeded: store.expected >> UInt64(8 * index)) else {
                    throw .planFailed(
                        memory.process,
                        what: "other bytes than expected stand at 0x\(String(store.address, radix: 16))")
                }
                new[from + index] = UInt8(truncatingIfNeeded: store.value >> UInt64(8 * index))
            }
        }
        return PageImage(start: start, old: old, new: new)
    }

    /// Writes all of them, or none. All threads are stopped.
    static func store(_ images: [PageImage], _ memory: ProcessMemory) throws(LiveError) {
        for (index, image) in images.enumerated() {
            do throws(LiveError) { try image.store(memory) } catch {
                for stored in images[..<index] { _ = memory.write(stored.start, stored.old) }
                throw error
            }
        }
    }

    private func store(_ memory: ProcessMemory) throws(LiveError) {
        guard memory.read(start, count: old.count) == old else {
            throw .planFailed(memory.process, what: "its code at 0x\(String(start, radix: 16)) has changed meanwhile")
        }
        guard memory.write(start, new) else {
            throw .planFailed(memory.process, what: "the kernel does not let its code be written")
        }
    }
}
