"""More files than a watcher can start: what they cost it, and whether the first ones start."""

import os
import select
import time

import workflows
from figures import Bar, Row, Samples, Table, Wrong
from waiting import status, stop, ticks, until, warm

LIMIT = 20


def run(session):
    files = 10_000 if session.quick else 100_000
    empty = quiet_peak(session)
    fifo = session.path("stamps")
    os.mkfifo(fifo)
    stamps = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    # One window that outlasts the measurement: exactly LIMIT files may start, the rest waits.
    home = session.home(workflow_creation=f"{{max_requests: {LIMIT}, window_seconds: 3600}}")
    fill(home.at("spool"), files, workflows.one(session.reference("stamp"), fifo))
    scan = Samples([session.timed(session.reference("scan"), home.at("spool")).seconds for _ in range(3)])
    started = time.monotonic()
    watcher = home.watch()
    try:
        if not select.select([stamps], [], [], 120)[0]:
            raise Wrong(f"no task started within 120 s with {files} files in the spool")
        first = int(os.read(stamps, 4096).split()[0]) / 1e9 - started
        until(lambda: len(home.receipts("done")) >= LIMIT, 120, f"{LIMIT} workflows ended", 0.05)
        seen = until_quiet(watcher, 180) - started
        peak = Samples([status(watcher.pid, "VmHWM") / 1024])
    finally:
        stop(watcher)
        os.close(stamps)
    check(home, files)
    each = (peak.center - empty.center) * 1024 / files
    home.remove()
    return Table("backlog", f"{files:,} files waiting, of which the limit lets {LIMIT} start", [
        Row("peak memory; the reference is astro with no backlog", "MiB", peak, empty),
        Row("memory a waiting file", "KiB", Samples([each])),
        Row("time to the first task; the reference reads every file", "s", Samples([first]), scan),
        Row("until all are looked at", "s", Samples([seen]), scan),
    ], [f"{LIMIT} ran, {files - LIMIT:,} wait under their own names"])


def quiet_peak(session):
    home = session.home()
    watcher = warm(home)
    try:
        return Samples([status(watcher.pid, "VmHWM") / 1024])
    finally:
        stop(watcher)
        home.remove()


def fill(spool, files, content):
    text = content.encode()
    for index in range(files):
        file = os.open(f"{spool}/{index:06}.yaml", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(file, text)
        os.close(file)


def until_quiet(process, seconds):
    """The moment after which the process used next to no processor time for a second."""
    deadline = time.monotonic() + seconds
    used, since = ticks(process.pid), time.monotonic()
    while time.monotonic() - since < 1:
        time.sleep(0.1)
        now = ticks(process.pid)
        if now > used + 1:
            used, since = now, time.monotonic()
        if time.monotonic() > deadline:
            raise Wrong(f"the watcher was still busy after {seconds} s")
    return since


def check(home, files):
    done = home.receipts("done")
    waiting = sum(1 for entry in os.scandir(home.at("spool")) if entry.is_file() and entry.name.endswith(".yaml"))
    if len(done) != LIMIT or waiting != files - LIMIT:
        raise Wrong(f"{len(done)} workflows ran and {waiting} wait; {LIMIT} and {files - LIMIT} were expected")
