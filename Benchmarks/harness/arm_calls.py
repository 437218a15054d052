"""Rows: what a traced call costs on the Arm sets, in instructions, as qemu's user mode counts them."""
import re

from . import arm_uftrace
from .instruction_counts import each_call
from .rows import Row, at_most
from .tools import NOPAL, ROOT, SOURCES, fresh_folder, need, run

SETS = {
    # Compiler, flags, emulator, sysroot, limit.
    "A64": ("aarch64-linux-gnu-gcc", ["-fpatchable-function-entry=1"], "qemu-aarch64", "/usr/aarch64-linux-gnu", 60),
    "A32": ("arm-linux-gnueabihf-gcc", ["-marm", "-fpatchable-function-entry=1"], "qemu-arm",
            "/usr/arm-linux-gnueabihf", 70),
    "T32": ("arm-linux-gnueabihf-gcc", ["-mthumb", "-fpatchable-function-entry=3"], "qemu-arm",
            "/usr/arm-linux-gnueabihf", 70),
}


def measure():
    section = "One traced call on Arm, entry and exit, instructions (qemu-user)"
    rows = []
    for name, (compiler, flags, emulator, sysroot, limit) in SETS.items():
        folder = fresh_folder(f"arm-calls-{name}")
        run([need(compiler), "-O2", *flags, SOURCES / "arm_calls.c", "-o", "calls"], cwd=folder)
        plain = sum(each_call([need(emulator), "-L", sysroot, "./calls"], folder).values())
        record = [NOPAL, "record", "--target", emulator, "-L", sysroot, "-F", "traced", "-o", "trace", "--", "./calls"]
        traced = sum(each_call(record, folder).values())
        clock = clock_instructions(name)
        note = f"{traced} with the call, {plain} untraced"
        if clock:
            note += f"; besides {clock} in the kernel's clock: qemu-arm 7.2 lets nobody read the counter, and has no vDSO"
        rows.append(at_most(section, name, traced - plain - clock, "instructions", limit, note))
    rows += arm_uftrace.measure(section, nopal=rows[list(SETS).index("A64")].figure)
    for name, agent in (("A64", "aarch64"), ("A32, T32", "arm")):
        library = ROOT / f".build/release/libnopal-agent-{agent}.so"
        text = run(["readelf", "-SW", library]).stdout
        size = int(re.search(r"\.text\s+PROGBITS\s+\S+\s+\S+\s+(\S+)", text).group(1), 16)
        rows.append(at_most("Text of the agents for Arm", name, size / 1024, "KiB", 64))
    return rows


def clock_instructions(name):
    """What two readings of the time cost where stubs may not read the counter: in each, the agent's code and the two
    instructions that lead there and put lr back at an entry, less the one that reads the counter elsewhere."""
    if name == "A64":
        return 0
    assembly = run([need("arm-linux-gnueabihf-objdump"), "-d", "--no-show-raw-insn",
                    ROOT / ".build/release/libnopal-agent-arm.so"]).stdout
    body = assembly.split("push\t{r0, r1, r7, lr}")[1].split("pop\t{r0, r1, r7, pc}")[0]
    # The line of the last instruction begins before the text that ends the body, that of the first one does not.
    code = 1 + sum(1 for line in body.splitlines() if re.match(r"\s+[0-9a-f]+:\t", line))
    thunk, link = 1, 1
    return 2 * (code + thunk) + link
