"""Rows: what the same call costs in uftrace's arm64 build, counted as Nopal's are.

uftrace of this machine records the emulator. Its preloaded library is arm64's: the loader of this machine leaves it
out of the emulator, with a message, and the loader below the emulator puts it into the program."""
import subprocess

from .instruction_counts import CALLS, each_call
from .rows import Row, unmeasured
from .tools import BUILT, ROOT, SOURCES, Skipped, fresh_folder, need, run

COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
WAYS = {
    # Title -> flags, those whose code counts as untraced, options of `uftrace record`, what is said of it.
    "A64, uftrace -P .": (["-fpatchable-function-entry=2"], ["-fpatchable-function-entry=2"], ["-P", "."],
                          "NOPs patched to call __fentry__"),
    "A64, uftrace -pg": (["-pg"], [], [], "calls of _mcount"),
}
CLOCK = "both readings of the clock are system calls, one instruction each: qemu-aarch64 7.2 has no vDSO"


def measure(section, nopal):
    """`nopal` is what Nopal's call costs on A64."""
    rows = []
    for title, way in WAYS.items():
        try:
            rows.append(row(section, title, nopal, *way))
        except (Skipped, OSError, subprocess.TimeoutExpired) as reason:
            rows.append(unmeasured(section, title, "", str(reason)))
    return rows


def row(section, title, nopal, flags, untraced_flags, options, what):
    folder = fresh_folder("arm-uftrace")
    root = sysroot()
    program, untraced = build(folder / "calls", flags), build(folder / "untraced", untraced_flags)
    emulated = [need(EMULATOR), "-L", root]
    plain = sum(each_call([*emulated, untraced], folder).values())
    data = folder / "data"
    # Programs that have no calls of _mcount, as the emulator, need --force.
    record = [need("uftrace"), "record", "--no-event", "--force", "--libmcount-path",
              root / "usr/lib/aarch64-linux-gnu/uftrace", *options, "-d", data, *emulated, program]
    traced = sum(each_call(record, folder).values())
    # Each run moves the data of the one before aside.
    for kept, calls in zip((data.with_suffix(".old"), data), CALLS):
        check_recorded(kept, calls)
    cost = traced - plain
    return Row(section, title, cost, "instructions",
               note=f"{traced} with the call, {plain} untraced; {cost / nopal:.1f} times Nopal's; {what}; {CLOCK}")


def sysroot():
    """Debian's uftrace for arm64 and the libraries that it needs."""
    try:
        run([ROOT / "scripts/debian-sysroot", BUILT / "arm64", "arm64", "uftrace"])
    except (Skipped, subprocess.TimeoutExpired):
        # What apt says names mirrors.
        raise Skipped("Debian's uftrace for arm64 could not be fetched (scripts/debian-sysroot)") from None
    return BUILT / "arm64/root"


def build(program, flags):
    run([need(COMPILER), "-O2", *flags, SOURCES / "arm_calls.c", "-o", program])
    return program


def check_recorded(data, calls):
    """uftrace that records nothing would be fast."""
    report = run([need("uftrace"), "report", "--no-pager", "-f", "call", "-d", data]).stdout
    recorded = next((int(words[0]) for words in map(str.split, report.splitlines()) if words[1:] == ["traced"]), 0)
    if recorded != calls:
        raise Skipped(f"uftrace recorded {recorded} of {calls} calls")
