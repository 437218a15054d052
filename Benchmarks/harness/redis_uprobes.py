"""Uprobes at the entry and return of a program's functions, through tracefs."""
import fnmatch
import subprocess
from contextlib import contextmanager

from .peers import append_command
from .tools import Skipped, fresh_folder, run

GROUP = "nopal_bench_live"


def file_offsets(program, glob):
    """Name -> place in the file, of the functions whose names match."""
    segments = [line.split() for line in run(["readelf", "-lW", program]).stdout.splitlines()
                if line.split()[:1] == ["LOAD"]]
    offsets = {}
    for line in run(["nm", "--defined-only", program]).stdout.splitlines():
        address, kind, name = line.split()
        if kind not in "tT" or not fnmatch.fnmatchcase(name, glob):
            continue
        for _, offset, start, _, size, *_ in segments:
            begin = int(start, 16)
            if begin <= int(address, 16) < begin + int(size, 16):
                offsets[name] = int(address, 16) - begin + int(offset, 16)
    return offsets


@contextmanager
def uprobes(program, glob):
    """Yields a function that counts the hits; the probes are on meanwhile. Skipped where the kernel refuses."""
    tracefs = fresh_folder("tracefs-live")
    mounted = subprocess.run(["mount", "-t", "tracefs", "none", str(tracefs)], capture_output=True, text=True)
    if mounted.returncode != 0:
        raise Skipped(f"tracefs cannot be mounted here: {mounted.stderr.strip()}")
    events, switch, added = tracefs / "uprobe_events", tracefs / f"events/{GROUP}/enable", []
    try:
        try:
            for index, offset in enumerate(file_offsets(program, glob).values()):
                for kind in "pr":
                    append_command(events, f"{kind}:{GROUP}/{kind}{index} {program}:{offset:#x}\n")
                    added.append(f"{kind}{index}")
            switch.write_text("1")
        except OSError as error:
            raise Skipped(f"uprobes are not allowed here: {error}") from error
        yield lambda: hits(tracefs, program)
    finally:
        if added:
            switch.write_text("0")
        for name in added:
            append_command(events, f"-:{GROUP}/{name}\n")
        subprocess.run(["umount", str(tracefs)], check=False)


def hits(tracefs, program):
    """(probes, hits) of the program's probes so far."""
    counts = [int(line.split()[2]) for line in (tracefs / "uprobe_profile").read_text().splitlines()
              if str(program) in line]
    return len(counts), sum(counts)
