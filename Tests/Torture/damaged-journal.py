#!/usr/bin/env python3
"""Journals that are cut, flipped and taken away: each works on whole, or is refused and rebuilt with nothing lost.

    damaged-journal.py ASTRO [--seed N] [--flips N] [--sample]

One home is made: runs that ended, one that was rejected, two whose runner and warden were killed between their tasks, a
file that waits. It is damaged in copies: the log still beside the journal, and the journal alone. In each a pass must leave
with 72 having changed nothing, or work on; after 72 `astro doctor --rebuild-journal` must succeed. Then a pass or two must
find every file in one place, no attempt run twice, no success run again, no counter smaller than the metrics file said, and
SQLite content. Last, the rebuild itself is killed at each of its state-changing system calls, and started again.

A flipped bit within a value makes another value, which SQLite keeps no checksum against. Those are told from the others by
the dump of the journal and counted; of them only no crash and no lost file is asked.
"""
import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--seed", type=int, default=random.randrange(1 << 30))
options.add_argument("--flips", type=int, default=60)
options.add_argument("--sample", action="store_true", help="fewer cuts, and a share of the kills")
given = options.parse_args()
random.seed(given.seed)

scratch = tempfile.mkdtemp(prefix="astro-damage-")
template = scratch + "/template"
faults = []
tally = collections.Counter()


def astro(home, *arguments, prefix=()):
    return subprocess.run(
        [*prefix, given.astro, *arguments, "--home", home], capture_output=True, text=True, timeout=300)


def expect(holds, what):
    if not holds:
        faults.append(what)
    return holds


def work(name, gate=False):
    """Two tasks; the second reads what the first has written and, behind a gate, waits in its first attempt."""
    say = 'echo "$ASTRO_WORKFLOW_ID $ASTRO_TASK_ID $ASTRO_ATTEMPT" >> "$ASTRO_HOME/effects"'
    wait = 'test "$ASTRO_ATTEMPT" -gt 1 || sleep 600' if gate else "true"
    return f"""name: {name}
tasks:
  a:
    run: |
      {say}
      echo "word={name}" >> "$ASTRO_OUTPUT"
  b:
    needs: a
    env: {{WORD: '${{{{ tasks.a.outputs.word }}}}'}}
    retry: {{attempts: 3, delay: 10ms, on_error: [lost]}}
    run: |
      {say}
      test "$WORD" = {name}
      {wait}
"""


def drop(home, name, text):
    with open(f"{home}/.{name}", "w") as file:
        file.write(text)
    os.rename(f"{home}/.{name}", f"{home}/spool/{name}.yaml")


def effects(home):
    try:
        return collections.Counter(open(home + "/effects").read().splitlines())
    except FileNotFoundError:
        return collections.Counter()


def files(home):
    return sorted(
        f"{place}/{name}" for place in ("", "active", "done", "failed", "cancelled", "rejected")
        for name in os.listdir(f"{home}/spool/{place}") if name.endswith((".yaml", ".json")))


def counters(home):
    page = open(home + "/data/metrics/astro.prom").read()
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in page.splitlines() if re.match(r"astro_(tasks|workflows|rejected|retries)_total", line)}


def dump(path):
    """All that SQLite can read of a journal, or None where it cannot."""
    copy = tempfile.mkdtemp(dir=scratch)
    try:
        for part in ("", "-wal"):
            if os.path.exists(path + part):
                shutil.copy(path + part, copy + "/j" + part)
        connection = sqlite3.connect(copy + "/j")
        connection.text_factory = bytes
        if connection.execute("PRAGMA integrity_check").fetchall() != [(b"ok",)]:
            return None
        tables = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [list(connection.execute(f'SELECT * FROM "{table}"')) for table in sorted(tables)] + [
            sorted(connection.execute("SELECT coalesce(sql, '') FROM sqlite_schema")),
            connection.execute("PRAGMA user_version").fetchall(), connection.execute("PRAGMA application_id").fetchall()]
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return None
    finally:
        shutil.rmtree(copy)


# The home.
subprocess.run([given.astro, "init", template], check=True, capture_output=True)
path = template + "/config/system_config.yaml"
text = open(path).read()
for limiter in ["task_submission", "workflow_creation"]:
    text = re.sub(limiter + ":.*", limiter + ": unlimited", text)
open(path, "w").write(text)
for name in ("one", "two"):
    drop(template, name, work(name))
drop(template, "bad", "tasks: {a: {run: 'exit 3'}}\n")
drop(template, "wrong", "tasks: {a: {runn: x}}\n")
expect(astro(template, "drain").returncode == 1, "the first pass did not go as planned")
runner = subprocess.Popen(
    [given.astro, "watch", "--home", template], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL)
drop(template, "three", work("three", gate=True))
drop(template, "four", work("four", gate=True))
deadline = time.monotonic() + 60
while sum(line.split()[1] == "b" for line in effects(template)) < 4 and time.monotonic() < deadline:
    time.sleep(0.02)
runner.kill()
runner.wait()
for name in os.listdir(template + "/data/runners"):
    if name.endswith(".warden") and not name.startswith("."):
        os.kill(int(open(f"{template}/data/runners/{name}").read().split()[1]), signal.SIGKILL)
for process in filter(str.isdigit, os.listdir("/proc")):
    try:
        if f"ASTRO_HOME={template}\0".encode() in open(f"/proc/{process}/environ", "rb").read():
            os.kill(int(process), signal.SIGKILL)
    except OSError:
        pass
drop(template, "later", work("later"))
before, seen = effects(template), counters(template)
submitted = len([name for name in files(template) if not name.endswith(".receipt.json")])


def settled(home, what, strict=True):
    """What a damaged home must come to."""
    for _ in range(2):
        ending = astro(home, "drain")
        expect(ending.returncode in (0, 1), f"{what}: a pass left with {ending.returncode}: {ending.stderr[-300:]}")
    names = files(home)
    runs = [name for name in names if not name.endswith(".receipt.json")]
    expect(len(runs) == submitted, f"{what}: {len(runs)} files of {submitted}")
    if not strict:
        return
    expect(not [name for name in runs if name.startswith(("/", "active/"))], f"{what}: not settled: {names}")
    done = effects(home)
    expect(max(done.values()) == 1, f"{what}: ran twice: {[line for line, count in done.items() if count > 1]}")
    again = [line for line in done - before if line.split()[:2] in [old.split()[:2] for old in before]]
    expect(
        all(line.split()[1] == "b" and line.startswith(("three", "four")) for line in again), f"{what}: ran again: {again}")
    expect(
        collections.Counter(line.split()[1] for line in done)["a"] == 5, f"{what}: a first task is missing: {dict(done)}")
    known = json.loads(astro(home, "list", "--json", "--limit", "1000").stdout)
    expect(len(known) == submitted, f"{what}: {len(known)} runs of {submitted} are listed")
    states = collections.Counter(run["state"] for run in known)
    expect(states == {"succeeded": 5, "failed": 1, "rejected": 1}, f"{what}: {dict(states)}")
    expect(dump(home + "/data/astro.sqlite") is not None, f"{what}: the journal is not whole")
    now = counters(home)
    expect(all(now.get(name, 0) >= value for name, value in seen.items()), f"{what}: counters fell: {seen} {now}")


def trial(source, what, damage, flipped=False):
    home = f"{scratch}/home"
    shutil.copytree(source, home, symlinks=True)
    journal = home + "/data/astro.sqlite"
    original = dump(journal)
    damage(journal)
    left = dump(journal)
    names, ran = files(home), effects(home)
    faults_before = len(faults)
    first = astro(home, "drain")
    is_value = flipped and left is not None and left != original
    if first.returncode == 72:
        tally["refused"] += 1
        expect(files(home) == names and effects(home) == ran, f"{what}: refused, and something was done")
        expect("astro doctor --rebuild-journal" in first.stderr, f"{what}: {first.stderr}")
        mended = astro(home, "doctor", "--rebuild-journal", "--json")
        if expect(mended.returncode == 0, f"{what}: the rebuild left with {mended.returncode}: {mended.stderr}"):
            settled(home, what, strict=True)
    elif is_value:
        tally["other value"] += 1
        expect(first.returncode in (0, 1, 69, 70, 75), f"{what}: left with {first.returncode}: {first.stderr[-300:]}")
        if first.returncode in (0, 1):
            settled(home, what, strict=False)
    else:
        tally["works on"] += 1
        expect(left is not None or not flipped, f"{what}: damage was not seen")
        settled(home, what)
    if len(faults) > faults_before:
        shutil.move(home, f"{scratch}/fault-{faults_before}")
    else:
        shutil.rmtree(home)


def flip(part, place, bit):
    def damage(journal):
        with open(journal + part, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << bit]))
    return damage


def cut(part, size):
    return lambda journal: os.truncate(journal + part, size)


def remove(*parts):
    def damage(journal):
        for part in parts:
            if os.path.exists(journal + part):
                os.unlink(journal + part)
    return damage


# As the killed runner left it, and with its log written back.
written = scratch + "/written"
shutil.copytree(template, written, symlinks=True)
connection = sqlite3.connect(written + "/data/astro.sqlite")
connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
connection.close()
sizes = {
    (home, part): os.path.getsize(f"{home}/data/astro.sqlite{part}")
    for home, part in ((template, ""), (template, "-wal"), (written, ""))
    if os.path.exists(f"{home}/data/astro.sqlite{part}")}

trial(template, "nothing", lambda journal: None)
trial(written, "nothing, written back", lambda journal: None)
for home in (template, written):
    trial(home, "all removed", remove("", "-wal", "-shm"))
    trial(home, "the file removed", remove(""))
trial(template, "the log removed", remove("-wal", "-shm"))
for (home, part), size in sizes.items():
    for cut_at in [size // 2] if given.sample else sorted({0, 1, 100, 4096, size // 2, size - 4096, size - 1}):
        if 0 <= cut_at < size:
            trial(home, f"astro.sqlite{part} of {size} bytes cut at {cut_at}", cut(part, cut_at))
for number in range(given.flips):
    home, part = random.choice(list(sizes))
    # The header and the schema are small, and matter most.
    place = random.randrange(100 if number % 5 == 0 else sizes[home, part])
    bit = random.randrange(8)
    trial(home, f"astro.sqlite{part} of {os.path.basename(home)}: bit {bit} of byte {place}", flip(part, place, bit), flipped=True)

# The rebuild, killed at each step.
kills = 0
for call in ("openat", "mkdir", "mknodat", "symlink", "rename", "unlink", "fsync", "fdatasync", "pwrite64"):
    when = 0
    while when < 400:
        # Every call that matters, and a share of those that only fill pages.
        when += 1 if call not in ("openat", "pwrite64") and not given.sample else random.randrange(4, 40)
        home = f"{scratch}/home"
        shutil.copytree(written, home, symlinks=True)
        os.truncate(home + "/data/astro.sqlite", 12288)
        ending = astro(
            home, "doctor", "--rebuild-journal",
            prefix=("strace", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e",
                    f"inject={call}:signal=KILL:when={when}"))
        killed = ending.returncode != 0
        kills += killed
        what = f"rebuild killed at {call} {when}"
        if killed:
            again = astro(home, "doctor", "--rebuild-journal")
            # Killed with its last call it had done all.
            expect(again.returncode in (0, 64), f"{what}: then {again.returncode}: {again.stderr}")
        settled(home, what)
        shutil.rmtree(home)
        if not killed:
            break

if faults:
    print(f"seed {given.seed}, {dict(tally)}; homes are kept in {scratch}", *faults, sep="\n  ", file=sys.stderr)
    sys.exit(1)
shutil.rmtree(scratch)
print(
    f"seed {given.seed}: {sum(tally.values())} damaged journals, {tally['refused']} refused and rebuilt, "
    f"{tally['works on']} unharmed, {tally['other value']} with another value; {kills} kills of the rebuild: "
    "0 lost, 0 twice, no counter smaller")
