#!/usr/bin/env python3
"""What the machine may do to a runner, one fault after the other; then whether anything was lost, run twice, or waited for
in a spin.

    faults.py ASTRO [--only NAME ...] [--files N] [--jumps N]

    fork        no process can be started (EAGAIN, ENOMEM), first the warden, then the commands
    descriptors no descriptor is left (RLIMIT_NOFILE, then EMFILE and ENFILE)
    inodes      a file system without inodes (tmpfs)
    overflow    more events than the queue of inotify(7) holds, while the watcher is stopped
    instances   no inotify instance is to be had
    clock       steps of the wall clock of an hour and a day both ways, while tasks run and a limit counts
    stopped     a runner that is stopped, in the middle of a run and in the middle of a transaction

Each task appends its name to a file outside of what astro writes. Prints a line for each fault; exit 1 on
any violation. As root.
"""
import argparse
import collections
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--only", nargs="+", default=[])
options.add_argument("--files", type=int, default=50_000, help="files of the overflow")
options.add_argument("--passes", type=int, default=82, help="passes without descriptors")
options.add_argument("--jumps", type=int, default=20, help="steps of the clock")
given = options.parse_args()
given.astro = os.path.abspath(given.astro)


class Home:
    """A home of its own, and the processes started in it."""

    def __init__(self, name, system="rate_limits: {task_submission: unlimited, workflow_creation: unlimited}"):
        self.name, self.faults, self.processes = name, [], []
        self.path = tempfile.mkdtemp(prefix=f"astro-{name}-")
        subprocess.run([given.astro, "init", self.path], check=True, capture_output=True)
        with open(self.path + "/config/system_config.yaml", "w") as file:
            file.write(f"system:\n  {system}\n")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.faults += [f"{kind.__name__}: {error}"] if kind else []
        if self.faults:
            failed.append(self.name)
            print(f"{self.name}: the home is {self.path}", *self.faults[:10], sep="\n  ", file=sys.stderr, flush=True)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        return kind is None or issubclass(kind, Exception)

    def expect(self, holds, what):
        if not holds:
            self.faults.append(str(what)[:1000])

    def said(self, figures):
        if not self.faults:
            print(f"{self.name}: {figures}", flush=True)

    def start(self, *arguments, before=(), environment={}):
        process = subprocess.Popen(
            [*before, given.astro, *arguments, "--home", self.path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.path + "/errors", "a"), env={**os.environ, **environment}, cwd=self.path)
        self.processes.append(process)
        return process

    def astro(self, *arguments, before=(), **more):
        return subprocess.run(
            [*before, given.astro, *arguments, "--home", self.path], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=300, **more)

    def drop(self, name, text):
        with open(f"{self.path}/spool/.{name}", "w") as file:
            file.write(text)
        os.rename(f"{self.path}/spool/.{name}", f"{self.path}/spool/{name}.yaml")

    def drop_counting(self, count, more="true"):
        """So many workflows of one task that says its name once."""
        for number in range(count):
            self.drop(f"w{number}", f"tasks: {{a: {{run: 'echo w{number} >> {self.path}/effects; {more}'}}}}\n")

    def effects(self):
        return self.lines("effects")

    def lines(self, name):
        return open(f"{self.path}/{name}").read().split("\n")[:-1] if os.path.exists(f"{self.path}/{name}") else []

    def names(self, folder):
        if not os.path.isdir(f"{self.path}/{folder}"):
            return []
        return [name for name in os.listdir(f"{self.path}/{folder}") if not name.startswith(".")]

    def eventually(self, what, holds, seconds=120):
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError(f"never: {what}")
            time.sleep(0.05)

    def expect_all(self, count):
        """Every file of `drop_counting` is in done/ and ran once."""
        seen = collections.Counter(self.effects())
        self.expect(len(seen) == count, f"lost: {len(seen)} of {count} ran")
        self.expect(all(n == 1 for n in seen.values()), f"twice: {[w for w, n in seen.items() if n > 1][:6]}")
        self.expect(len(self.names("spool/done")) == 2 * count, f"done/ holds {len(self.names('spool/done'))} files")
        self.expect(not self.names("spool/active"), "active/ is not empty")
        waiting = [name for name in self.names("spool") if name.endswith(".yaml")]
        self.expect(not waiting, f"left in spool/: {waiting[:6]}")

    def states(self):
        """Of all runs."""
        return {run["state"] for run in json.loads(self.astro("list", "--json", "--limit", "1000").stdout)}

    def traced_pid(self):
        """Of the runner under strace(1)."""
        return int(self.lines("trace")[0].split()[0])

    def health(self):
        return json.load(open(self.path + "/data/health.json"))


def processor(process):
    """Seconds of processor time the process has used."""
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(process, seconds=4):
    """Of one processor, in percent."""
    before = processor(process)
    time.sleep(seconds)
    return 100 * (processor(process) - before) / seconds


def inject(home, what, calls, *arguments):
    """Starts a verb under strace(1); its trace is `calls`."""
    return home.start(
        *arguments, before=["strace", "-f", "-qq", "-o", home.path + "/trace", "-e", "trace=" + calls, "-e", "inject=" + what])


def traced(home, text):
    return sum(text in line for line in home.lines("trace"))


def fork():
    calls = "clone,clone3,vfork"
    for title, error, when, most in [
        ("warden", "EAGAIN", "1..4", 4), ("commands", "EAGAIN", "2..6", 5), ("memory", "ENOMEM", "2..6", 5)]:
        with Home("fork-" + title) as home:
            home.drop_counting(12)
            runner = inject(home, f"{calls}:error={error}:when={when}", calls + ",poll", "watch")
            home.eventually("all is done", lambda: len(home.names("spool/done")) == 24)
            os.kill(home.traced_pid(), signal.SIGTERM)
            runner.wait(timeout=60)
            refused, polls = traced(home, "INJECTED"), traced(home, " poll(")
            home.expect(runner.returncode == 0, f"the watcher left with {runner.returncode}")
            home.expect(refused >= most, f"only {refused} starts were refused")
            home.expect(polls < 400, f"{polls} turns: it spins")
            home.expect_all(12)
            home.expect(not home.names("data/runners"), f"left: {home.names('data/runners')}")
            home.said(f"{refused} starts refused, 12 files: 0 lost, 0 twice, {polls} turns")
    with Home("fork-never") as home:
        home.drop_counting(12)
        runner = inject(home, f"{calls}:error=EAGAIN:when=1+", calls, "watch")
        home.eventually("it is refused", lambda: traced(home, "INJECTED") > 3)
        pid = home.traced_pid()
        used = share(type("", (), {"pid": pid}))
        home.expect(used < 5, f"{used:.1f} % of a processor while nothing can be started")
        for verb in (["status"], ["list"], ["health"]):
            ending = home.astro(*verb, before=["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={calls}:error=EAGAIN:when=1+"])
            home.expect(ending.returncode in (0, 1), f"astro {verb[0]} left with {ending.returncode}: {ending.stderr}")
        os.kill(pid, signal.SIGKILL)
        runner.wait()
        home.expect(home.astro("drain").returncode == 0, "the pass after it failed")
        home.expect_all(12)
        home.said(f"no process to be had: {used:.1f} % of a processor, all verbs answer, then 12 files: 0 lost, 0 twice")


def descriptors():
    with Home("descriptors") as home:
        worst, codes = 0, collections.Counter()

        def attempt(*before):
            nonlocal worst
            number = sum(codes.values())
            home.drop(f"w{number}", f"tasks: {{a: {{run: 'echo w{number} >> {home.path}/effects'}}}}\n")
            used = resources()
            ending = home.astro("drain", "--max-time", "3s", "--grace", "1s", before=before)
            worst = max(worst, resources() - used)
            codes[ending.returncode] += 1
            # 127 is the loader's own, 74 that of nothing here.
            home.expect(ending.returncode in (0, 69, 73, 75, 78, 127), f"{before}: {ending.returncode}: {ending.stderr}")

        step = max(1, 82 // given.passes)
        for limit in [*range(4, 40), *range(40, 80, 8)][::step]:
            attempt("prlimit", f"--nofile={limit}:{limit}")
        for number in ("EMFILE", "ENFILE"):
            for first in range(1, 200, 9)[::step]:
                attempt(*f"strace -f -qq -o /dev/null -e inject=openat,socket,socketpair,eventfd2,inotify_init1:error={number}:when={first}..{first + 12}".split())
        count = sum(codes.values())
        home.expect(home.astro("drain").returncode == 0, "the pass after them failed")
        watch = home.start("watch")
        home.eventually("it works", lambda: home.health()["status"] == "ready" and home.health()["pid"] == watch.pid)
        subprocess.run(["prlimit", f"--pid={watch.pid}", "--nofile=8:4096"], check=True)
        home.drop("late", f"tasks: {{a: {{run: 'echo late >> {home.path}/late'}}}}\n")
        used = share(watch)
        home.expect(used < 5, f"{used:.1f} % of a processor while there is no descriptor")
        subprocess.run(["prlimit", f"--pid={watch.pid}", "--nofile=1024:4096"], check=True)
        home.eventually("it goes on", lambda: home.lines("late") == ["late"])
        home.eventually("it settles", lambda: len(home.names("spool/done")) == 2 * count + 2)
        watch.terminate()
        home.expect(watch.wait(timeout=60) == 0, "the watcher failed")
        seen = collections.Counter(home.effects())
        home.expect(len(seen) == count and max(seen.values()) == 1, f"{len(seen)} of {count} ran, {seen.most_common(2)}")
        home.said(f"a watcher: {used:.1f} % of a processor; {count} passes without descriptors (codes {dict(sorted(codes.items()))}), {count} files: 0 lost, 0 twice, at most {worst:.2f} s of processor in a pass")


def resources():
    used = os.times()
    return used.children_user + used.children_system


def inodes():
    for folder, room in [("data", 120), ("spool", 75)]:
        with Home("inodes-" + folder) as home:
            home.astro("drain")
            place = f"{home.path}/{folder}"
            shutil.rmtree(place)
            os.mkdir(place)
            mode = "711" if folder == "data" else "700"
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"nr_inodes={room},size=64m,mode={mode}", "none", place], check=True)
            try:
                watch_without_inodes(home, place)
            finally:
                for process in home.processes:
                    process.kill()
                    process.wait()
                subprocess.run(["umount", "-l", place], check=True)


def watch_without_inodes(home, place):
    watch = home.start("watch")
    home.eventually("it watches", lambda: os.path.isdir(home.path + "/spool/done"))
    home.drop_counting(60)
    home.eventually("it says so", lambda: "No space left on device" in open(home.path + "/errors").read())
    home.eventually("what it has taken has ended", lambda: not {"queued", "running"} & home.states())
    used = share(watch)
    home.expect(used < 5, f"{used:.1f} % of a processor while there is no inode")
    home.expect(watch.poll() is None, f"the watcher left with {watch.returncode}")
    done = len(set(home.effects()))
    subprocess.run(["mount", "-o", "remount,nr_inodes=100000", place], check=True)
    home.eventually("it goes on", lambda: len(home.names("spool/done")) == 120)
    home.expect_all(60)
    watch.terminate()
    home.expect(watch.wait(timeout=60) == 0, "the watcher failed")
    home.said(f"no inode after {done} of 60 files: {used:.1f} % of a processor, then all: 0 lost, 0 twice")


def overflow():
    with Home("overflow", "max_active_workflows: 100\n  rate_limits: {task_submission: unlimited, workflow_creation: unlimited}") as home:
        watch = home.start("watch")
        home.eventually("it watches", lambda: os.path.exists(home.path + "/data/health.json"))
        home.drop("first", "tasks: {a: {run: 'true'}}\n")
        home.eventually("it works", lambda: len(home.names("spool/done")) == 2)
        watch.send_signal(signal.SIGSTOP)
        # First what is no workflow, until the queue has no room: of what comes then no event is left.
        limit = int(open("/proc/sys/fs/inotify/max_queued_events").read())
        for number in range(limit // 2 + 1):
            open(f"{home.path}/spool/.{number}", "w").close()
        # Refused for what is in them, so that what is measured is the intake and not half a hundred thousand processes.
        for number in range(given.files):
            with open(f"{home.path}/spool/f{number}.yaml", "w") as file:
                file.write(f"tasks: {{}} # {number}\n")
        began = time.monotonic()
        watch.send_signal(signal.SIGCONT)
        home.eventually(
            "all are taken", lambda: len(os.listdir(home.path + "/spool/rejected")) >= 2 * given.files, 1800)
        took = time.monotonic() - began
        time.sleep(1)
        names = collections.Counter(run["name"] for run in json.loads(home.astro("list", "--json", "--limit", "1000000").stdout))
        home.expect(len(names) == given.files + 1, f"{len(names) - 1} of {given.files} were taken")
        home.expect(max(names.values()) == 1, "one was taken twice")
        home.expect(not [name for name in home.names("spool") if name.endswith(".yaml")], "some are left")
        watch.terminate()
        home.expect(watch.wait(timeout=120) == 0, "the watcher failed")
        home.said(f"{given.files} files beside a stopped watcher, queue of {limit}: all taken in {took:.0f} s, 0 twice")


def instances():
    with Home("instances") as home:
        # In a user namespace of its own, which has limits of its own: nobody else on the machine is to miss any.
        limited = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'
        watch = home.start("watch", before=["unshare", "-U", "-r", "sh", "-c", limited, "sh"])
        home.eventually(
            "it reports",
            lambda: os.path.exists(home.path + "/data/health.json") and home.health()["status"] != "starting")
        check = home.health()["checks"]["spool"]
        home.expect(check["status"] == "degraded" and "polled, not watched" in check["message"], f"health says {check}")
        home.drop_counting(20)
        home.eventually("they are found all the same", lambda: len(home.names("spool/done")) == 40)
        home.expect_all(20)
        used = share(watch)
        home.expect(used < 5, f"{used:.1f} % of a processor")
        watch.terminate()
        home.expect(watch.wait(timeout=60) == 0, "the watcher failed")
        home.said(f"no inotify instance: the spool is polled, health says so, 20 files: 0 lost, 0 twice, {used:.1f} % of a processor")


# A task that says which attempt it is and the boot time, to the hundredth of a second, without a process of its own.
STAMP = "read up rest < /proc/uptime; echo $ASTRO_WORKFLOW_ID $ASTRO_TASK_ID $ASTRO_ATTEMPT $up >> %s/effects"


def expect_limit(home, limit, window):
    """No window of the times at which the journal let attempts start holds more than the limit; and those are true times: an
    attempt's own comes after it, as soon as its process has started. Gives the most in one window of the tasks' own times,
    in which a start that took longer than others is closer to the next."""
    journal = sqlite3.connect(f"file:{home.path}/data/astro.sqlite?mode=ro", uri=True)
    grants = {
        f"{run} {task} {number}": boot / 1e6
        for run, task, number, boot in journal.execute("SELECT run, task, number, started_boot FROM attempt")}
    times = sorted(grants.values())
    close = [b - a for a, b in zip(times, times[limit:]) if b - a < window]
    home.expect(not close, f"{len(close)} windows of the journal hold more than {limit} starts")
    effects = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in home.effects()}
    waits = [at - grants.get(name, -1e9) for name, at in effects.items()]
    home.expect(all(-0.02 <= wait < 60 for wait in waits), f"starts {min(waits):.2f} to {max(waits):.2f} s after their grants")
    own = list(effects.values())
    return max(sum(first <= other < first + window for other in own) for first in own)


def clock():
    limit, window = 5, 2
    system = f"""max_parallel_tasks: 64
  rate_limits:
    workflow_creation: unlimited
    task_submission: {{max_requests: {limit}, window_seconds: {window}}}"""
    with Home("clock", system) as home:
        stamp = home.path + "/now"
        now = 0.0

        def set_clock(seconds):
            with open(stamp + ".new", "w") as file:
                file.write(f"{seconds:+.0f}\n")
            os.rename(stamp + ".new", stamp)

        set_clock(0)
        library = subprocess.run(["sh", "-c", "ls /usr/lib/*/faketime/libfaketime.so.1"], capture_output=True, text=True).stdout.strip()
        environment = {
            "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": stamp, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        home.drop("long", f"deadline: 10m\ntasks: {{a: {{run: 'sleep {given.jumps * 1.2:.0f}; echo long >> {home.path}/long', timeout: 5m}}}}\n")
        # libfaketime hides the arguments of the first process it is loaded into.
        watch = home.start("watch", before=["env"], environment=environment)
        home.eventually("the long one runs", lambda: "Task execution started" in open(home.path + "/errors").read())
        steps = [3600, -3600, 86400, -86400]
        for number in range(given.jumps):
            home.drop(
                f"w{number}", f"tasks: {{a: {{run: '{STAMP % home.path}'}}, b: {{needs: a, "
                f"run: '{STAMP % home.path}; test $ASTRO_ATTEMPT = 2', retry: {{attempts: 2, delay: 100ms}}}}}}\n")
            now += steps[number % 4]
            set_clock(now)
            time.sleep(1)
        starts = 3 * given.jumps + 1
        home.eventually("all is done", lambda: len(home.names("spool/done")) == 2 * given.jumps + 2, starts / limit * window * 2 + 60)
        counted = collections.Counter(line.rsplit(" ", 1)[0] for line in home.effects())
        home.expect(len(counted) == 3 * given.jumps and max(counted.values()) == 1, f"runs: {counted.most_common(3)}")
        home.expect(home.lines("long") == ["long"], "the long task did not end as it should")
        worst = expect_limit(home, limit, window)
        times = sorted(float(line.split()[3]) for line in home.effects())
        stall = max(b - a for a, b in zip(times, times[1:]))
        home.expect(stall < 60, f"nothing started for {stall:.1f} s")
        runs = json.loads(home.astro("list", "--json", "--limit", "1000").stdout)
        home.expect({run["state"] for run in runs} == {"succeeded"}, f"states {collections.Counter(run['state'] for run in runs)}")
        log = [json.loads(line) for line in home.lines("logs/astro.log")]
        durations = [entry.get("duration_ms", 0) for entry in log if entry["message"] == "Task execution completed"]
        home.expect(all(0 <= float(ms) < 600_000 for ms in durations), f"durations {sorted(durations)[-3:]}")
        home.expect(watch.poll() is None, "the watcher ended")
        watch.terminate()
        watch.wait(timeout=60)
        home.said(f"{given.jumps} steps of an hour and a day both ways: 0 extra runs, limit of {limit} in {window} s kept (most by the tasks' own times: {worst}), longest pause {stall:.1f} s")


def stopped():
    with Home("stopped-run", "health_check_interval: 5\n  rate_limits: {task_submission: unlimited, workflow_creation: unlimited}") as home:
        home.drop_counting(4, "sleep 2")
        first = home.start("watch")
        home.eventually("it runs", lambda: len(home.effects()) >= 1)
        first.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        told, second = None, None
        home.drop("other", f"tasks: {{a: {{run: 'echo other >> {home.path}/others'}}}}\n")
        ending = home.astro("drain")
        served = time.monotonic() - began
        home.expect(ending.returncode == 0, f"a pass beside a stopped watcher left with {ending.returncode}: {ending.stderr}")
        home.expect(home.lines("others") == ["other"], "the pass did not serve its own")
        while time.monotonic() - began < 31 and not told:
            if "(stalled)" in home.astro("status").stdout:
                told = time.monotonic() - began
            time.sleep(0.5)
        home.expect(told, f"status does not say that the watcher is stopped: {home.astro('status').stdout}")
        home.eventually("the health file is past its time", lambda: home.astro("health").returncode == 1, 30)
        home.expect(len(home.names("spool/active")) > 0, "somebody took the work of the stopped one")
        first.send_signal(signal.SIGCONT)
        home.eventually("all is done", lambda: len(home.names("spool/done")) == 10)
        seen = collections.Counter(home.effects())
        home.expect(len(seen) == 4 and max(seen.values()) == 1, f"ran: {dict(seen)}")
        home.said(f"stopped while its tasks ran: a pass served its own in {served:.1f} s, status says so after {told or 0:.1f} s, 0 lost, 0 twice")
    with Home("stopped-commit") as home:
        home.astro("drain")
        home.drop_counting(4)
        first = inject(home, "fdatasync:signal=STOP:when=3", "fdatasync", "watch")
        home.eventually("it stops inside a commit", lambda: traced(home, "SIGSTOP") > 0)
        pid = home.traced_pid()
        began = time.monotonic()
        ending = home.astro("drain")
        took = time.monotonic() - began
        home.expect(took < 12, f"the pass took {took:.1f} s to say so")
        home.expect(ending.returncode == 75 and "has held the journal" in ending.stderr, f"{ending.returncode}: {ending.stderr}")
        began = time.monotonic()
        status = home.astro("status")
        home.expect(status.returncode == 0 and time.monotonic() - began < 2, f"status: {status.returncode}")
        home.expect("stalled" in status.stdout, f"status does not say who is stopped: {status.stdout}")
        os.kill(pid, signal.SIGCONT)
        home.eventually("all is done", lambda: len(home.names("spool/done")) == 8)
        home.expect_all(4)
        os.kill(pid, signal.SIGTERM)
        first.wait(timeout=60)
        home.said(f"stopped inside a commit: a pass reports the wait after {took:.1f} s, readers go on, 0 lost, 0 twice")


failed = []
scenarios = [fork, descriptors, inodes, overflow, instances, clock, stopped]
for scenario in scenarios:
    if not given.only or scenario.__name__ in given.only:
        scenario()
sys.exit(1 if failed else 0)
