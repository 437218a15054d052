"""Instructions that each call of a program executes below qemu's user mode."""
import os
import re
import subprocess

CALLS = (100, 1100)
STEP = re.compile(rb"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/")


def instructions(command, folder):
    """How often each address was executed: qemu logs every instruction as a block of its own."""
    log = folder / "log"
    environment = dict(os.environ, QEMU_LOG="exec,nochain", QEMU_SINGLESTEP="1", QEMU_LOG_FILENAME=str(log))
    # The program's exit status is its result.
    subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, timeout=300)
    counts = {}
    with open(log, "rb") as lines:
        for line in lines:
            if found := STEP.match(line):
                address = int(found.group(1), 16)
                counts[address] = counts.get(address, 0) + 1
    log.unlink()
    return counts


def each_call(command, folder):
    """The addresses that every call executes, with how often: those whose counts grow with the calls."""
    few, many = (instructions([*command, str(calls)], folder) for calls in CALLS)
    growth = CALLS[1] - CALLS[0]
    return {address: round((many[address] - few.get(address, 0)) / growth) for address in many
            if many[address] - few.get(address, 0) >= growth // 2}
