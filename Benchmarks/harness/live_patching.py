"""Rows: turning sites on and off in a running program, what its threads notice, attaching, detaching."""
import subprocess

from . import live_growth
from .live_commands import need_live_commands
from .live_measures import SITE_COUNT, attaches, toggles
from .rows import Row, at_most, unmeasured
from .tools import Skipped, median, spread

STALL_LIMITS_US = {"single-store": 100, "breakpoint": 200, "stopped": None}
LEAST_CLEAN_TOGGLES = 3
ENTRIES = {"gcc": "five NOPs of a byte (gcc)", "clang": "one NOP of five bytes (clang)"}


def measure():
    """Returns (rows, the chart or None)."""
    need_live_commands()
    rows, chart = [], None
    for part in (against_xray, stalls, attaching):
        try:
            rows += part()
        except (Skipped, OSError, ValueError, KeyError, subprocess.SubprocessError) as reason:
            rows.append(unmeasured("Live patching", part.__name__.replace("_", " "), "", f"{type(reason).__name__}: {reason}"))
    growth_rows, chart = live_growth.measure()
    return rows + growth_rows, chart


def against_xray():
    section = f"Live patching: {SITE_COUNT:,} armed sites toggled by single store, a sibling thread calling them"
    results, skipped = toggles(SITE_COUNT)
    single, xray = results.get("single-store"), results.get("xray")
    rows = []
    for verb, peer in (("enable", "patch"), ("disable", "unpatch")):
        title = f"{verb} / __xray_{peer}() of as many functions"
        if single is None or xray is None:
            rows.append(unmeasured(section, title, "<= 1 x", skipped.get("single-store") or skipped.get("xray")))
            continue
        own = [one.answer["execute_ns"] / 1e3 for one in single if one.verb == verb]
        theirs = [ns / 1e3 for figures in xray for ns in figures[f"{peer}_ns"]]
        note = (f"in the process {median(own):.0f} us ({spread(own)}), XRay {median(theirs):.0f} us "
                f"({spread(theirs)}), at entry and exit")
        if peer == "patch":
            first = median([figures["first_patch_ns"] for figures in xray]) / 1e3
            note += f"; XRay's first patching in a process {first:.0f} us, left out"
        # Round by round: both of a round meet the machine in the same mood.
        ratios = [us * 1e3 / median(figures[f"{peer}_ns"]) for us, figures in zip(own, xray)]
        rows.append(at_most(section, title, median(ratios), "x", 1.0, f"middle half {spread(ratios)}: {note}"))
        whole = [one.answer["elapsed_ns"] / 1e6 for one in single if one.verb == verb]
        rows.append(Row(section, f"{verb}, the whole request", median(whole), "ms", note=f"middle half {spread(whole)}"))
    return rows


def stalls():
    section = f"Live patching: longest time between two calls of a running thread, {SITE_COUNT:,} sites toggled"
    results, skipped = toggles(SITE_COUNT)
    rows = []
    for protocol, limit in STALL_LIMITS_US.items():
        title = f"by {protocol.replace('-', ' ')}"
        try:
            if protocol not in results:
                raise Skipped(skipped[protocol])
            figure, note = stall_of(results[protocol])
        except Skipped as reason:
            rows.append(unmeasured(section, title, f"<= {limit} us" if limit else "", str(reason)))
            continue
        rows.append(at_most(section, title, figure, "us", limit, note) if limit
                    else Row(section, title, figure, "us", note=note))
    if "xray" in results:
        gaps = [ns / 1e3 for figures in results["xray"] for ns in figures["longest_gap_ns"]]
        rows.append(Row(section, "XRay patching and unpatching as many functions", median(gaps), "us",
                        note=f"middle half {spread(gaps)}"))
    return rows


def stall_of(toggled):
    """(median of the longest gaps around the changes, a note with the machine's own noise)."""
    # A toggle around which the thread lost its CPU tells nothing: what the patching did may lie in that gap.
    clean = [one for one in toggled if one.window.changes and not one.window.change_preemptions]
    if len(clean) < LEAST_CLEAN_TOGGLES:
        raise Skipped(f"only in {len(clean)} of {len(toggled)} toggles the thread saw the changes and kept its CPU")
    around = [one.window.change_gap_us for one in clean]
    whole, quiet, quiet_short = ([window.longest_gap_us for window in windows] for windows in (
        [one.window for one in clean], [one.quiet for one in clean], [one.quiet_short for one in clean]))
    note = (f"middle half {spread(around)}, longest {max(around):.0f}; without toggling {median(quiet_short):.0f} us. "
            f"In the whole request ({median([one.window.seconds for one in clean]) * 1e3:.0f} ms) {median(whole):.0f} us, "
            f"without toggling {median(quiet):.0f} us. {len(clean)} toggles, and {len(toggled) - len(clean)} left out in "
            "which the kernel gave the thread's CPU away")
    return median(around), note


def attaching():
    results, skipped = attaches(SITE_COUNT)
    rows = []
    for flavour, entry in ENTRIES.items():
        section = f"Live patching: attaching to {SITE_COUNT:,} sites of {entry}, 16 threads"
        if flavour not in results:
            rows.append(unmeasured(section, "attach and detach", "<= 300 ms", skipped.get(flavour)))
            continue
        rows += attach_rows(section, results[flavour])
    return rows


def attach_rows(section, runs):
    def values(name):
        return [figures[name] for figures in runs]

    rows = []
    for verb in ("attach", "detach"):
        elapsed, stopped = values(f"{verb}_ms"), values(f"{verb}_stopped_ms")
        wall = f"; from the shell {median(values('attach_wall_ms')):.0f} ms" if verb == "attach" else ""
        rows.append(at_most(section, f"{verb}, elapsed", median(elapsed), "ms", 300, f"middle half {spread(elapsed)}{wall}"))
        rows.append(at_most(section, f"{verb}, threads stopped", median(stopped), "ms", 10,
                            f"middle half {spread(stopped)}, longest {max(stopped):.3g} ms"))
    endless = sum(ns is None for ns in values("ended_ns"))
    rows.append(at_most(section, "runs in which `nopal attach` did not end by itself", endless, "runs", 0, f"of {len(runs)}"))
    rows.append(at_most(section, "system calls of blocked threads interrupted", sum(values("interrupted")), "calls", 0,
                        f"in {len(runs)} runs: read, sem_wait, nanosleep; and {sum(values('interrupted_epoll'))} of "
                        "epoll_wait, which Linux lets any stop interrupt"))
    return rows
