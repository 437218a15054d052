import Programs
import TraceFormat

/// Collects what message `armed` tells the agent about its process.
struct ArmedAnswer {
    let isFirst: Bool
    /// The functions to be hooked, with what stands there.
    private(set) var hooks: [FunctionHook] = []
    private var registerFrame: UInt64 = 0
    private var deregisterFrame: UInt64 = 0
    private var takesStorage = false
    private(set) var isUnwinderOfLLVM = false
    private var getRegister: UInt64 = 0
    private var lateDynamic: UInt64 = 0
    private var lateBias: UInt64 = 0

    init(isFirst: Bool) { self.isFirst = isFirst }

    mutating func look(at image: ModuleImage, bias: UInt64, dynamic: UInt64, hasUnwinder: inout Bool) {
        if isFirst { hooks += FunctionHook.hooks(of: image, bias: bias) }
        if !hasUnwinder { lookForUnwinder(image, bias, dynamic, &hasUnwinder) }
    }

    private mutating func lookForUnwinder(
        _ image: ModuleImage, _ bias: UInt64, _ dynamic: UInt64, _ hasUnwinder: inout Bool
    ) {
        if image.isa == .a32 { return lookForArmUnwinder(image, bias, &hasUnwinder) }
        guard let get = image.exportedFunction("_Unwind_GetGR") else { return }
        let withStorage = image.exportedFunction("__register_frame_info")
        // LLVM's `__register_frame` takes one FDE and no table; libgcc's takes a table.
        let section = image.exportedFunction("__unw_add_dynamic_eh_frame_section")
        isUnwinderOfLLVM = section != nil
        guard let register = section ?? withStorage ?? image.exportedFunction("__register_frame") else { return }
        hasUnwinder = true
        takesStorage = withStorage != nil && section == nil
        registerFrame = register &+ bias
        let undo =
            section != nil
            ? "__unw_remove_dynamic_eh_frame_section"
            : withStorage != nil ? "__deregister_frame_info" : "__deregister_frame"
        deregisterFrame = image.exportedFunction(undo).map { $0 &+ bias } ?? 0
        getRegister = get &+ bias
        if !isFirst { (lateDynamic, lateBias) = (dynamic, bias) }
    }

    /// 32-bit Arm: the agent gets and sets the registers of frames by itself.
    private mutating func lookForArmUnwinder(_ image: ModuleImage, _ bias: UInt64, _ hasUnwinder: inout Bool) {
        guard let get = image.exportedFunction("_Unwind_VRS_Get"), let set = image.exportedFunction("_Unwind_VRS_Set")
        else { return }
        hasUnwinder = true
        getRegister = get &+ bias
        registerFrame = set &+ bias
    }

    mutating func add(_ hook: FunctionHook) { hooks.append(hook) }

    /// - Parameter writesHooks: nobody else runs: the agent writes them.
    func packet(writesHooks: Bool) -> Packet {
        var text = ByteWriter()
        for hook in hooks {
            for word in [
                UInt64(hook.function.rawValue), hook.address, hook.resume, hook.firstWord, hook.way, hook.branch,
            ] { text.fixed(word) }
            for index in 0..<Hook.wayByteCount { text.fixed(index < hook.wayBytes.count ? hook.wayBytes[index] : 0) }
        }
        return Packet(
            .armed,
            [
                writesHooks ? 1 : 0, registerFrame, getRegister, deregisterFrame, lateDynamic, takesStorage ? 1 : 0,
                lateBias,
            ], text: text.bytes)
    }
}
