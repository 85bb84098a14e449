"""Plays of astro under strace(1), in which one process alone is watched, or killed at a chosen system call.

strace counts the calls it injects into per thread and per name: `when=K` is the K-th call of that name of any one
thread. A call that is killed at is not carried out.
"""
import collections
import os
import pathlib
import re
import signal
import subprocess
import time

# By which anything outside of a process changes.
CALLS = """open openat creat mkdir mkdirat mknod mknodat rmdir rename renameat renameat2 link linkat symlink symlinkat
unlink unlinkat write pwrite64 writev pwritev sendto sendmsg fsync fdatasync sync_file_range syncfs truncate ftruncate
fallocate fchmod chmod fchmodat fchown chown fchownat utimensat flock fcntl clone clone3 fork vfork execve setsid kill
pidfd_send_signal""".split()
# Of these only some change anything.
MARKS = {"open": "O_CREAT|O_TRUNC", "openat": "O_CREAT|O_TRUNC", "fcntl": "F_SETLK|F_OFD_SETLK|F_SETLEASE"}


class Point(collections.namedtuple("Point", "scenario call number")):
    def __str__(self):
        return f"{self.scenario} {self.call} {self.number}"

    def injection(self, what="signal=KILL"):
        return f"inject={self.call}:{what}:when={self.number}"


class Trace:
    """What strace wrote of one play."""

    def __init__(self, path):
        self.lines = pathlib.Path(path).read_text(errors="replace").splitlines()

    def points(self, scenario):
        """Every state-changing call that was made."""
        counts, points = collections.Counter(), set()
        for line in self.lines:
            found = re.match(r"(\d+ +)?([a-z_0-9]+)\(", line)
            if not found:
                continue
            thread, call = found.groups()
            counts[thread, call] += 1
            if re.search(MARKS.get(call, ""), line):
                points.add(Point(scenario, call, counts[thread, call]))
        return sorted(points)

    @property
    def hit(self):
        """The call that was injected into: it never came back, or with that error. None when it was not reached."""
        return next((line for line in reversed(self.lines) if line.endswith(("= ?", "(INJECTED)"))), None)

    def site(self, home):
        """That call and the path that it names, without what differs between two plays."""
        line = self.hit
        if line is None:
            return None
        call = re.match(r"(?:\d+ +)?([a-z_0-9]+)\(", line).group(1)
        paths = re.findall(r'(?:<|")([^<>"]*/[^<>"]*|\.[^<>"/]*)[>"]', line.replace(home.path, "HOME"))
        path = " ".join(paths[:2])
        for pattern, name in [
            (r"[a-z0-9_-]*\d{8}T\d{6}Z-\d+-\d+", "RUNNER"), (r"[a-z0-9_-]+-\d{8}T\d{6}Z-[a-z0-9]{6}", "RUN"),
            (r"\.astro-[0-9a-f]+", ".astro-N"), (r"\d+(-\d+)?\.tmp", "N.tmp"), (r"\.(lock|warden)\.\d+", r".\1.N"),
            (r"RUNNER-\d+\.", "RUNNER-N."), (r":\[\d+\]|\[\d+\]", "[]"), (r"/proc/\d+", "/proc/N"),
        ]:
            path = re.sub(pattern, name, path)
        return f"{call} {path}".strip()

    def written(self, suffix):
        """The content of all writes that were carried out to a file whose name ends so."""
        found = (re.search(rf'write\(\d+<[^>]*{re.escape(suffix)}>, "(.*)", \d+\) += \d+', line) for line in self.lines)
        return "".join(each.group(1) for each in found if each)


def strace(path, calls, injections):
    options = [option for injection in injections for option in ("-e", injection)]
    calls = ",".join(calls)
    return ["strace", "-q", "-y", "-s", "4096", "-o", path, "-e", "signal=none", "-e", f"trace={calls}", *options]


def of_runner(path, calls=CALLS, injections=()):
    """What to put before the command of a runner: its threads are traced, and what it spawns until that is a program of
    its own."""
    return [*strace(path, calls, injections), "-f", "-b", "execve"]


def play_warden(home, path, calls=CALLS, injections=(), arguments=("drain",)):
    """Plays a runner of which the warden alone is traced. It is stopped at its birth, as soon as it is no copy of the
    runner any more, and goes on when strace has it; it has one thread."""
    birth = of_runner("/dev/null", ["execve"], ["inject=execve:signal=STOP:when=1"])
    runner = home.start(*arguments, before=birth)
    warden = next(filter(None, (born_warden(runner.pid) for _ in waiting(60))))
    calls = [*calls, *({"write"} - set(calls))]
    tracer = subprocess.Popen([*strace(path, calls, injections), "-p", str(warden)], stderr=subprocess.DEVNULL)
    next(filter(None, (is_traced(warden) for _ in waiting(60))))
    os.kill(warden, signal.SIGCONT)
    return runner, tracer


def waiting(seconds):
    """Comes again every millisecond; what was waited for this long will not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.001)
    raise TimeoutError(f"nothing came within {seconds} s")


def children(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def born_warden(tracer):
    for runner in children(tracer):
        for pid in children(runner):
            try:
                is_warden = b"\0warden\0" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
                if is_warden and " T " in pathlib.Path(f"/proc/{pid}/stat").read_text():
                    return pid
            except OSError:
                continue
    return None


def is_traced(pid):
    return "TracerPid:\t0\n" not in pathlib.Path(f"/proc/{pid}/status").read_text()
