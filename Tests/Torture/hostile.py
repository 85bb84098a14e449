#!/usr/bin/env python3
"""What should never lie in a spool, among files that should, before a running `astro watch`.

    hostile.py ASTRO [--junk N]

Goal R16. Links, pipes, devices, sockets, a file of a tebibyte, second names, names of every kind, N files of junk: nothing
hangs, no link is followed, nothing but regular files with the name of a workflow is opened (the watcher's system calls are
the proof), each is rejected once with its reason, and the good files beside them run, twins that differ only in their
normalisation included. Needs root, for the devices.
"""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--junk", type=int, default=100_000)
given = options.parse_args()
home = tempfile.mkdtemp(prefix="astro-hostile-")
spool = os.fsencode(home + "/spool")
effects = home + "/effects"
faults = []
LIMIT = 120 + given.junk / 100


def expect(holds, what):
    if not holds:
        faults.append(what)


def wait(condition, what, limit=LIMIT):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            faults.append("never: " + what)
            return
        time.sleep(0.05)


subprocess.run([given.astro, "init", home], check=True, capture_output=True)
path = home + "/config/system_config.yaml"
settings = open(path).read()
for limiter in ["task_submission", "workflow_creation"]:
    settings = re.sub(limiter + ":.*", limiter + ": unlimited", settings)
open(path, "w").write(settings)
open(effects, "w").close()

trace = home + "/trace"
watch = subprocess.Popen(
    ["strace", "-f", "-qq", "-o", trace, "--seccomp-bpf", "-e", "signal=none", "-s", "4096", "-xx", "-e",
     "trace=open,openat,openat2,readlink,readlinkat,execve", given.astro, "watch", "--home", home],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(home + "/errors", "w"), start_new_session=True)
wait(lambda: os.path.exists(home + "/data/health.json"), "the watcher begins")


def workflow(who):
    return f"tasks: {{a: {{run: 'echo \"{who} $(date +%s%N)\" >> {effects}'}}}}\n".encode()


def put(name, content):
    with open(spool + b"/." + name[-40:] + b"~", "wb") as file:
        file.write(content)
    os.rename(file.name, spool + b"/" + name)


# Outside of the spool: what a link would lead to.
canary = home + "/canary.yaml"
open(canary, "wb").write(workflow("canary"))
good = {}


def put_good(who, name=None):
    name = name or f"{who}.yaml".encode()
    good[who] = (name, time.time_ns())
    put(name, workflow(who))


put_good("before")
# What is rejected, with the code that says why.
bad = {}
os.symlink(canary, spool + b"/link.yaml")
bad[b"link.yaml"] = "symbolic_link"
os.symlink("/nowhere", spool + b"/dangling.json")
bad[b"dangling.json"] = "symbolic_link"
os.symlink("loop.yaml", spool + b"/loop.yaml")
bad[b"loop.yaml"] = "symbolic_link"
os.link(canary, spool + b"/hard.yaml")
bad[b"hard.yaml"] = "hard_link"
# A writer waits for a reader of the pipe: nobody may wake it.
os.mkfifo(spool + b"/.pipe")
writer = subprocess.Popen(["sh", "-c", 'echo data > "$1"', "sh", os.fsdecode(spool + b"/.pipe")])
wait(lambda: "wait_for_partner" in open(f"/proc/{writer.pid}/wchan").read() or "fifo" in open(f"/proc/{writer.pid}/wchan").read(),
     "the writer opens the pipe", 5)
os.rename(spool + b"/.pipe", spool + b"/pipe.yaml")
bad[b"pipe.yaml"] = "fifo"
os.mknod(spool + b"/zero.yaml", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
bad[b"zero.yaml"] = "device"
os.mknod(spool + b"/block.yaml", 0o600 | stat.S_IFBLK, os.makedev(7, 0))
bad[b"block.yaml"] = "device"
listener = socket.socket(socket.AF_UNIX)
listener.bind(spool + b"/socket.yaml")
listener.listen()
bad[b"socket.yaml"] = "socket"
with open(spool + b"/.sparse", "wb") as sparse:
    sparse.truncate(1 << 40)
os.rename(sparse.name, spool + b"/sparse.yaml")
bad[b"sparse.yaml"] = "too_large"
put(b"cut.yaml", b"tasks: {}")
bad[b"cut.yaml"] = "cut_off"
for name, code in [
    (b"new\nline.yaml", "file_name"), (b"\x1b[2J\x1b]0;title\x07.yaml", "file_name"), (b"tab\t.yaml", "file_name"),
    (b"-rf", "file_type"), (b"--help", "file_type"), (b"b" * 250 + b".yaml", "name_too_long"), (b"c" * 255, "name_too_long"),
    (b"\xff\xfe", "file_type"), (b"a.YAML", "file_type"), (b"batch.jsonlines", "file_type"), (b"sedAbCdEf", "file_type"),
    (b"; touch canary", "file_type"),
]:
    put(name, workflow("bad"))
    bad[name] = code
# What is left where it is.
os.mkdir(spool + b"/directory.yaml")
with open(spool + b"/directory.yaml/inside.yaml", "wb") as file:
    file.write(workflow("inside"))
kept = [b"directory.yaml", b".hidden.yaml", b"copy.yaml.part", b"backup.yaml~"]
for name in kept[1:]:
    with open(spool + b"/" + name, "wb") as file:
        file.write(workflow("kept"))
# Names that are strange, and good.
put_good("composed", "\u00e9.yaml".encode())
put_good("decomposed", "e\u0301.yaml".encode())
put_good("bytes", b"\xff\xfe.yaml")
put_good("options", b"-rf.yaml")
put_good("spaces", b" a  b '\"$(touch x)`.yaml")
put_good("bidi", "\u202egpj.yaml".encode())
put_good("long", b"d" * 195 + b".yaml")
put_good("dots", b"x..yaml")
for number in range(given.junk):
    os.close(os.open(spool + b"/junk-%d" % number, os.O_CREAT | os.O_WRONLY, 0o600))
    bad[b"junk-%d" % number] = "file_type"
    if number % max(1, given.junk // 20) == 0:
        put_good(f"among{number}")
put_good("after")

wait(lambda: len({line.split()[0] for line in open(effects)}) >= len(good), "all good files run")
ran = {line.split()[0]: int(line.split()[1]) for line in open(effects)}
rejected = lambda: sum(name.endswith(".receipt.json") for name in os.listdir(home + "/spool/rejected"))
wait(lambda: rejected() >= len(bad), f"all bad ones are rejected ({rejected()} of {len(bad)})")
expect(writer.poll() is None, "the writer of the pipe was woken")
# By its place now.
for pipe in glob.glob(home + "/spool/rejected/*.yaml"):
    if stat.S_ISFIFO(os.lstat(pipe).st_mode):
        os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
writer.wait(10)
for line in open(f"/proc/{watch.pid}/task/{watch.pid}/children").read().split():
    os.kill(int(line), signal.SIGTERM)
expect(watch.wait(60) == 0, "the watcher did not leave in good order")

expect("canary" not in ran and "inside" not in ran and "kept" not in ran and "bad" not in ran, f"ran: {ran.keys() - good.keys()}")
expect(collections.Counter(line.split()[0] for line in open(effects)).most_common(1)[0][1] == 1, "a good file ran twice")
late = max((ran.get(who, 0) - begun) / 1e9 for who, (_, begun) in good.items())
# However much junk there is: a generous limit, what it was is in the report.
expect(late < 30, f"a good file waited {late:.1f} s among the junk")


def printable(name):
    """As AstroSpool's FileName shows it."""
    unsafe = lambda c: c < 0x20 or 0x7f <= c < 0xa0 or c in (0x200e, 0x200f, 0x61c) or 0x2028 <= c <= 0x202e or 0x2066 <= c <= 0x2069
    text = name.decode("utf-8", "surrogateescape")
    return "".join(
        f"\\x{ord(c) - 0xdc00:x}" if 0xdc80 <= ord(c) <= 0xdcff else f"\\u{{{ord(c):x}}}" if unsafe(ord(c)) else c for c in text)


receipts = collections.defaultdict(list)
for path in glob.glob(home + "/spool/*/*.receipt.json"):
    receipt = json.load(open(path))
    receipts[receipt["file"]].append((path.split("/")[-2], [error["code"] for error in receipt.get("errors") or []]))
for name, code in bad.items():
    found = receipts.pop(printable(name), [])
    expect(found == [("rejected", [code])], f"{printable(name)} ended as {found}, not as {code}")
for who, (name, _) in good.items():
    found = receipts.pop(printable(name), [])
    expect(found == [("done", [])], f"{printable(name)} ended as {found}")
expect(not receipts, f"receipts of nothing: {list(receipts)[:5]}")
for name in kept:
    expect(os.path.lexists(spool + b"/" + name), f"{name} is gone")
told = collections.Counter()
for line in open(home + "/logs/astro.log", encoding="utf-8"):
    record = json.loads(line)
    if record["message"] == "Workflow rejected":
        told[record["file"]] += 1
expect(dict(told) == {printable(name): 1 for name in bad}, "what is rejected is not told once each")

# Of the spool only good names were opened, and the canary never.
opened = set()
for line in open(trace):
    # With -xx every byte of a path is written \xHH.
    for word in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', line):
        opened.add(bytes.fromhex(word.replace("\\x", "")))
names = {path.split(b"/")[-1] for path in opened}
# A hard link and what is cut off look like files until they are opened; both are read only as what they are.
for name in bad.keys() & names - {b"cut.yaml"}:
    expect(False, f"{printable(name)} was opened")
expect(b"canary.yaml" not in names, "the target of a link was opened")
expect({name for name, _ in good.values()} <= names, "the trace does not show the good files: it shows nothing")

if faults:
    print(f"the home is {home}", *faults[:20], sep="\n  ", file=sys.stderr)
    sys.exit(1)
shutil.rmtree(home)
print(f"{len(bad)} hostile entries, {len(good)} good files: 0 hangs, 0 links followed, each rejected once with its reason, every "
      f"good file ran once, at most {late:.2f} s after it was there")
