"""Waiting for what another process does, and what /proc says of it."""

import os
import signal
import subprocess
import time

import workflows
from figures import Wrong

TICK = os.sysconf("SC_CLK_TCK")


def until(condition, seconds, what, pause=0.001):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Wrong(f"waited {seconds} s in vain until {what}")
        time.sleep(pause)


def warm(home):
    """Starts a watcher in a fresh home and waits until it has run a first workflow, so that it certainly watches."""
    home.drop(home.session.write("warm-up.yaml", workflows.one("/bin/true")), "warm-up.yaml")
    watcher = home.watch()
    try:
        until(lambda: len(home.receipts("done")) == 1, 30, "astro watch has run its first workflow", 0.01)
    except BaseException:
        stop(watcher)
        raise
    return watcher


def stop(process, how=signal.SIGTERM):
    """Ends a process we started and waits for it; what is already over stays over."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def told(watcher):
    """What a watcher has written to its terminal."""
    with open(watcher.log, errors="replace") as file:
        return file.read()


def status(pid, field):
    """A figure of /proc/PID/status; KiB where it has a unit."""
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise Wrong(f"/proc/{pid}/status has no {field}")


def switches(pid):
    """Voluntary context switches of all threads."""
    return sum(
        status(f"{pid}/task/{thread}", "voluntary_ctxt_switches") for thread in os.listdir(f"/proc/{pid}/task"))


def wake_ups(pids, seconds, grain=0.05):
    """How often each process woke from its sleep in the next `seconds`. One turn of work may wait for a lock or the
    disk in between, so switches close together are one waking."""
    last = {pid: switches(pid) for pid in pids}
    asleep = dict.fromkeys(pids, True)
    found = dict.fromkeys(pids, 0)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(grain)
        for pid in pids:
            now = switches(pid)
            moved = now != last[pid]
            found[pid] += moved and asleep[pid]
            last[pid], asleep[pid] = now, not moved
    return found


def ticks(pid):
    """Processor time in clock ticks."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def children(pid):
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children") as file:
            found += map(int, file.read().split())
    return found
