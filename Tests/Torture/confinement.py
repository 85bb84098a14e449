#!/usr/bin/env python3
"""Thirty ways to spell a path that leads elsewhere, in every id, name and path of every verb.

    confinement.py ASTRO [--share N/M] [--control]

Each verb runs under strace(1) with each spelling in each place. Whatever it opens, makes, renames or removes must lie in
the home, be the FILE that was named (and then only be read), or be one of the system's own files (and then only be read).
A name that leads nowhere is answered with exit code 64, 65, 66, 69 or 78 and a sentence without control characters.
`--control` adds an access that is not allowed and must be found: the judge sees what it is to see. Goal R31.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--share", default="0/1", help="every M-th case from the N-th")
options.add_argument("--control", action="store_true")
given = options.parse_args()
share, shares = map(int, given.share.split("/"))

root = os.path.realpath(tempfile.mkdtemp(prefix="astro-confined-"))
home, outside, cwd = root + "/home", root + "/outside", root + "/cwd"
astro = os.path.realpath(given.astro)
env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent", "ASTRO_HOME": home}
os.mkdir(outside)
os.mkdir(cwd)
CANARY = "tasks: {a: {run: 'echo canary'}}\n"
for name in ["secret", "secret.yaml", "secret.json"]:
    open(f"{outside}/{name}", "w").write(CANARY)
for name in ["tasks/a/1", "files"]:
    os.makedirs(f"{outside}/run-20260101T000000Z-abcdef/{name}")
subprocess.run([astro, "init", home], check=True, capture_output=True, env=env)
open(home + "/good.yaml", "w").write("name: good\ntasks: {a: {run: 'echo a'}, b: {run: 'false'}}\n")
subprocess.run([astro, "run", home + "/good.yaml"], capture_output=True, env=env, cwd=cwd)
run = os.listdir(home + "/data/runs")[0]
os.symlink(outside, home + "/link")

up = "../" * 6
SPELLINGS = [
    "..", ".", "/", "../x", "../../outside/secret", "../../../outside/secret", "../../../../outside/secret",
    outside + "/secret", outside + "/run-20260101T000000Z-abcdef", "../../../outside/run-20260101T000000Z-abcdef",
    up + outside[1:] + "/secret", f"{run}/..", f"{run}/../{run}", f"{run}/../../../../outside/secret", "@latest/..",
    "@latest/../../../../outside", "%2e%2e/%2e%2e/outside/secret", "%2e%2e%2fsecret", "..%00/secret", "..\n/secret",
    "\n", "..\\..\\outside\\secret", "....//....//outside/secret", ".//..//..//outside/secret", "\u2025/\u2025/outside",
    "\uff0e\uff0e/outside/secret", "..\u2215..\u2215outside", "~/secret", "~root", "$HOME/secret", "$(id)", "*", "-rf",
    "../" * 700 + "etc/passwd", "a" * 5000, "link/secret", "../home/link/secret", "/proc/self/root" + outside + "/secret",
    "/dev/fd/0", "secret\t", " ", "", "file://" + outside + "/secret", outside + "/secret/",
]

# A verb with X where the spelling goes; what X is: a name, or a file that may be read.
VERBS = [
    ("name", ["status", "X"]), ("name", ["logs", "X"]), ("name", ["logs", run, "X"]), ("name", ["events", "X"]),
    ("name", ["explain", "X"]), ("name", ["explain", run, "X"]), ("name", ["cancel", "X"]), ("name", ["retry", "X"]),
    ("name", ["retry", run, "--from", "X"]), ("name", ["retry", run, "--only", "X"]), ("name", ["hold", "X"]),
    ("name", ["release", "X"]), ("name", ["limits", "clear", "X"]),
    ("name", ["limits", "clear", "task_submission", "X"]), ("name", ["logs", run, "a", "--attempt", "X"]),
    ("name", ["list", "--user", "X"]), ("name", ["list", "--state", "X"]), ("name", ["health", "X"]),
    ("name", ["clean", "--older-than", "X"]), ("name", ["events", "--since", "X"]), ("name", ["X"]),
    ("name", ["run", home + "/good.yaml", "-q", "-p", "X"]), ("name", ["run", home + "/good.yaml", "-q", "-p", "a=X"]),
    ("name", ["submit", home + "/good.yaml", "-p", "a=X"]), ("file", ["run", "X", "-q"]), ("file", ["submit", "X"]),
    ("file", ["validate", "X"]), ("file", ["plan", "X"]), ("home", ["status", "--home", "X"]),
    ("home", ["drain", "--home", "X"]), ("home", ["clean", "--home", "X"]), ("home", ["doctor", "--home", "X"]),
]
# Names inside of a workflow. What a task itself does is its own; here it does nothing.
FIELDS = [
    "name: X\ntasks: {a: {run: 'true'}}\n", "tasks: {X: {run: 'true'}}\n", "tasks: {a: {needs: [X], run: 'true'}}\n",
    "tasks: {a: {agent: X, run: 'true'}}\n", "tasks: {a: {uses: X}}\n", "user: X\ntasks: {a: {run: 'true'}}\n",
    "idempotency_key: X\ntasks: {a: {run: 'true'}}\n", "tasks: {a: {run: 'true', outputs: [X]}}\n",
    "secrets: {K: {file: X}}\ntasks: {a: {run: 'true'}}\n", "labels: {X: y}\ntasks: {a: {run: 'true'}}\n",
]

MAKES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
READS = {"openat", "open", "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink",
         "readlinkat", "statfs", "getcwd", "execve", "inotify_add_watch", "chdir", "getxattr", "lgetxattr", "name_to_handle_at"}
SYSTEM = ("/proc", "/sys", "/dev", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/run/systemd", "/run/userdb", "/run/host", "/var/run/nscd",
          "/run/nscd", "/var/run/docker.sock", "/run/podman")
PATHS = re.compile(r'(?:(AT_FDCWD|\d+)(?:<((?:[^<>\\]|\\.)*)>)?, )?"((?:[^"\\]|\\.)*)"(\.\.\.)?')


def text(escaped):
    return escaped.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1").decode(
        "utf-8", "surrogateescape")


def within(path, place):
    return path == place or path.startswith(place.rstrip("/") + "/")


def real(path):
    """Where a path of the home leads. One that is too long leads nowhere."""
    try:
        return os.path.realpath(path)
    except OSError:
        return path


def touched(trace):
    """Every call with every path in it, as the kernel has it."""
    for line in open(trace, encoding="latin-1"):
        call = re.match(r"(?:\d+ +)?(\w+)\(", line)
        if not call or call[1] == "execve":
            continue
        isRead = call[1] in READS and not (call[1].startswith("open") and MAKES.search(line.split('"')[-1]))
        found = PATHS.findall(line.split(" = ")[0])
        # The second text of readlink(2) is its answer; an empty one names a file that is open already.
        for descriptor, base, path, cut in found[:1] if call[1].startswith("readlink") else found:
            path = text(path)
            if not path:
                continue
            start = text(base) if base and descriptor != "AT_FDCWD" else cwd
            yield isRead, path, re.sub("^/+", "/", os.path.normpath(os.path.join(start, path))), line.strip()


def judge(trace, named):
    """What was touched that must not be."""
    faults = []
    for isRead, path, whole, line in touched(trace):
        if within(whole, home) and within(real(whole), home):
            continue
        if isRead and (whole in loaded or any(within(whole, place) for place in SYSTEM) or within(cwd, whole)):
            continue
        # strace(1) shows no more of a path than the kernel takes.
        if isRead and named is not None and (named in (path, whole) or len(path) > 4000 and path in named):
            continue
        # Control groups are named after the runner, never after what was asked for.
        if whole.startswith("/sys/fs/cgroup/") and ("/astro-" in whole or whole.endswith("/cgroup.subtree_control")):
            continue
        if whole in ("/dev/null", "/run") or whole.startswith("/proc/self/"):
            continue
        faults.append(f"{path!r} ({line[:160]})")
    return faults


def control_free(data):
    return not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]", data)


def snapshot():
    found = {}
    for folder, _, names in os.walk(outside):
        for name in names:
            path = os.path.join(folder, name)
            found[path] = (open(path).read(), os.stat(path).st_mtime_ns)
    return found


def cases():
    for kind, verb in VERBS:
        for spelling in SPELLINGS:
            yield kind, verb, spelling
    for field in FIELDS:
        for spelling in SPELLINGS:
            yield "field", field, spelling


trace = root + "/trace"
STRACE = ["strace", "-f", "-qq", "-y", "-s", "8192", "-e", "trace=%file", "-e", "signal=none", "-o", trace, astro]
# What the loader looks for, wherever this program was built to look.
subprocess.run([*STRACE, "--version"], env=env, cwd=cwd, capture_output=True, check=True)
loaded = {whole for isRead, _, whole, _ in touched(trace) if isRead}
before = snapshot()
faults, ran = [], 0
for number, (kind, verb, spelling) in enumerate(cases()):
    if number % shares != share or "\0" in spelling:
        continue
    words, named = verb, None
    if kind == "field":
        quoted = '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in spelling) + '"'
        open(cwd + "/field.yaml", "w").write(verb.replace("X", quoted))
        words, named = ["run", "field.yaml", "-q"], "field.yaml"
    else:
        words = [word.replace("X", spelling) if word in ("X", "a=X") else word for word in verb]
        named = spelling if kind == "file" else None
    if "--home" in words and kind == "home":
        # A home that is named is the home: it may look into it whether it is one, and no more.
        named = os.path.normpath(os.path.join(cwd, spelling, "config/system_config.yaml")).replace("//", "/")
    ran += 1
    ending = subprocess.run([*STRACE, *words], env=env, cwd=cwd, input=b"", capture_output=True, timeout=120)
    if given.control:
        open(trace, "a").write(f'1 openat(AT_FDCWD<{cwd}>, "../outside/secret", O_RDONLY) = 3\n')
    found = judge(trace, named)
    what = f"{' '.join(words)[:120]!r} with {spelling[:60]!r}"
    faults += [f"{what}: touched {fault}" for fault in found]
    said = ending.stdout + ending.stderr
    if ending.returncode not in (0, 1, 64, 65, 66, 69, 75, 78):
        faults.append(f"{what}: exit code {ending.returncode}: {said[:200]!r}")
    if ending.returncode != 0 and not said:
        faults.append(f"{what}: nothing is said, exit code {ending.returncode}")
    if kind == "name" and not control_free(said):
        faults.append(f"{what}: control characters in {said[:200]!r}")
    if b"canary" in said and kind not in ("file",):
        faults.append(f"{what}: told what is outside: {said[:200]!r}")
if snapshot() != before:
    faults.append("what lies outside was changed")
shutil.rmtree(root)
if given.control:
    print(f"control: {len(faults)} of {ran} accesses outside were found")
    sys.exit(0 if len(faults) >= ran else 1)
if faults:
    print(f"{len(faults)} faults in {ran} cases", *faults[:40], sep="\n  ", file=sys.stderr)
    sys.exit(1)
print(f"{ran} cases: {len(SPELLINGS)} spellings in {len(VERBS) + len(FIELDS)} places: nothing touched outside")
