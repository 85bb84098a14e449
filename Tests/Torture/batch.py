#!/usr/bin/env python3
"""A batch file whose runner is killed again and again; then whether every request has exactly one result.

    batch.py ASTRO [--requests N] [--kills N] [--few N] [--at-a-time N]

A provider on loopback answers each request with its own text. To some it says at first that there are too many, to some
that it is broken, and some it refuses for good; in between it closes connections. Runners are killed by SIGKILL when another
share of the results is on disk. In the end every custom_id must stand in the result file exactly once, with the answer to its
own request; no more answers may have been paid for twice than were under way at the kills; what is told of the requests must
be what they came to; and a runner may not have needed more memory than one with a file of `--few` requests, but for the
bytes of its file, which it holds while it checks them and while it hands them to the journal.
"""
import argparse
import asyncio
import collections
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

options = argparse.ArgumentParser()
options.add_argument("astro")
options.add_argument("--requests", type=int, default=50_000)
options.add_argument("--few", type=int, default=1_000)
options.add_argument("--kills", type=int, default=3)
options.add_argument("--at-a-time", type=int, default=16)
given = options.parse_args()
REFUSED, BROKEN, WRONG, CLOSED = 397, 499, 1009, 601  # every so many requests


def provider(listener, counts):
    """Answers until it is ended. What it says depends on the request's number and on whether it has come before."""
    asked = collections.Counter()

    def answer(body):
        request = json.loads(body)
        if request.get("stream"):
            return 400, {}, {"error": {"message": "a stream was asked for"}}
        text = request["messages"][0]["content"]
        number = int(text.split()[-1])
        asked[number] += 1
        first = asked[number] == 1
        if number % WRONG == 0:
            return 400, {}, {"error": {"message": f"wrong {number}", "type": "invalid_request_error", "code": None}}
        if number % REFUSED == 0 and first:
            return 429, {"retry-after-ms": "20"}, {"error": {"message": "too many", "code": "rate_limit_exceeded"}}
        if number % BROKEN == 0 and first:
            return 503, {}, {"error": {"message": "broken"}}
        if number % CLOSED == 0 and first:
            return None
        with counts.get_lock():
            counts[number] += 1
        return 200, {"x-request-id": f"req_{number}"}, {
            "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": "test-model-1",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}

    async def serve(reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                said = answer(await reader.readexactly(length))
                if said is None:
                    break
                status, headers, document = said
                text = json.dumps(document, indent=1).encode()
                fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                writer.write(
                    f"HTTP/1.1 {status} Told\r\n{fields}content-type: application/json\r\n"
                    f"content-length: {len(text)}\r\n\r\n".encode() + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def run():
        async with await asyncio.start_server(serve, sock=listener) as server:
            await server.serve_forever()

    asyncio.run(run())


def text_of(number):
    return f"say \u00fc {number}"


def lines(path):
    try:
        with open(path, "rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    except FileNotFoundError:
        return 0


def peak(pid):
    """The most memory a runner has had, in KiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])


def play(requests, kills):
    """Returns what is wrong, and the most memory of any runner in KiB, beyond the bytes of the file."""
    wrong = []
    counts = multiprocessing.Array("i", requests + 1)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    server = multiprocessing.Process(target=provider, args=(listener, counts), daemon=True)
    server.start()
    home = tempfile.mkdtemp(prefix="astro-batch-")
    subprocess.run([given.astro, "init", home], check=True, capture_output=True)
    pathlib.Path(home, "config/system_config.yaml").write_text("""system:
  rate_limits: {task_submission: unlimited, workflow_creation: unlimited, api_calls: unlimited}
limits: {provider: {rate: 1000000/1m}}
budgets: {day: {usd: 1000, per: all}}
""")
    pathlib.Path(home, "config/agents.yaml").write_text(
        "agents:\n  - {id: model, type: llm, dialect: openai_chat, model: other, "
        f"base_url: 'http://127.0.0.1:{listener.getsockname()[1]}/v1', "
        f"max_concurrent: {given.at_a_time}, limits: [provider]}}\n")
    pathlib.Path(home, "config/models.yaml").write_text(
        "models:\n  - {model: 'test-model*', input: 1, output: 2}\n")
    with open(home + "/.batch", "w") as file:
        for number in range(1, requests + 1):
            file.write(json.dumps({
                "custom_id": f"r-{number}", "method": "POST", "url": "/v1/chat/completions",
                "body": {"model": "test-model", "stream": True, "max_tokens": 100,
                         "messages": [{"role": "user", "content": text_of(number)}]}}) + "\n")
    size = os.stat(home + "/.batch").st_size >> 10
    os.rename(home + "/.batch", home + "/spool/many.jsonl")

    def watch():
        return subprocess.Popen(
            [given.astro, "watch", "--home", home], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(home + "/errors", "a"))

    def settled():
        return list(pathlib.Path(home, "spool").glob("*/many-*.receipt.json"))

    started = time.monotonic()
    runner, most, left = watch(), 0, kills
    while not settled():
        time.sleep(0.02)
        if runner.poll() is not None:
            wrong.append(f"a runner left with {runner.returncode}: " + open(home + "/errors").read()[-2000:])
            break
        most = max(most, peak(runner.pid) or 0)
        results = list(pathlib.Path(home, "data/runs").glob("*/files/results.jsonl"))
        if left and results and lines(results[0]) >= requests * (kills + 1 - left) // (kills + 1):
            runner.send_signal(signal.SIGKILL)
            runner.wait()
            left -= 1
            runner = watch()
    took = time.monotonic() - started
    if runner.poll() is None:
        most = max(most, peak(runner.pid) or 0)
        runner.send_signal(signal.SIGTERM)
        runner.wait()
    server.terminate()
    if left:
        wrong.append(f"{left} kills were too late")
    wrong += judge(home, requests, counts[:], kills) if not wrong else []
    if wrong:
        print("\n".join(wrong[:20]), f"the home is kept: {home}", sep="\n", file=sys.stderr)
    else:
        shutil.rmtree(home)
    return bool(wrong), most, size, took, sum(max(0, count - 1) for count in counts)


def judge(home, requests, counts, kills):
    wrong = []
    receipt = json.loads(next(pathlib.Path(home, "spool").glob("*/many-*.receipt.json")).read_text())
    run = receipt["workflow_id"]
    if receipt["status"] != "succeeded":
        return [f"the run ended as {receipt}"]
    found = collections.Counter()
    completed = failed = 0
    for line in open(f"{home}/spool/done/{run}.results.jsonl"):
        result = json.loads(line)
        if list(result) != ["id", "custom_id", "response", "error"] or result["error"] is not None:
            wrong.append(f"not OpenAI's form: {line}")
        found[result["custom_id"]] += 1
        number = int(result["custom_id"][2:])
        response = result["response"]
        if number % WRONG == 0:
            failed += 1
            if response["status_code"] != 400 or response["body"]["error"]["message"] != f"wrong {number}":
                wrong.append(f"another answer than the provider's: {line}")
        else:
            completed += 1
            if (response["status_code"] != 200 or response["request_id"] != f"req_{number}"
                    or response["body"]["choices"][0]["message"]["content"] != text_of(number)):
                wrong.append(f"the answer to another request: {line}")
    for number in range(1, requests + 1):
        if found[f"r-{number}"] != 1:
            wrong.append(f"r-{number} has {found[f'r-{number}']} results")
    if sum(found.values()) != requests:
        wrong.append(f"{sum(found.values())} results of {requests} requests")
    again = sum(max(0, count - 1) for count in counts)
    if again > kills * given.at_a_time:
        wrong.append(f"{again} answers were paid for twice, at most {kills * given.at_a_time} can have been under way")
    if not os.path.exists(f"{home}/spool/done/{run}.jsonl"):
        wrong.append("the file is not in done/")
    record = json.load(open(f"{home}/data/runs/{run}/run.json"))
    outputs = record["tasks"][0]["outputs"]
    if outputs != {"total": str(requests), "completed": str(completed), "failed": str(failed)}:
        wrong.append(f"told was {outputs}, found {completed} and {failed}")
    journal = sqlite3.connect(f"{home}/data/astro.sqlite")
    # What was under way at a kill stays counted whole; what has a result costs what its usage says, also where its runner
    # was killed before it accounted for it: 10 * 1 + 5 * 2 micro-USD.
    paid, open_calls = journal.execute(
        "SELECT count(*) FILTER (WHERE status = 'success' AND cost = 20000000), count(*) FILTER (WHERE status IS NULL) FROM call"
    ).fetchone()
    if open_calls or paid != completed:
        wrong.append(f"the ledger has {paid} paid answers of {completed}, and {open_calls} calls that are not settled")
    return wrong


few_wrong, few, few_size, _, _ = play(given.few, 0)
many_wrong, many, size, took, again = play(given.requests, given.kills)
growth = many - few
# The file is held once as it is read and once as it is given to the journal, which has its own copy while it writes.
allowed = 4 * size + (8 << 10)
print(
    f"{given.requests} requests, {given.kills} kills: each has one result; {again} asked again; "
    f"{given.requests / took:.0f} a second; peak {many >> 10} MiB, {few >> 10} MiB with {given.few} requests, "
    f"file {size >> 10} MiB")
if growth > allowed:
    print(f"memory grew by {growth >> 10} MiB, {allowed >> 10} MiB are allowed", file=sys.stderr)
sys.exit(1 if few_wrong or many_wrong or growth > allowed else 0)
