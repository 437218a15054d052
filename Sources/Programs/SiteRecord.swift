/// What a section or a scan says about one place, before anyone has looked at the bytes there.
struct SiteRecord: Sendable {
    enum Source: Int, Sendable {
        case patchable, mcountLocation, xray, call
    }

    var source: Source
    /// Where the place is said to be; link-time address.
    var address: UInt64
    /// The function, where the record names it (XRay).
    var function: UInt64?
}
