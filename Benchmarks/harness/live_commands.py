"""Runs `nopal attach`, `enable`, `disable`, `status` and `detach`, and reads their JSON."""
import json
import os
import select
import subprocess
import time

from .tools import NOPAL, Skipped, run

COMMAND_LIMIT_SECONDS = 60
END_LIMIT_SECONDS = 10
PROTOCOLS = {"single-store": "single store", "breakpoint": "breakpoint", "stopped": "stopped"}


def need_live_commands():
    """Skips the section where this build of Nopal cannot attach."""
    if "nopal attach" not in run([NOPAL, "attach", "--help"]).stdout:
        raise Skipped("this build of nopal has no 'attach'")


def command(verb, pid, *arguments):
    """The JSON of one command."""
    words = [str(word) for word in (NOPAL, verb, pid, *arguments, "--json")]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_LIMIT_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Skipped(f"nopal {verb} {' '.join(arguments)} had not answered after {COMMAND_LIMIT_SECONDS} s") from late
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-300:]
        raise Skipped(f"nopal {verb} {' '.join(arguments)} ended with status {done.returncode}: {said}")
    return json.loads(done.stdout)


def toggle(verb, pid, glob, expected, *arguments):
    """Enables or disables what `glob` names; checks that all `expected` sites changed."""
    answer = command(verb, pid, glob, *arguments)
    if expected is not None and answer["changed"] != expected:
        raise Skipped(f"nopal {verb} changed {answer['changed']} of {expected} sites; refused: {answer['refused']}")
    answer["execute_ns"] = sum(plan["execute_ns"] for plan in answer["plans"])
    return answer


def check_protocol(answer, protocol):
    """A toggle that went another way than was asked for measures something else."""
    used = {plan["protocol"] for plan in answer["plans"]}
    if used != {PROTOCOLS[protocol]}:
        raise Skipped(f"asked for {protocol}, nopal used {sorted(used)}")


class Attached:
    """`nopal attach PID`, from its JSON on stdout, which says that it is attached, until detached.

    `figures` is that object, with the wall time until it came added as `wall_ns`.
    """

    def __init__(self, pid, trace, *arguments):
        self.pid = pid
        self.errors = open(trace.parent / "attach.stderr", "w+")
        start = time.monotonic()
        words = (NOPAL, "attach", pid, "-o", trace, *arguments, "--json")
        self.process = subprocess.Popen([str(part) for part in words],
                                        stdout=subprocess.PIPE, stderr=self.errors)
        try:
            self.figures = self.first_answer()
        except BaseException:
            self.end()
            raise
        self.figures["wall_ns"] = (time.monotonic() - start) * 1e9

    def first_answer(self):
        """Reads until a whole JSON object has come, in one line or in several."""
        end, text = time.monotonic() + COMMAND_LIMIT_SECONDS, b""
        while True:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Skipped(f"nopal attach did not attach within {COMMAND_LIMIT_SECONDS} s: {self.error_text()}")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                status = self.process.wait(timeout=COMMAND_LIMIT_SECONDS)
                raise Skipped(f"nopal attach ended with status {status}: {self.error_text()}")
            text += part
            try:
                return json.loads(text)
            except ValueError:
                continue

    def error_text(self):
        self.errors.seek(0)
        return self.errors.read().strip()[-300:]

    def detach(self):
        """Detaches; the answer, with how long the recording command went on afterwards as `ended_ns`.

        That is None where it did not end by itself with status 0. Ending it is for `end`, then.
        """
        answer = command("detach", self.pid)
        start = time.monotonic()
        try:
            status = self.process.wait(timeout=END_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        answer["ended_ns"] = (time.monotonic() - start) * 1e9 if status == 0 else None
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Ends the command, if detaching has not: first as a person would, with SIGINT."""
        if self.process.poll() is None:
            self.process.send_signal(2)
            try:
                self.process.wait(timeout=COMMAND_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.errors.close()
