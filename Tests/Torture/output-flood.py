#!/usr/bin/env python3
"""A task that prints gigabytes, and one that prints lines as fast as it can, beside small workflows that land meanwhile.

    output-flood.py ASTRO [--bytes N] [--seconds N] [--latency]

What is kept of the output is the configured 64 MiB, its first and its last half, around a line that says how much is
missing, exactly as run.json has it; runner and warden hold no more memory than before (50 MB are allowed), and the disk
never holds more than four times the limit. With `--latency` the small workflows, from their landing to the first
instruction of their task, may take at most twice as long in the median as beside the same floods outside of astro.
Goal R37.
"""
import argparse
import atexit
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--bytes", type=int, default=10 << 30)
options.add_argument("--seconds", type=int, default=10, help="how long lines are printed")
options.add_argument("--latency", action="store_true", help="fail when others wait for too long")
given = options.parse_args()
LIMIT = 64 << 20

root = os.path.realpath(tempfile.mkdtemp(prefix="astro-flood-"))
home = root + "/home"
faults = []


def expect(holds, what):
    if not holds:
        faults.append(what)


subprocess.run([given.astro, "init", home], check=True, capture_output=True)
path = home + "/config/system_config.yaml"
text = open(path).read()
for limiter in ["task_submission:  ", "workflow_creation:"]:
    start = text.index(limiter)
    text = text[:start] + limiter.strip() + " unlimited" + text[text.index("\n", start):]
text = text.replace("max_parallel_tasks: 0", "max_parallel_tasks: 4")
open(path, "w").write(text)
watch = subprocess.Popen(
    [given.astro, "watch", "--home", home], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    stderr=open(root + "/errors", "w"))
atexit.register(watch.kill)


def drop(name, body):
    with open(f"{home}/.new", "w") as file:
        file.write(body)
    os.rename(f"{home}/.new", f"{home}/spool/{name}.yaml")


def wait(what, condition, seconds=600):
    until = time.time() + seconds
    while not condition():
        if time.time() > until:
            sys.exit(f"never: {what}; the home is {home}")
        time.sleep(0.01)


def settled(name):
    for place in ["done", "failed"]:
        for file in os.listdir(f"{home}/spool/{place}"):
            if file.startswith(name + "-") and file.endswith(".receipt.json"):
                return file[: -len(".receipt.json")]


def memory(pid, field="VmHWM"):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) << 10


def warden():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
        except OSError:
            continue
        if b"warden" in words[1:2] and home.encode() + b"/data" in words:
            return int(pid)


serial = 0


def latencies(count):
    """In milliseconds, from the rename to the first instruction of the task."""
    global serial
    found = []
    for _ in range(count):
        serial += 1
        mark = f"{root}/mark-{serial}"
        body = f"tasks: {{a: {{run: [/bin/sh, -c, 'date +%s%N > {mark}.new; mv {mark}.new {mark}']}}}}\n"
        with open(f"{home}/.new", "w") as file:
            file.write(body)
        begin = time.time_ns()
        os.rename(f"{home}/.new", f"{home}/spool/small-{serial}.yaml")
        wait(mark, lambda: os.path.exists(mark))
        found.append((int(open(mark).read()) - begin) / 1e6)
        time.sleep(0.02)
    return found


class Disk(threading.Thread):
    """The most that the scratch files ever hold on the disk."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.stopped = 0, False

    def run(self):
        while not self.stopped:
            used = 0
            for name in os.listdir(home + "/data/scratch"):
                try:
                    used += os.stat(f"{home}/data/scratch/{name}").st_blocks * 512
                except OSError:
                    pass
            self.peak = max(self.peak, used)
            time.sleep(0.01)


LINES = f"while [ ! -e {root}/enough ]; do seq 1 1000000; done"
drop("warm", "tasks: {a: {run: 'echo warm'}}\n")
wait("the first run", lambda: settled("warm"))
quiet = latencies(20)
# Beside the same load outside of astro: what the machine has left for others.
loads = subprocess.Popen(["/bin/sh", "-c", LINES], stdout=open(root + "/load", "w"))
outside = latencies(20)
open(root + "/enough", "w").close()
loads.wait()
os.unlink(root + "/load")
os.unlink(root + "/enough")

before = {pid: memory(pid) for pid in (watch.pid, warden())}
disk = Disk()
disk.start()
begin = time.time()
drop("flood", f"tasks: {{a: {{run: 'head -c {given.bytes} /dev/zero | tr \"\\0\" x; echo; echo last'}}}}\n")
wait("the end of the flood", lambda: settled("flood"))
rate = given.bytes / (time.time() - begin) / (1 << 20)
begin = time.time()
drop("lines", f"tasks: {{a: {{run: '{LINES}'}}}}\n")
time.sleep(1)
until, inside = time.time() + given.seconds, []
while time.time() < until or not inside:
    inside += latencies(5)
open(root + "/enough", "w").close()
wait("the end of the lines", lambda: settled("lines"))
printing = time.time() - begin
disk.stopped = True
growth = {pid: memory(pid) - old for pid, old in before.items()}

for name, first, last in [("flood", "xxxx", "\nlast\n"), ("lines", "1\n2\n3\n", "\n1000000\n")]:
    run = settled(name)
    attempt = json.load(open(f"{home}/data/runs/{run}/run.json"))["tasks"][0]["attempts"][0]
    kept = open(f"{home}/data/runs/{run}/tasks/a/1/stdout", "rb").read().decode()
    omitted = attempt.get("stdout_omitted_bytes", 0)
    mark = f"… {omitted} bytes were left out here …\n"
    expect(omitted > 0 and kept.count(mark) == 1, f"{name}: {omitted} bytes left out by run.json; no such mark")
    expect(len(kept.encode()) <= LIMIT, f"{name}: {len(kept)} bytes are kept")
    expect(kept.startswith(first) and kept.endswith(last), f"{name}: {kept[:20]!r} … {kept[-20:]!r}")
    if name == "flood":
        whole = len(kept.encode()) - len(mark.encode()) - 1 + omitted
        expect(whole == given.bytes + 6, f"flood: kept and left out make {whole}, not {given.bytes + 6}")
        expect(attempt["state"] == "succeeded", f"flood: {attempt['state']}")
printed = [json.loads(line) for line in open(home + "/logs/astro.log") if "stdout_omitted_bytes" in line]
expect(len(printed) == 2, f"{len(printed)} log lines tell of bytes left out, not 2")
expect(max(growth.values()) <= 50 << 20, f"memory grew by {growth}")
expect(disk.peak <= 4 * LIMIT, f"{disk.peak >> 20} MiB were on the disk")
lines = (omitted + len(kept)) / 6.9e6 / printing
ratio = statistics.median(inside) / statistics.median(outside)
if given.latency:
    expect(ratio <= 2, f"others wait {ratio:.2f} times as long")
watch.terminate()
watch.wait()
if faults:
    print(f"the home is {home}", *faults, sep="\n  ", file=sys.stderr)
    sys.exit(1)
shutil.rmtree(root)
p50 = statistics.median
print(
    f"{given.bytes >> 20} MiB at {rate:.0f} MiB/s, then {lines:.1f} M lines/s: marked, exact; disk at most {disk.peak >> 20} MiB, "
    f"runner +{growth[watch.pid] >> 10} KiB, warden +{max(v for k, v in growth.items() if k != watch.pid) >> 10} KiB; "
    f"others start after {p50(inside):.1f} ms ({p50(quiet):.1f} idle, {p50(outside):.1f} beside the same load: {ratio:.2f} times)")
