import Foundation

extension Process {
    /// Starts it with no signal blocked, as a shell would.
    ///
    /// Tests run on threads of libdispatch, which block nearly all, and a child has its parent's mask: it would not
    /// end by SIGTERM, and gdb would sleep over SIGCHLD.
    func start() throws {
        var none = sigset_t()
        sigemptyset(&none)
        var before = sigset_t()
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}
