import CElfutils

/// libdwfl over one file: a module, or the separate debug file found for it. libdwfl itself
/// searches for nothing, so that it asks no server.
final class DebugSession {
    let module: OpaquePointer
    /// What libdwfl adds to link-time addresses.
    let bias: UInt64
    private let session: OpaquePointer
    private let callbacks: UnsafeMutablePointer<Dwfl_Callbacks>

    /// Nil when libdwfl cannot make sense of the file.
    init?(path: String, debugPath: String?) {
        callbacks = .allocate(capacity: 1)
        callbacks.initialize(to: Dwfl_Callbacks())
        callbacks.pointee.section_address = dwfl_offline_section_address
        callbacks.pointee.find_debuginfo = { _, _, _, _, _, _, _, _ in -1 }
        guard let session = dwfl_begin(callbacks) else {
            callbacks.deallocate()
            return nil
        }
        guard let module = dwfl_report_offline(session, path, debugPath ?? path, -1) else {
            dwfl_end(session)
            callbacks.deallocate()
            return nil
        }
        dwfl_report_end(session, nil, nil)
        self.session = session
        self.module = module
        var bias: GElf_Addr = 0
        dwfl_module_getelf(module, &bias)
        self.bias = bias
    }

    deinit {
        dwfl_end(session)
        callbacks.deallocate()
    }
}
