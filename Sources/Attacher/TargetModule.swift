import AgentShims

/// A program or library in the memory of the process, with what its dynamic section says.
///
/// Source: the System V ABI, chapters 4 and 5; for the hash table, the GNU binutils.
struct TargetModule {
    private let memory: TargetMemory
    let bias: UInt64
    /// Bytes of thread-local storage.
    let threadByteCount: UInt64
    private let dynamic: UInt64

    private enum Tag {
        static let linkageByteCount: UInt64 = 2
        static let strings: UInt64 = 5
        static let symbols: UInt64 = 6
        static let relocations: UInt64 = 17
        static let relocationByteCount: UInt64 = 18
        static let linkage: UInt64 = 23
        static let hash: UInt64 = 0x6fff_fef5
    }

    #if arch(arm64)
        private static let headers: (at: UInt64, count: UInt64, byteCount: UInt64) = (32, 56, 56)
        private static let field: (offset: UInt64, address: UInt64, byteCount: UInt64) = (8, 16, 40)
        private static let symbol: (info: UInt64, section: UInt64, value: UInt64, byteCount: UInt64) = (4, 6, 8, 24)
    #else
        private static let headers: (at: UInt64, count: UInt64, byteCount: UInt64) = (28, 44, 32)
        private static let field: (offset: UInt64, address: UInt64, byteCount: UInt64) = (4, 8, 20)
        private static let symbol: (info: UInt64, section: UInt64, value: UInt64, byteCount: UInt64) = (12, 14, 4, 16)
    #endif

    /// Every module, until `body` returns false.
    static func each(_ maps: TargetMaps, _ memory: TargetMemory, _ body: (TargetModule) -> Bool) {
        maps.each { mapping in
            // Not the memory of devices: reading may be heard there.
            guard mapping.offset == 0, mapping.isReadable, mapping.begins(with: "/"), !mapping.begins(with: "/dev/"),
                let module = TargetModule(memory, start: mapping.low)
            else {
                return true
            }
            return body(module)
        }
    }

    /// A function that any module exports; nil when none does.
    static func function(_ name: StaticString, _ maps: TargetMaps, _ memory: TargetMemory) -> UInt64? {
        var found: UInt64?
        each(maps, memory) { module in
            found = module.function(name)
            return found == nil
        }
        return found
    }

    /// Nil when the file that is mapped at `start` is no module.
    init?(_ memory: TargetMemory, start: UInt64) {
        let magic: UInt64 = 0x464c_457f
        guard memory.half(start) == magic, let headersOffset = memory.word(start &+ Self.headers.at),
            let countAndMore = memory.half(start &+ Self.headers.count)
        else { return nil }
        let load: UInt64 = 1
        let dynamicSection: UInt64 = 2
        let threadStorage: UInt64 = 7
        var bias: UInt64?
        var dynamic: UInt64 = 0
        var threadByteCount: UInt64 = 0
        for index in 0..<(countAndMore & 0xffff) {
            let header = start &+ headersOffset &+ index &* Self.headers.byteCount
            guard let type = memory.half(header), let offset = memory.word(header &+ Self.field.offset),
                let address = memory.word(header &+ Self.field.address),
                let byteCount = memory.word(header &+ Self.field.byteCount)
            else { return nil }
            if type == load && bias == nil { bias = start &+ offset &- address }
            if type == dynamicSection { dynamic = address }
            if type == threadStorage { threadByteCount = byteCount }
        }
        guard let bias, dynamic != 0 else { return nil }
        self.memory = memory
        self.bias = bias
        self.dynamic = bias &+ dynamic
        self.threadByteCount = threadByteCount
    }

    private func entry(_ tag: UInt64) -> UInt64? {
        var at = dynamic
        let size = UInt64(Word.byteCount)
        while let found = memory.word(at), found != 0 {
            if found == tag { return memory.word(at &+ size) }
            at = at &+ 2 &* size
        }
        return nil
    }

    /// The loader has added the bias to most of them.
    private func address(_ tag: UInt64) -> UInt64? { entry(tag).map { $0 < bias ? $0 &+ bias : $0 } }

    /// A function that it exports, with bit 0 set for one of Thumb; nil when there is none of that name.
    func function(_ name: StaticString) -> UInt64? {
        guard let table = address(Tag.hash), let symbols = address(Tag.symbols), let strings = address(Tag.strings),
            let bucketCount = memory.half(table), bucketCount > 0, let first = memory.half(table &+ 4),
            let bloomCount = memory.half(table &+ 8)
        else { return nil }
        var hash: UInt32 = 5381
        for index in 0..<name.utf8CodeUnitCount { hash = hash &* 33 &+ UInt32(name.utf8Start[index]) }
        let buckets = table &+ 16 &+ bloomCount &* UInt64(Word.byteCount)
        guard var index = memory.half(buckets &+ UInt64(hash) % bucketCount &* 4), index >= first else { return nil }
        let chain = buckets &+ bucketCount &* 4
        while let found = memory.half(chain &+ (index &- first) &* 4) {
            if UInt32(found) | 1 == hash | 1, let value = functionValue(symbols, strings, index, name) {
                return bias &+ value
            }
            if found & 1 != 0 { return nil }
            index = index &+ 1
        }
        return nil
    }

    private func functionValue(_ symbols: UInt64, _ strings: UInt64, _ index: UInt64, _ name: StaticString) -> UInt64? {
        let function: UInt64 = 2
        let symbol = symbols &+ index &* Self.symbol.byteCount
        guard let nameOffset = memory.half(symbol), let info = memory.half(symbol &+ Self.symbol.info),
            info & 0xf == function, let section = memory.half(symbol &+ Self.symbol.section & ~3),
            section >> 16 != 0, memory.holds(strings &+ nameOffset, name)
        else { return nil }
        return memory.word(symbol &+ Self.symbol.value)
    }

    #if arch(arm)
        /// Has the module call another function instead of one that it imports, at `target`. All threads are stopped.
        ///
        /// Source: ELF for the Arm Architecture, 4.6.1.
        func redirect(_ name: StaticString, to target: UInt64) {
            redirect(name, to: target, address(Tag.linkage), entry(Tag.linkageByteCount))
            redirect(name, to: target, address(Tag.relocations), entry(Tag.relocationByteCount))
        }

        private func redirect(_ name: StaticString, to target: UInt64, _ table: UInt64?, _ byteCount: UInt64?) {
            let absolute: UInt64 = 2
            let global: UInt64 = 21
            let jumpSlot: UInt64 = 22
            guard let table, let byteCount, let symbols = address(Tag.symbols), let strings = address(Tag.strings)
            else {
                return
            }
            for at in stride(from: table, to: table &+ byteCount, by: 8) {
                guard let offset = memory.half(at), let info = memory.half(at &+ 4) else { return }
                let type = info & 0xff
                guard type == absolute || type == global || type == jumpSlot,
                    let nameOffset = memory.half(symbols &+ (info >> 8) &* Self.symbol.byteCount),
                    memory.holds(strings &+ nameOffset, name)
                else { continue }
                if memory.word(bias &+ offset) != target { _ = memory.setWord(bias &+ offset, target) }
            }
        }
    #endif
}
