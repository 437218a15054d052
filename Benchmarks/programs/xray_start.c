/* Starts LLVM XRay's flight data recorder before main and writes its log at exit, through XRay's
 * own interface: in a virtual machine without a readable CPU frequency the `patch_premain` way does
 * not initialise the recorder, and would measure nothing. Says on stderr when it does not start.
 */
#include <stdio.h>
#include <stdlib.h>

/* compiler-rt: xray/xray_log_interface.h and xray_interface.h, which are C++ only. */
int __xray_log_select_mode(const char *mode);
int __xray_log_init_mode(const char *mode, const char *config);
int __xray_log_finalize(void);
int __xray_log_flushLog(void);
int __xray_patch(void);
int __xray_unpatch(void);

enum { xray_log_initialized = 2, xray_log_finalized = 4, xray_patch_success = 1 };

static void finish(void)
{
    if (__xray_log_finalize() != xray_log_finalized || __xray_log_flushLog() == 0)
        fprintf(stderr, "xray_start: the log was not written\n");
}

__attribute__((constructor, no_instrument_function)) static void start(void)
{
    const char *config = getenv("XRAY_FDR_CONFIG");
    if (__xray_log_select_mode("xray-fdr") != 0 ||
        __xray_log_init_mode("xray-fdr", config ? config : "func_duration_threshold_us=0") !=
            xray_log_initialized ||
        __xray_patch() != xray_patch_success) {
        fprintf(stderr, "xray_start: XRay did not start\n");
        exit(3);
    }
    atexit(finish);
}
