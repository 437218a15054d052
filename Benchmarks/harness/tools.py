"""What every row needs: bounded runs, medians of alternating runs, paths."""
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# $NOPAL measures another build; its agent lies beside it.
NOPAL = Path(os.environ.get("NOPAL", ROOT / ".build/release/nopal"))
AGENT = NOPAL.parent / "libnopal-agent.so"
SOURCES = ROOT / "Benchmarks/programs"
BUILT = ROOT / ".cache/bench"

RUN_LIMIT_SECONDS = 120


class Skipped(Exception):
    """A row or a peer that cannot be measured here; the message says why."""


def run(command, limit=RUN_LIMIT_SECONDS, **options):
    """Runs a command to its end, at most `limit` seconds; output is captured as text."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    done = subprocess.run([str(part) for part in command], timeout=limit, **options)
    if done.returncode != 0:
        raise Skipped(f"{Path(str(command[0])).name} ended with status {done.returncode}: "
                      f"{(done.stderr or '').strip()[-300:]}")
    return done


def need(tool):
    """The path of a peer's command; skips the row, with the reason, where there is none."""
    path = shutil.which(tool)
    if path is None:
        raise Skipped(f"{tool} is not installed")
    return path


def nopal_cflags(compiler="gcc"):
    """What to compile with: `nopal cflags`, or $NOPAL_CFLAGS where that is set."""
    if "NOPAL_CFLAGS" in os.environ:
        return os.environ["NOPAL_CFLAGS"].split()
    return run([NOPAL, "cflags", "--cc", compiler]).stdout.split()


def compile_program(output, sources, flags, compiler="gcc"):
    """Compiles into .cache/bench unless it stands there, newer than its sources."""
    BUILT.mkdir(parents=True, exist_ok=True)
    path = BUILT / output
    command = [compiler, "-O2", "-g", *flags, *map(str, sources), "-o", str(path), "-pthread"]
    stamp = BUILT / (output + ".command")
    fresh = path.exists() and stamp.exists() and stamp.read_text() == " ".join(command)
    if not fresh or any(source.stat().st_mtime > path.stat().st_mtime for source in sources):
        run(command)
        stamp.write_text(" ".join(command))
    return path


def fresh_folder(name):
    """An empty folder for what one run writes."""
    folder = BUILT / "out" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def wall_seconds(command, **options):
    """Seconds of wall time of one run."""
    start = time.monotonic()
    run(command, **options)
    return time.monotonic() - start


def usage(command, **options):
    """(user + system seconds, peak KiB) of one run and its children, by wait4."""
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, **options) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, used.ru_maxrss


def alternating(measures, rounds):
    """Runs each of `measures` (name -> function) in turn, `rounds` times over.

    Turns spread what the machine does meanwhile over all of them. A measure that is skipped is
    left out. Returns (name -> list of results, name -> reason skipped).
    """
    results, skipped = {name: [] for name in measures}, {}
    for _ in range(rounds):
        for name, measure in measures.items():
            if name in skipped:
                continue
            try:
                results[name].append(measure())
            except (Skipped, subprocess.TimeoutExpired, OSError, ValueError) as reason:
                skipped[name] = str(reason)
    return {name: got for name, got in results.items() if got and name not in skipped}, skipped


def median(values):
    return statistics.median(values)


def spread(values):
    """The middle half of the values, as text: how much to trust a median."""
    ordered = sorted(values)
    ends = (ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4])
    return " to ".join(f"{end:,.0f}" if abs(end) >= 1000 else f"{end:.4g}" for end in ends)


def machine():
    """What the figures were measured on."""
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "unknown")
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": os.uname().release,
            "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20}


def read_json(text):
    return json.loads(text.strip().splitlines()[-1])


