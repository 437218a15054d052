"""Starts live_target.c, opens and closes its windows, and ends it. See that file for the words."""
import mmap
import os
import struct
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass

from .tools import Skipped, fresh_folder

(READY, TICKS_PER_SECOND, WATCHER, WINDOW, WINDOW_SEEN, CALLS, PREEMPTIONS, LONGEST_GAP, CHANGES, CHANGE_SPAN,
 CHANGE_GAP, CHANGE_PREEMPTIONS, INTERRUPTED, INTERRUPTED_EPOLL, FINISH) = range(0, 120, 8)

ANSWER_LIMIT_SECONDS = 20
LIFE_LIMIT_SECONDS = 600


def leave_watched_cpu(thread=0):
    """Keeps a thread (this one: 0) off the last CPU, which the watching thread has to itself."""
    cpus = sorted(os.sched_getaffinity(0))
    if os.cpu_count() > 1:
        os.sched_setaffinity(thread, [cpu for cpu in cpus if cpu != os.cpu_count() - 1] or cpus)


@contextmanager
def watched_cpu_left():
    """This process, and what it starts meanwhile, stays off the watching thread's CPU."""
    before = os.sched_getaffinity(0)
    leave_watched_cpu()
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass
class Window:
    """What the watching thread saw between opening and closing (struct watched in traced_calls.h)."""
    seconds: float
    calls: int
    preemptions: int
    longest_gap_us: float
    changes: int
    change_span_us: float
    change_gap_us: float
    change_preemptions: int


class Target:
    """A running live_target. Use it in a `with`: it ends the process that it started."""

    def __init__(self, program, watchers=0, busy=0, blocked=0):
        self.folder = fresh_folder("live-target")
        self.control = self.folder / "control"
        self.control.write_bytes(bytes(mmap.PAGESIZE))
        self.log = open(self.folder / "stderr", "w")
        with open(self.control, "r+b") as file:
            self.words = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        arguments = [self.control, watchers, busy, blocked, LIFE_LIMIT_SECONDS]
        self.process = subprocess.Popen([str(part) for part in (program, *arguments)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.log)
        self.pid = self.process.pid

    def __enter__(self):
        try:
            self.wait_for(READY, 1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.write(FINISH, 1)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.words.close()

    def read(self, offset):
        return struct.unpack_from("=Q", self.words, offset)[0]

    def write(self, offset, value):
        struct.pack_into("=Q", self.words, offset, value)

    def wait_for(self, offset, value):
        end = time.monotonic() + ANSWER_LIMIT_SECONDS
        while self.read(offset) != value:
            if self.process.poll() is not None:
                raise Skipped(f"the traced program ended with status {self.process.returncode}")
            if time.monotonic() > end:
                raise Skipped(f"the traced program did not answer in {ANSWER_LIMIT_SECONDS} s")
            time.sleep(0.0005)

    def move_window(self):
        number = self.read(WINDOW) + 1
        self.write(WINDOW, number)
        self.wait_for(WINDOW_SEEN, number)

    def watched(self, action):
        """Runs `action` within a window; returns (its result, the Window)."""
        self.move_window()
        time.sleep(0.002)
        start = time.monotonic()
        try:
            result = action()
        finally:
            seconds = time.monotonic() - start
            self.move_window()
        us_per_tick = 1e6 / self.read(TICKS_PER_SECOND)
        return result, Window(seconds, self.read(CALLS), self.read(PREEMPTIONS), self.read(LONGEST_GAP) * us_per_tick,
                              self.read(CHANGES), self.read(CHANGE_SPAN) * us_per_tick,
                              self.read(CHANGE_GAP) * us_per_tick, self.read(CHANGE_PREEMPTIONS))

    def leave_watched_cpu(self):
        """Moves threads that others made in the process off the watching thread's CPU."""
        watcher = self.read(WATCHER)
        for name in os.listdir(f"/proc/{self.pid}/task") if watcher else ():
            if int(name) != watcher:
                leave_watched_cpu(int(name))

    def interrupted(self):
        """System calls that came back with EINTR: (read, sem_wait and nanosleep; epoll_wait)."""
        return self.read(INTERRUPTED), self.read(INTERRUPTED_EPOLL)
