"""From the last close(2) of a copy into the spool to the first instruction of the command."""

import os
import select
import signal
import subprocess
import time

import workflows
from figures import Bar, Row, Samples, Table, Wrong
from waiting import stop, until, warm


def run(session):
    files = 50 if session.quick else 200
    fifo = session.path("stamps")
    os.mkfifo(fifo)
    stamps = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    home = session.home()
    content = workflows.one(session.reference("stamp"), fifo).encode()
    drop = session.path("drop")
    os.mkdir(drop)
    astro = warm(home)
    bare = subprocess.Popen(
        [session.reference("watch"), drop, session.reference("stamp"), fifo], stdout=subprocess.PIPE)
    try:
        bare.stdout.readline()
        times = {"bare": [], "astro": []}
        for index in range(files):
            times["bare"].append(latency(f"{drop}/{index}.yaml", content, stamps))
            time.sleep(0.005)
            times["astro"].append(latency(home.at(f"spool/{index}.yaml"), content, stamps))
            until(lambda: os.listdir(home.at("spool/active")) == [".home"], 20, f"the run of {index}.yaml ends")
            time.sleep(0.005)
    finally:
        stop(astro)
        stop(bare, signal.SIGKILL)
        os.close(stamps)
    ended = len(home.receipts("done")) - 1  # the first one only warmed the watcher up
    if ended != files:
        raise Wrong(f"{ended} of {files} workflows are in spool/done")
    mine, theirs = Samples(times["astro"]), Samples(times["bare"])
    # The bare watcher may start its command before close returns to us: pairs would be divided by next to nothing.
    median = Samples([mine.center / theirs.center])
    return Table("latency", f"from close(2) to the command's first instruction; {files} files, one after the other", [
        Row("inotify and posix_spawn in C, median", "ms", mine, theirs, Bar("astro", "under", 3), median),
        Row("the same, 90th percentile", "ms", mine.percentile(0.9), theirs.percentile(0.9)),
        Row("the same, 99th percentile", "ms", mine.percentile(0.99), theirs.percentile(0.99), Bar("astro", "under", 20)),
    ])


def latency(path, content, stamps):
    """Milliseconds. What cp does, but that the clock is read when its close returns."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(file, content)
    os.close(file)
    closed = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    if not select.select([stamps], [], [], 20)[0]:
        raise Wrong(f"{path}: its command did not start within 20 s")
    return (int(os.read(stamps, 100)) - closed) / 1e6
