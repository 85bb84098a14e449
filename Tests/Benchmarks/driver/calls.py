"""Calls to a model, many at a time, and what one costs."""

import json
import os

import models
from figures import Bar, Row, Samples, Table, Wrong, interleave

IN_FLIGHT = 64


def run(session):
    calls = 2000
    rounds = 3 if session.quick else 5
    seconds = 1 if session.quick else 2
    with models.Answers(session) as provider:
        streamed, whole = body(True), body(False)
        costs = interleave(rounds, {
            "wrk streamed": lambda: wrk(session, provider, streamed, seconds),
            "room": lambda: told(session.told(session.rooms, "calls", provider.url, str(calls), str(IN_FLIGHT))),
            "wrk": lambda: wrk(session, provider, whole, seconds),
            "batch": lambda: drain(session, provider, calls, batched=True),
            "tasks": lambda: drain(session, provider, calls, batched=False),
            "httpx streamed": lambda: httpx(session, provider, calls, streamed),
            "httpx": lambda: httpx(session, provider, calls, whole),
        })
    quarter, thrice = Bar("ratio", "at most", 0.25), Bar("ratio", "at most", 3)
    unit = "us/call"
    return Table("calls", f"{calls:,} calls, {IN_FLIGHT} at a time, processor time of each; {rounds} rounds", [
        Row("a call, streamed; Python's httpx", unit, costs["room"], costs["httpx streamed"], quarter),
        Row("a call, streamed; wrk", unit, costs["room"], costs["wrk streamed"], thrice),
        Row("`astro drain` of a batch file; httpx", unit, costs["batch"], costs["httpx"], quarter),
        Row("`astro drain` of a batch file; wrk", unit, costs["batch"], costs["wrk"]),
        Row("`astro drain`, a task a call; httpx", unit, costs["tasks"], costs["httpx streamed"], quarter),
        Row("`astro drain`, a task a call; wrk", unit, costs["tasks"], costs["wrk streamed"]),
    ], ["a call is written in its dialect, sent, and its answer read; `astro drain` is the whole process, with its journal"])


def body(streamed):
    call = {"model": "m", "messages": [{"role": "user", "content": "count to six"}], "max_tokens": 100, "stream": streamed}
    if streamed:
        call["stream_options"] = {"include_usage": True}
    return json.dumps(call, separators=(",", ":"))


def told(result):
    return result["cpu_ns"] / 1000 / result["calls"]


def httpx(session, provider, calls, text):
    return told(session.told(
        session.python, os.path.join(session.scripts, "httpx_calls.py"), f"{provider.url}/chat/completions", str(calls),
        str(IN_FLIGHT), text))


def wrk(session, provider, text, seconds):
    timing = session.timed(
        "wrk", "-t1", f"-c{IN_FLIGHT}", f"-d{seconds}", "-s", os.path.join(session.scripts, "calls.lua"),
        f"{provider.url}/chat/completions", "--", text)
    counted = json.loads(timing.output.splitlines()[-1])
    if counted["failed"] or not counted["calls"]:
        raise Wrong(f"wrk had {counted['calls']} answers, and {counted['failed']} errors")
    return timing.processor * 1e6 / counted["calls"]


def drain(session, provider, calls, batched):
    home = session.home()
    models.serve(home, provider.port, IN_FLIGHT)
    prompts = [f"count to six {index}" for index in range(calls)]
    text = models.batch(prompts) if batched else models.tasks(prompts)
    home.drop(session.write("calls", text), "calls.jsonl" if batched else "calls.yaml")
    timing = home.drain()
    if batched:
        run = home.the_run(1)["workflow_id"]
        if sorted(models.results(home, run)) != sorted(f"r-{prompt}" for prompt in prompts):
            raise Wrong(f"{home.path}: not every request has one result")
    else:
        for task in home.the_run(calls)["tasks"]:
            if task["outputs"].get("text") != models.SAID:
                raise Wrong(f"{task['task_id']} was answered {task['outputs']}")
    return timing.processor * 1e6 / calls
