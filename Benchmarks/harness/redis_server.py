"""A redis-server of our own, loaded by redis-benchmark: bounded in requests, on a socket in a folder of its own."""
import csv
import os
import socket
import subprocess
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from .tools import ROOT, Skipped, run

TESTS = ("set", "get", "incr", "hset", "sadd")
PILOT_REQUESTS = 2_000  # of each test; their rate says how many fill the seconds
LEAST_REQUESTS, MOST_REQUESTS = 1_000, 5_000_000
LOAD = ["-c", "20", "-P", "8", "-r", "20000"]
START_LIMIT_SECONDS = 10

# Requests a second over all tests; errors that the client or the server saw; requests sent.
Load = namedtuple("Load", "rate errors requests")


def build_redis():
    """Builds redis-server, without NOPs and with, unless it stands there."""
    run([ROOT / "scripts/real-programs", "plain", "nopal"], limit=1200, env={**os.environ, "NOPAL_PROGRAMS": "redis-server"})


class RedisServer:
    """A running server without persistence. Use it in a `with`: it ends the process that it started."""

    def __init__(self, flavour):
        self.program = ROOT / ".cache/real" / flavour / "redis-server"
        self.folder = tempfile.TemporaryDirectory(prefix="nopal-redis-")
        self.socket = os.path.join(self.folder.name, "socket")
        self.log = Path(self.folder.name, "log")
        words = [self.program, "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no",
                 "--dir", self.folder.name, "--logfile", self.log]
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid

    def __enter__(self):
        end = time.monotonic() + START_LIMIT_SECONDS
        try:
            while not self.answers():
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Skipped(f"redis-server did not start: {self.log_text()}")
                time.sleep(0.02)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.folder.cleanup()

    def log_text(self):
        return self.log.read_text(errors="replace")[-300:] if self.log.exists() else "no log"

    def ask(self, *words):
        """One command; returns the text of its reply."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, client.makefile("rwb") as stream:
            client.settimeout(10)
            client.connect(self.socket)
            parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
            stream.write(f"*{len(words)}\r\n{''.join(parts)}".encode())
            stream.flush()
            head = stream.readline().decode().strip()
            return stream.read(int(head[1:])).decode() if head.startswith("$") else head

    def answers(self):
        try:
            return self.ask("PING") == "+PONG"
        except OSError:
            return False

    def load(self, seconds):
        """Some `seconds` of requests, as many of each test, with every error counted."""
        pilot = self.requests(PILOT_REQUESTS)
        count = int(pilot.rate * seconds / len(TESTS))
        return self.requests(min(max(count, LEAST_REQUESTS), MOST_REQUESTS))

    def requests(self, count):
        self.ask("CONFIG", "RESETSTAT")
        words = [self.program.parent / "redis-benchmark", "-s", self.socket, *LOAD, "-n", count,
                 "-t", ",".join(TESTS), "--csv"]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120)
        rates = [float(line["rps"]) for line in csv.DictReader(done.stdout.splitlines())]
        errors = (done.returncode != 0) + len(done.stderr.splitlines()) + self.errors(count)
        if len(rates) != len(TESTS):
            raise Skipped(f"redis-benchmark ended with status {done.returncode} after {len(rates)} of {len(TESTS)} "
                          f"tests: {done.stderr.strip()[-200:]}; server: {self.log_text()}")
        return Load(len(TESTS) / sum(1 / rate for rate in rates), errors, count * len(TESTS))

    def errors(self, count):
        """What the server calls errors since the last CONFIG RESETSTAT, and requests that never reached it."""
        info = dict(line.split(":", 1) for line in self.ask("INFO", "everything").splitlines() if ":" in line)
        failed = int(info["total_error_replies"]) + sum(name.startswith("errorstat_") for name in info)
        for name, value in info.items():
            if name.startswith("cmdstat_"):
                fields = dict(field.split("=") for field in value.split(","))
                failed += int(fields["rejected_calls"]) + int(fields["failed_calls"])
        for test in TESTS:
            served = dict(field.split("=") for field in info.get(f"cmdstat_{test}", "calls=0").split(","))
            failed += max(0, count - int(served["calls"]))
        return failed
