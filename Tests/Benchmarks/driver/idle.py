"""A watcher with nothing to do."""

import os
import signal
import subprocess
import time

from figures import Bar, Row, Samples, Table, Wrong
from waiting import children, status, stop, ticks, wake_ups, warm


def run(session):
    seconds = 5 if session.quick else 10
    # Metrics and health are not due within the measurement: what is left is the look around every 10 s.
    home = session.home(interval=3600)
    drop = session.path("drop")
    os.mkdir(drop)
    watcher = warm(home)
    bare = subprocess.Popen([session.reference("watch"), drop, "/bin/true", ""], stdout=subprocess.PIPE)
    try:
        bare.stdout.readline()
        time.sleep(2)
        wardens = children(watcher.pid)
        before = {pid: ticks(pid) for pid in [watcher.pid, bare.pid, *wardens]}
        woken = wake_ups(before, seconds)
        found = {pid: Idle(pid, woken[pid], ticks(pid) - used) for pid, used in before.items()}
        if watcher.poll() is not None:
            raise Wrong(f"the watcher ended with {watcher.returncode} while it was idle")
    finally:
        stop(watcher)
        stop(bare, signal.SIGKILL)
    rows = rows_of("the watcher", found[watcher.pid], found[bare.pid], 25, 2)
    for pid in wardens:
        rows += rows_of("its warden", found[pid], found[bare.pid], None, 0)
    return Table("idle", f"`astro watch` without work for {seconds} s, against inotify in C", rows)


class Idle:
    def __init__(self, pid, wake_ups, ticks):
        self.memory = Samples([status(pid, "VmRSS") / 1024])
        self.wake_ups = Samples([wake_ups])
        self.ticks = Samples([ticks])


def rows_of(name, mine, bare, memory, wake_ups):
    return [
        Row(f"{name}: memory", "MiB", mine.memory, bare.memory, memory and Bar("astro", "under", memory)),
        Row(f"{name}: wake-ups", "", mine.wake_ups, bare.wake_ups, Bar("astro", "at most", wake_ups), NO_RATIO),
        Row(f"{name}: processor", "ticks", mine.ticks, bare.ticks, None, NO_RATIO),
    ]


# Of two figures that are both next to nothing a ratio says nothing.
NO_RATIO = Samples([])
