#!/usr/bin/env python3
"""Runners of every kind over one home, killed at random while workflows land; then what must have come of it.

    kill-storm.py ASTRO [--seed N] [--files N] [--kills N]

One task fails at its first attempt and is retried; in every fifth file one outlives its timeout and leaves with 0
when it is told. Afterwards two passes at most must bring all of it to rest as `astro_home.Judge` demands it. Only
runners are killed, so nothing may be lost, and every attempt happens once.
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

from astro_home import Home, Judge, Workflow

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--seed", type=int, default=random.randrange(1 << 30))
options.add_argument("--files", type=int, default=200)
options.add_argument("--kills", type=int, default=60)
given = options.parse_args()
random.seed(given.seed)

work = tempfile.mkdtemp(prefix="astro-storm-")
home = Home.made(os.path.realpath(given.astro), f"{work}/home", f"{work}/effects")
errors = open(f"{work}/errors", "a")


def start():
    return home.start(random.choice(["watch", "drain", "drain"]), stderr=errors)


def workflow(number):
    start, end = home.said("start"), home.said("end")
    text = f"""name: w{number}
tasks:
  a: {{run: '{start}; {end}'}}
  b: {{needs: a, run: '{start}; sleep 0.0{random.randint(1, 9)}; echo out; {end}'}}
  c: {{run: [/bin/sh, -c, '{start}; {end}']}}
  d: {{run: '{start}; {end}; test $ASTRO_ATTEMPT = 2', retry: {{attempts: 2, delay: 10ms}}}}
"""
    attempts = {"a": ["exited 0"], "b": ["exited 0"], "c": ["exited 0"], "d": ["exited 1", "exited 0"]}
    if number % 5:
        return Workflow(f"w{number}.yaml", text, attempts=attempts)
    text += "  e: {run: 'trap \"exit 0\" TERM; sleep 60 & wait', timeout: 100ms, grace: 60s, continue_on_error: true}\n"
    return Workflow(f"w{number}.yaml", text, "partial", attempts={**attempts, "e": ["timed_out"]})


runners = [start() for _ in range(3)]
dropped, kills = [], 0
while len(dropped) < given.files or kills < given.kills:
    for _ in range(random.randint(0, 6)):
        if len(dropped) < given.files:
            dropped.append(workflow(len(dropped)))
            home.drop(dropped[-1])
    time.sleep(random.random() * 0.05)
    if random.random() < 0.5:
        victim = runners.pop(random.randrange(len(runners)))
        if victim.poll() is None:
            victim.send_signal(signal.SIGKILL)
            kills += 1
        victim.wait()
        runners.append(start())
for runner in runners:
    runner.kill()
    runner.wait()

faults = []
for _ in range(2):
    ending = home.astro("drain")
    if ending.returncode != 0:
        faults.append(f"a drain left with {ending.returncode}: {ending.stderr}")
faults += Judge(home, dropped).faults
if faults:
    print(f"seed {given.seed}, {kills} kills, {len(dropped)} files; see {work}", *faults, sep="\n  ", file=sys.stderr)
    sys.exit(1)
shutil.rmtree(work)
print(f"seed {given.seed}: {kills} runners killed, {len(dropped)} files: 0 lost, 0 twice, 0 unknown, counters exact")
