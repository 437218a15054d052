"""Rows: what one call costs below each tracer, and how recording scales and packs."""
from . import peers
from .rows import Row, at_least, at_most, unmeasured
from .tools import alternating, median, spread

SECTION = "The cost of one call (entry and exit), calls.c"

# Tracer -> (how to run it, calls a run, kind of bar). Counts keep a run at about a second.
TRACERS = {
    "untraced": (lambda: peers.plain(50_000_000), "base"),
    "Nopal off (built with NOPs)": (lambda: peers.nopal_off(50_000_000), "nopal"),
    "Nopal off (recording, not selected)": (lambda: peers.nopal_unselected(50_000_000), "nopal"),
    "Nopal on": (lambda: peers.nopal_on(10_000_000), "nopal"),
    "LLVM XRay FDR": (lambda: peers.xray_fdr(2_000_000), "peer"),
    "uftrace -P . (patchable)": (lambda: peers.uftrace_patchable(1_000_000), "peer"),
    "uftrace (-pg)": (lambda: peers.uftrace_pg(1_000_000), "peer"),
    "LTTng-UST cyg-profile-fast": (lambda: peers.lttng_cyg_profile_fast(500_000), "peer"),
    "uprobe + uretprobe": (lambda: peers.uprobes(50_000), "peer"),
}

ROUNDS = 7


def measure():
    """Returns (rows, bars of the chart)."""
    results, skipped = alternating({name: run for name, (run, _) in TRACERS.items()}, ROUNDS)
    rows, bars, cost = [], [], {}
    rdtsc = median([run["two_rdtsc_ns"] for run in results.get("untraced", []) + results.get("Nopal on", [])])
    rows.append(Row(SECTION, "two bare rdtsc", rdtsc, "ns", note="in the same runs"))
    bars.append(("two bare rdtsc", rdtsc, "base"))
    for name, (_, kind) in TRACERS.items():
        if name in skipped:
            rows.append(unmeasured(SECTION, name, "", skipped[name]))
            continue
        values = [run["ns_per_call"] for run in results[name]]
        cost[name] = median(values)
        rows.append(Row(SECTION, name, cost[name], "ns", note=f"middle half {spread(values)}"))
        bars.append((name, cost[name], kind))
    rows += ratios(cost, results)
    return rows, bars


def ratios(cost, results):
    rows = []
    on = cost.get("Nopal on")
    if on is None:
        return [unmeasured(SECTION, "Nopal on / (two rdtsc + untraced call)", "<= 1.15 x", "Nopal on was not measured")]
    # Ratio run by run: clock readings of the same process, the untraced run of the same round.
    floors = [now["two_rdtsc_ns"] + before["ns_per_call"]
              for now, before in zip(results["Nopal on"], results["untraced"])]
    own = median([run["ns_per_call"] / floor for run, floor in zip(results["Nopal on"], floors)])
    rows.append(at_most(SECTION, "Nopal on / (two rdtsc + untraced call)", own, "x", 1.15))
    for peer, limit in (("uftrace (-pg)", 6), ("uftrace -P . (patchable)", 6), ("LLVM XRay FDR", 3)):
        if peer in cost:
            rows.append(at_least(SECTION, f"{peer} / Nopal on", cost[peer] / on, "x", limit))
    for peer in ("LTTng-UST cyg-profile-fast", "uprobe + uretprobe"):
        if peer in cost:
            rows.append(Row(SECTION, f"{peer} / Nopal on", cost[peer] / on, "x"))
    return rows


def measure_packing_and_scaling():
    section = "Events in memory, on disk, and by two threads"
    rows = [Row(section, "bytes of an event in memory", 8.0, "bytes", "8 bytes", True, "by the format: one word")]
    results, skipped = alternating({"1": lambda: peers.nopal_on(8_000_000, 1),
                                    "2": lambda: peers.nopal_on(8_000_000, 2),
                                    "flight 1": lambda: peers.nopal_flight_recorder(8_000_000, 1),
                                    "flight 2": lambda: peers.nopal_flight_recorder(8_000_000, 2),
                                    "plain 1": lambda: peers.plain(50_000_000, 1),
                                    "plain 2": lambda: peers.plain(50_000_000, 2)}, ROUNDS)
    if "1" not in results or "2" not in results:
        return rows + [unmeasured(section, "two threads / one thread", ">= 1.8 x", str(skipped))]
    packed = median([run["trace_bytes"] / run["events"] for run in results["1"]])
    rows.append(at_most(section, "bytes of an event on disk", packed, "bytes", 8.1))

    def rate(name):
        return median([run["threads"] * 1e3 / run["ns_per_call"] for run in results[name]])

    note = f"{2 * rate('1'):.0f} and {2 * rate('2'):.0f} million events a second"
    if "plain 1" in results and "plain 2" in results:
        note += f"; the untraced loop scales {rate('plain 2') / rate('plain 1'):.2f} x here"
    # With the file written meanwhile, two recording threads and the host share two CPUs.
    rows.append(Row(section, "the same, with the file written meanwhile", rate("2") / rate("1"), "x", note=note))
    if "flight 1" in results and "flight 2" in results:
        rows.insert(-1, at_least(section, "events of two threads / of one", rate("flight 2") / rate("flight 1"), "x",
                                 1.8, "flight recorder: two busy threads on two CPUs"))
    else:
        rows.append(unmeasured(section, "events of two threads / of one", ">= 1.8 x", str(skipped)))
    return rows
