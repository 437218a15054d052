"""Rows: proving the planner's table, how it grows, and SPIN on the same protocol."""
import json
import re
import shutil
import subprocess

from .rows import Row, at_most, unmeasured
from .tools import NOPAL, SOURCES, Skipped, fresh_folder, need, run, usage, wall_seconds

TABLE_LIMIT_SECONDS = 60
TABLE_LIMIT_MIB = 2048
THREADS = (1, 2, 3)
# The change that the model for SPIN makes: a 5-byte NOP becomes a jump and back and a jump, by breakpoints.
SAME = ["--isa", "x86-64", "--shape", "5-byte nop", "--protocol", "breakpoint"]


def table():
    section = "Proving the planner's whole table, 2 threads"
    seconds = wall_seconds([NOPAL, "prove"])
    cpu, kib = usage([NOPAL, "prove"])
    report = json.loads(run([NOPAL, "prove", "--json"]).stdout)
    rows = [
        at_most(section, f"{report['proved']} rows, {report['states']:,} states", seconds, "s", TABLE_LIMIT_SECONDS,
                f"{report['broken']} not proved"),
        at_most(section, "peak memory", kib / 1024, "MiB", TABLE_LIMIT_MIB),
        Row(section, "states a second of one processor", report["states"] / cpu, "1/s"),
    ]
    three = wall_seconds([NOPAL, "prove", "--threads", "3"], limit=600)
    rows.append(at_most(section, "the same with 3 threads", three, "s", TABLE_LIMIT_SECONDS))
    return rows


def explored(arguments):
    """(states, seconds of processor time) of what `nopal prove` makes of it."""
    rows = [row for row in json.loads(run([NOPAL, "prove", "--json", *arguments], limit=600).stdout)["rows"] if row["states"]]
    return sum(row["states"] for row in rows), sum(row["nanos"] for row in rows) / 1e9


def growth():
    section = "How it grows: a 5-byte nop switched on by one store"
    rows = []
    base = ["--isa", "x86-64", "--shape", "5-byte nop", "--protocol", "single-store"]
    for threads in THREADS:
        states, seconds = explored([*base, "--threads", str(threads)])
        rows.append(Row(section, f"{threads} thread{'s' * (threads > 1)}, 1 site", states, "states", note=f"{seconds:.2f} s"))
    for sites in (2, 3):
        states, seconds = explored([*base, "--threads", "1", "--batch", str(sites)])
        rows.append(Row(section, f"1 thread, {sites} sites in a batch", states, "states", note=f"{seconds:.2f} s"))
    return rows


def spin(threads, middle_sync):
    """(breaks, states, seconds) of SPIN on the hand-written model."""
    folder = fresh_folder(f"spin-{threads}-{middle_sync}")
    shutil.copy(SOURCES / "breakpoint.pml", folder)
    run([need("spin"), f"-DTHREADS={threads}", f"-DMIDDLE_SYNC={middle_sync}", "-a", "breakpoint.pml"], cwd=folder)
    run([need("gcc"), "-O3", "-DSAFETY", "-o", "pan", "pan.c"], cwd=folder)
    # pan ends with 0 whether or not an assertion was violated.
    text = run([folder / "pan", "-m1000000", "-n"], cwd=folder, limit=300).stdout
    errors = re.search(r"errors: (\d+)", text)
    states = re.search(r"([\d.e+]+) states, stored", text)
    seconds = re.search(r"elapsed time ([\d.]+)", text)
    if not errors or not states:
        raise Skipped(f"pan said something else: {text[-200:]}")
    return int(errors[1]) > 0, float(states[1]), float(seconds[1]) if seconds else 0.0


def breaks(arguments):
    """Whether `nopal prove` finds the plan to break: exit status 1 of --plan."""
    return subprocess.run([NOPAL, "prove", *arguments], stdout=subprocess.DEVNULL, timeout=120).returncode == 1


def against_spin():
    section = "Beside SPIN: the breakpoint protocol across two granules"
    rows = []
    folder = fresh_folder("proof")
    refuted = folder / "refuted.plan"
    run([NOPAL, "prove", "--refuted", "breakpoint-without-middle-sync", "--write-plan", refuted])
    agree = True
    for threads in THREADS:
        plan = folder / f"plan-{threads}"
        run([NOPAL, "prove", *SAME, "--threads", str(threads), "--write-plan", plan, "--offset", "61"])
        ours = json.loads(run([NOPAL, "prove", "--plan", plan, "--json"]).stdout)
        ours_seconds = wall_seconds([NOPAL, "prove", "--plan", plan])
        theirs, states, seconds = spin(threads, 1)
        agree = agree and (ours["verdict"] == "breaks") == theirs
        rows.append(Row(section, f"{threads} thread{'s' * (threads > 1)}: Nopal", ours["states"], "states",
                        note=f"{ours_seconds:.3f} s with start-up; stubs given back, threads move into and out of them"))
        rows.append(Row(section, f"{threads} thread{'s' * (threads > 1)}: SPIN", states, "states",
                        note=f"{seconds:.3f} s without compiling; {states / seconds if seconds else 0:,.0f} states a second"))
        text = refuted.read_text().replace("threads 2", f"threads {threads}")
        changed = folder / f"refuted-{threads}"
        changed.write_text(text)
        agree = agree and breaks(["--plan", changed]) == spin(threads, 0)[0]
    rows.append(Row(section, "verdicts that agree, with and without the middle sync", float(agree), "(1: all)", "= 1", agree))
    return rows


def measure():
    rows = table() + growth()
    try:
        rows += against_spin()
    except Skipped as reason:
        rows.append(unmeasured("Beside SPIN", "the breakpoint protocol", "= 1", str(reason)))
    return rows
