/// What a trace that opens does not hold.
public struct TraceFault: Equatable, Sendable {
    public enum Kind: Sendable {
        /// The recorder was stopped before it could finish (killed, disk full, machine lost) or the
        /// file was cut off: nothing that the file holds is wrong, its rest is not there.
        case incomplete
        /// Bytes are there and are not what was written.
        case damaged
    }

    public var kind: Kind
    public var sentence: String
}
