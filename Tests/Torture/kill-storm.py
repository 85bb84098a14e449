#!/usr/bin/env python3
"""Runners of every kind over one home, killed at random while workflows land; then what must have come of it.

    kill-storm.py ASTRO [--seed N] [--files N] [--kills N]

Each task appends `<file> <task> start` and `<file> <task> end` to a file outside of what astro writes, each with one
write. One task fails at its first attempt and is retried; in every fifth file one outlives its timeout and leaves with 0
when it is told. Afterwards a pass or two must find: every file in done/ with its receipt, every attempt's lines exactly
once, every timeout known as one, the counters equal to what ran, no runner's files, no warden. Only runners are killed, so
nothing may be `lost`.
"""
import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--seed", type=int, default=random.randrange(1 << 30))
options.add_argument("--files", type=int, default=200)
options.add_argument("--kills", type=int, default=60)
given = options.parse_args()
random.seed(given.seed)

home = tempfile.mkdtemp(prefix="astro-storm-")
effects = home + "/effects"
errors = open(home + "/errors", "a")


def astro(*arguments, **more):
    return subprocess.run([given.astro, *arguments, "--home", home], capture_output=True, text=True, timeout=300, **more)


def start():
    mode = random.choice(["watch", "drain", "drain"])
    return subprocess.Popen(
        [given.astro, mode, "--home", home], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)


def drop(number):
    def said(task):
        return f'echo "{number} {task} start" >> {effects}', f'echo "{number} {task} end" >> {effects}'

    a, b, c = said("a"), said("b"), said("c")
    text = f"""name: w{number}
tasks:
  a: {{run: '{a[0]}; {a[1]}'}}
  b: {{needs: a, run: '{b[0]}; sleep 0.0{random.randint(1, 9)}; echo out; {b[1]}'}}
  c: {{run: [/bin/sh, -c, '{c[0]}; {c[1]}']}}
  d: {{run: 'echo "{number} d $ASTRO_ATTEMPT" >> {effects}; test $ASTRO_ATTEMPT = 2', retry: {{attempts: 2, delay: 10ms}}}}
"""
    if number % 5 == 0:
        text += "  e: {run: 'trap \"exit 0\" TERM; sleep 60 & wait', timeout: 100ms, grace: 60s, continue_on_error: true}\n"
    with open(f"{home}/.w{number}", "w") as file:
        file.write(text)
    os.rename(f"{home}/.w{number}", f"{home}/spool/w{number}.yaml")


subprocess.run([given.astro, "init", home], check=True, capture_output=True)
path = home + "/config/system_config.yaml"
text = open(path).read()
for limiter in ["task_submission", "workflow_creation"]:
    text = re.sub(limiter + ":.*", limiter + ": unlimited", text)
open(path, "w").write(text)

runners = [start() for _ in range(3)]
dropped = kills = 0
while dropped < given.files or kills < given.kills:
    for _ in range(random.randint(0, 6)):
        if dropped < given.files:
            drop(dropped)
            dropped += 1
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


def expect(holds, what):
    if not holds:
        faults.append(what)


for _ in range(2):
    ending = astro("drain")
    expect(ending.returncode == 0, f"a drain left with {ending.returncode}: {ending.stderr}")
counted = collections.Counter(open(effects).read().splitlines())
wanted = {f"{n} {task} {edge}" for n in range(dropped) for task in "abc" for edge in ("start", "end")}
wanted |= {f"{n} d {attempt}" for n in range(dropped) for attempt in (1, 2)}
late = (dropped + 4) // 5
expect(not wanted - set(counted), f"never ran: {sorted(wanted - set(counted))[:6]}")
expect(max(counted.values()) == 1, f"ran twice: {[line for line, n in counted.items() if n > 1][:6]}")
states = collections.Counter(run["state"] for run in json.loads(astro("list", "--json", "--limit", "1000000").stdout))
expect(states == {"succeeded": dropped - late, "partial": late}, f"states: {dict(states)}")
visible = lambda folder: [name for name in os.listdir(f"{home}/{folder}") if not name.startswith(".")]
expect(len(visible("spool/done")) == 2 * dropped, "done/ does not hold every file and its receipt")
expect(not visible("spool/active"), f"active/ holds {visible('spool/active')[:6]}")
expect(not visible("data/runners"), f"runners left files: {visible('data/runners')[:6]}")
page = open(home + "/data/metrics/astro.prom").read()
for series, value in [
    ('astro_tasks_total{agent_id="shell_agent_001",status="success"}', 4 * dropped),
    ('astro_tasks_total{agent_id="shell_agent_001",status="failure"}', dropped + late),
    ('astro_retries_total{agent_id="shell_agent_001"}', dropped),
    ('astro_workflows_total{status="completed"}', dropped),
]:
    expect(f"{series} {value}\n" in page, f"{series} is not {value}")
expect(subprocess.run(["pgrep", "-f", f"warden --data {home}/"], capture_output=True).returncode == 1, "a warden is left")

if faults:
    print(f"seed {given.seed}, {kills} kills, {dropped} files; the home is {home}", *faults, sep="\n  ", file=sys.stderr)
    sys.exit(1)
shutil.rmtree(home)
print(f"seed {given.seed}: {kills} runners killed, {dropped} files: 0 lost, 0 twice, 0 unknown, counters exact")
