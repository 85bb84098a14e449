#!/usr/bin/env python3
"""Every way people put a file somewhere, against a running `astro watch`: each is taken whole, soon, and never early.

    delivery.py ASTRO [--slow N] [--stall SECONDS] [--seed N]

Goals R10 and R13. Each file is two tasks far apart; the first says when it ran, the second that the end of the file was
there; what stands before the middle is a valid workflow of its own. So whoever runs a file too early is found by the sum
of its bytes, by the second task, and (where the writer is ours) by the time. Twice: once with leases, and once by a runner
of another user than the files' owner, to whom the kernel refuses leases: there size and times must rest for two seconds.
N writers more write in pieces, a line at a time, with pauses of up to SECONDS, and hold the file open.
"""
import argparse
import concurrent.futures
import ctypes
import hashlib
import json
import mmap
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--slow", type=int, default=100)
options.add_argument("--stall", type=float, default=30)
options.add_argument("--seed", type=int, default=random.randrange(1 << 30))
given = options.parse_args()
faults = []
# What takes longer is a fault; what is promised (2 s, of a hard link a look around) is in the report.
LIMIT = 60
NOBODY = 65534


def expect(holds, what):
    if not holds:
        faults.append(what)


def program(*names):
    found = next((path for path in map(shutil.which, names) if path), None)
    if not found:
        sys.exit(f"{names[0]} is not installed: make packages-test")
    return found


class Site:
    """A home with a watcher, and a folder on another file system."""

    def __init__(self, title, user=None):
        self.title = title
        self.home = tempfile.mkdtemp(prefix="astro-delivery-")
        self.other = tempfile.mkdtemp(prefix="astro-delivery-", dir="/dev/shm")
        subprocess.run([given.astro, "init", self.home], check=True, capture_output=True)
        path = self.home + "/config/system_config.yaml"
        text = open(path).read()
        for limiter in ["task_submission", "workflow_creation"]:
            text = re.sub(limiter + ":.*", limiter + ": unlimited", text)
        text = re.sub("max_active_workflows:.*", "max_active_workflows: 1000", text)
        open(path, "w").write(text)
        self.stage = self.home + "/stage"
        os.mkdir(self.stage)
        self.effects = self.home + "/effects"
        open(self.effects, "w").close()
        self.spool = self.home + "/spool"
        command = [given.astro, "watch", "--home", self.home]
        if user is not None:
            subprocess.run(["chown", "-R", f"{user}:{user}", self.home], check=True)
            command = [program("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups"] + command
        self.sums = {}
        self.completed = {}
        self.last_write = {}
        self.errors = open(self.home + "/errors", "w")
        self.watch = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors)
        wait(lambda: os.path.exists(self.home + "/data/health.json"), "the watcher never began")

    def text(self, name):
        """A workflow whose beginning, up to its middle, is one, too."""
        filling = "".join(f"# {name}: line {number} of what makes the file long\n" for number in range(400))
        text = f"""name: {name}
tasks:
  a: {{run: 'echo "{name} $(date +%s%N)" >> {self.effects}'}}
{filling}  z: {{needs: [a], run: 'echo "{name} whole" >> {self.effects}'}}
""".encode()
        self.sums[name] = hashlib.sha256(text).hexdigest()
        return text

    def source(self, name, folder=None):
        """The finished file, in a place from which it is delivered."""
        path = f"{folder or self.stage}/{name}.yaml"
        with open(path, "wb") as file:
            file.write(self.text(name))
        return path

    def end(self):
        self.watch.terminate()
        if self.watch.wait(60) != 0:
            faults.append(f"{self.title}: the watcher left with {self.watch.returncode}")


def wait(condition, what, limit=LIMIT):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            faults.append(what)
            return
        time.sleep(0.02)


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, **more)
    expect(done.returncode == 0, f"{' '.join(command)} left with {done.returncode}: {done.stderr.decode()}")


# --- The ways, each given the site and a name; the file is whole when it returns. -------------------------------------

def copy(*words):
    return lambda site, name: run(*words, site.source(name), f"{site.spool}/{name}.yaml")


def unlinked(*words):
    """A second name of a finished file; the first goes at once."""
    def deliver(site, name):
        source = site.source(name)
        run(*words, source, f"{site.spool}/{name}.yaml")
        os.unlink(source)
    return deliver


def move_from_other(site, name):
    run("mv", site.source(name, site.other), site.spool + "/")


def rsync(*flags):
    return lambda site, name: run(program("rsync"), *flags, site.source(name), site.spool + "/")


def sftp(site, name):
    server = "/usr/lib/openssh/sftp-server"
    run(program("sftp"), "-q", "-b", "-", "-D", server, input=f"put {site.source(name)} {site.spool}/{name}.yaml\n".encode())


def tee(site, name):
    with open(site.source(name), "rb") as source:
        run("tee", f"{site.spool}/{name}.yaml", stdin=source)


def sed(site, name):
    """An edit of a file that lies there and has no last newline yet, in place."""
    path = f"{site.spool}/{name}.yaml"
    with open(path, "wb") as file:
        file.write(site.text(name)[:-1])
    run("sed", "-i", "$a\\", path)


def vim(site, name):
    source = site.source(name)
    run(program("vim.tiny", "vim"), "-u", "NONE", "-es", "-c", f"edit {source}", "-c", f"write {site.spool}/{name}.yaml",
        "-c", "quit!")


def vim_again(site, name):
    """The same of a file that is there, with a swap file and a backup beside it."""
    path = f"{site.spool}/{name}.yaml"
    with open(path, "wb") as file:
        file.write(site.text(name)[:-1])
    run(program("vim.tiny", "vim"), "-u", "NONE", "-es", "-c", "set backup writebackup", "-c", f"edit {path}", "-c",
        "set endofline fixendofline", "-c", "write!", "-c", "quit!")


def tar(site, name):
    source = site.source(name)
    run("tar", "-C", site.stage, "-cf", f"{source}.tar", f"{name}.yaml")
    run("tar", "-C", site.spool, "-xf", f"{source}.tar")


def redirects(site, name):
    """`>` and then `>>`: the first half has been closed when the second comes. It ends within a line, as a rule."""
    source = site.source(name)
    half = os.path.getsize(source) // 2 + 7
    path = f"{site.spool}/{name}.yaml"
    run("sh", "-c", f'head -c {half} "$1" > "$2"; sleep 1; tail -c +{half + 1} "$1" >> "$2"', "sh", source, path)


def touched(site, name):
    path = f"{site.spool}/{name}.yaml"
    run("touch", path)
    time.sleep(1.5)
    run("cp", site.source(name), path)


def dd(site, name):
    """A writer of others that holds its file open, in pieces: the first is a workflow of its own."""
    source = site.source(name)
    first = site.text(name).index(b"# ")
    script = f'{{ head -c {first} "$1"; sleep 1.2; tail -c +{first + 1} "$1"; }} | dd of="$2" bs=512 status=none'
    run("sh", "-c", script, "sh", source, f"{site.spool}/{name}.yaml")


def pieces(stalls):
    def deliver(site, name):
        text = site.text(name)
        cuts = [text.index(b"# ")] + [text.index(b"\n", len(text) * n // (len(stalls) + 1)) + 1 for n in range(1, len(stalls))]
        with open(f"{site.spool}/{name}.yaml", "wb", buffering=0) as file:
            for start, end, stall in zip([0] + cuts, cuts, stalls):
                file.write(text[start:end])
                time.sleep(stall)
            file.write(text[cuts[-1]:])
            site.last_write[name] = time.time_ns()
    return deliver


def nameless(site, name):
    """O_TMPFILE, and a name when it is finished; held open for a while yet."""
    descriptor = os.open(site.spool, os.O_TMPFILE | os.O_WRONLY, 0o644)
    os.write(descriptor, site.text(name))
    libc = ctypes.CDLL(None, use_errno=True)
    AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
    made = libc.linkat(AT_FDCWD, f"/proc/self/fd/{descriptor}".encode(), AT_FDCWD, f"{site.spool}/{name}.yaml".encode(),
                       AT_SYMLINK_FOLLOW)
    expect(made == 0, f"{name}: linkat: {os.strerror(ctypes.get_errno())}")
    os.close(descriptor)


def mapped(site, name):
    """Through a shared mapping, the descriptor closed long before."""
    text = site.text(name)
    descriptor = os.open(f"{site.spool}/{name}.yaml", os.O_RDWR | os.O_CREAT, 0o644)
    first = text.index(b"# ")
    os.ftruncate(descriptor, len(text))
    memory = mmap.mmap(descriptor, len(text))
    os.close(descriptor)
    # What is not written yet reads as a comment: the file is valid at any moment.
    memory[:] = text[:first] + b"#" * (len(text) - first - 1) + b"\n"
    time.sleep(1.2)
    memory[:] = text
    site.last_write[name] = time.time_ns()
    memory.close()


def renamed(site, name):
    """What a program should do: a dot name, fsync, rename."""
    hidden = f"{site.spool}/.{name}"
    with open(hidden, "wb") as file:
        file.write(site.text(name))
        os.fsync(file.fileno())
    os.rename(hidden, f"{site.spool}/{name}.yaml")


WAYS = {
    "cp": copy("cp"), "cp-p": copy("cp", "-p"), "cp-l": unlinked("cp", "-l"), "ln": unlinked("ln"), "mv": copy("mv"),
    "mv-other": move_from_other, "install": copy("install", "-m", "644"), "rsync": rsync(), "rsync-inplace": rsync("--inplace"),
    "rsync-t": lambda site, name: rsync("-T", site.stage)(site, name), "sftp": sftp, "tee": tee, "sed-i": sed, "vim": vim,
    "vim-again": vim_again, "tar": tar, "redirects": redirects, "touch": touched, "dd": dd, "pieces": pieces([1.2, 0.3]),
    "tmpfile": nameless, "mmap": mapped, "rename": renamed,
}
# A look around finds these: nothing is heard of a name that goes elsewhere.
LINKS = {"cp-l", "ln"}


def deliver(site, ways):
    # What a tool writes may be whatever the kernel allows its user: the runner of the second part must be able to read.
    os.umask(0o022)
    def one(name):
        ways[name](site, name)
        site.completed[name] = time.time_ns()
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(ways)) as threads:
        for future in [threads.submit(one, name) for name in ways]:
            future.result()


def judge(site, ways):
    wait(lambda: open(site.effects).read().count(" whole\n") >= len(ways), f"{site.title}: not all were taken")
    places = ["done", "failed", "cancelled", "rejected"]
    wait(lambda: len(os.listdir(site.spool + "/done")) >= 2 * len(ways), f"{site.title}: not all ended in done/")
    site.end()
    receipts = {}
    for place in places:
        for entry in os.listdir(f"{site.spool}/{place}"):
            if entry.endswith(".receipt.json"):
                receipt = json.load(open(f"{site.spool}/{place}/{entry}"))
                expect(place == "done", f"{site.title}: {receipt['file']} ended in {place}: {receipt['errors']}")
                name = receipt["file"].rsplit(".", 1)[0]
                expect(name in ways, f"{site.title}: {receipt['file']} was taken, a temporary file")
                expect(name not in receipts, f"{site.title}: {name} was taken twice")
                receipts[name] = receipt
    lines = [line.split() for line in open(site.effects)]
    latencies = {}
    for name in ways:
        begun = [int(word) for first, word in lines if first == name and word != "whole"]
        ended = [word for first, word in lines if first == name and word == "whole"]
        expect(len(begun) == 1 and len(ended) == 1, f"{site.title}: {name} ran {len(begun)} times, its end {len(ended)} times")
        receipt = receipts.get(name)
        if not receipt or len(begun) != 1:
            expect(False, f"{site.title}: {name} was never taken whole")
            continue
        expect(receipt["sha256"] == site.sums[name], f"{site.title}: {name}: other bytes ran than were delivered")
        kept = open(f"{site.home}/data/runs/{receipt['workflow_id']}/workflow.yaml", "rb").read()
        expect(hashlib.sha256(kept).hexdigest() == site.sums[name], f"{site.title}: {name}: other bytes are kept")
        expect(begun[0] >= site.last_write.get(name, 0), f"{site.title}: {name} ran before its last byte was written")
        latencies[name] = (begun[0] - site.completed[name]) / 1e9
        expect(latencies[name] < LIMIT, f"{site.title}: {name} was taken only after {latencies[name]:.1f} s")
    left = [name for name in os.listdir(site.spool) if name.endswith((".yaml", ".tmp")) or name.startswith("sed")]
    expect(not left, f"{site.title}: left in the spool: {left}")
    return latencies


def report(site, latencies):
    plain = sorted(value for name, value in latencies.items() if name not in LINKS)
    slowest = max(latencies.keys() - LINKS, key=latencies.get)
    links = [value for name, value in latencies.items() if name in LINKS]
    # A tool that closes the file and goes on for a while is overtaken: below nothing is soon enough.
    text = f"{site.title}: {len(latencies)} ways, 0 early, 0 partial; begun after at most {max(plain):.2f} s ({slowest})"
    text += f", median {max(0, plain[len(plain) // 2]) * 1000:.0f} ms"
    return text + (f", links {max(links):.1f} s" if links else "")


random.seed(given.seed)
slow = {f"slow{n}": pieces([random.uniform(0, given.stall) for _ in range(random.randint(2, 4))]) for n in range(given.slow)}
sites = [Site("with leases"), Site("without leases", user=NOBODY)]
# Without a lease a pause of two seconds is the end of a file, so nobody may make one.
verdicts = []
for site, ways in zip(sites, [{**WAYS, **slow}, WAYS]):
    deliver(site, ways)
    latencies = judge(site, ways)
    if not faults:
        verdicts.append(report(site, latencies))

if faults:
    print(f"seed {given.seed}; the homes are {', '.join(site.home for site in sites)}", *faults, sep="\n  ", file=sys.stderr)
    sys.exit(1)
for site in sites:
    shutil.rmtree(site.home)
    shutil.rmtree(site.other)
print(f"seed {given.seed}:", "; ".join(verdicts))
