#!/usr/bin/env python3
"""An agent of type exec in Python: counts a column of a CSV file.

What it is told (one line on standard input) and what it says (lines on standard output) is version 1 of the exchange that
`astro schema --exec` describes. In config/agents.yaml:

  - id: csv_agent_001
    type: exec
    command: [python3, /path/to/workflows/csv-statistics.py]
    capabilities: [csv]
"""

import csv
import json
import os
import sys


def say(**message):
    print(json.dumps(message), flush=True)


def statistics(path, column):
    size = max(os.path.getsize(path), 1)
    values = []
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(iter(file.readline, ""))
        if column not in (rows.fieldnames or []):
            raise ValueError(f"{path} has no column '{column}'")
        for number, row in enumerate(rows, start=2):
            try:
                values.append(float(row[column]))
            except (TypeError, ValueError):
                raise ValueError(f"{path}, line {number}: '{row[column]}' is not a number") from None
            if number % 100_000 == 0:
                say(type="progress", message=f"{number} lines", fraction=min(file.tell() / size, 1))
    if not values:
        raise ValueError(f"{path} has no rows")
    return {"rows": len(values), "least": min(values), "most": max(values), "mean": sum(values) / len(values)}


def main():
    request = json.load(sys.stdin)
    if request["version"] != 1:
        raise ValueError(f"version {request['version']} of the exchange is not known")
    asked = request["with"]
    return statistics(os.path.join(request["run_dir"], asked["file"]), asked["column"])


try:
    say(type="result", status="succeeded", outputs=main())
except KeyError as missing:
    say(type="result", status="failed", error=f"with: {missing} is missing")
except (OSError, ValueError) as problem:
    say(type="result", status="failed", error=str(problem))
