import Glibc
import Testing
import TraceFormat

@testable import Control

/// The host's view against a second mapping: the agent's.
@Suite struct SharedMemoryTests {
    /// A mapping of the header and the first descriptors and blocks.
    final class Mapping {
        let base: UnsafeMutableRawPointer
        let byteCount: Int
        let capacity: Int

        init(_ memory: SharedMemory) throws {
            capacity = memory.capacity
            byteCount = SessionMemory.byteCount(blockCount: capacity)
            base = try #require(mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, memory.descriptor, 0))
            try #require(base != MAP_FAILED)
        }

        deinit { munmap(base, byteCount) }

        func descriptor(_ index: Int, _ offset: Int) -> UnsafeMutableRawPointer {
            base + SessionMemory.headerByteCount + index * SessionMemory.descriptorByteCount + offset
        }
        func block(_ index: Int) -> UnsafeMutableRawPointer {
            base + SessionMemory.blocksOffset(blockCount: capacity) + index * SessionMemory.blockByteCount
        }
        func header32(_ offset: Int) -> UInt32 { base.load(fromByteOffset: offset, as: UInt32.self) }
    }

    typealias Header = SessionMemory.HeaderOffset
    typealias Descriptor = SessionMemory.DescriptorOffset

    @Test(arguments: [(0, 4), (1 << 20, 16), (3 * 65536, 4), (5 * 65536 + 1, 5)], [WhenFull.wait, .drop, .overwrite])
    func header(size: (byteCount: Int, blockCount: Int), whenFull: WhenFull) throws {
        let memory = try SharedMemory(bufferByteCount: size.byteCount, whenFull: whenFull)
        let agent = try Mapping(memory)
        #expect(agent.base.load(fromByteOffset: Header.magic, as: UInt64.self) == SessionMemory.magic)
        #expect(agent.header32(Header.version) == SessionMemory.version)
        #expect(agent.header32(Header.blockCount) == UInt32(size.blockCount))
        #expect(agent.header32(Header.whenFull) == whenFull.rawValue)
        #expect(agent.header32(Header.hostProcess) == UInt32(getpid()))
        #expect(agent.header32(Header.nextThreadSerial) == 1)
        #expect(agent.base.load(fromByteOffset: Header.nextBlockOrder, as: UInt64.self) == 1)
        #expect(memory.blockCount == size.blockCount && memory.lostEvents == 0 && memory.waitedNanos == 0)
        #expect(!memory.isClosed)
        memory.close()
        #expect(memory.isClosed && agent.header32(Header.closed) == 1)
    }

    /// free -> owned -> full (both by the agent) -> draining -> free.
    @Test func lifeOfABlock() throws {
        let memory = try SharedMemory(bufferByteCount: 0, whenFull: .wait)
        let agent = try Mapping(memory)
        for index in [0, 3, memory.capacity - 1] {
            #expect(memory.state(index) == .free)
            let values: [(Int, UInt32)] = [
                (Descriptor.process, 11), (Descriptor.thread, 12), (Descriptor.threadSerial, 13),
                (Descriptor.sequence, 14), (Descriptor.openCalls, 15),
            ]
            for (offset, value) in values { agent.descriptor(index, offset).storeBytes(of: value, as: UInt32.self) }
            agent.descriptor(index, Descriptor.lostBefore).storeBytes(of: 16, as: UInt64.self)
            agent.descriptor(index, Descriptor.order).storeBytes(of: 17, as: UInt64.self)
            let state = agent.descriptor(index, Descriptor.state)
            state.storeBytes(of: BlockState.owned.rawValue, as: UInt32.self)
            #expect(memory.state(index) == .owned && !memory.take(index, from: .full) && memory.state(index) == .owned)
            state.storeBytes(of: BlockState.full.rawValue, as: UInt32.self)
            #expect(memory.owner(index) == BlockOwner(process: 11, thread: 12, serial: 13))
            let head = memory.head(index)
            #expect(
                [UInt64(head.threadSerial), UInt64(head.sequence), head.lostBefore, head.order, UInt64(head.openCalls)]
                    == [13, 14, 16, 17, 15])
            #expect(memory.take(index, from: .full) && !memory.take(index, from: .full))
            #expect(state.load(as: UInt32.self) == BlockState.draining.rawValue)
            let generation = agent.header32(Header.freeGeneration)
            memory.giveBack(index)
            #expect(memory.state(index) == .free && memory.owner(index).process == 0)
            #expect(agent.header32(Header.freeGeneration) == generation + 1)
        }
    }

    @Test func aStateThatNobodyWritesIsNone() throws {
        let memory = try SharedMemory(bufferByteCount: 0, whenFull: .drop)
        let agent = try Mapping(memory)
        agent.descriptor(1, Descriptor.state).storeBytes(of: 77, as: UInt32.self)
        #expect(memory.state(1) == nil)
        // More blocks than the memory has room for: what a broken agent may claim.
        agent.base.storeBytes(of: .max, toByteOffset: Header.blockCount, as: UInt32.self)
        #expect(memory.blockCount == memory.capacity)
    }

    /// A block ends at its last word that is not zero, holes included.
    @Test func words() throws {
        let memory = try SharedMemory(bufferByteCount: 0, whenFull: .drop)
        let agent = try Mapping(memory)
        #expect(memory.words(2).isEmpty)
        for (word, count) in [
            (0, 8), (1, 16), (5, 48),
            (SessionMemory.wordsPerBlock - 1, SessionMemory.blockByteCount - SessionMemory.wordsOffset),
        ] {
            agent.block(2).storeBytes(
                of: UInt64(word) << 32 | 1, toByteOffset: SessionMemory.wordsOffset + word * 8, as: UInt64.self)
            #expect(memory.words(2).count == count)
            #expect(memory.words(2).load(fromByteOffset: word * 8, as: UInt64.self) == UInt64(word) << 32 | 1)
        }
        #expect(memory.words(1).isEmpty && memory.words(3).isEmpty)
    }
}

@Suite struct CStringListTests {
    @Test(arguments: [[], [""], ["a", "", "b c", "ä€"], Array(repeating: "x", count: 1000)])
    func endsWithNull(strings: [String]) {
        let read = CStringList.with(strings) { list in
            var read: [String] = []
            var index = 0
            while let string = list[index] {
                read.append(String(cString: string))
                index += 1
            }
            return read
        }
        #expect(read == strings)
    }
}
