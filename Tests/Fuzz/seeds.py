#!/usr/bin/env python3
"""What fuzzing starts from: seeds.py DIR [CORPORA]

Writes DIR/<target>/<n> for each target: the example workflows and a few texts of every kind, and of the public collections
in the folder CORPORA (see Tests/Corpora.md) whatever is there.
"""
import glob
import json
import os
import sys

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
target = sys.argv[1]
corpora = sys.argv[2] if len(sys.argv) > 2 else None


def read(pattern):
    return [open(path, "rb").read() for path in sorted(glob.glob(pattern)) if os.path.getsize(path) < 4096]


def corpus(pattern):
    return read(os.path.join(corpora, pattern)) if corpora else []


yaml = [b"a: 1\nb:\n  - 'x'\n  - {k: \"v\\n\"}\nc: |\n  text\n   more\nd: >-\n  folded\n", b"x: &a [1, 2]\nz: *a\n? [c]\n: d\n"]
workflow = read(root + "/workflows/*.yaml") + [
    b"""name: n
params: {top: 10, day: {type: string, pattern: '^a+$', default: aa}, list: [a, 1]}
env: {A: '${{ params.top }}'}
defaults: {retry: {attempts: 2, on_exit: [1]}, env: &e {B: b}}
tasks:
  a: {run: 'echo hi', outputs: [x], timeout: 5m, shell: [sh, -c]}
  b:
    needs: [a]
    if: ${{ success() && contains(tasks.a.outputs.x, 'y') || params.list[0] == 'a' }}
    run: [echo, "${{ format('{0}', env.B) }}", '${{ tasks.a.stdout }}']
    env: *e
"""
]
json_texts = [b'{"a": [1, -2.5e3, true, null, "\\ud83d\\ude00\\u00e4"], "b": {"c": {}}}', b"[[[]],{}]", b'""', b"-0.1e-2"]
expression = [
    b"params.n == 1 && !(env.HOME != 'x') || tasks.t.outputs['o'] < '13'", b"${{ format('{0} {{}}', params.s) }} and ${{ 1 }}",
    b"join(params.list, ', ')", b"toJSON(fromJSON(params.json).a[1])", b"default(params.none, 'it''s')", b"a ${{ always() }} b",
    b"contains(params.s, 'b') && startsWith('a', '') && endsWith(run.id, '1') && success()", b"-1.5e3 >= params.x",
]
name = [b"a.yaml", b"-rf", b".x.swp", b"a.json", b"a.yml~", b"\xff.yaml", b"new\nline.yaml", b"a" * 250 + b".yaml", b"b.jsonl"]
output = [b"a=1\nb<<EOF\nx\ny\nEOF\n", b"k=\r\nl<<E\r\nt\r\nE\r\n", b"a==\n\n"]

yaml += workflow + corpus("yaml-test-suite/src/*.yaml")
json_texts += corpus("JSONTestSuite/test_parsing/*.json")
strings = corpora and os.path.join(corpora, "big-list-of-naughty-strings/blns.json")
if strings and os.path.exists(strings):
    naughty = [text.encode("utf-8", "surrogatepass") for text in json.load(open(strings, encoding="utf-8"))]
    name += naughty
    output += [b"k=" + text + b"\n" for text in naughty]
    expression += [b"'" + text.replace(b"'", b"''") + b"'" for text in naughty]

for kind, seeds in {"yaml": yaml, "workflow": workflow, "json": json_texts, "expression": expression, "name": name,
                    "output": output}.items():
    os.makedirs(f"{target}/{kind}", exist_ok=True)
    for number, seed in enumerate(seeds):
        with open(f"{target}/{kind}/{number}", "wb") as file:
            file.write(seed)
