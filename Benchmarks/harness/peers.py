"""One function a tracer: runs calls.c below it, checks that events were recorded, returns the
program's own figures. Each checks its tracer's account, because a tracer that silently records
nothing is fast."""
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .tools import (NOPAL, SOURCES, Skipped, compile_program, fresh_folder, need,
                    nopal_cflags, read_json, run)

CALLS = SOURCES / "calls.c"


def plain(calls, threads=1):
    return read_json(run([compile_program("calls.plain", [CALLS], []), calls, threads]).stdout)


def nopal_program():
    return compile_program("calls.nopal", [CALLS], nopal_cflags())


def nopal_off(calls, threads=1):
    """Built with NOPs, run without Nopal."""
    return read_json(run([nopal_program(), calls, threads]).stdout)


def nopal_unselected(calls, threads=1):
    """Below `nopal record`, with every function left out: the sites keep their no-op."""
    trace = fresh_folder("nopal-unselected") / "t.trace"
    done = run([NOPAL, "record", "-o", trace, "-N", "*", "--", nopal_program(), calls, threads])
    return read_json(done.stdout)


def nopal_on(calls, threads=1):
    """Below `nopal record`, every call with entry and exit. Adds the trace's path and account."""
    trace = fresh_folder("nopal-on") / "t.trace"
    done = run([NOPAL, "record", "-o", trace, "--", nopal_program(), calls, threads])
    result = read_json(done.stdout)
    events = json.loads(run([NOPAL, "info", trace, "--json"]).stdout)["events"]
    if events["lost"] != 0 or events["entries"] < calls * threads:
        raise Skipped(f"nopal recorded {events} for {calls * threads} calls")
    result["events"] = events["entries"] + events["exits"] + events["unwound"]
    result["trace_bytes"] = trace.stat().st_size
    return result


def nopal_flight_recorder(calls, threads=1):
    """The same, with nothing written out meanwhile: recorded and overwritten is what was called."""
    trace = fresh_folder("nopal-flight") / "t.trace"
    done = run([NOPAL, "record", "--when-full", "overwrite", "--buffer", "2M", "-o", trace, "--",
                nopal_program(), calls, threads])
    result = read_json(done.stdout)
    events = json.loads(run([NOPAL, "info", trace, "--json"]).stdout)["events"]
    recorded = events["entries"] + events["exits"] + events["unwound"] + events["lost"]
    if recorded < 2 * calls * threads:
        raise Skipped(f"nopal accounts for {recorded} events of {calls * threads} calls")
    return result


def uftrace(calls, program, options):
    folder = fresh_folder("uftrace")
    done = run([need("uftrace"), "record", "--no-event", *options, "-d", folder / "data", program, calls])
    recorded = sum(path.stat().st_size for path in (folder / "data").glob("*.dat"))
    if recorded < calls * 2 * 16 * 0.99:
        raise Skipped(f"uftrace kept {recorded // 32} of {calls} calls")
    return read_json(done.stdout)


def uftrace_pg(calls):
    return uftrace(calls, compile_program("calls.pg", [CALLS], ["-pg"]), [])


def uftrace_patchable(calls):
    program = compile_program("calls.patchable", [CALLS], ["-fpatchable-function-entry=5"])
    return uftrace(calls, program, ["-P", "."])


def xray_fdr(calls):
    program = compile_program("calls.xray", [CALLS, SOURCES / "xray_start.c"],
                              ["-fxray-instrument", "-fxray-instruction-threshold=1"],
                              compiler=need("clang-19"))
    folder = fresh_folder("xray")
    buffer_count = calls * 2 * 8 // (1 << 20) + 16
    environment = {**os.environ, "XRAY_OPTIONS": f"xray_logfile_base={folder}/log.",
                   "XRAY_FDR_CONFIG": "func_duration_threshold_us=0:buffer_size=1048576:"
                                      f"buffer_max={buffer_count}"}
    done = run([program, calls], env=environment)
    recorded = sum(path.stat().st_size for path in folder.iterdir())
    if recorded < calls * 2 * 8 * 0.99:
        raise Skipped(f"XRay kept {recorded // 16} of {calls} calls")
    return read_json(done.stdout)


def lttng_cyg_profile_fast(calls):
    program = compile_program("calls.instrumented", [CALLS], ["-finstrument-functions"])
    need("lttng")
    with tempfile.TemporaryDirectory(prefix="nopal-lttng-") as home:
        environment = {**os.environ, "LTTNG_HOME": home, "HOME": home}
        daemon = subprocess.Popen([need("lttng-sessiond"), "--no-kernel", "--quiet"], env=environment,
                                  start_new_session=True, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            return lttng_session(program, calls, home, environment)
        finally:
            os.killpg(daemon.pid, signal.SIGTERM)
            daemon.wait(timeout=20)


def lttng_session(program, calls, home, environment):
    def lttng(*arguments):
        return run(["lttng", *arguments], env=environment, limit=60).stdout

    lttng_when_ready(lttng, home)
    lttng("enable-channel", "-u", "-s", "bench", "--subbuf-size=16M", "--num-subbuf=8", "bench")
    lttng("enable-event", "-u", "-s", "bench", "-c", "bench", "lttng_ust_cyg_profile_fast:*")
    lttng("start", "bench")
    done = run([program, calls], env={**environment, "LD_PRELOAD": "liblttng-ust-cyg-profile-fast.so"})
    lttng("stop", "bench")
    discarded = re.search(r"Discarded events: (\d+)", lttng("list", "bench"))
    lttng("destroy", "bench")
    written = sum(path.stat().st_size for path in Path(home, "out").rglob("*") if path.is_file())
    if discarded is None or int(discarded.group(1)) or written < calls * 16:
        raise Skipped(f"LTTng discarded events, or wrote {written} bytes for {calls} calls")
    return read_json(done.stdout)


def lttng_when_ready(lttng, home):
    """Creates the session; asks again while the daemon is starting."""
    for attempt in range(50):
        try:
            return lttng("create", "bench", "-o", f"{home}/out")
        except Skipped:
            if attempt == 49:
                raise
            time.sleep(0.1)


def uprobes(calls):
    """uprobe and uretprobe through tracefs, which is mounted aside when it is not at hand."""
    program = compile_program("calls.plain", [CALLS], [])
    listing = run(["nm", program]).stdout
    address = next(line.split()[0] for line in listing.splitlines() if line.endswith(" T leaf"))
    folder = fresh_folder("tracefs")
    mounted = subprocess.run(["mount", "-t", "tracefs", "none", str(folder)], capture_output=True, text=True)
    if mounted.returncode != 0:
        raise Skipped(f"tracefs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        return uprobe_run(folder, program, address, calls)
    except OSError as error:
        raise Skipped(f"uprobes are not allowed here: {error}") from error
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def append_command(events, command):
    """Appends to a tracefs file. Python's own mode "a" seeks to the end, which tracefs refuses."""
    file = os.open(events, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, command.encode())
    finally:
        os.close(file)


def uprobe_run(tracefs, program, address, calls):
    events, group = tracefs / "uprobe_events", "nopal_bench"
    added = []
    try:
        for kind, name in (("p", "enter"), ("r", "leave")):
            append_command(events, f"{kind}:{group}/{name} {program}:0x{address}\n")
            added.append(name)
        (tracefs / f"events/{group}/enable").write_text("1")
        result = read_json(run([program, calls]).stdout)
        profile = (tracefs / "uprobe_profile").read_text()
        hits = [int(line.split()[2]) for line in profile.splitlines() if str(program) in line]
        if len(hits) != 2 or min(hits) < calls:
            raise Skipped(f"uprobes hit {hits} of {calls} calls")
        return result
    finally:
        if added:
            (tracefs / f"events/{group}/enable").write_text("0")
        for name in added:
            append_command(events, f"-:{group}/{name}\n")
