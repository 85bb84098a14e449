"""One invocation: the binary, the references, a temporary directory, and fresh homes in it."""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

from figures import Wrong

CONFIGURATION = """\
system:
  rate_limits: {{task_submission: unlimited, workflow_creation: {workflow_creation}, api_calls: unlimited}}
  max_parallel_tasks: 2
  health_check_interval: {interval}
  metrics_interval: {interval}
"""


@dataclass
class Timing:
    seconds: float
    processor: float
    peak_mib: float
    output: str


class Session:
    def __init__(self, astro, built, quick):
        self.astro = os.path.realpath(astro)
        self.built = built
        self.quick = quick
        self.root = tempfile.mkdtemp(prefix="astro-bench-")
        self.scripts = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "references")
        self.made = 0
        # What would change the home, the log or the level of a run must not leak in.
        hidden = ("ASTRO_HOME", "ENVIRONMENT", "LOG_LEVEL", "JSON_LOGGING")
        self.environment = {name: value for name, value in os.environ.items() if name not in hidden}

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def reference(self, name):
        return os.path.join(self.built, "references", name)

    @property
    def python(self):
        """An interpreter that has the packages compared with."""
        return os.path.join(self.built, "venv", "bin", "python")

    def script(self, name):
        return ["python3", os.path.join(self.scripts, name)]

    @property
    def rooms(self):
        """The rooms that the command line does not show on their own, built beside it."""
        return os.path.join(os.path.dirname(self.astro), "BenchmarkRooms")

    def path(self, name):
        """A name nobody has used in this invocation."""
        self.made += 1
        return os.path.join(self.root, f"{self.made}-{name}")

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def home(self, workflow_creation="unlimited", interval=30):
        return Home(self, self.path("home"), workflow_creation, interval)

    def timed(self, *command, stdin="/dev/null", cwd=None, codes=(0,)):
        """Runs a command to its end: seconds from spawn to wait and of the processor, and its peak memory."""
        output = self.path("output")
        run = subprocess.run(
            [self.reference("timed"), stdin, output, *command], stdout=subprocess.PIPE, text=True, cwd=cwd,
            env=self.environment)
        with open(output, errors="replace") as file:
            said = file.read()
        os.unlink(output)
        if run.returncode != 0:
            raise Wrong(f"could not run {' '.join(command)}")
        nanoseconds, status, peak, user, system = map(int, run.stdout.split())
        code = os.waitstatus_to_exitcode(status)
        if code not in codes:
            raise Wrong(f"{' '.join(command)}: exit code {code}\n{said[-2000:]}")
        return Timing(nanoseconds / 1e9, (user + system) / 1e6, peak / 1024, said)

    def told(self, *command):
        """Runs a command that measures itself and says so as one line of JSON."""
        return finish(self.start(*command))

    def start(self, *command):
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)


def finish(process):
    said, errors = process.communicate()
    if process.returncode != 0:
        raise Wrong(f"{' '.join(process.args)}: exit code {process.returncode}\n{errors[-2000:]}")
    return json.loads(said)


class Home:
    def __init__(self, session, path, workflow_creation, interval):
        self.session = session
        self.path = path
        session.timed(session.astro, "init", path)
        self.configuration = CONFIGURATION.format(workflow_creation=workflow_creation, interval=interval)
        self.configure()

    def configure(self, *settings, limits="{}"):
        """Adds settings of the system, and named limits."""
        with open(self.at("config/system_config.yaml"), "w") as file:
            file.write(self.configuration + "".join(f"  {setting}\n" for setting in settings) + f"limits: {limits}\n")

    def at(self, name):
        return os.path.join(self.path, name)

    def drop(self, file, name="workflow.yaml"):
        """A plain copy into the spool."""
        shutil.copyfile(file, self.at(f"spool/{name}"))

    def drain(self, codes=(0,)):
        return self.session.timed(self.session.astro, "drain", "--home", self.path, codes=codes)

    def watch(self):
        """Where it writes what it says is its `log`."""
        path = self.session.path("watch.log")
        with open(path, "wb") as log:
            process = subprocess.Popen(
                [self.session.astro, "watch", "--home", self.path], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.session.environment)
        process.log = path
        return process

    def receipts(self, state):
        try:
            names = [name for name in os.listdir(self.at(f"spool/{state}")) if name.endswith(".receipt.json")]
        except FileNotFoundError:  # the first runner of a home makes it
            return []
        return [self.json(f"spool/{state}/{name}") for name in names]

    def json(self, name):
        with open(self.at(name)) as file:
            return json.load(file)

    def the_run(self, tasks):
        """The report of the only run, once it is certain that every one of its tasks ran once and succeeded."""
        receipts = self.receipts("done")
        if len(receipts) != 1 or receipts[0]["status"] != "succeeded":
            raise Wrong(f"{self.path}: expected one succeeded workflow in spool/done, found {receipts}")
        report = self.json(f"data/runs/{receipts[0]['workflow_id']}/run.json")
        good = [task for task in report["tasks"] if task["state"] == "succeeded" and len(task["attempts"]) == 1]
        if len(good) != tasks or len(report["tasks"]) != tasks:
            raise Wrong(f"{self.path}: {len(good)} of {tasks} tasks succeeded in one attempt")
        return report

    def remove(self):
        """Only where it is large: ext4 without a journal passes over inodes that were just freed, so that those who make
        files next would pay for it. The others go at the end."""
        shutil.rmtree(self.path, ignore_errors=True)
