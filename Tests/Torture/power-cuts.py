#!/usr/bin/env python3
"""Cuts the power under a runner, its warden and its commands; then what must be left of what anybody was told.

    power-cuts.py ASTRO [--file-systems ext4,xfs] [--cuts N] [--submits N] [--controls N] [--seed S]
                  [--control no-fsync|no-file-fsync]

A home on a loop-mounted file system; a pass over it is killed at a system call of the runner's or of the warden's,
and at that moment the file system is shut down without its log being flushed (the ioctl of xfstests' godown, flag 2):
all that was not made durable is gone. Everything is killed, the file system mounted again, and, under another boot
id, at most two passes must bring the home to rest as `astro_home.Judge` demands it. Each task tells of itself outside
of that file system, so what happened before the cut is known: an effect needs its record, a receipt that lay in its
place must lie there again, and attempts that were under way are lost: tried again only where the workflow says so.

Half of the files are made durable by whoever drops them; the others astro must make so before it takes them. N times
`astro submit` returns 0 and the power is cut at once: the file must be there, whole.

With --control it must fail: `no-fsync` makes every fsync(2) of astro's a lie, `no-file-fsync` those of the files that
it takes. Without it both controls are played as well, and each that passes is an error.
"""
import argparse
import collections
import fcntl
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import uuid

from astro_home import UNLIMITED, Home, Judge, interrupted, used, wrong
from tracing import CALLS, Point, Trace, of_runner, play_warden, waiting

# How many are dropped for a pass.
FILES = 5
SYNCS = "fsync,fdatasync,syncfs,sync_file_range"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
# EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN: _IOR('X', 125, __u32), and the flag by which the log is not flushed.
SHUTDOWN, WITHOUT_LOG = 0x8004587D, 2


# What each control makes of astro, a point at which it is bound to be found out (the first: after the end of the pass),
# and what is said then.
Control = collections.namedtuple("Control", "lie point fault")
CONTROLS = {
    "no-fsync": Control(f"inject={SYNCS}:retval=0", Point("runner", "execve", 99), "an effect without a record"),
    "no-file-fsync": Control(
        f"inject=fsync:retval=0:when=1..{FILES}", Point("runner", "sendto", 2), "spool/.* has other bytes"),
}


class Disk:
    """A file system in a file."""

    def __init__(self, kind, work):
        self.kind, self.image, self.path = kind, f"{work}/{kind}.image", f"{work}/{kind}"
        os.mkdir(self.path)
        with open(self.image, "wb") as image:
            image.truncate(320 << 20)
        force = {"ext4": "-F", "xfs": "-f"}[kind]
        subprocess.run([f"mkfs.{kind}", "-q", force, self.image], check=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.path], check=True)

    def unmount(self):
        """Whoever was killed may still be on its way out."""
        for _ in waiting(5):
            if subprocess.run(["umount", self.path], capture_output=True).returncode == 0:
                return

    def shut_down(self):
        descriptor = os.open(self.path, os.O_RDONLY)
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        os.close(descriptor)


class PowerTorture:
    def __init__(self, astro, work, disk, control):
        self.astro, self.work, self.disk, self.control = os.path.realpath(astro), work, disk, control
        self.path, self.trace, self.template = f"{disk.path}/home", f"{work}/trace", f"{work}/{disk.kind}.used"
        self.effects, self.boot = f"{work}/{disk.kind}.effects", f"{work}/boot_id"
        self.faults, self.passes = [], 0
        home = Home.made(self.astro, self.path, self.effects)
        self.used = [used(home)]
        home.drop(self.used[0])
        home.astro("drain").check_returncode()
        home.configure("max_parallel_tasks: 8\n  " + UNLIMITED)
        self.used_effects = pathlib.Path(self.effects).read_text()
        shutil.move(self.path, self.template)

    def fresh(self):
        """A durable home in which a pass has run."""
        shutil.copytree(self.template, self.path)
        pathlib.Path(self.effects).write_text(self.used_effects)
        subprocess.run(["sync", "-f", self.disk.path], check=True)
        return Home(self.astro, self.path, self.effects)

    def workflows(self, home):
        return [*interrupted(home), wrong()]

    def drop(self, home):
        """Every other file is durable; which ones, the control decides: of those astro need make nothing so."""
        workflows, synced = self.workflows(home), {"no-fsync": True, "no-file-fsync": False}.get(self.control)
        unsynced = []
        for number, workflow in enumerate(workflows):
            is_synced = number % 2 == 0 if synced is None else synced
            home.drop(workflow, is_synced)
            if not is_synced:
                unsynced.append(workflow.file)
        return workflows, unsynced

    @property
    def lies(self):
        """Injections by which astro is told that something is durable which is not."""
        return [CONTROLS[self.control].lie] if self.control else []

    def play(self, home, scenario, calls, injections):
        if scenario == "warden":
            runner, tracer = play_warden(home, self.trace, calls, injections)
            return [tracer, runner]
        # What is not traced is not injected into either.
        calls = [*calls, *SYNCS.split(",")] if self.lies else calls
        return [home.start("drain", before=of_runner(self.trace, calls, [*self.lies, *injections]))]

    def points(self):
        points = []
        for scenario in ["runner"] if self.control else ["runner", "warden"]:
            home = self.fresh()
            self.drop(home)
            for process in self.play(home, scenario, CALLS, []):
                process.wait(60)
            points += [point for point in Trace(self.trace).points(scenario) if point.call != "fcntl"
                       and not (self.control and point.call in SYNCS)]
            shutil.rmtree(self.path)
        return points

    def cut(self, home):
        """The power goes, everything dies, and the machine comes up again with another boot id."""
        self.told = [f"spool/{place}/{name}" for place in ("done", "failed", "rejected")
                     for name in home.visible(f"spool/{place}") if name.endswith(".receipt.json")]
        self.disk.shut_down()
        for _ in waiting(20):
            left = home.processes()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if not left:
                break
        self.disk.unmount()
        self.disk.mount()
        pathlib.Path(self.boot).write_text(f"{uuid.uuid4()}\n")
        subprocess.run(["mount", "--bind", self.boot, BOOT_ID], check=True)

    def judge(self, home, what, workflows, optional):
        for number in range(1, 4):
            ending = home.astro("drain")
            judge = Judge(home, self.used + workflows, optional, may_lose=True)
            for receipt in self.told:
                judge.expect(os.path.exists(f"{home.path}/{receipt}"), f"{receipt} was there and is not")
            faults = judge.faults
            if ending.returncode not in (0, 1):
                faults.append(f"a drain left with {ending.returncode}: {ending.stderr.strip()}")
            if not faults:
                break
        subprocess.run(["umount", BOOT_ID], check=True)
        self.passes = max(self.passes, number)
        if number == 3:
            self.faults.append(f"{self.disk.kind} {what}: " + ("; ".join(faults) or "recovered by the third pass only"))
        return number < 3

    def hit(self, point):
        home = self.fresh()
        workflows, unsynced = self.drop(home)
        processes = self.play(home, point.scenario, [point.call], [point.injection()])
        processes[0].wait(60)
        self.cut(home)
        for process in processes:
            process.wait(60)
        what = f"{point} ({Trace(self.trace).site(home) or 'at its end'})"
        is_right = self.judge(home, what, workflows, unsynced)
        if not is_right and not self.control:
            shutil.copytree(home.path, f"{self.work}/{self.disk.kind}-{point}".replace(" ", "-"), dirs_exist_ok=True)
        shutil.rmtree(self.path)
        return is_right

    def submit(self, number):
        """What submit has said is there."""
        home = self.fresh()
        workflow = self.workflows(home)[0]
        path = f"{self.work}/pair.yaml"
        pathlib.Path(path).write_bytes(workflow.bytes)
        before = of_runner(self.trace, CALLS, self.lies) if self.control else ()
        home.astro("submit", path, before=before).check_returncode()
        self.cut(home)
        waiting_files = [pathlib.Path(home.path, "spool", name).read_bytes() for name in home.waiting()]
        if waiting_files != [workflow.bytes]:
            self.faults.append(f"{self.disk.kind} submit {number}: there are {waiting_files}")
        workflow.file = next(iter(home.waiting()), workflow.file)
        is_right = self.judge(home, f"submit {number}", [workflow], ())
        shutil.rmtree(self.path)
        return is_right


def torture(astro, work, kinds, cuts, submits, control):
    """Plays so many of each on each file system; the faults, and a line for each file system."""
    faults, lines = [], []
    for kind in kinds:
        disk = Disk(kind, work)
        try:
            power = PowerTorture(astro, work, disk, control)
            points = power.points()
            chosen = random.sample(points, min(cuts, len(points)))
            if control:
                chosen[0] = CONTROLS[control].point
            for point in chosen:
                power.hit(point)
            for number in range(submits):
                power.submit(number)
        finally:
            disk.unmount()
            shutil.rmtree(disk.path)
            os.unlink(disk.image)
            shutil.rmtree(f"{work}/{kind}.used", ignore_errors=True)
        faults += power.faults
        lines.append(f"{kind}: {len(chosen)} cuts and {submits} right after submit, at most {power.passes} passes")
    return faults, lines


def main():
    options = argparse.ArgumentParser()
    options.add_argument("astro")
    options.add_argument("--file-systems", default="ext4,xfs")
    options.add_argument("--cuts", type=int, default=120)
    options.add_argument("--submits", type=int, default=50)
    options.add_argument("--controls", type=int, default=12, help="so many cuts of each control")
    options.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options.add_argument("--control", choices=list(CONTROLS))
    given = options.parse_args()
    if os.environ.pop("POWER_CUTS_NAMESPACE", None) is None:
        # In a mount namespace of its own: one that somebody else makes meanwhile would keep these file systems mounted.
        os.environ["POWER_CUTS_NAMESPACE"] = "own"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    random.seed(given.seed)
    kinds = given.file_systems.split(",")
    work = tempfile.mkdtemp(prefix="astro-power-", dir="/dev/shm")
    faults, lines = torture(given.astro, work, kinds, given.cuts, given.submits, given.control)
    for control in [] if given.control else CONTROLS:
        found, _ = torture(given.astro, work, kinds, given.controls, 2, control)
        for kind in kinds:
            if not any(fault.startswith(kind) and re.search(CONTROLS[control].fault, fault) for fault in found):
                faults.append(f"the control {control} passes on {kind}: these cuts do not find what they look for")
        lines.append(f"control {control} found out")
    if faults:
        print(f"seed {given.seed}: {len(faults)} faults; see {work}", *faults, sep="\n  ", file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(work)
    print(f"seed {given.seed}: " + "; ".join(lines) + ": 0 accepted lost, 0 twice, 0 effects without a record")


if __name__ == "__main__":
    main()
