"""Independent no-op tasks, two at a time, every one durable: how many a second."""

import os
from datetime import datetime

import workflows
from figures import Bar, Row, Samples, Table, interleave


def run(session):
    tasks = 500 if session.quick else 2000
    rounds = 3 if session.quick else 5
    file = session.write("independent.yaml", workflows.independent(tasks))
    lines = session.write("lines", "".join(f"{index}\n" for index in range(tasks)))
    spans = []

    def astro():
        home = session.home()
        home.drop(file)
        seconds = home.drain().seconds
        spans.append(tasks / span(home.the_run(tasks)))
        return tasks / seconds

    rates = interleave(rounds, {
        "spawn": lambda: tasks / session.timed(session.reference("spawn"), str(tasks), "2").seconds,
        "astro": astro,
        "xargs": lambda: tasks / session.timed("xargs", "-P2", "-n1", "/bin/true", stdin=lines).seconds,
        "ninja": lambda: ninja(session, tasks),
        "fsync": lambda: with_fsync(session, tasks, 2),
    })
    astro_rate = rates["astro"]
    unit = "tasks/s"
    return Table("start-rate", f"{tasks:,} independent no-op tasks, two at a time, whole processes; {rounds} rounds", [
        Row("posix_spawn and wait in C", unit, astro_rate, rates["spawn"], Bar("ratio", "at least", 0.90)),
        Row("xargs -P2 -n1", unit, astro_rate, rates["xargs"], Bar("ratio", "above", 1)),
        Row("ninja -j2", unit, astro_rate, rates["ninja"], Bar("ratio", "above", 1)),
        Row("the C loop, one fsync a task", unit, astro_rate, rates["fsync"]),
        Row("the C loop; astro's first start to last end", unit, Samples(spans), rates["spawn"]),
    ], ["astro is the whole process of `astro drain` in a fresh home, but for the last row"])


def span(report):
    """Seconds from the start of the first attempt to the end of the last, by the journal's times."""
    attempts = [attempt for task in report["tasks"] for attempt in task["attempts"]]
    first = min(datetime.fromisoformat(attempt["started_at"]) for attempt in attempts)
    last = max(datetime.fromisoformat(attempt["finished_at"]) for attempt in attempts)
    return max((last - first).total_seconds(), 0.001)


def ninja(session, tasks):
    directory = session.path("ninja")
    os.mkdir(directory)
    edges = "".join(f"build task_{index}: nothing\n" for index in range(tasks))
    with open(os.path.join(directory, "build.ninja"), "w") as file:
        file.write("rule nothing\n  command = /bin/true\n" + edges)
    return tasks / session.timed("ninja", "-j2", "--quiet", cwd=directory).seconds


def with_fsync(session, tasks, parallel):
    records = session.path("records")
    seconds = session.timed(session.reference("spawn"), str(tasks), str(parallel), records).seconds
    os.unlink(records)
    return tasks / seconds
