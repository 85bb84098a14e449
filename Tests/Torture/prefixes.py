#!/usr/bin/env python3
"""Every prefix of five workflows, as a copy that was cut off leaves it: run only if it is the whole file.

    prefixes.py ASTRO [--every N]

Goal R11. All are dropped at once, given the five seconds that a missing last newline is given, and drained. No prefix may
run that ends within a line. One that ends with a line and is a workflow of its own cannot be told from a whole file: these
are counted, and must be just those that `astro validate` accepts. Of the prefixes that end within a line, every Nth is tried.
"""
import argparse
import collections
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from astro_home import Home

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--every", type=int, default=1)
given = options.parse_args()
astro = given.astro
home = Home.made(astro, tempfile.mkdtemp(prefix="astro-prefixes-")).path
effects = home + "/effects"
faults = []


def expect(holds, what):
    if not holds:
        faults.append(what)


# Each tells who it is with its first and its last task. None does anything else.
WORKFLOWS = {
    "report": """# A report, every night.
name: report
description: what came in since yesterday
params:
  day: {type: string, pattern: '^[0-9-]+$', default: '2026-11-23'}
  top: 10
env: {DAY: '${{ params.day }}'}
defaults: {timeout: 10m, retry: {attempts: 2}}
tasks:
  fetch:
    run: echo "$ASTRO_WORKFLOW_ID begins" >> EFFECTS
    outputs: [rows]
    continue_on_error: true
  tidy:
    needs: [fetch]
    run: |
      echo "would do: rm -rf ./build/tmp"
      echo "and more"
  publish:
    needs: [fetch, tidy]
    if: ${{ always() && params.top > 0 }}
    run: echo "$ASTRO_WORKFLOW_ID ends" >> EFFECTS
""",
    "flow": """{name: flow, labels: {team: data}, priority: 5, env: {A: 'x', B: "y"},
tasks: {
  first: {run: 'echo "$ASTRO_WORKFLOW_ID begins" >> EFFECTS'},
  second: {needs: [first], run: [echo, 'one', "two", '${{ env.A }}'], timeout: 30s},
  third: {needs: [first], run: 'true', retry: {attempts: 3, delay: 5s, factor: 2, max_delay: 1m}},
  fourth: {needs: [second, third], if: "success() && env.B == 'y'", run: 'true', continue_on_error: true},
  last: {needs: [fourth], run: 'echo "$ASTRO_WORKFLOW_ID ends" >> EFFECTS',
    env: {LONG: 'a text that makes this one about as long as the others are, and a little longer'}}
}}
""",
    "chain": """name: chain
tasks:
  a:
    run: echo "$ASTRO_WORKFLOW_ID begins" >> EFFECTS
  b: {needs: a, run: 'true'}
  c: {needs: b, run: 'true'}
  d:
    needs: [a, b, c]
    run:
    - /bin/sh
    - -c
    - |
      echo one
      echo two

      echo three
  e:
    needs: d
    env:
      TEXT: >-
        a folded text
        over some lines
    run: echo "$TEXT"
  f: {needs: [e], run: 'true', timeout: 5m, grace: 10s}
  g:
    needs:
    - e
    - f
    run: echo "$ASTRO_WORKFLOW_ID ends" >> EFFECTS
# The end. There is nothing below this line, and nothing is missing.
""",
    "backup": """# Copies, checks, removes the old ones.
name: backup
params: {target: {type: string, default: /var/backups}, keep: 7}
env: {TARGET: '${{ params.target }}', KEEP: '${{ params.keep }}'}
defaults: {timeout: 2h}
tasks:
  archive:
    run: |
      echo "$ASTRO_WORKFLOW_ID begins" >> EFFECTS
      echo "would write $TARGET"
  verify:
    needs: [archive]
    run: echo "would read it again"
  rotate:
    needs: [verify]
    run: |
      echo "would keep $KEEP of them"
      echo "$ASTRO_WORKFLOW_ID ends" >> EFFECTS
  summary: {needs: [archive, verify, rotate], run: 'echo done'}
""",
    "json": json.dumps({
        "name": "json", "description": "the same language in JSON", "env": {"X": "1", "Y": "a \\ \u00e4"},
        "tasks": {
            "one": {"run": 'echo "$ASTRO_WORKFLOW_ID begins" >> EFFECTS', "timeout": "30s"},
            "two": {"needs": ["one"], "run": ["echo", "a", "b", "${{ env.Y }}"], "retry": {"attempts": 2, "on_exit": [1, 75]}},
            "three": {"needs": ["two"], "run": "true", "if": "${{ success() }}", "continue_on_error": True},
            "four": {"needs": ["one", "two", "three"], "run": 'echo "$ASTRO_WORKFLOW_ID ends" >> EFFECTS'}}}, indent=1) + "\n",
}

whole, prefixes = set(), {}
for title, text in WORKFLOWS.items():
    content = text.replace("EFFECTS", effects).encode()
    for length in range(1, len(content) + 1):
        if length % given.every and content[length - 1:length] != b"\n":
            continue
        name = f"{title}-{length}.{'json' if title == 'json' else 'yaml'}"
        prefixes[name] = content[:length]
        if length == len(content):
            whole.add(name)
        with open(f"{home}/spool/{name}", "wb") as file:
            file.write(content[:length])
dropped = time.monotonic()

# What each would be by itself, asked while the files rest.
lines = sorted(name for name, content in prefixes.items() if content.endswith(b"\n"))
valid = {name for name in lines if subprocess.run([astro, "validate", f"{home}/spool/{name}"], capture_output=True).returncode == 0}
expect(whole <= valid, f"not valid: {whole - valid}")
# Nobody tells when a file has rested long enough: this is longer.
time.sleep(max(0, dropped + 5.5 - time.monotonic()))
drain = subprocess.run([astro, "drain", "--home", home], capture_output=True, text=True)
expect(drain.returncode in (0, 1), f"the drain left with {drain.returncode}: {drain.stderr[:500]}")

ends = {}
for place in ("done", "failed", "cancelled", "rejected"):
    for receipt in map(lambda name: json.load(open(name)), glob.glob(f"{home}/spool/{place}/*.receipt.json")):
        expect(receipt["file"] not in ends, f"{receipt['file']} ended twice")
        ends[receipt["file"]] = (place, receipt)
counts = collections.Counter()
ran = {line.split()[0] for line in open(effects)}
for name, content in prefixes.items():
    place, receipt = ends.get(name, ("nowhere", {}))
    if name in valid:
        counts["whole" if name in whole else "remainder"] += 1
        # Some of what was cut off fails: half a script.
        expect(place in ("done", "failed"), f"{name}, which is valid, ended in {place}")
        expect(place == "done" or name not in whole, f"{name}, which is whole, failed")
    else:
        counts["refused"] += 1
        expect(place == "rejected", f"{name}, which is not whole, ended in {place}")
        expect(receipt.get("workflow_id") not in ran, f"{name}, which is not whole, ran")
    if not content.endswith(b"\n"):
        counts["within a line"] += 1
        codes = [error["code"] for error in receipt.get("errors", [])]
        expect(codes == ["cut_off"], f"{name}, which ends within a line, was refused as {codes}")

if faults:
    print(f"the home is {home}", *faults[:20], sep="\n  ", file=sys.stderr)
    sys.exit(1)
shutil.rmtree(home)
print(f"{len(prefixes)} prefixes of {len(WORKFLOWS)} workflows: {counts['whole']} whole ones ran, 0 of {counts['within a line']} that "
      f"end within a line; {counts['remainder']} others end with a line and are workflows of their own")
