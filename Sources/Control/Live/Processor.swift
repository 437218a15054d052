import CSupport
import Glibc
import Patching

/// What the machine offers to plans.
enum Processor {
    static let vendor: PatchEnvironment.Vendor = {
        let text = FileText.read("/proc/cpuinfo") ?? ""
        if text.contains("AuthenticAMD") { return .amd }
        return text.contains("GenuineIntel") ? .intel : .other
    }()

    /// membarrier offers SYNC_CORE.
    static let hasCoreSync = nopal_has_core_sync() != 0
}
