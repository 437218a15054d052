"""Measures what live_patching.py prints: toggles beside XRay's, and attaching and detaching.

Each is measured once a size and kept, because several rows show the same runs.
"""
import functools
import json
import subprocess
import time
from collections import namedtuple

from .live_commands import Attached, check_protocol, command, toggle
from .live_programs import GLOB, live_target, xray_patch
from .live_target import Target, watched_cpu_left
from .tools import Skipped, alternating, fresh_folder, run

SITE_COUNT = 20_000
ROUNDS = {100: 5, 1_000: 5, SITE_COUNT: 9, 100_000: 3}
PROTOCOLS = ("single-store", "breakpoint", "stopped")
XRAY_ROUNDS = 4         # the first patching of a process, which pays for copies of its pages, is apart
QUIET_SECONDS = 0.003   # as long as the buckets around a toggle's changes; see struct watched
BUSY, BLOCKED = 8, 7    # and the main thread, which waits as well: 16
# Nothing is written out meanwhile, so that the disk and the command have no part in it.
RECORDING = ["-F", GLOB, "--off", "--when-full", "overwrite", "--buffer", "4M"]

# One request, what the watching thread saw meanwhile, and afterwards in as long a time and around no change.
Toggle = namedtuple("Toggle", "verb answer window quiet quiet_short")


def missing_field(reading):
    """Turns an answer that lacks a field into a skipped measure with that reason."""
    @functools.wraps(reading)
    def checked(*arguments):
        try:
            return reading(*arguments)
        except (KeyError, TypeError) as error:
            raise Skipped(f"an answer of nopal lacks {error}") from error
    return checked


@missing_field
def toggle_pair(target, count, protocol):
    """Every site on, and off again."""
    try:
        return [watched_toggle(target, verb, count, protocol) for verb in ("enable", "disable")]
    except BaseException:
        # The next measure finds the sites off, whatever went wrong in this one.
        leave_off(target)
        raise


def leave_off(target):
    try:
        command("disable", target.pid, GLOB)
    except (Skipped, OSError, ValueError, subprocess.TimeoutExpired):
        pass


def watched_toggle(target, verb, count, protocol):
    answer, window = target.watched(lambda: toggle(verb, target.pid, GLOB, count, "--protocol", protocol))
    check_protocol(answer, protocol)
    _, quiet = target.watched(lambda: time.sleep(window.seconds))
    _, quiet_short = target.watched(lambda: time.sleep(QUIET_SECONDS + window.change_span_us / 1e6))
    return Toggle(verb, answer, window, quiet, quiet_short)


def xray_round(count):
    """XRay's own figures: {"patch_ns": [...], "unpatch_ns": [...], "longest_gap_ns": [...], "first_patch_ns"}."""
    figures = json.loads(run([xray_patch(count), XRAY_ROUNDS]).stdout)
    if figures["functions"] != count:
        raise Skipped(f"XRay patched {figures['functions']} functions, not {count}")
    figures["first_patch_ns"] = figures["patch_ns"].pop(0)
    figures["longest_gap_ns"].pop(0)
    return figures


@functools.cache
def toggles(count):
    """Returns (protocol -> list of Toggle, and "xray" -> list of figures; name -> reason skipped)."""
    trace = fresh_folder("live-toggles") / "t.trace"
    program = live_target(count)
    with watched_cpu_left(), Target(program, watchers=1) as target, Attached(target.pid, trace, *RECORDING) as attached:
        if attached.figures.get("sites") != count:
            raise Skipped(f"nopal attach armed {attached.figures.get('sites')} of {count} sites")
        target.leave_watched_cpu()
        measures = {name: functools.partial(toggle_pair, target, count, name) for name in PROTOCOLS}
        results, skipped = alternating({**measures, "xray": lambda: xray_round(count)}, ROUNDS[count])
        attached.detach()
    flat = {name: [one for pair in results[name] for one in pair] for name in PROTOCOLS if name in results}
    return {**flat, **({"xray": results["xray"]} if "xray" in results else {})}, skipped


@missing_field
def attach_once(count, flavour):
    """Attaches to a fresh process of 16 threads with all sites off, and detaches."""
    trace = fresh_folder("live-attach") / "t.trace"
    program = live_target(count, flavour)
    with Target(program, busy=BUSY, blocked=BLOCKED) as target, Attached(target.pid, trace, *RECORDING) as attached:
        figures = attached.figures
        if figures["sites"] != count:
            raise Skipped(f"nopal attach armed {figures['sites']} of {count} sites")
        time.sleep(0.05)
        detached = attached.detach()
        time.sleep(0.05)
        if target.process.poll() is not None:
            raise Skipped(f"the traced program ended with status {target.process.returncode} after the detaching")
        interrupted, interrupted_epoll = target.interrupted()
    return {"attach_ms": figures["elapsed_ns"] / 1e6, "attach_stopped_ms": figures["stopped_ns"] / 1e6,
            "attach_wall_ms": figures["wall_ns"] / 1e6, "detach_ms": detached["elapsed_ns"] / 1e6,
            "detach_stopped_ms": detached["stopped_ns"] / 1e6, "ended_ns": detached["ended_ns"], "interrupted": interrupted,
            "interrupted_epoll": interrupted_epoll}


@functools.cache
def attaches(count):
    """Returns (flavour -> list of figures, flavour -> reason skipped)."""
    flavours = ("gcc", "clang") if count == SITE_COUNT else ("gcc",)
    return alternating({name: functools.partial(attach_once, count, name) for name in flavours}, ROUNDS[count])
