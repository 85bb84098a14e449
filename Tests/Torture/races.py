#!/usr/bin/env python3
"""Files that change between the look and the claim, and after it: what ran is what was recorded, whole.

    races.py ASTRO [--races N] [--seed N]

Goal R12. A finished file is renamed into the spool of a running watcher. Some milliseconds later another takes its place,
or a late writer opens it and appends to it, or writes it anew: in one piece, in two, or through a second name. The watcher
is traced, and its renames and its leases are slowed down, so that many changes fall between them. Each text says who it is
in its first task and in its last, and what stands before its middle is a workflow of its own: no run may be of two texts,
or of half of one, and each is of the bytes in its receipt.
"""
import argparse
import collections
import glob
import hashlib
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
options.add_argument("--races", type=int, default=1000)
options.add_argument("--seed", type=int, default=random.randrange(1 << 30))
given = options.parse_args()
random.seed(given.seed)
home = tempfile.mkdtemp(prefix="astro-races-")
effects = home + "/effects"
faults = []


def expect(holds, what):
    if not holds:
        faults.append(what)


def text(who):
    begin = f"tasks:\n  a: {{run: 'echo \"$ASTRO_WORKFLOW_ID {who} begins\" >> {effects}'}}\n"
    filling = f"# {who}\n" * 200
    return (begin + filling + f"  z: {{needs: [a], run: 'echo \"$ASTRO_WORKFLOW_ID {who} ends\" >> {effects}'}}\n").encode()


subprocess.run([given.astro, "init", home], check=True, capture_output=True)
path = home + "/config/system_config.yaml"
settings = open(path).read()
for limiter in ["task_submission", "workflow_creation"]:
    settings = re.sub(limiter + ":.*", limiter + ": unlimited", settings)
open(path, "w").write(re.sub("max_active_workflows:.*", "max_active_workflows: 10000", settings))
os.mkdir(home + "/stage")
open(effects, "w").close()

slowed = "renameat2:delay_enter=2000", "renameat2:delay_exit=2000", "flock:delay_exit=1000"
watch = subprocess.Popen(
    ["strace", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", "signal=none", "-e", "trace=renameat2,flock"]
    + [word for call in slowed for word in ("-e", f"inject={call}")] + [given.astro, "watch", "--home", home],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(home + "/errors", "w"), start_new_session=True)


def stop():
    """The runner alone: strace ends with it."""
    for line in open(f"/proc/{watch.pid}/task/{watch.pid}/children").read().split():
        os.kill(int(line), signal.SIGTERM)
    return watch.wait(60)


def place(name, content):
    hidden = f"{home}/spool/.{name}"
    with open(hidden, "wb") as file:
        file.write(content)
    os.rename(hidden, f"{home}/spool/{name}")


def open_there(name, flags):
    """Only what is in the spool by now: a late writer makes no file."""
    try:
        return os.open(f"{home}/spool/{name}", os.O_WRONLY | os.O_CLOEXEC | flags)
    except FileNotFoundError:
        return None


def replace(name, second):
    place(name, second)


def append(name, second):
    descriptor = open_there(name, os.O_APPEND)
    if descriptor is not None:
        os.write(descriptor, APPENDED[name])
        os.close(descriptor)


def rewrite(name, second):
    descriptor = open_there(name, os.O_TRUNC)
    if descriptor is not None:
        os.write(descriptor, second)
        os.close(descriptor)


def rewrite_slowly(name, second):
    descriptor = open_there(name, os.O_TRUNC)
    if descriptor is not None:
        middle = second.index(b"# ")
        os.write(descriptor, second[:middle])
        time.sleep(random.uniform(0, 0.02))
        os.write(descriptor, second[middle:])
        os.close(descriptor)


def take_back(name, second):
    try:
        os.unlink(f"{home}/spool/{name}")
    except FileNotFoundError:
        pass


WAYS = [replace, append, rewrite, rewrite_slowly, take_back]
APPENDED, sums, tried = {}, {}, collections.Counter()
limit = time.monotonic() + 30
while not os.path.exists(home + "/data/health.json") and time.monotonic() < limit:
    time.sleep(0.02)
for number in range(given.races):
    name = f"r{number}.yaml"
    first, second = text(f"{number}-first"), text(f"{number}-second")
    way = random.choice(WAYS)
    APPENDED[name] = f"  zz: {{needs: [z], run: 'echo \"$ASTRO_WORKFLOW_ID {number}-first appended\" >> {effects}'}}\n".encode()
    for content, who in [(first, "first"), (second, "second"), (first + APPENDED[name], "first appended")]:
        sums[hashlib.sha256(content).hexdigest()] = (name, who)
    tried[way.__name__] += 1
    place(name, first)
    time.sleep(random.choice([0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]) * random.random())
    way(name, second)

limit = time.monotonic() + 120
waiting = lambda: [
    name for place in ("/spool", "/spool/active") for name in os.listdir(home + place) if name.endswith(".yaml")]
while waiting() and time.monotonic() < limit:
    time.sleep(0.1)
expect(not waiting(), f"still there: {waiting()[:5]}")
expect(stop() == 0, "the watcher did not leave in good order")

runs = collections.defaultdict(list)
for line in open(effects):
    run, who, edge = line.split()
    runs[run].append((who, edge))
outcomes = collections.Counter()
seen = collections.Counter()
for path in glob.glob(home + "/spool/*/*.receipt.json"):
    receipt = json.load(open(path))
    run = receipt["workflow_id"]
    place = path.split("/")[-2]
    expect(place == "done", f"{receipt['file']} ended in {place}: {receipt['errors']}")
    name, who = sums.get(receipt["sha256"], (None, None))
    expect(name == receipt["file"], f"{run} of {receipt['file']} is no text that was ever whole")
    kept = open(f"{home}/data/runs/{run}/workflow.yaml", "rb").read()
    expect(hashlib.sha256(kept).hexdigest() == receipt["sha256"], f"{run}: other bytes are kept than recorded")
    number = receipt["file"][1:-5]
    said = {"first": [(f"{number}-first", "begins"), (f"{number}-first", "ends")],
            "second": [(f"{number}-second", "begins"), (f"{number}-second", "ends")]}
    said["first appended"] = said["first"] + [(f"{number}-first", "appended")]
    expect(runs.pop(run, None) == said.get(who), f"{run}: other tasks ran than those of {who}")
    seen[receipt["sha256"]] += 1
    outcomes[who] += 1
expect(not runs, f"ran without a receipt: {list(runs)[:5]}")
expect(max(seen.values()) == 1, f"ran twice: {[sums[sha] for sha, times in seen.items() if times > 1][:5]}")
if faults:
    print(f"seed {given.seed}; the home is {home}", *faults[:20], sep="\n  ", file=sys.stderr)
    sys.exit(1)
shutil.rmtree(home)
print(f"seed {given.seed}: {given.races} races ({', '.join(f'{n} {way}' for way, n in sorted(tried.items()))}): {sum(outcomes.values())} runs, "
      f"{outcomes['first']} of the first text, {outcomes['second']} of the second, {outcomes['first appended']} of one appended to; "
      "0 mixed, 0 partial, 0 twice")
