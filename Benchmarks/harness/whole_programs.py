"""Rows: real programs with Nopal off, starting a program with many sites, and the agent itself."""
import json
import time

from .rows import Row, at_most, unmeasured
from .tools import (AGENT, BUILT, NOPAL, ROOT, SOURCES, Skipped, alternating, compile_program,
                    fresh_folder, median, nopal_cflags, run, spread, usage)

REAL = ROOT / ".cache/real"

OFF_ROUNDS = 15
START_ROUNDS = 15
SITE_COUNT = 20_000


def off_cost():
    """CPU time of real programs built with NOPs over built without; instructions as a witness."""
    section = "Nopal off in real programs: built with NOPs / built without"
    rows = []
    for program in ("sqlite3", "lua"):
        title = f"{program}, CPU time"
        try:
            rows += off_cost_of(section, title, program)
        except (Skipped, OSError) as reason:
            rows.append(unmeasured(section, title, "<= 1.01 x", str(reason)))
    return rows


def off_cost_of(section, title, program):
    def seconds(flavour):
        path = REAL / flavour / program
        if not path.exists():
            raise Skipped(f"{path.relative_to(ROOT)} is missing; run scripts/real-programs")
        if program == "sqlite3":
            with open(SOURCES / "work.sql") as script:
                return usage([path, ":memory:"], stdin=script)[0]
        return usage([path, BENCH_LUA])[0]

    # Each round is a pair, with the order changing, so that a slow moment hits both alike.
    pairs = []
    for turn in range(OFF_ROUNDS):
        first, second = ("plain", "nopal") if turn % 2 == 0 else ("nopal", "plain")
        taken = {first: seconds(first), second: seconds(second)}
        pairs.append(taken["nopal"] / taken["plain"])
    return [at_most(section, title, median(pairs), "x", 1.01,
                    f"median of {OFF_ROUNDS} pairs, middle half {spread(pairs)}")]


BENCH_LUA = SOURCES / "work.lua"


def many_sites_source():
    """A C program of SITE_COUNT functions; main says at once when it was reached, and returns."""
    path = BUILT / "many_sites.c"
    if path.exists():
        return path
    BUILT.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        file.write("#include <stdio.h>\n#include <time.h>\n")
        for index in range(SITE_COUNT):
            file.write(f"__attribute__((noinline)) int f{index}(int x) {{ return x * {index + 3} + 1; }}\n")
        file.write("int main(void)\n{\n    struct timespec t;\n    clock_gettime(CLOCK_MONOTONIC, &t);\n"
                   '    printf("%lld\\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);\n    return 0;\n}\n')
    return path


def start_up():
    section = f"Starting a program with {SITE_COUNT:,} sites"
    program = compile_program("many_sites", [many_sites_source()], ["-O1", *nopal_cflags()])
    trace = fresh_folder("start-up") / "t.trace"

    def to_main(command):
        start = time.monotonic_ns()
        return (int(run(command).stdout.split()[-1]) - start) / 1e6

    results, skipped = alternating({
        "untraced": lambda: to_main([program]),
        "recorded": lambda: to_main([NOPAL, "record", "-o", trace, "--", program]),
    }, START_ROUNDS)
    if len(results) < 2:
        return [unmeasured(section, "start to main, over untraced", "<= 60 ms", str(skipped))]
    added = median(results["recorded"]) - median(results["untraced"])
    ledger = json.loads(run([NOPAL, "info", trace, "--json"]).stdout)
    traced = sum(module.get("traced_count", module.get("traced", 0)) for module in ledger.get("modules", []))
    note = f"untraced {median(results['untraced']):.1f} ms, recorded {median(results['recorded']):.1f} ms; {traced} sites traced"
    return [at_most(section, "start to main, over untraced", added, "ms", 60, note)]


def agent_size():
    section = "The agent"
    text = next(int(line.split()[1]) for line in run(["size", "-A", AGENT]).stdout.splitlines()
                if line.startswith(".text"))
    undefined = sorted(line.split()[-1].split("@")[0]
                       for line in run(["nm", "-D", "--undefined-only", AGENT]).stdout.splitlines() if line)
    needed = sorted(line.split("[")[1].rstrip("]")
                    for line in run(["readelf", "-dW", AGENT]).stdout.splitlines() if "(NEEDED)" in line)
    heap = [name for name in undefined if name in ("malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc")]
    foreign = [name for name in needed if not name.startswith(("libc.so", "ld-linux"))]
    return [
        at_most(section, "text", text / 1024, "KiB", 64),
        at_most(section, "heap functions among its undefined symbols", len(heap), "symbols", 0, " ".join(heap)),
        at_most(section, "libraries needed beyond libc", len(foreign), "libraries", 0, "needs " + (", ".join(needed) or "none")),
        Row(section, "undefined symbols", len(undefined), "symbols", note=" ".join(undefined)),
    ]
