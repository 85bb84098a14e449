#!/usr/bin/env python3
"""Four runners over one home, killed at random, under one rate limit; then whether any window holds more than the limit.

    limit-storm.py ASTRO [--seed N] [--kills N] [--files N]

Every task's first instruction reads the boot time, to the hundredth of a second, and appends it to a file outside of what
astro writes. Only runners are killed, so every task must be there exactly once. No window of the times at which the journal
let tasks start may hold more than the limit, and every task must have begun after its own. Told, too: the most in a window of
the tasks' own times, in which a start that took longer than others comes closer to the next.
"""
import argparse
import collections
import os
import random
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
options.add_argument("--kills", type=int, default=50)
options.add_argument("--files", type=int, default=60)
given = options.parse_args()
random.seed(given.seed)
LIMIT, WINDOW, TASKS = 20, 1, 5

home = tempfile.mkdtemp(prefix="astro-limit-")
subprocess.run([given.astro, "init", home], check=True, capture_output=True)
with open(home + "/config/system_config.yaml", "w") as file:
    file.write(f"""system:
  max_parallel_tasks: 8
  rate_limits:
    workflow_creation: unlimited
    task_submission: {{max_requests: {LIMIT}, window_seconds: {WINDOW}}}
""")

def start():
    verb = random.choice(["watch", "drain"])
    return subprocess.Popen(
        [given.astro, verb, "--home", home], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=open(home + "/errors", "a"))


for number in range(given.files):
    tasks = "".join(
        f"  t{task}: {{run: 'read up rest < /proc/uptime; echo {number}.{task} $up >> {home}/effects'}}\n"
        for task in range(TASKS))
    with open(f"{home}/.w", "w") as file:
        file.write("tasks:\n" + tasks)
    os.rename(f"{home}/.w", f"{home}/spool/w{number}.yaml")
runners = [start() for _ in range(4)]
kills = 0
while kills < given.kills:
    time.sleep(random.random() * 0.4)
    place = random.randrange(4)
    if runners[place].poll() is None:
        runners[place].send_signal(signal.SIGKILL)
        kills += 1
    runners[place].wait()
    runners[place] = start()
end = time.monotonic() + given.files * TASKS / LIMIT * WINDOW * 3 + 60
while len(os.listdir(home + "/spool/done")) < 2 * given.files and time.monotonic() < end:
    if all(runner.poll() is not None for runner in runners):
        runners[0] = start()
    time.sleep(0.1)
for runner in runners:
    runner.terminate()
    runner.wait(timeout=60)
faults = []
drain = subprocess.run([given.astro, "drain", "--home", home], capture_output=True, text=True)
if drain.returncode != 0:
    faults.append(f"the last pass left with {drain.returncode}: {drain.stderr}")

arrivals = [line.split() for line in open(home + "/effects")]
counted = collections.Counter(name for name, _ in arrivals)
wanted = {f"{number}.{task}" for number in range(given.files) for task in range(TASKS)}
if set(counted) != wanted or max(counted.values()) > 1:
    twice = [name for name, n in counted.items() if n > 1]
    faults.append(f"lost: {sorted(wanted - set(counted))[:6]}, twice: {twice[:6]}")
journal = sqlite3.connect(f"file:{home}/data/astro.sqlite?mode=ro", uri=True)
grants = dict(journal.execute(
    "SELECT CAST(substr(r.file, 2, length(r.file) - 6) AS TEXT) || '.' || substr(task, 2), a.started_boot / 1e6 "
    "FROM attempt a JOIN run r ON r.id = a.run"))
starts = sorted(grants.values())
close = [b - a for a, b in zip(starts, starts[LIMIT:]) if b - a < WINDOW]
if close:
    faults.append(f"{len(close)} windows of the journal hold more than {LIMIT} starts")
waits = [float(at) - grants.get(name, -1e9) for name, at in arrivals]
if not all(-0.02 <= wait < 60 for wait in waits):
    faults.append(f"tasks began {min(waits):.2f} to {max(waits):.2f} s after their grants")
times = sorted(float(at) for _, at in arrivals)
worst = max(sum(first <= other < first + WINDOW for other in times) for first in times)
states = collections.Counter(row[0] for row in journal.execute("SELECT state FROM run"))
if states != {"succeeded": given.files}:
    faults.append(f"states {dict(states)}")
if faults:
    print(f"seed {given.seed}, {kills} kills; the home is {home}", *faults, sep="\n  ", file=sys.stderr)
    sys.exit(1)
shutil.rmtree(home)
print(
    f"seed {given.seed}: 4 runners, {kills} kills, {len(times)} starts under {LIMIT} in {WINDOW} s: "
    f"0 windows above the limit (most by the tasks' own times: {worst}), 0 lost, 0 twice")
