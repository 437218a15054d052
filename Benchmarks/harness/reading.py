"""Rows: reading a trace again - report, replay, exports - in Nopal and in uftrace."""
import json
import os

from .rows import Row, at_least, at_most, unmeasured
from .tools import (NOPAL, SOURCES, Skipped, alternating, compile_program, fresh_folder, median,
                    need, nopal_cflags, run, usage, wall_seconds)

TREE = SOURCES / "tree.c"
CALLS_PER_ROUND = 149
BIG_CALLS = 50_000_000
SMALL_CALLS = 1_000_000
ROUNDS = 3


def big_report():
    section = "Reading 100 million events"
    program = compile_program("tree.nopal", [TREE], nopal_cflags())
    trace = fresh_folder("big") / "t.trace"
    run([NOPAL, "record", "-o", trace, "--", program, BIG_CALLS // 2 // CALLS_PER_ROUND + 1, 2])
    events = json.loads(run([NOPAL, "info", trace, "--json"]).stdout)["events"]
    count = events["entries"] + events["exits"]
    if events["lost"] or count < 2 * BIG_CALLS:
        raise Skipped(f"the trace has {count} events, {events['lost']} lost")
    seconds, peaks = [], []
    for _ in range(ROUNDS):
        peaks.append(usage([NOPAL, "report", trace])[1] / 1024)
        seconds.append(to_null([NOPAL, "report", trace]))
    rows = [
        at_least(section, "nopal report", count / median(seconds) / 1e6, "M events/s", 50, f"on {os.cpu_count()} CPUs"),
        at_most(section, "nopal report, peak resident memory", max(peaks), "MiB", 200),
    ]
    trace.unlink()
    return rows


def to_null(command):
    with open(os.devnull, "w") as null:
        return wall_seconds(command, stdout=null)


def against_uftrace():
    section = f"Reading the same {SMALL_CALLS:,} calls (tree.c)"
    rounds = SMALL_CALLS // CALLS_PER_ROUND
    traced = compile_program("tree.nopal", [TREE], nopal_cflags())
    folder = fresh_folder("small")
    trace, data = folder / "t.trace", folder / "uftrace"
    run([NOPAL, "record", "-o", trace, "--", traced, rounds])
    run([need("uftrace"), "record", "--no-event", "-d", data, compile_program("tree.pg", [TREE], ["-pg"]), rounds])
    commands = {
        "nopal replay": [NOPAL, "replay", trace],
        "uftrace replay": ["uftrace", "replay", "--no-pager", "-d", data],
        "nopal export --format chrome": [NOPAL, "export", trace, "--format", "chrome", "-o", "-"],
        "uftrace dump --chrome": ["uftrace", "dump", "--chrome", "-d", data],
        "nopal report": [NOPAL, "report", trace],
        "uftrace report": ["uftrace", "report", "--no-pager", "-d", data],
    }
    results, skipped = alternating({name: (lambda c=command: to_null(c)) for name, command in commands.items()}, ROUNDS)
    rows = [Row(section, name, median(taken), "s") for name, taken in results.items()]
    rows += [unmeasured(section, name, "", reason) for name, reason in skipped.items()]
    for ours, theirs, limit in (("nopal replay", "uftrace replay", 10),
                                ("nopal export --format chrome", "uftrace dump --chrome", 10)):
        if ours in results and theirs in results:
            rows.append(at_least(section, f"{theirs} / {ours}", median(results[theirs]) / median(results[ours]), "x", limit))
        else:
            rows.append(unmeasured(section, f"{theirs} / {ours}", f">= {limit} x", "one of the two was not measured"))
    return rows
