"""Many tasks that wait for a limit that opens in an hour: what they cost the watcher meanwhile."""

import json
import time

from figures import Bar, Row, Samples, Table, Wrong
from waiting import children, status, stop, switches, ticks, told, until, wake_ups


def run(session):
    tasks = 10_000
    seconds = 10 if session.quick else 30
    home = session.home(interval=3600)
    home.configure(limits="{gate: {rate: 1/1h}}")
    lines = "".join(f"  t_{index}: {{limits: [gate], run: [/bin/true]}}\n" for index in range(tasks))
    home.drop(session.write("parked.yaml", "tasks:\n" + lines))
    watcher = home.watch()
    try:
        until(lambda: "Rate limit exceeded" in told(watcher), 60, "the limit is used up", 0.05)
        quiet(watcher)
        pids = [watcher.pid, *children(watcher.pid)]
        before = {pid: (ticks(pid), switches(pid)) for pid in pids}
        woken = wake_ups(pids, seconds)
        used = sum(ticks(pid) - before[pid][0] for pid in pids)
        turns = sum(switches(pid) - before[pid][1] for pid in pids)
        memory = [Samples([status(watcher.pid, field) / 1024]) for field in ("VmRSS", "VmHWM")]
        if watcher.poll() is not None:
            raise Wrong(f"the watcher ended with {watcher.returncode} while its tasks waited")
    finally:
        stop(watcher)
    waiting = sum(task["state"] == "pending" for task in report(home)["tasks"])
    if waiting != tasks - 1:
        raise Wrong(f"{waiting} of {tasks - 1} tasks wait")
    return Table("parked", f"`astro watch` with {tasks:,} tasks that wait for a limit that opens in an hour, for {seconds} s", [
        Row("memory", "MiB", memory[0], None, Bar("astro", "under", 30)),
        Row("memory at its peak, which is when the file is read", "MiB", memory[1]),
        # It looks around every 10 s, whether or not anything waits.
        Row("wake-ups, of watcher and warden", "", Samples([sum(woken.values())]), None,
            Bar("astro", "at most", seconds // 10 + 1)),
        Row("voluntary context switches of all threads", "", Samples([turns])),
        Row("processor", "ticks", Samples([used])),
    ])


def quiet(watcher):
    """Waits until it has used no processor time for two seconds."""
    used, since = ticks(watcher.pid), time.monotonic()
    while time.monotonic() - since < 2:
        time.sleep(0.1)
        now = ticks(watcher.pid)
        if now > used:
            used, since = now, time.monotonic()


def report(home):
    return json.loads(home.session.timed(home.session.astro, "status", "@latest", "--json", "--home", home.path).output)
