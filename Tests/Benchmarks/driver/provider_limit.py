"""More calls than a provider's limit admits at once: how long they take, and how often it refuses.

All situations are played beside each other, each with a home and a provider of its own; they mostly wait."""

import concurrent.futures
import os
import signal
import time

import models
import waiting
from figures import Bar, Row, Samples, Table, Wrong
from session import finish
from waiting import stop, until

LIMIT = 60
IN_FLIGHT = 64


def run(session):
    seconds = 5 if session.quick else 10
    calls = 180 if session.quick else 300
    # The last calls begin when as many windows have passed as are full before them.
    ideal = (calls - 1) // LIMIT * seconds
    situations = [
        ("a batch file", True, alone, True), ("a task a call", False, alone, True),
        ("two runners, one killed", True, together, True),
        ("limit learned, a batch file", True, alone, False), ("limit learned, a task a call", False, alone, False),
    ]
    # Each begins while the others wait.
    apart = seconds / (len(situations) + 1)
    with concurrent.futures.ThreadPoolExecutor(len(situations) + 1) as pool:
        played = [
            pool.submit(play, session, situation, calls, seconds, index * apart)
            for index, situation in enumerate(situations)
        ]
        sdk = pool.submit(openai, session, calls, seconds, len(situations) * apart)
        rows = [row for situation, future in zip(situations, played) for row in rows_of(situation, future.result(), ideal)]
        taken, refusals, lost = sdk.result()
        name = f"OpenAI's Python package, 16 at a time, {lost} lost"
        rows += rows_of((name, None, None, None), (taken, refusals), ideal)
    return Table(
        "provider-limit", f"{calls} calls to a provider that admits {LIMIT} in any {seconds} s; the reference is the ideal", rows,
        ["from the file's landing in the spool of a watcher to its receipt; each call was answered, each result is there once"])


def rows_of(situation, measured, ideal):
    name, _, _, is_configured = situation
    taken, refusals = measured
    bounds = {True: (ideal + 0.4, 0), False: (ideal + 1.5, 20), None: None}[is_configured]
    return [
        Row(name, "s", Samples([taken]), Samples([ideal]), bounds and Bar("astro", "at most", bounds[0])),
        Row(f"{name}: refused", "", Samples([refusals]), None, bounds and Bar("astro", "at most", bounds[1])),
    ]


def play(session, situation, calls, seconds, delay):
    """Seconds and refusals."""
    _, is_batch, way, is_configured = situation
    provider = models.LimitedProvider(session, LIMIT, seconds)
    home = session.home()
    limit = f"{LIMIT}/{seconds}s" if is_configured else None
    # Where there are two runners, neither takes the work of both.
    models.serve(home, provider.port, IN_FLIGHT, limit, most_runs=1)
    try:
        time.sleep(delay)
        taken = way(session, home, calls, is_batch, seconds)
    finally:
        seen = provider.close()
    judge(home, seen, calls)
    return taken, sum(not admitted for _, _, admitted in seen)


def alone(session, home, calls, is_batch, seconds):
    watcher = watch(home)
    try:
        started = drop(session, home, range(calls), is_batch, "all")
        settled(home, 1, calls, seconds)
        return time.monotonic() - started
    finally:
        stop(watcher)


def together(session, home, calls, is_batch, seconds):
    """Two runners have half of the calls each; one is killed while all wait for the third window, and the other goes on with
    both halves."""
    first, second = watch(home), None
    try:
        second = watch(home)
        started = drop(session, home, range(calls // 2), is_batch, "first")
        until(lambda: not os.path.exists(home.at("spool/first.jsonl")), 10, "the first file is taken")
        drop(session, home, range(calls // 2, calls), is_batch, "second")
        until(lambda: not os.path.exists(home.at("spool/second.jsonl")), 10, "the other has taken the second")
        time.sleep(max(0, started + seconds * 1.5 - time.monotonic()))
        stop(first, signal.SIGKILL)
        settled(home, 2, calls, seconds)
        return time.monotonic() - started
    finally:
        stop(first, signal.SIGKILL)
        if second:
            stop(second)


def watch(home):
    watcher = home.watch()
    try:
        until(lambda: "Watching" in waiting.told(watcher), 30, "astro watch is ready", 0.01)
    except BaseException:
        stop(watcher)
        raise
    return watcher


def drop(session, home, numbers, is_batch, name):
    prompts = [f"say {number}" for number in numbers]
    text = models.batch(prompts) if is_batch else models.tasks(prompts)
    file = home.at(f".{name}")
    with open(file, "w") as out:
        out.write(text)
    started = time.monotonic()
    os.rename(file, home.at(f"spool/{name}.{'jsonl' if is_batch else 'yaml'}"))
    return started


def settled(home, files, calls, seconds):
    def is_settled():
        ended = [receipt for state in ("done", "failed", "cancelled", "rejected") for receipt in home.receipts(state)]
        return len(ended) == files

    until(is_settled, seconds * (calls // LIMIT + 4), "all calls are made", 0.005)


def judge(home, seen, calls):
    """Every call was answered, each has one result, and no window at the provider held more than it may."""
    wanted = {f"say {number}" for number in range(calls)}
    if {said for _, said, admitted in seen if admitted} != wanted:
        raise Wrong(f"{home.path}: not every call was answered")
    results = []
    for receipt in home.receipts("done"):
        run = receipt["workflow_id"]
        if receipt["file"].endswith(".jsonl"):
            results += models.results(home, run)
        else:
            report = home.json(f"data/runs/{run}/run.json")
            results += ["r-" + task["outputs"].get("text", "") for task in report["tasks"]]
    if sorted(results) != sorted(f"r-{said}" for said in wanted):
        raise Wrong(f"{home.path}: {len(results)} results of {calls} calls, {len(set(results))} of them different")


def openai(session, calls, seconds, delay):
    provider = models.LimitedProvider(session, LIMIT, seconds)
    try:
        time.sleep(delay)
        told = finish(session.start(
            session.python, os.path.join(session.scripts, "openai_calls.py"), f"http://127.0.0.1:{provider.port}/v1",
            str(calls)))
    finally:
        seen = provider.close()
    return told["seconds"], sum(not admitted for _, _, admitted in seen), told["lost"]
