"""Lines of JSON into the log file."""

import json
import os

from figures import Bar, Row, Table, Wrong, interleave


def run(session):
    rounds = 3 if session.quick else 5
    count = 20_000 if session.quick else 100_000
    fewer = count // 10
    length = check(session)
    rates = interleave(rounds, {
        "c": lambda: rate(session, count, [session.reference("lines")], str(length)),
        "astro": lambda: rate(session, count, [session.rooms, "log-lines"]),
        "python": lambda: rate(session, fewer, session.script("logging_lines.py")),
    })
    return Table("log-lines", f"{count:,} lines of {length} bytes, one write(2) each; {rounds} rounds", [
        Row("write(2) of a ready line in C", "lines/s", rates["astro"], rates["c"], Bar("ratio", "at least", 0.8)),
        Row("Python's logging with a JSON formatter", "lines/s", rates["astro"], rates["python"]),
    ])


def check(session):
    """The length of a line, once it is certain that the lines are what a runner logs."""
    file = session.path("log")
    session.told(session.rooms, "log-lines", file, "1000")
    with open(file) as log:
        lines = log.readlines()
    os.unlink(file)
    records = [json.loads(line) for line in lines]
    if len(records) != 1000:
        raise Wrong(f"1000 lines were logged, {len(records)} are in the file")
    for record in records:
        if record["message"] != "Task execution completed" or record["workflow_id"] == "" or record["success"] is not True:
            raise Wrong(f"not the line that was logged: {record}")
    return round(sum(len(line.encode()) for line in lines) / len(lines))


def rate(session, count, command, *more):
    file = session.path("log")
    result = session.told(*command, file, str(count), *more)
    with open(file, "rb") as log:
        lines = sum(block.count(b"\n") for block in iter(lambda: log.read(1 << 20), b""))
    os.unlink(file)
    if lines != count:
        raise Wrong(f"{' '.join(command)}: {count} lines were logged, {lines} are in the file")
    return count / (result["end_ns"] - result["start_ns"]) * 1e9
