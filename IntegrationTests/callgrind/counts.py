"""Exact call counts by function, from callgrind and from Nopal, in names that can be compared.

How callgrind counts (valgrind 3.19, callgrind/bbcc.c, setup_bbcc):
- a call is a `calls=N` line below the caller; a function's count is the sum over its callers;
- a jump to the first instruction of another function is a call (a tail call), and so is one into
  another section or object; Nopal counts tail calls as entries too, so the two agree;
- recursion: `name'2` is `name` called from itself; both are counted as `name`;
- the first function of all, called by nobody (`_start`), has no `calls=` line;
- the part of a function that gcc moved out (`name.cold`) is a function to callgrind when it is
  jumped to in another section; it has no entry of its own, so it is left out here.
"""
import json
import re
import subprocess
from collections import Counter
from pathlib import Path


def callgrind_counts(lines, object_name):
    """Calls of each function of the object whose file name is `object_name`.

    Reads the text of a callgrind out file that was written with --compress-strings=no.
    """
    recursion_level = re.compile(r"'\d+$")
    counts = Counter()
    current_object = called_object = called = None
    for line in lines:
        if line.startswith("ob="):
            current_object = line[3:].strip()
        elif line.startswith("fn="):
            called_object = None
        elif line.startswith("cob="):
            called_object = line[4:].strip()
        elif line.startswith("cfn="):
            called = recursion_level.sub("", line[4:].strip())
        elif line.startswith("calls="):
            where = called_object if called_object is not None else current_object
            if Path(where or "").name == object_name:
                counts[called] += int(line[6:].split()[0])
            called_object = None
    return Counter({name: count for name, count in counts.items() if not name.endswith(".cold")})


def run_callgrind(command, out_file, **options):
    """Runs `command` below callgrind; returns its completed process. Counts are exact, no cache."""
    valgrind = [
        "valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out_file}",
        "--compress-strings=no", "--compress-pos=no", "--demangle=no", "--separate-threads=no",
        "--fair-sched=yes",
    ]
    return subprocess.run(valgrind + command, capture_output=True, timeout=900, **options)


def nopal_counts(report_json, object_name):
    """Calls of each function of one module, from `nopal report --json`."""
    counts = Counter()
    for row in json.loads(report_json)["functions"]:
        if Path(row["module"]).name == object_name:
            counts[row["function"]] += row["calls"]
    return counts


def demangled(counts):
    """The same counts under names as c++filt writes them; equal names are added up."""
    names = list(counts)
    if not names:
        return Counter()
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True,
                          check=True).stdout
    merged = Counter()
    for name, plain in zip(names, text.splitlines()):
        merged[plain] += counts[name]
    return merged


class Aliases:
    """Names that stand at one address (a weak name and its target, say) are one function."""

    def __init__(self, program):
        self.parent = {}
        listing = subprocess.run(["nm", "--defined-only", program], capture_output=True, text=True,
                                 check=True).stdout
        by_address = {}
        for line in listing.splitlines():
            parts = line.split(maxsplit=2)
            if len(parts) == 3 and parts[1] in "tTwWiV":
                by_address.setdefault(parts[0], []).append(parts[2])
        shared = [names for names in by_address.values() if len(names) > 1]
        plain = demangled_names(sorted({name for names in shared for name in names}))
        for names in shared:
            for name in names[1:]:
                self.join(plain[names[0]], plain[name])

    def find(self, name):
        while name in self.parent:
            name = self.parent[name]
        return name

    def join(self, first, second):
        first, second = self.find(first), self.find(second)
        if first != second:
            self.parent[max(first, second)] = min(first, second)

    def merged(self, counts):
        merged = Counter()
        for name, count in counts.items():
            merged[self.find(name)] += count
        return merged


def demangled_names(names):
    if not names:
        return {}
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True,
                          check=True).stdout
    return dict(zip(names, text.splitlines()))


class Explanation:
    """Why the counts of some functions may differ; `pattern` matches whole demangled names."""

    def __init__(self, pattern, reason):
        self.pattern, self.reason = re.compile(pattern), reason


def differences(nopal, callgrind, traced, explanations):
    """Compares function by function.

    `traced` holds the names that were built to be traced; others were never Nopal's to count.
    Returns (equal, explained, unexplained): the number of equal functions, and two lists of
    (function, nopal's count, callgrind's count, reason or None).
    """
    equal, explained, unexplained = 0, [], []
    for name in sorted(set(nopal) | set(callgrind)):
        if name not in nopal and name not in traced:
            continue
        ours, theirs = nopal.get(name, 0), callgrind.get(name, 0)
        if ours == theirs:
            equal += 1
            continue
        reason = next((e.reason for e in explanations if e.pattern.fullmatch(name)), None)
        (explained if reason else unexplained).append((name, ours, theirs, reason))
    return equal, explained, unexplained
