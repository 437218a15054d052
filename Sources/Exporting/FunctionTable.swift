/// A value for each function that has been named so far.
///
/// Ids are dense from 1 in a sound trace, so an array serves them; an id beyond `denseLimit`
/// (a damaged trace may name any) goes to a dictionary, so that memory is bounded by the
/// functions that are named and not by the greatest id.
struct FunctionTable<Value> {
    static var denseLimit: UInt32 { 1 << 20 }

    private var dense: [Value?] = []
    private var sparse: [UInt32: Value] = [:]

    @inline(__always)
    subscript(id: UInt32) -> Value? {
        Int(id) < dense.count ? dense[Int(id)] : sparse[id]
    }

    mutating func set(_ value: Value, of id: UInt32) {
        guard id < Self.denseLimit else {
            sparse[id] = value
            return
        }
        while dense.count <= Int(id) {
            dense.append(contentsOf: repeatElement(nil, count: max(dense.count, 1024)))
        }
        dense[Int(id)] = value
    }
}
