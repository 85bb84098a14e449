#!/usr/bin/env python3
"""Kills a runner, or with --warden its warden, at every system call by which it changes anything.

    crash-points.py ASTRO [--warden|--disk] [--sample N] [--seed S] [--sites]

First each scenario is played under strace(1) to the end, and its state-changing calls are listed. Then it is played
again for each of them, from the same start: the k-th call of that name of a thread is not carried out, and the
process killed instead. What strace counts is per thread and per name; the commands that are started are let go at
their execve(2). After each kill at most two plain passes must bring everything to rest as `astro_home.Judge` demands
it. A k that no thread reaches is tried three times.

Only runners are killed: nothing may be lost, and every attempt happens once. With --warden the attempts whose start
its log has and whose end it has not, those and no others, are lost: their processes are gone, they are called no
success, and only tasks that ask for it are tried again. With --disk the calls are those of fsync(2) and its like, and
fail with EIO instead: the runner leaves, and what it had not made durable is taken for not done.
"""
import argparse
import collections
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time

from astro_home import UNLIMITED, Home, Judge, Workflow, interrupted, used, wrong
from tracing import CALLS, MARKS, Point, Trace, children, of_runner, play_warden, waiting

# A try at what no thread reached, as the threads of a process do not run alike each time.
TRIES = 3
# How long a watcher may take to bring a few files to their ends, in seconds.
PATIENCE = 15
# Calls of which SQLite makes hundreds that nobody else can see the traces of: killed at in one scenario only.
LOCKING = {"fcntl"}


class Torture:
    injected = "signal=KILL"
    may_lose = False

    def __init__(self, astro, work):
        self.astro, self.work = os.path.realpath(astro), work
        self.path, self.trace = f"{work}/home", f"{work}/trace"
        self.faults, self.sites, self.slowest, self.passes = [], collections.Counter(), (0.0, ""), 0

    # Homes

    def prepare(self):
        """A home in which a pass has run."""
        home = Home.made(self.astro, self.path, self.path + ".effects")
        self.used = [used(home)]
        home.drop(self.used[0])
        home.astro("drain").check_returncode()
        home.configure(self.system)
        self.keep(home, "used")

    def keep(self, home, name):
        os.rename(home.path, f"{self.work}/{name}")
        os.rename(home.effects_path, f"{self.work}/{name}.effects")

    def fresh(self, name="used"):
        shutil.copytree(f"{self.work}/{name}", self.path, symlinks=True)
        shutil.copy(f"{self.work}/{name}.effects", self.path + ".effects")
        return Home(self.astro, self.path, self.path + ".effects").take_for_moved()

    # One crash

    def record(self, scenario):
        """The points of a scenario, from a play to its end."""
        home = self.fresh(self.home_of(scenario))
        self.play(home, scenario, CALLS, [])
        points = [point for point in Trace(self.trace).points(scenario) if not self.is_left_out(scenario, point.call)]
        self.judge(home, Point(scenario, "none", 0), None)
        home.remove()
        return points

    def is_left_out(self, scenario, call):
        return False

    def home_of(self, scenario):
        return "used"

    def hit(self, point):
        """Plays it with that kill; whether it was reached."""
        home = self.fresh(self.home_of(point.scenario))
        self.play(home, point.scenario, [point.call], [point.injection(self.injected)])
        site = Trace(self.trace).site(home)
        if site:
            self.sites[site] += 1
        if not self.judge(home, point, site):
            kept = f"{self.work}/{str(point).replace(' ', '-')}"
            shutil.copytree(home.path, kept, symlinks=True, dirs_exist_ok=True)
            shutil.copy(self.trace, kept + ".trace")
            shutil.copy(home.effects_path, kept + ".effects")
        home.remove()
        return site is not None

    def judge(self, home, point, site):
        """Drains until all is as it must be; whether that took no more than two passes."""
        begun = time.monotonic()
        workflows = self.used + self.workflows(home, point.scenario)
        for number in range(1, 4):
            ending = home.astro("drain")
            judge = Judge(home, workflows, self.optional(point.scenario) if site else (), self.may_lose)
            faults = judge.faults + self.judge_more(judge, point, site)
            if ending.returncode not in (0, 1):
                faults.append(f"a drain left with {ending.returncode}: {ending.stderr.strip()}")
            if not faults:
                break
        self.passes = max(self.passes, number)
        self.slowest = max(self.slowest, (time.monotonic() - begun, f"{point}: {site}"))
        if number == 3:
            self.faults.append(f"{point} ({site}): " + ("; ".join(faults) or "recovered by the third pass only"))
            print(self.faults[-1], file=sys.stderr)
        return number < 3

    def judge_more(self, judge, point, site):
        return []

    def optional(self, scenario):
        return ()

    # All of them

    def sample(self, points, count):
        hits = 0
        for point in random.sample(points, min(count, len(points))):
            hits += self.hit(point)
        return hits

    def all(self, points):
        """Each point, then numbers beyond the last, until none is reached any more."""
        hits, last = 0, {}
        for point in points:
            hits += any(self.hit(point) for _ in range(TRIES))
            last[point.scenario, point.call] = point.number
        for (scenario, call), number in last.items():
            if call in MARKS:
                continue
            while any(self.hit(Point(scenario, call, number + 1)) for _ in range(TRIES)):
                hits, number = hits + 1, number + 1
        return hits


class RunnerTorture(Torture):
    """The runner is killed: of a pass, of a watch, of a foreground run, of a submission, and of a pass that recovers
    what a killed pass has left."""

    scenarios = ["drain", "recovery", "watch", "run", "submit"]
    system = """max_parallel_tasks: 4
  rate_limits: {task_submission: unlimited, workflow_creation: {max_requests: 3, window_seconds: 86400}}"""

    def prepare(self):
        super().prepare()
        # Half-way through a pass: some attempts have ended, others have not, some ends are committed.
        commits = [point for point in self.record("drain") if point.call == "fdatasync"]
        home = self.fresh()
        self.play(home, "drain", ["fdatasync"], [commits[len(commits) // 2].injection()])
        while home.processes():
            time.sleep(0.01)
        self.keep(home, "crashed")

    def home_of(self, scenario):
        return "crashed" if scenario == "recovery" else "used"

    def is_left_out(self, scenario, call):
        return call in LOCKING and scenario != "drain"

    def workflows(self, home, scenario):
        start, end = home.said("start"), home.said("end")
        pair = Workflow("pair.yaml", f"""name: pair
tasks:
  first: {{run: '{start}; echo out; echo key=value >> "$ASTRO_OUTPUT"; {end}', outputs: [key]}}
  second: {{needs: first, env: {{KEY: '${{{{ tasks.first.outputs.key }}}}'}}, run: '{start}; echo "$KEY"; {end}'}}
""", attempts={"first": ["exited 0"], "second": ["exited 0"]})
        if scenario in ("run", "submit"):
            return [pair]
        again = Workflow("again.yaml", f"""tasks:
  again: {{run: '{start}; {end}; test $ASTRO_ATTEMPT = 2', retry: {{attempts: 2, delay: 1ms}}}}
""", attempts={"again": ["exited 1", "exited 0"]})
        late = Workflow("late.yaml", f"""tasks:
  late: {{run: 'trap "exit 0" TERM; sleep 60 & wait', timeout: 30ms, grace: 60s}}
""", "failed", attempts={"late": ["timed_out"]})
        link = Workflow("link.yaml", "", "rejected", link="/etc/passwd")
        spare = Workflow("spare.yaml", "priority: -100\ntasks: {a: {run: 'true'}}\n", None)
        return [pair, again, late, wrong(), link, spare]

    def optional(self, scenario):
        # Nobody was told of it before its program was killed.
        return ("pair.yaml",) if scenario in ("run", "submit") else ()

    def play(self, home, scenario, calls, injections):
        before = of_runner(self.trace, calls, injections)
        workflows = self.workflows(home, scenario)
        if scenario in ("run", "submit"):
            path = f"{home.path}/workflows/pair.yaml"
            pathlib.Path(path).write_bytes(workflows[0].bytes)
            self.ending = home.astro(scenario, path, before=before)
            return
        if scenario == "watch":
            return self.play_watch(home, workflows, before)
        if scenario == "drain":
            for workflow in workflows:
                home.drop(workflow)
        self.ending = home.astro("drain", before=before)

    def play_watch(self, home, workflows, before):
        """Files land once it listens; it is asked to go when all are in their places. Where each of its wardens is
        killed at its birth they never are."""
        tracer = home.start("watch", before=before)
        settled = sum(1 for workflow in workflows if workflow.state) + len(self.used)
        for _ in waiting(60):
            if tracer.poll() is not None or "ready" in status(home):
                break
        for workflow in workflows:
            home.drop(workflow)
        end = time.monotonic() + PATIENCE
        while tracer.poll() is None and time.monotonic() < end:
            if sum(len(home.files(place)) for place in ("done", "failed", "rejected")) == settled:
                break
            time.sleep(0.001)
        is_stuck = time.monotonic() >= end
        for runner in children(tracer.pid):
            try:
                os.kill(runner, signal.SIGKILL if is_stuck else signal.SIGTERM)
            except ProcessLookupError:
                pass  # It was killed just now.
        tracer.wait(60)


class DiskTorture(RunnerTorture):
    """An fsync of the runner's fails, once: the next would succeed, although the data is gone."""

    injected = "error=EIO"
    scenarios = ["drain", "recovery", "run"]

    def is_left_out(self, scenario, call):
        return call not in ("fsync", "fdatasync", "syncfs", "sync_file_range")

    def judge_more(self, judge, point, site):
        """It says so and leaves. SQLite does not look at what it is told of the directory in which the journal's log lies.
        The log is too short here to be taken into the file."""
        if site is None or self.ending.returncode == 69:
            return []
        if site.endswith(" HOME/data") and self.ending.returncode in (0, 1):
            return []
        return [f"left with {self.ending.returncode}: {self.ending.stderr.strip()}"]


class WardenTorture(Torture):
    """The warden of a pass is killed, with commands under way that must not outlive it."""

    scenarios = ["warden"]
    may_lose = True
    system = "max_parallel_tasks: 8\n  " + UNLIMITED

    def workflows(self, home, scenario):
        return interrupted(home)

    def play(self, home, scenario, calls, injections):
        for workflow in self.workflows(home, scenario):
            home.drop(workflow)
        runner, tracer = play_warden(home, self.trace, calls, injections)
        tracer.wait(60)
        runner.wait(60)

    def judge_more(self, judge, point, site):
        """Lost are the attempts whose start the killed warden had recorded and whose end it had not."""
        if not hasattr(judge, "attempts"):
            return []
        records = collections.defaultdict(set)
        for record in Trace(self.trace).written(".exits").split(r"\n"):
            fields = record.split(r"\t")
            records[fields[0]].add(tuple(fields[1:4]))
        wanted = records["start"] - records["exit"]
        lost = {(each["run"], each["task"], str(each["number"])) for each in judge.attempts
                if each["outcome"] == "lost"}
        return [] if lost == wanted else [f"lost are {sorted(lost)} instead of {sorted(wanted)}"]


def status(home):
    try:
        return pathlib.Path(home.path, "data/health.json").read_text().split(",")[0]
    except OSError:
        return ""


def main():
    options = argparse.ArgumentParser()
    options.add_argument("astro")
    options.add_argument("--warden", action="store_true", help="kill the warden instead of the runner")
    options.add_argument("--disk", action="store_true", help="let each fsync of the runner fail instead of killing it")
    options.add_argument("--sample", type=int, help="so many points, chosen at random, instead of all")
    options.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options.add_argument("--scenario", help="only this one")
    options.add_argument("--only", help="only calls of this name, or name:number")
    options.add_argument("--sites", action="store_true", help="list the calls and paths that were hit")
    given = options.parse_args()
    random.seed(given.seed)
    work = tempfile.mkdtemp(prefix="astro-crash-", dir="/dev/shm")
    torture = (WardenTorture if given.warden else DiskTorture if given.disk else RunnerTorture)(given.astro, work)
    torture.prepare()
    points = [point for scenario in torture.scenarios if given.scenario in (None, scenario)
              for point in torture.record(scenario)]
    if given.only:
        points = [point for point in points if given.only in (point.call, f"{point.call}:{point.number}")]
    hits = torture.sample(points, given.sample) if given.sample else torture.all(points)
    if given.sites:
        print(f"slowest to recover: {torture.slowest}")
        for site, count in sorted(torture.sites.items()):
            print(f"{count:5} {site}")
    what = "warden killed" if given.warden else "fsync failed" if given.disk else "runner killed"
    if torture.faults:
        print(f"seed {given.seed}: {what} at {hits} points: {len(torture.faults)} faults; see {work}", file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(work)
    print(f"seed {given.seed}: {what} at {hits} points, {len(torture.sites)} sites: 0 lost, 0 twice, "
          f"0 false successes, nothing left; at most {torture.passes} passes, {torture.slowest[0]:.1f} s")


if __name__ == "__main__":
    main()
