#!/usr/bin/env python3
"""Strings that break programs, through every place where Astro takes one: byte for byte, never as code, never raw.

    naughty.py ASTRO STRINGS [--every N]

STRINGS is a JSON list: the Big List of Naughty Strings, blns.json, of which every Nth is taken. Goals R30 (injection) and R33 (logs and terminals). Each
string, and some forty payloads of ours that would make a file, go through a parameter, `-p`, env, a program's argument,
$ASTRO_OUTPUT, another task's env, stdout and run.json, and come out as the bytes they were; as a label, a description, a
file's name; as ids, names and arguments where most must be refused. Nothing may be executed. Every line of every log and
every record is JSON without control characters, and a terminal gets none either.
"""
import argparse
import glob
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import termios
import threading
import time

from astro_home import Home

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("strings")
options.add_argument("--every", type=int, default=1)
options = options.parse_args()
astro = options.astro
home = Home.made(astro, tempfile.mkdtemp(prefix="astro-naughty-")).path
canary = home + "/canary"
faults = []


def expect(holds, what):
    if not holds and len(faults) < 100:
        faults.append(what)


strings = json.load(open(options.strings, encoding="utf-8"))[::options.every]
COMMAND = f"touch {canary}"
PAYLOADS = [f.format(COMMAND) for f in [
    "$({})", "`{}`", "; {} ;", "| {}", "&& {}", "|| {}", "\n{}\n", "' ; {} ; '", '" ; {} ; "', "'$({})'", '"$({})"', "\\\n{}", "${{IFS;{}}}",
    "$(({}))", "<({})", ">({})", "{{ {}; }}", "( {} )", "& {} &", "#\n{}", "EOF\n{}\n", "MARK\n{}\n", "'\n{}\n'", "\r{}\r", "\r\n{}\r\n",
    "${{PATH:+$({})}}", "$'\\n{}\\n'", "!{}", "%0a{}", "-c {}", "--eval={}", "\u0301'; {}; '", "'\u0301; {}; '\u0301", "a=$({})", "${{x:-`{}`}}",
    "\\`{}\\`", "\"'`$({})`'\"", "\\\"; {} #", "$\\({})", "*; {}",
]]
NUL = [text for text in strings if "\0" in text]
# No string of a process can hold a NUL, and a lone surrogate is no text at all.
# What ours would do is not done by being shown: they are not asked for by name.
shown = [text for text in strings if "\0" not in text]
strings = [text for text in strings + PAYLOADS if "\0" not in text and text.encode("utf-8", "replace").decode() == text]
BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def run(*arguments, **more):
    return subprocess.run([astro, *arguments], capture_output=True, timeout=120, env={**os.environ, "ASTRO_HOME": home}, **more)


def on_terminal(*arguments):
    """What a verb writes to a terminal that adds nothing itself."""
    controller, device = pty.openpty()
    settings = termios.tcgetattr(device)
    settings[1] = 0  # nothing is added to what is written
    termios.tcsetattr(device, 0, settings)
    parts = []

    def drain():
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:
                return
            if not part:
                return
            parts.append(part)

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    ending = subprocess.run([astro, *arguments], stdin=device, stdout=device, stderr=device, timeout=120,
                            env={**os.environ, "ASTRO_HOME": home, "NO_COLOR": "1"})
    os.close(device)
    reader.join()
    os.close(controller)
    text = b"".join(parts).decode("utf-8", "replace")
    found = BAD.search(text)
    expect(not found, f"{' '.join(arguments[:2])}: {found and repr(text[max(0, found.start() - 40):found.end() + 20])} on a terminal")
    expect(ending.returncode in range(0, 100), f"{' '.join(arguments[:2])} left with {ending.returncode}")
    terminals.append(arguments[0])
    return ending.returncode


terminals = []

# --- Values, byte for byte ----------------------------------------------------------------------------------------------
runs = compared = 0
for start in range(0, len(strings), 100):
    chunk = list(enumerate(strings))[start:start + 100]
    tasks = {}
    for number, text in chunk:
        tasks[f"s{number}"] = {
            "env": {"V": text, "N": str(number)},
            # A mark of its own: the text may hold any line.
            "run": "printf %s \"$V\" > env.$N; mark=M$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \\n'); "
                   "{ printf 'v<<%s\\n' $mark; printf '%s\\n' \"$V\"; printf '%s\\n' $mark; } >> \"$ASTRO_OUTPUT\"; printf %s \"$V\"",
            "outputs": ["v"]}
        tasks[f"t{number}"] = {
            "needs": [f"s{number}"], "env": {
                "OUT": f"${{{{ tasks.s{number}.outputs.v }}}}", "PARAM": f"${{{{ params.p{number} }}}}",
                "FORMAT": f"${{{{ format('{{0}}', params.p{number}) }}}}", "N": str(number),
                "JSON": f"${{{{ toJSON(params.p{number}) }}}}", "STDOUT": f"${{{{ tasks.s{number}.stdout }}}}"},
            "run": ["/bin/sh", "-c",
                    'printf %s "$1" > arg.$N; printf %s "$OUT" > out.$N; printf %s "$PARAM" > param.$N; '
                    'printf %s "$FORMAT" > format.$N; printf %s "$JSON" > json.$N; printf %s "$STDOUT" > stdout.$N',
                    "sh", f"${{{{ tasks.s{number}.outputs.v }}}}"]}
    # What looks like the beginning of an expression would be one.
    workflow = {"name": f"values{start}", "description": chunk[0][1], "labels": {"l": chunk[-1][1]},
                "params": {f"p{number}": {"type": "string", "required": True} for number, _ in chunk}, "tasks": tasks}
    file = f"{home}/values{start}.json"
    json.dump(workflow, open(file, "w", encoding="utf-8"), ensure_ascii=start % 200 == 0)
    given = [word for number, text in chunk for word in ("-p", f"p{number}={text}")]
    ending = run("run", "--quiet", file, *given)
    expect(ending.returncode == 0, f"values {start}: {ending.returncode}: {ending.stderr.decode('utf-8', 'replace')[:600]}")
    folders = glob.glob(f"{home}/data/runs/values{start}-*")
    if len(folders) != 1:
        continue
    runs += 1
    record = json.load(open(folders[0] + "/run.json", encoding="utf-8"))
    outputs = {task["task_id"]: task.get("outputs", {}) for task in record["tasks"]}
    for number, text in chunk:
        wanted = text.encode()
        for kind in ("env", "arg", "out", "param", "format"):
            got = open(f"{folders[0]}/files/{kind}.{number}", "rb").read()
            expect(got == wanted, f"{kind} of {text!r} came out as {got!r}")
        printed = open(f"{folders[0]}/files/stdout.{number}", "rb").read()
        expect(printed == wanted.strip(b" \t\n\v\f\r"), f"stdout of {text!r} came out as {printed!r}")
        expect(json.loads(open(f"{folders[0]}/files/json.{number}", "rb").read()) == text, f"toJSON of {text!r}")
        expect(outputs[f"s{number}"].get("v") == text, f"the output {text!r} is recorded as {outputs[f's{number}'].get('v')!r}")
        expect(record["params"][f"p{number}"] == text, f"the parameter {text!r} is recorded as {record['params'][f'p{number}']!r}")
        compared += 9
    for verb in (["status"], ["logs"], ["explain"], ["plan", file], ["events"]):
        on_terminal(*verb, *([] if verb[0] in ("plan", "events") else ["@latest"]))

# --- Names of files -----------------------------------------------------------------------------------------------------
names = {os.fsencode(text) + b".yaml" for text in strings if "/" not in text and len(os.fsencode(text)) <= 250}
for name in names:
    with open(os.fsencode(home) + b"/spool/" + name, "w") as file:
        file.write("tasks: {a: {run: 'true'}}\n")
names = {name for name in names if not name.startswith(b".")}
on_terminal("status")
on_terminal("list")
time.sleep(5.2)
drain = run("drain")
expect(drain.returncode in (0, 1), f"the drain of {len(names)} names left with {drain.returncode}: {drain.stderr[:300]}")
expect(not BAD.search(drain.stderr.decode()), "a drain says a name raw")
ended = [json.load(open(path, encoding="utf-8")) for path in glob.glob(home + "/spool/*/*.receipt.json")]
ended = [receipt["file"] for receipt in ended if not receipt["file"].startswith("values")]
expect(len(ended) == len(names), f"of {len(names)} names {len(ended)} ended")

# --- Ids, names, keys: most must be refused, all must be said safely ----------------------------------------------------
bad = f"{home}/ids.json"
json.dump({"name": strings[7], "user": strings[8], "priority": strings[9], "labels": {text: text for text in strings},
           "env": {text: text for text in strings}, "params": {text: 1 for text in strings[:200]}, "unknown" + strings[10]: 1,
           "tasks": {text or "empty": {"needs": [text], "run": text, "if": text, "agent": text, "timeout": text, "shell": text,
                                       "workdir": text, "outputs": [text], text + "x": 1} for text in strings + NUL}},
          open(bad, "w", encoding="utf-8"))
expect(on_terminal("validate", bad) == 65, "strange ids are accepted")
ending = run("validate", bad)
expect(not BAD.search(ending.stdout.decode() + ending.stderr.decode()), "validate says one raw")
expect(on_terminal("run", bad) == 65, "a run with strange ids begins")
for number, text in enumerate(shown):
    for verb in (["status"], ["cancel"], ["logs"]) if number % 10 == 0 else (["status"],):
        on_terminal(*verb, "--", text)
    on_terminal("list", "--state", text)
    if number % 10 == 0:
        on_terminal("list", text)
        on_terminal(text)
        on_terminal("run", "-p", text, bad)
        on_terminal("validate", text)
        on_terminal("logs", "@latest", "--", text)

# --- What was written ---------------------------------------------------------------------------------------------------
lines = 0
for path in [home + "/logs/astro.log", *glob.glob(home + "/data/runs/*/events.jsonl"), *glob.glob(home + "/data/runs/*/run.json"),
             *glob.glob(home + "/spool/*/*.receipt.json")]:
    for line in open(path, "rb"):
        text = line.decode()
        json.loads(text)
        lines += 1
        expect(not BAD.search(text), f"{path} holds a raw control character: {text[:200]!r}")
expect(not os.path.exists(canary), "a payload was executed")
if faults:
    print(f"the home is {home}", *faults[:20], sep="\n  ", file=sys.stderr)
    sys.exit(1)
shutil.rmtree(home)
print(f"{len(strings)} strings: {compared} values byte for byte in {runs} runs, {len(names)} names of files, {len(terminals)} verbs on a "
      f"terminal and {lines} lines of records without a raw control character, 0 payloads executed")
