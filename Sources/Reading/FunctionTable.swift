import Demangling
import Synchronization
import TraceFormat

/// The functions of a trace by id; names are demangled when they are first asked for.
final class FunctionTable: Sendable {
    private struct Place { var module: Int, index: Int }
    private let modules: [ModuleRecord]
    private let moduleNames: [String]
    private let places: [UInt32: Place]
    private let known = Mutex<[UInt32: TracedFunction]>([:])

    init(_ modules: [ModuleRecord]) {
        self.modules = modules
        moduleNames = modules.map { $0.path.split(separator: "/").last.map(String.init) ?? $0.path }
        var places: [UInt32: Place] = [:]
        for (module, record) in modules.enumerated() {
            for (index, function) in record.functions.enumerated() {
                places[function.id] = Place(module: module, index: index)
            }
        }
        self.places = places
    }

    var ids: [UInt32] { places.keys.sorted() }

    func function(_ id: UInt32) -> TracedFunction {
        if let function = known.withLock({ $0[id] }) { return function }
        let function = made(id)
        known.withLock { $0[id] = function }
        return function
    }

    private func made(_ id: UInt32) -> TracedFunction {
        guard let place = places[id] else {
            let name = "<function \(id)>"
            return TracedFunction(
                id: id, linkageName: name, displayName: name, moduleName: "?", moduleIndex: .max,
                address: 0, byteCount: 0, hasExits: true)
        }
        let record = modules[place.module].functions[place.index]
        return TracedFunction(
            id: id, linkageName: record.name, displayName: demangled(record.name),
            moduleName: moduleNames[place.module], moduleIndex: modules[place.module].index,
            address: record.address, byteCount: record.byteCount, hasExits: record.hasExits)
    }
}
