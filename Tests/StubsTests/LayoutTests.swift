import Testing

@testable import Stubs

/// The Swift side of a contract whose C side is asserted in the agent's shims.c.
@Suite struct LayoutTests {
    @Test func threadState() {
        for base in [Int32(0), -192, 4096] {
            let state = ThreadStateLayout(base: base)
            let offsets = [state.cursor, state.epoch, state.shadowTop, state.depthLimit]
            #expect(offsets == [0, 8, 16, 24].map { base + $0 })
        }
    }

    @Test func shadowEntry() {
        #expect(
            [ShadowEntry.returnAddress, ShadowEntry.saved, ShadowEntry.negatedSlot, ShadowEntry.exitWord]
                == [0, 8, 16, 24])
        #expect(ShadowEntry.byteCount == 32)
    }
}
