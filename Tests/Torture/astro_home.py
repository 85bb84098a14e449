"""A home for the torture: made, filled with workflows, drained, and judged once nothing works in it any more.

Every task tells what it does in a file outside of what astro writes, one line and one write(2) at a time:
`<workflow_id> <task> <attempt> start`, and `end` when it is over. The judge compares those lines, the journal, the
places of the files, `run.json` and the metrics page with each other and with what each workflow must come to.
"""
import collections
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess

PLACES = {"succeeded": "done", "partial": "done", "duplicate": "done", "failed": "failed", "cancelled": "cancelled",
          "rejected": "rejected"}
COUNTED = {"succeeded": "completed", "partial": "completed", "duplicate": "completed", "failed": "failed",
           "cancelled": "cancelled"}


UNLIMITED = "rate_limits: {task_submission: unlimited, workflow_creation: unlimited}"


class Workflow:
    """A file for the spool and what must come of it.

    `state` is the run's last one; None for a file that must stay in the spool. `attempts` are the outcomes of each
    task's attempts, as `exited 0`. A task in `again` is tried again when an attempt of it is lost, so often in all.
    """

    def __init__(self, file, text, state="succeeded", attempts=None, again=None, link=None):
        self.file, self.bytes, self.state, self.link = file, text.encode(), state, link
        self.attempts, self.again = attempts or {}, again or {}

    @property
    def sha256(self):
        return "" if self.link else hashlib.sha256(self.bytes).hexdigest()


def used(home):
    """For a pass before what is looked at, so that the calls seen are those of the workflows."""
    return Workflow("used.yaml", f"tasks: {{a: {{run: '{home.said('start')}; {home.said('end')}'}}}}\n",
                    attempts={"a": ["exited 0"]})


def interrupted(home):
    """Whose commands are under way when a warden is killed or the power cut: some are tried again then, some are not."""
    start, end = home.said("start"), home.said("end")
    again = "retry: {attempts: 3, delay: 1ms, on_exit: [1], on_error: [lost]}"
    return [
        Workflow("pair.yaml", f"""tasks:
  first: {{run: '{start}; echo out; {end}'}}
  second: {{needs: first, run: '{start}; echo err >&2; {end}'}}
""", attempts={"first": ["exited 0"], "second": ["exited 0"]}),
        Workflow("again.yaml", f"""tasks:
  again: {{run: '{start}; {end}; test $ASTRO_ATTEMPT -ge 2', {again}}}
""", attempts={"again": ["exited 1", "exited 0"]}, again={"again": 3}),
        Workflow("once.yaml", f"""tasks:
  once: {{run: '{start}; sleep 0.1; {end}'}}
  then: {{needs: once, run: '{start}; {end}'}}
""", attempts={"once": ["exited 0"], "then": ["exited 0"]}),
        Workflow("more.yaml", f"""tasks:
  more: {{run: '{start}; setsid sh -c "sleep 0.1"; {end}', {again}}}
  most: {{needs: more, run: '{start}; {end}', {again}}}
""", attempts={"more": ["exited 0"], "most": ["exited 0"]}, again={"more": 3, "most": 3}),
    ]


def wrong():
    return Workflow("wrong.yaml", "tasks: {a: {rum: 'true'}}\n", "rejected")


class Home:
    @classmethod
    def made(cls, astro, path, effects=None, system=UNLIMITED):
        """A new one, by `astro init`. `system` is what stands below `system:`."""
        home = cls(astro, path, effects)
        subprocess.run([astro, "init", path], check=True, capture_output=True)
        home.configure(system)
        return home

    def __init__(self, astro, path, effects):
        """One that is there."""
        self.astro_path, self.path, self.effects_path = astro, path, effects

    def configure(self, system):
        pathlib.Path(self.path, "config/system_config.yaml").write_text(f"system:\n  {system}\n")

    # What is done with it

    def command(self, *arguments):
        return [self.astro_path, *arguments, "--home", self.path]

    def astro(self, *arguments, before=(), **more):
        return subprocess.run(
            [*before, *self.command(*arguments)], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
            **more)

    def start(self, *arguments, before=(), stderr=subprocess.DEVNULL):
        return subprocess.Popen(
            [*before, *self.command(*arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)

    def said(self, what):
        """A piece of shell by which a task tells something of itself."""
        return f'echo "$ASTRO_WORKFLOW_ID $ASTRO_TASK_ID $ASTRO_ATTEMPT {what}" >> {self.effects_path}'

    def take_for_moved(self):
        """Makes a copy of a home, whose runners are dead, the one they worked in: else it is told from that, and what its
        logs do not tell of is lost."""
        status = os.stat(self.path + "/data")
        for lock in pathlib.Path(self.path, "data/runners").glob("*.lock"):
            owner, mark = lock.read_text().split("\n", 1)
            lock.write_text(f"{owner}\n{status.st_dev}:{status.st_ino} {mark.split(' ', 1)[1]}")
        return self

    def drop(self, workflow, is_synced=False):
        """Renames a finished file into the spool, as any program may."""
        hidden, name = f"{self.path}/spool/.{workflow.file}", f"{self.path}/spool/{workflow.file}"
        if workflow.link:
            os.symlink(workflow.link, hidden)
        else:
            with open(hidden, "wb") as file:
                file.write(workflow.bytes)
                if is_synced:
                    file.flush()
                    os.fsync(file.fileno())
        os.rename(hidden, name)
        if is_synced:
            synchronize(self.path + "/spool")

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
        pathlib.Path(self.effects_path).unlink(missing_ok=True)

    # What is seen of it

    @property
    def effects(self):
        try:
            return pathlib.Path(self.effects_path).read_text().splitlines()
        except FileNotFoundError:
            return []

    def visible(self, folder):
        return sorted(name for name in os.listdir(f"{self.path}/{folder}") if not name.startswith("."))

    def files(self, place):
        return [name for name in self.visible(f"spool/{place}") if not name.endswith(".receipt.json")]

    def waiting(self):
        return [name for name in self.visible("spool") if "." in name]

    def query(self, statement):
        address = f"file:{self.path}/data/astro.sqlite?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=20)) as journal:
            return journal.execute(statement).fetchall()

    def processes(self):
        """Runners and wardens of this home, and commands that run in it."""
        marks = [f"--home\0{self.path}\0", f"--data\0{self.path}/data\0", f"ASTRO_HOME={self.path}\0"]
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                text = b"".join(pathlib.Path("/proc", pid, name).read_bytes() for name in ("cmdline", "environ"))
            except OSError:
                continue
            if any(mark.encode() in text for mark in marks):
                found.append(int(pid))
        return found


def synchronize(directory):
    descriptor = os.open(directory, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


class Judge:
    """Looks at a home at rest; `faults` is everything that is not as it must be, one sentence each."""

    def __init__(self, home, workflows, optional=(), may_lose=False):
        """The files that were dropped; those named in `optional` may have vanished before anybody was told of them.
        Attempts may be `lost` only where wardens were killed, or the power was cut."""
        self.home, self.faults = home, []
        try:
            self.runs = {row["id"]: row for row in self.rows("run")}
            self.tasks, self.attempts = self.rows("task"), self.rows("attempt")
            intact = home.query("PRAGMA integrity_check")
        except sqlite3.Error as error:
            self.faults.append(f"the journal cannot be read: {error}")
            return
        self.expect(intact == [("ok",)], f"integrity_check says {intact[:3]}")
        self.judge_places(workflows, optional)
        lost = [f"{each['run']} {each['task']}" for each in self.attempts if each["outcome"] == "lost"]
        self.expect(may_lose or not lost, f"lost are {lost}")
        self.judge_effects()
        self.judge_records()
        self.judge_metrics()
        self.judge_remains(bool(optional))

    def expect(self, holds, what):
        if not holds:
            self.faults.append(what)

    def rows(self, table):
        columns = [row[1] for row in self.home.query(f"PRAGMA table_info({table})")]
        return [dict(zip(columns, row)) for row in self.home.query(f"SELECT * FROM {table}")]

    def read(self, path):
        return pathlib.Path(self.home.path, path).read_bytes()

    # Every file in exactly one place, with a receipt that agrees with the journal, and its run as it must be.

    def judge_places(self, workflows, optional):
        by_file = collections.defaultdict(list)
        for run in self.runs.values():
            by_file[self.file(run, workflows)].append(run)
        waiting = self.home.waiting()
        for workflow in workflows:
            runs = by_file.pop(workflow.file, [])
            places = len(runs) + (workflow.file in waiting)
            if places == 0 and workflow.file in optional:
                continue
            self.expect(places == 1, f"{workflow.file} is in {places} places")
            if workflow.state is None:
                self.expect(workflow.file in waiting and self.read(f"spool/{workflow.file}") == workflow.bytes,
                            f"{workflow.file} does not wait unchanged")
            elif workflow.file not in waiting or workflow.file not in optional:
                self.expect(runs, f"{workflow.file} was not taken")
            for run in runs:
                self.judge_run(workflow, run)
        for file, runs in by_file.items():
            self.expect(False, f"the journal has {len(runs)} runs of {file}, which nobody dropped")
        wanted = {place: set() for place in PLACES.values()}
        for run in self.runs.values():
            if run["state"] in PLACES:
                wanted[PLACES[run["state"]]] |= {f"{run['id']}.{run['extension']}", f"{run['id']}.receipt.json"}
        wanted["active"] = set()
        for place, names in wanted.items():
            there = set(self.home.visible(f"spool/{place}"))
            odd = f"has {sorted(there - names)} too much and lacks {sorted(names - there)}"
            self.expect(there == names, f"{place}/ {odd}")

    @staticmethod
    def file(run, workflows):
        """The name it was dropped under. One whose claimer died before its row was committed has only the name that it
        had in active/; then its content tells."""
        name = run["file"].decode()
        if name == f"{run['id']}.{run['extension']}":
            return next((each.file for each in workflows if each.sha256 == run["sha256"]), name)
        return name

    def judge_run(self, workflow, run):
        if run["state"] not in PLACES:
            return self.expect(False, f"the run of {workflow.file} is {run['state']}")
        self.expect(run["settled"] == 1, f"the run of {workflow.file} is not settled")
        self.expect(run["sha256"] == workflow.sha256, f"the run of {workflow.file} has sha256 {run['sha256']}")
        place = f"spool/{PLACES[run['state']]}/{run['id']}"
        try:
            receipt = json.loads(self.read(f"{place}.receipt.json"))
            for key, value in [("workflow_id", run["id"]), ("status", run["state"]), ("sha256", run["sha256"]),
                               ("file", run["file"].decode())]:
                self.expect(receipt[key] == value, f"the receipt of {workflow.file} says {key}: {receipt[key]}")
            kept = [f"{place}.{run['extension']}"]
            if run["state"] != "rejected":
                kept.append(f"data/runs/{run['id']}/workflow.{run['extension']}")
            for path in [] if workflow.link else kept:
                self.expect(self.read(path) == workflow.bytes, f"{path} has other bytes than {workflow.file}")
        except (OSError, ValueError) as error:
            self.faults.append(f"the run of {workflow.file}: {error}")
        self.judge_attempts(workflow, run)

    def judge_attempts(self, workflow, run):
        """The attempts are those the workflow asks for, but that lost ones may have come between or, where they are not
        tried again, have ended the task."""
        tasks = {task["task"]: task for task in self.tasks if task["run"] == run["id"]}
        has_lost = False
        for task, wanted in workflow.attempts.items():
            made = [outcome(attempt) for attempt in sorted(self.attempts, key=lambda each: each["number"])
                    if attempt["run"] == run["id"] and attempt["task"] == task]
            lost, state, limit = made.count("lost"), tasks[task]["state"], workflow.again.get(task, 1)
            if state == "upstream_failed":
                self.expect(has_lost and not made, f"{workflow.file}: {task} is {state} after {made}")
                continue
            is_over = made[-1:] == ["lost"]
            has_lost = has_lost or is_over
            meant = [wanted[min(number, len(wanted) - 1)] for number in range(len(made))]
            self.expect(all(each in ("lost", other) for each, other in zip(made, meant)) and lost <= limit
                        and (lost == limit if is_over else made == wanted or lost and made[-1] == wanted[-1]),
                        f"{workflow.file}: {task} came to {made}")
            right = "lost" if is_over else "succeeded" if made[-1:] == ["exited 0"] else None
            self.expect(right in (None, state), f"{workflow.file}: {task} is {state} after {made}")
            self.expect(right or state not in ("succeeded", "lost"), f"{workflow.file}: {task} is {state} after {made}")
        self.expect(run["state"] == workflow.state or (has_lost and run["state"] == "failed"),
                    f"the run of {workflow.file} is {run['state']}")

    # What happened outside is on record, once; and what is on record happened.

    def judge_effects(self):
        lines = collections.Counter(self.home.effects)
        known = {f"{each['run']} {each['task']} {each['number']}": outcome(each) for each in self.attempts}
        for line, count in lines.items():
            attempt = line.rsplit(" ", 1)[0]
            self.expect(count == 1, f"{count} times: {line}")
            self.expect(attempt in known, f"an effect without a record: {line}")
        for attempt, what in known.items():
            if what.startswith("exited"):
                for edge in ("start", "end"):
                    self.expect(lines[f"{attempt} {edge}"] == 1, f"recorded as {what}, but no {edge}: {attempt}")

    # run.json, and the counters, say what the journal says.

    def judge_records(self):
        for run in self.runs.values():
            if run["state"] == "rejected":
                continue
            try:
                record = json.loads(self.read(f"data/runs/{run['id']}/run.json"))
            except (OSError, ValueError) as error:
                self.faults.append(f"run.json of {run['id']}: {error}")
                continue
            told = {task["task_id"]: (task["state"], len(task["attempts"])) for task in record["tasks"]}
            made = collections.Counter(each["task"] for each in self.attempts if each["run"] == run["id"])
            tasks = [each for each in self.tasks if each["run"] == run["id"]]
            wanted = {each["task"]: (each["state"], made[each["task"]]) for each in tasks}
            self.expect(record["state"] == run["state"] and told == wanted,
                        f"run.json of {run['id']} says {record['state']} {told} instead of {run['state']} {wanted}")

    def judge_metrics(self):
        wanted = collections.Counter()
        for each in self.attempts:
            if each["outcome"] not in (None, "cancelled"):
                status = "success" if outcome(each) == "exited 0" else "failure"
                wanted[f'astro_tasks_total{{agent_id="{each["agent"]}",status="{status}"}}'] += 1
                wanted[f'astro_task_duration_seconds_count{{agent_id="{each["agent"]}"}}'] += 1
            if each["number"] > 1:
                wanted[f'astro_retries_total{{agent_id="{each["agent"]}"}}'] += 1
            wanted['astro_system_errors_total{error_type="lost"}'] += each["outcome"] == "lost"
        for run in self.runs.values():
            if run["state"] in COUNTED:
                wanted[f'astro_workflows_total{{status="{COUNTED[run["state"]]}"}}'] += 1
                wanted["astro_workflow_duration_seconds_count"] += 1
            elif run["state"] == "rejected":
                wanted["rejected"] += 1
        page = dict(re.findall(r"^([a-z_]+(?:\{.*?\})?) (\S+)$", self.read("data/metrics/astro.prom").decode(), re.M))
        told = collections.Counter({name: float(page.get(name, 0)) for name in wanted if name != "rejected"})
        told["rejected"] = sum(float(value) for name, value in page.items() if name.startswith("astro_rejected_total"))
        for name, value in wanted.items():
            self.expect(told[name] == value, f"{name} is {told[name]} instead of {value}")

    # Nothing is left behind.

    def judge_remains(self, may_submit):
        """A submitter that died leaves its files in spool/ for an hour: one that submits many keeps none of them open,
        so only time tells."""
        path = self.home.path
        for folder, _, files in os.walk(path):
            for name in files:
                if may_submit and folder == f"{path}/spool" and name.startswith(".astro-"):
                    continue
                # Whose spool it is.
                if (folder, name) == (f"{path}/spool/active", ".home"):
                    continue
                self.expect(not name.startswith(".") and not name.endswith(".tmp"),
                            f"a temporary file is left: {os.path.relpath(folder, path)}/{name}")
        for folder in ("data/runners", "data/scratch"):
            self.expect(not os.listdir(f"{path}/{folder}"), f"{folder}/ has {os.listdir(f'{path}/{folder}')}")
        left = self.home.processes()
        self.expect(not left, f"processes are left: {left}")


def outcome(attempt):
    word = attempt["outcome"] or "unended"
    return f"{word} {attempt['exit_code']}" if word == "exited" else word
