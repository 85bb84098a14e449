#!/usr/bin/env python3
"""Texts that a shell, a template, a format or a parser might take for something else, in every place a value travels.

    injection.py ASTRO [--share N/M]

Each text goes as a parameter (-p, and submitted), through the environment into a script, as an argument of a command,
as an output and on into the next task, as a file name in the spool and as a workflow name. No text may run the canary,
and what arrives must be the text, byte for byte. A control: the same text where a shell is told to evaluate it does
run the canary. Goal R30.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--share", default="0/1", help="every M-th text from the N-th")
given = options.parse_args()
share, shares = map(int, given.share.split("/"))

root = os.path.realpath(tempfile.mkdtemp(prefix="astro-injected-"))
home, canary = root + "/home", root + "/canary"
HIT = f"touch {canary}"
PAYLOADS = [
    f"$({HIT})", f"`{HIT}`", f"; {HIT}", f"| {HIT}", f"|| {HIT}", f"&& {HIT}", f"& {HIT} &", f"\n{HIT}\n", f"'; {HIT}; '",
    f'"; {HIT}; "', f"'\"; {HIT}; \"'", f"$({HIT}", f"${{IFS}};{HIT}", f"a;{HIT}#", f"<({HIT})", f">({HIT})", f"$(({HIT}))",
    f"${{x:-$({HIT})}}", f"${{x:=`{HIT}`}}", f"$'\\n{HIT}\\n'", f"\\\n{HIT}", f"{{{HIT},}}", f"() {{ :;}}; {HIT}",
    f"-c {HIT}", f"--; {HIT}", f"eval {HIT}", f"a[$({HIT})]", f"a[$({HIT})]=1", f"!{HIT}", f"%0a{HIT}", f"\r\n{HIT}\r\n",
    f"EOF\n{HIT}\nEOF", f"ASTRO_EOF\n{HIT}", f"${{{{ env.{HIT} }}}}", "${{ params.text }}", "${{ format('{0}', secrets.X) }}",
    "${{ fromJSON(params.text) }}", f"!!python/object/apply:os.system ['{HIT}']", f"*a &a !<tag:{HIT}>", f"=cmd|'/c {HIT}'!A0",
]
NAUGHTY = [
    "", " ", "  two  ", "\t", "\n", "\n\n", "trailing\n", "\r", "a\rb", "null", "true", "no", "0x1F", "1e309", "NaN", "-0", "007",
    "1:30", "~", "-rf", "--help", "-", "--", "@latest", "../../etc/passwd", "/dev/null", "%s%n%d", "%00", "\\0", "\\x00", "\\u0000",
    "{{7*7}}", "{0}", "$0", "$$", "$?", "$PATH", "${HOME}", "~root", "*", "?", "[a-z]", "a b", "a=b", "=", "a<<EOF", "<<EOF", "key=1",
    "'", '"', "''", '""', "`", "\\", "\\\\", "\\'", "#", "# comment", "a: b", "- a", "{a: b}", "[a]", "|", ">", "%YAML 1.2", "---",
    "...", "\u0085", "\u2028", "\u2029", "\ufeff", "\u200b", "\u202e", "\u2066x\u2069", "\ud7ff", "\ue000", "\uffff", "e\u0301", "\u00e9",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0010ffff", "\x01", "\x1b[31mred\x1b[0m", "\x1b]0;t\x07", "\x7f", "\x80", "\x9b",
    "Z\u0351\u036b\u0343\u036aalgo", "\u0661\u0662", "\uff0e\uff0e/", "<script>alert(1)</script>", "' OR 1=1 --", "x" * 100_000,
    "Robert'); DROP TABLE run;--", "a\tb", "\u3000", "\u0000".replace("\0", "nul"), "\u1680", "\u00a0",
]
texts = [text for number, text in enumerate(PAYLOADS + NAUGHTY) if number % shares == share]
env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "ASTRO_HOME": home}


def astro(*words, **more):
    return subprocess.run([os.path.realpath(given.astro), *words], env=env, cwd=root, capture_output=True, timeout=300, **more)


astro("init", home)
open(home + "/config/system_config.yaml", "w").write(
    "system: {rate_limits: {task_submission: unlimited, workflow_creation: unlimited}}\n")
# `keep` writes what it is given, byte for byte; the block form of an output needs a mark that the text does not hold.
flow = """name: carry
params: {text: {type: string, required: true}}
env: {OUTER: '${{ params.text }}'}
tasks:
  script:
    env: {TEXT: '${{ params.text }}'}
    run: |
      printf %s "$TEXT" > "$ASTRO_RUN_DIR/script"; printf %s "$OUTER" > "$ASTRO_RUN_DIR/outer"
      printf 'text<<-no-such-mark-\\n%s\\n-no-such-mark-\\n' "$TEXT" >> "$ASTRO_OUTPUT"
    outputs: [text]
  argv:
    run: [/bin/sh, -c, 'printf %s "$1" > "$ASTRO_RUN_DIR/argv"', sh, '${{ params.text }}']
  program:
    run: [printf, '%s', '${{ params.text }}']
  onward:
    needs: script
    env: {TEXT: '${{ tasks.script.outputs.text }}'}
    run: printf %s "$TEXT" > "$ASTRO_RUN_DIR/onward"
  onward-argv:
    needs: script
    run: [/bin/sh, -c, 'printf %s "$1" > "$ASTRO_RUN_DIR/onward-argv"', sh, '${{ tasks.script.outputs.text }}']
  condition:
    needs: script
    if: ${{ tasks.script.outputs.text == params.text }}
    run: touch "$ASTRO_RUN_DIR/equal"
"""
open(root + "/carry.yaml", "w").write(flow)
faults = []


def check(run, text, how):
    wanted = text.encode()
    for name in ["script", "outer", "argv", "onward", "onward-argv"]:
        try:
            found = open(f"{home}/data/runs/{run}/files/{name}", "rb").read()
        except FileNotFoundError:
            found = None
        if found != wanted:
            faults.append(f"{how} {text[:60]!r}: {name} got {found if found is None else found[:80]!r}")
    if not os.path.exists(f"{home}/data/runs/{run}/files/equal"):
        faults.append(f"{how} {text[:60]!r}: is not equal to itself after the way round")


def latest():
    return max(os.listdir(home + "/data/runs"), key=lambda name: os.stat(f"{home}/data/runs/{name}").st_ctime_ns)


for text in texts:
    ending = astro("run", "carry.yaml", "-q", "-p", "text=" + text)
    if ending.returncode != 0:
        faults.append(f"run {text[:60]!r}: exit code {ending.returncode}: {ending.stderr[:200]!r}")
        continue
    check(ending.stdout.split()[0].decode(), text, "run")
submitted = {}
for text in texts:
    ending = astro("submit", "carry.yaml", "-p", "text=" + text)
    if ending.returncode != 0:
        faults.append(f"submit {text[:60]!r}: exit code {ending.returncode}: {ending.stderr[:200]!r}")
    else:
        submitted[ending.stdout.split()[0].decode()] = text
# As a name of a file, and as the name, a label and a description in it. A name that is not allowed is rejected.
names = 0
for text in texts:
    name = (text.replace("/", "\u2215").encode()[:200].decode(errors="ignore") or "empty") + ".yaml"
    if name.startswith(".") or os.path.exists(f"{home}/spool/{name}"):
        continue
    names += 1
    quoted = json.dumps(text, ensure_ascii=True)
    body = f"labels: {{note: {quoted}}}\ndescription: {quoted}\nenv: {{T: {quoted}}}\ntasks: {{a: {{run: 'echo \"$T\"'}}}}\n"
    open(f"{root}/.new", "w").write(body)
    os.rename(f"{root}/.new", f"{home}/spool/{name}")
    open(f"{root}/.new", "w").write(f"name: {quoted}\n" + body)
    os.rename(f"{root}/.new", f"{home}/spool/named-{names}.yaml")
total = len(texts) + len(submitted) + 2 * names
astro("drain")
for verb in [["status"], ["status", "--json"], ["list"], ["list", "--json", "--limit", "100000"], ["limits"], ["metrics"], ["events"]]:
    astro(*verb)
for run, text in submitted.items():
    check(run, text, "submit")
settled = sum(len([name for name in os.listdir(f"{home}/spool/{place}") if ".receipt." not in name])
              for place in ["done", "failed", "cancelled", "rejected"])
waiting = [name for name in os.listdir(home + "/spool") if "." in name and not name.startswith(".")]
if settled != total or waiting:
    faults.append(f"{settled} of {total} files are settled, {len(waiting)} wait: {waiting[:5]}")
for line in open(home + "/logs/astro.log", "rb"):
    try:
        json.loads(line)
    except ValueError:
        faults.append(f"the log holds {line[:80]!r}")
        break
if os.path.exists(canary):
    faults.append("the canary was run")
# The control: a script that evaluates what it is given is the user's own doing, and the canary would tell.
open(root + "/eval.yaml", "w").write(
    "params: {text: {type: string}}\ntasks: {a: {env: {T: '${{ params.text }}'}, run: 'eval \": $T\"'}}\n")
astro("run", "eval.yaml", "-q", "-p", "text=" + PAYLOADS[0])
if not os.path.exists(canary):
    faults.append("control: the canary cannot be run at all")
shutil.rmtree(root)
if faults:
    print(f"{len(faults)} faults with {len(texts)} texts", *faults[:40], sep="\n  ", file=sys.stderr)
    sys.exit(1)
print(f"{len(texts)} texts in 12 places: 0 ran the canary, all delivered byte for byte")
