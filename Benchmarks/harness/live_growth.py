"""Rows and chart: how the time of a toggle, of attaching and of detaching grows with the sites."""
import subprocess

from .line_chart import line_chart
from .live_measures import PROTOCOLS, ROUNDS, attaches, toggles
from .rows import Row, unmeasured
from .tools import Skipped, machine, median, spread

SECTION = "Live patching: growth with the number of sites (gcc's five NOPs)"

XRAY, REQUEST = "XRay patch or unpatch", "toggle, the whole request"
# What is shown -> kind of line in the chart, and the unit of its rows. Times are kept in microseconds.
QUANTITIES = {
    "toggle by single store": ("nopal", "us"),
    "toggle by breakpoint": ("nopal dashed", "us"),
    "toggle by stopped": ("nopal dotted", "us"),
    XRAY: ("peer", "us"),
    REQUEST: ("base", "ms"),
    "attach": ("other", "ms"),
    "attach, threads stopped": ("other dashed", "ms"),
    "detach": ("third", "ms"),
    "detach, threads stopped": ("third dashed", "ms"),
}


# Title -> field of a run of attaches().
ATTACHING = {"attach": "attach_ms", "attach, threads stopped": "attach_stopped_ms", "detach": "detach_ms",
             "detach, threads stopped": "detach_stopped_ms"}
TOGGLING = [title for title in QUANTITIES if title not in ATTACHING]


def measure():
    """Returns (rows, the chart or None)."""
    figures, reasons = {title: {} for title in QUANTITIES}, {}
    for count in ROUNDS:
        for part, titles in ((toggle_times, TOGGLING), (attach_times, ATTACHING)):
            try:
                times, skipped = part(count)
            except (Skipped, OSError, ValueError, KeyError, subprocess.SubprocessError) as reason:
                times, skipped = {}, dict.fromkeys(titles, f"{type(reason).__name__}: {reason}")
            for title, values in times.items():
                figures[title][count] = values
            reasons.update({(title, count): reason for title, reason in skipped.items()})
    rows = [row_of(title, count, points.get(count), reasons.get((title, count), "not measured"))
            for title, points in figures.items() for count in ROUNDS]
    return rows, chart_of(figures)


def row_of(title, count, values, reason):
    unit = QUANTITIES[title][1]
    title = f"{count:>7,} sites: {title}"
    if not values:
        return unmeasured(SECTION, title, "", reason)
    values = [us / 1e3 if unit == "ms" else us for us in values]
    return Row(SECTION, title, median(values), unit, note=f"middle half {spread(values)}")


def toggle_times(count):
    """(title -> microseconds, title -> reason skipped)."""
    results, skipped = toggles(count)
    names = {f"toggle by {name.replace('-', ' ')}": name for name in PROTOCOLS}
    times = {title: [one.answer["execute_ns"] / 1e3 for one in results[name]]
             for title, name in names.items() if name in results}
    if "single-store" in results:
        times[REQUEST] = [one.answer["elapsed_ns"] / 1e3 for one in results["single-store"]]
    if "xray" in results:
        times[XRAY] = [ns / 1e3 for run in results["xray"] for ns in run["patch_ns"] + run["unpatch_ns"]]
    names |= {REQUEST: "single-store", XRAY: "xray"}
    return times, {title: skipped[name] for title, name in names.items() if name in skipped}


def attach_times(count):
    """(title -> microseconds, title -> reason skipped)."""
    results, skipped = attaches(count)
    if "gcc" not in results:
        raise Skipped(skipped["gcc"])
    return {title: [run[name] * 1e3 for run in results["gcc"]] for title, name in ATTACHING.items()}, {}


def chart_of(figures):
    lines = [(title, [(count, median(values)) for count, values in points.items()], QUANTITIES[title][0])
             for title, points in figures.items() if len(points) > 1]
    if not lines:
        return None
    where = machine()
    return line_chart("Patching a running program", "median times by the number of sites, both axes logarithmic; "
                      f"{where['cpu']}, {where['cpus']} CPUs, Linux {where['kernel'].split('-')[0]}", "sites", lines)
