"""Rows: a server in use, with Nopal attached, switched on and off, and gone again; uprobes beside it."""
import json
import subprocess

from .live_commands import Attached, need_live_commands, toggle
from .redis_server import RedisServer, build_redis
from .redis_uprobes import uprobes
from .rows import Row, at_most, unmeasured
from .tools import NOPAL, Skipped, fresh_folder, median, run, spread

SECTION = "redis-server under redis-benchmark: requests a second, beside untouched"
ROUNDS = 5
WARM_SECONDS, PHASE_SECONDS = 0.5, 2
SUBSYSTEM = "dict*"
REFUSAL_LIMIT_SECONDS = 30
FLIGHT = ["--off", "--when-full", "overwrite", "--buffer", "8M"]
UNTOUCHED, PLAIN = "untouched, built for Nopal", "untouched, built without NOPs"
UPROBES = f"{SUBSYSTEM} by uprobes, entry and return"

# Phase -> what it is compared with.
PHASES = {
    UNTOUCHED: PLAIN,
    "attached, everything off": UNTOUCHED,
    f"{SUBSYSTEM} on": UNTOUCHED,
    f"{SUBSYSTEM} off again": UNTOUCHED,
    "everything on, flight recorder": UNTOUCHED,
    "detached": UNTOUCHED,
    "everything on, written to a file": UNTOUCHED,
    "detached again": UNTOUCHED,
    UPROBES: PLAIN,
}


def redis():
    build_redis()
    loads = {}  # phase -> round -> Load
    notes, broken = {}, []
    for turn in range(ROUNDS):
        for flavour, phases in (("plain", plain_phases), ("nopal", nopal_phases)):
            try:
                with RedisServer(flavour) as server:
                    server.load(WARM_SECONDS)
                    for phase, load in phases(server, notes):
                        loads.setdefault(phase, {})[turn] = load
            except (Skipped, OSError, ValueError, KeyError, subprocess.SubprocessError) as reason:
                broken.append(f"{type(reason).__name__}: {reason}")
    rows = [phase_row(phase, base, loads, notes, broken) for phase, base in PHASES.items()]
    return [*rows, error_row(loads, broken), refusal_row()]


def plain_phases(server, notes):
    """Yields (phase, Load) of a server that was not built for Nopal."""
    yield PLAIN, server.load(PHASE_SECONDS)
    try:
        with uprobes(server.program, SUBSYSTEM) as hits:
            load = server.load(PHASE_SECONDS)
            probes, count = hits()
    except (Skipped, OSError) as reason:
        notes[UPROBES] = str(reason)
        return
    if count == 0:
        notes[UPROBES] = f"none of {probes} uprobes was hit"
        return
    notes[UPROBES] = f"{probes} probes"
    yield UPROBES, load


def nopal_phases(server, notes):
    """Yields (phase, Load) through one life of a server: attached, switched, detached, attached again."""
    yield UNTOUCHED, server.load(PHASE_SECONDS)
    try:
        need_live_commands()
    except Skipped as reason:
        notes.update({phase: str(reason) for phase in PHASES if phase not in (UNTOUCHED, UPROBES)})
        return
    trace = fresh_folder("redis") / "t.trace"
    with Attached(server.pid, trace, *FLIGHT) as attached:
        sites, elapsed, stopped = (attached.figures[name] for name in ("sites", "elapsed_ns", "stopped_ns"))
        notes["attached, everything off"] = f"{sites:,} sites, in {elapsed / 1e6:.0f} ms, stopped {stopped / 1e6:.2g} ms"
        yield "attached, everything off", server.load(PHASE_SECONDS)
        notes[f"{SUBSYSTEM} on"] = f"{toggle('enable', server.pid, SUBSYSTEM, None)['changed']} sites"
        yield f"{SUBSYSTEM} on", server.load(PHASE_SECONDS)
        toggle("disable", server.pid, SUBSYSTEM, None)
        yield f"{SUBSYSTEM} off again", server.load(PHASE_SECONDS)
        notes["everything on, flight recorder"] = f"{toggle('enable', server.pid, '*', None)['changed']:,} sites"
        yield "everything on, flight recorder", server.load(PHASE_SECONDS)
        attached.detach()
    yield "detached", server.load(PHASE_SECONDS)
    with Attached(server.pid, trace) as attached:
        load = server.load(PHASE_SECONDS)
        attached.detach()
    notes["everything on, written to a file"] = account(trace)
    yield "everything on, written to a file", load
    yield "detached again", server.load(PHASE_SECONDS)


def account(trace):
    """What the trace holds, in a few words; the file goes, because it is large."""
    if not trace.exists():
        return "no trace was written"
    events = json.loads(run([NOPAL, "info", trace, "--json"]).stdout)["events"]
    size = trace.stat().st_size
    trace.unlink()
    return f"{size / 1e6:,.0f} MB, {events['entries']:,} entries, {events['lost']:,} events lost"


def phase_row(phase, base, loads, notes, broken):
    turns = [turn for turn in loads.get(phase, {}) if turn in loads.get(base, {})]
    if not turns:
        return unmeasured(SECTION, phase, "", notes.get(phase) or "; ".join(broken[:1]) or "not reached")
    ratios = [loads[phase][turn].rate / loads[base][turn].rate for turn in turns]
    note = f"{median([loads[phase][turn].rate for turn in turns]):,.0f} requests/s, ratios {spread(ratios)}"
    if base == PLAIN:
        note += f"; beside {base}, {median([loads[base][turn].rate for turn in turns]):,.0f}"
    if len(turns) < ROUNDS:
        note += f"; in {len(turns)} of {ROUNDS} rounds"
    return Row(SECTION, phase, median(ratios), "x", note=note + (f"; {notes[phase]}" if phase in notes else ""))


def error_row(loads, broken):
    """A round that broke off counts as an error: a server that died under a tracer answers nothing."""
    title = "errors of client and server, and rounds that broke off"
    if not loads:
        return unmeasured(SECTION, title, "<= 0 errors", "; ".join(broken[:1]))
    seen = {phase: sum(load.errors for load in runs.values()) for phase, runs in loads.items()}
    requests = sum(load.requests for runs in loads.values() for load in runs.values())
    details = [f"{phase}: {count}" for phase, count in seen.items() if count] + broken
    note = "; ".join([f"{requests:,} requests in {len(seen)} phases", *details])
    return at_most(SECTION, title, sum(seen.values()) + len(broken), "errors", 0, note)


def refusal_row():
    """Attaching to a program that was not built for Nopal must fail, say what to do, and leave it running."""
    title, target = "attaching to the server built without NOPs", "!= 0, with advice"
    try:
        need_live_commands()
        with RedisServer("plain") as server:
            trace = fresh_folder("redis-plain") / "t.trace"
            done = subprocess.run([str(NOPAL), "attach", str(server.pid), "-o", str(trace)], capture_output=True,
                                  text=True, timeout=REFUSAL_LIMIT_SECONDS)
            alive = server.answers()
    except subprocess.TimeoutExpired:
        return Row(SECTION, title, 0, "status", target, False, f"it was still attached after {REFUSAL_LIMIT_SECONDS} s")
    except (Skipped, OSError) as reason:
        return unmeasured(SECTION, title, target, str(reason))
    met = done.returncode != 0 and "nopal cflags" in done.stderr and alive
    said = " ".join(done.stderr.split())[:240]
    return Row(SECTION, title, done.returncode, "status", target, met, f"{'' if alive else 'the server is gone; '}said: {said}")
