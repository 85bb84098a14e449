#!/usr/bin/env python3
"""Four writers and two checkpointers in processes of their own on one journal; then whether anything is lost or damaged.

    journal-gate.py JOURNALPEER [--minutes N | --seconds N] [--in DIRECTORY] [--without-gate] [--checkpointers N]

SQLite before 3.51.3 can lose commits or damage the file when one process commits while another resets the log. The
writers are `JournalPeer churn`, so that every commit takes the way of astro's own. The checkpointers take every kind of
checkpoint, under the same flock(2) on `journal.lock`; a reader looks on. At the end every writer's rows must be there to the
last byte, and integrity_check must say ok.

The control, `--without-gate`, gives every process a lock file of its own in a mount namespace (root only): the same programs
without the gate. It succeeds when nothing was damaged, too: the race is rare. It prints what it saw.
"""
import argparse
import fcntl
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

options = argparse.ArgumentParser()
options.add_argument("peer")
options.add_argument("--minutes", type=float, default=0)
options.add_argument("--seconds", type=float, default=0)
options.add_argument("--in", dest="directory", default=None)
options.add_argument("--without-gate", action="store_true")
options.add_argument("--writers", type=int, default=4)
options.add_argument("--checkpointers", type=int, default=2)
options.add_argument("--as-checkpointer", help=argparse.SUPPRESS)
given = options.parse_args()


def checkpoint_for_ever(data):
    """One checkpointer: every kind, under the gate; now and then it closes the file, which checkpoints as well."""
    connection, checkpoints = None, 0
    while os.getppid() != 1:
        gate = os.open(data + "/journal.lock", os.O_RDWR)
        fcntl.flock(gate, fcntl.LOCK_EX)
        try:
            connection = connection or sqlite3.connect(data + "/astro.sqlite", isolation_level=None, timeout=10)
            kind = random.choice(["PASSIVE", "FULL", "RESTART", "TRUNCATE"])
            connection.execute(f"PRAGMA wal_checkpoint({kind})").fetchall()
            checkpoints += 1
            if random.random() < 0.02:
                connection.close()
                connection = None
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                print(f"damaged: {error}", flush=True)
                sys.exit(1)
        finally:
            os.close(gate)
        if os.path.exists(data + "/stop"):
            print(checkpoints)
            return
        time.sleep(random.random() * 0.004)


if given.as_checkpointer:
    try:
        checkpoint_for_ever(given.as_checkpointer)
    except sqlite3.DatabaseError as error:
        print(f"damaged: {error}")
        sys.exit(1)
    sys.exit(0)

data = tempfile.mkdtemp(prefix="astro-gate-", dir=given.directory)
open(data + "/journal.lock", "w").close()
# The file and its tables exist before anybody races for them.
subprocess.run([given.peer, "count", data, "1"], check=True, stdout=subprocess.DEVNULL)


def start(number, *command):
    command = list(command)
    if given.without_gate:
        own = f"{data}/own-{number}.lock"
        open(own, "w").close()
        script = f'mount --bind "{own}" "{data}/journal.lock" && exec "$@"'
        command = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", *command]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "SWIFT_BACKTRACE": "enable=no"})


writers = {f"w{n}": start(n, given.peer, "churn", data, f"w{n}") for n in range(given.writers)}
checkpointers = [
    start(100 + n, sys.executable, __file__, given.peer, "--as-checkpointer", data) for n in range(given.checkpointers)]
everybody = [*writers.values(), *checkpointers]
end = time.monotonic() + (given.minutes * 60 + given.seconds or 10)
looks, faults = 0, []
while time.monotonic() < end and not faults:
    time.sleep(min(1, max(0, end - time.monotonic())))
    faults += ["a process ended before its time" for process in everybody if process.poll() is not None][:1]
    try:
        connection = sqlite3.connect(f"file:{data}/astro.sqlite?mode=ro", uri=True, timeout=10)
        connection.execute("SELECT count(*), sum(length(bytes)) FROM content").fetchall()
        connection.close()
        looks += 1
    except sqlite3.DatabaseError as error:
        if "locked" not in str(error):
            faults.append(f"a reader met: {error}")
open(data + "/stop", "w").close()
said = {name: process.communicate()[0].strip() for name, process in writers.items()}
checkpoints = [process.communicate()[0].strip() for process in checkpointers]


def content(number):
    return bytes([number % 256]) * (number * 7919 % 12_000)


def examine():
    connection = sqlite3.connect(data + "/astro.sqlite")
    found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        faults.append(f"integrity_check: {found[:3]}")
    series = dict(connection.execute("SELECT name, value FROM series"))
    for name, text in said.items():
        if not text.isdigit():
            faults.append(f"writer {name}: {text[:300]}")
            continue
        count = int(text)
        kept = dict(connection.execute("SELECT run, bytes FROM content WHERE run LIKE ?", [name + "-%"]))
        wanted = {f"{name}-{n}": content(n) for n in range(max(1, count - 199), count + 1)}
        rows = connection.execute("SELECT count(*) FROM run WHERE name = ?", [name]).fetchone()[0]
        if series.get(name) != count or kept != wanted or rows != len(wanted):
            faults.append(f"{name} made {count} commits; the journal counts {series.get(name)} and holds {rows} rows")


try:
    examine()
except sqlite3.DatabaseError as error:
    faults.append(f"the journal cannot be read: {error}")
faults += [f"checkpointer: {text[:300]}" for text in checkpoints if not text.isdigit()]
commits = sum(int(text) for text in said.values() if text.isdigit())
taken = sum(int(text) for text in checkpoints if text.isdigit())
figures = f"SQLite {sqlite3.sqlite_version}, {given.writers} writers, {given.checkpointers} checkpointers: "
figures += f"{commits} commits, {taken} checkpoints, {looks} looks"
if given.without_gate:
    # Without the kernel's queue some starve: SQLite polls for its lock, and gives up after ten seconds.
    damage = [fault for fault in faults if "locked by another process" not in fault and "before its time" not in fault]
    starved = len([fault for fault in faults if "locked by another process" in fault])
    print(f"without the gate: {figures}: {'; '.join(damage) or 'nothing damaged'}; {starved} writers starved")
elif faults:
    print(f"{figures}; the data is {data}", *faults, sep="\n  ", file=sys.stderr)
    sys.exit(1)
else:
    print(f"{figures}: 0 lost, integrity ok")
shutil.rmtree(data)
