import Programs
import TraceFormat

/// What the processes of a session share.
final class SessionModules {
    let modules: ModuleCache
    let output: TraceOutput
    let depthLimit: Int?
    var notes: [String] = []
    let agentPath: String
    /// Nil for programs of this machine.
    let target: Target?
    /// The program that was started.
    var executable = ""
    private var writtenModules: Set<UInt32> = []

    init(modules: ModuleCache, output: TraceOutput, depthLimit: Int?, agentPath: String, target: Target? = nil) {
        self.target = target
        self.modules = modules
        self.output = output
        self.depthLimit = depthLimit
        self.agentPath = agentPath
    }

    /// Functions that were not chosen at first become traced ones; their names are written before their events.
    func extend(_ module: TracedModule, with more: [FunctionSite]) {
        modules.functions.extend(module, with: more)
        output.append(module.record)
        writtenModules.insert(module.index)
    }

    /// False for the agent itself and the loader, which have nothing that a session needs.
    func mayMatter(_ path: String) -> Bool {
        path != agentPath && !(path.split(separator: "/").last ?? "").hasPrefix("ld-linux")
    }

    /// Writes a module's record, once, before its first load.
    func write(_ module: TracedModule) {
        if writtenModules.insert(module.index).inserted { output.append(module.record) }
    }
}
