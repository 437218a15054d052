/// A function as a symbol table (or, in a stripped file, the unwind table) knows it.
public struct FunctionSymbol: Equatable, Hashable, Sendable {
    /// The linkage name without a symbol version; `sub_ADDRESS` where no symbol is left.
    public var name: String
    /// Link-time address in its module, bytes.
    public var address: UInt64
    /// 0 when not known.
    public var byteCount: UInt64

    public init(name: String, address: UInt64, byteCount: UInt64) {
        self.name = name
        self.address = address
        self.byteCount = byteCount
    }
}
