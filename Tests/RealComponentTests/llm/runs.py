"""Runs of whole workflows and batch files against models behind servers that none of us wrote: what comes of them, what they
cost, and that refusals are obeyed.

    runs.py ASTRO LEDGER LITELLM MOCKLIMIT LLAMA [NAME...]

LEDGER is where the models behind LiteLLM write what they were asked and what they said it took; the others are addresses
(http://127.0.0.1:PORT). What is wrong is told one sentence a line, and the exit code is 1.
"""
import collections
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ASTRO, LEDGER, LITELLM, MOCKLIMIT, LLAMA = sys.argv[1:6]
KEYS = {"FREE_KEY": "sk-free-key", "NARROW_KEY": "sk-narrow-key", "WRONG_KEY": "sk-wrong-0123456789", "LLAMA_KEY": "sk-llama-0123456789"}
# USD per million tokens.
PRICES = {"input": 3, "output": 15, "cache_read": 0.3}
faults = []


def expect(holds, what):
    if not holds:
        faults.append(what)


class Home:
    def __init__(self, name, agents, limits="{}"):
        self.name, self.path = name, pathlib.Path(tempfile.mkdtemp(prefix="astro-llm-"))
        self.environment = os.environ | KEYS
        self.astro("init", str(self.path))
        self.write("config/system_config.yaml", f"""system:
  rate_limits: {{task_submission: unlimited, workflow_creation: unlimited, api_calls: unlimited}}
limits: {limits}
""")
        self.write("config/agents.yaml", "agents:\n" + "".join(f"  - {{type: llm, {agent}}}\n" for agent in agents))
        prices = ", ".join(f"{kind}: {price}" for kind, price in PRICES.items())
        self.write("config/models.yaml", f"models: [{{model: '*', {prices}}}]\n")

    def write(self, name, text):
        (self.path / name).write_text(text)

    def astro(self, *arguments):
        return subprocess.run(
            [ASTRO, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=180,
            env=self.environment, cwd=self.path)

    def drop(self, name, text):
        self.write(f".{name}", text)
        os.rename(self.path / f".{name}", self.path / "spool" / name)

    def watch(self):
        with open(self.path / "errors", "a") as errors:
            return subprocess.Popen(
                [ASTRO, "watch", "--home", self.path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                env=self.environment)

    def settled(self, watcher, seconds=60):
        """The only receipt, once it is there."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and watcher.poll() is None:
            for receipt in self.path.glob("spool/*/*.receipt.json"):
                return json.loads(receipt.read_text())
            time.sleep(0.02)
        raise TimeoutError(f"{self.name}: no receipt; {(self.path / 'errors').read_text()[-2000:]}")

    def drain(self, name, text):
        self.drop(name, text)
        return self.astro("drain")

    def run(self):
        """The record of the only run."""
        (directory,) = (self.path / "data/runs").iterdir()
        self.directory = directory
        return json.loads((directory / "run.json").read_text())

    def tasks(self):
        """Of the only run, also while it goes on."""
        return {task["task_id"]: task for task in json.loads(self.astro("status", "@latest", "--json").stdout)["tasks"]}

    def results(self):
        (path,) = self.path.glob("spool/done/*.results.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]

    def check_secrets(self):
        for file in self.path.rglob("*"):
            if file.is_file():
                text = file.read_bytes()
                for key in KEYS.values():
                    expect(key.encode() not in text, f"{self.name}: a key is in {file.relative_to(self.path)}")


@contextlib.contextmanager
def watching(home):
    watcher = home.watch()
    try:
        yield watcher
    finally:
        watcher.terminate()
        code = watcher.wait(60)
        expect(code == 0, f"{home.name}: the watcher left with {code}")


def ledger(since=0):
    """What the models behind LiteLLM said, one entry an answer."""
    try:
        return [json.loads(line) for line in pathlib.Path(LEDGER).read_text().splitlines()][since:]
    except FileNotFoundError:
        return []


def picodollars(entry):
    """OpenAI's formula: what was cached is part of the prompt."""
    cached = entry.get("cached", 0)
    per_token = {kind: round(price * 1_000_000) for kind, price in PRICES.items()}
    return ((entry["prompt"] - cached) * per_token["input"] + cached * per_token["cache_read"]
            + entry["completion"] * per_token["output"])


def chat(id, more="", base=None, key="FREE_KEY", model="scripted-echo", dialect="openai_chat"):
    base = base or LITELLM + "/v1"
    return f"id: {id}, dialect: {dialect}, base_url: '{base}', api_key: {{env: {key}}}, model: {model}{more}"


def batch(count, model="scripted-echo"):
    return "".join(
        json.dumps({"custom_id": f"r-{number}", "method": "POST", "url": "/v1/chat/completions", "body": {
            "model": model, "max_tokens": 20, "messages": [{"role": "user", "content": f"say {number}"}]}}) + "\n"
        for number in range(count))


def stats(endpoint):
    """Requests and refusals so far, of every key."""
    with urllib.request.urlopen(MOCKLIMIT + "/mocklimit/stats") as answer:
        told = json.load(answer).get(f"POST {endpoint}", {})
    return collections.Counter(
        {name: sum(key[name] for key in told.values()) for name in ("total_requests", "total_429s")})


# The situations


def dialects():
    """A workflow in the spool asks in each dialect; its record says what each call took and cost, to the picodollar."""
    home = Home("dialects", [
        chat("chat"), chat("responses", dialect="openai_responses"),
        chat("claude", ", api_version: 2023-06-01", LITELLM, dialect="anthropic_messages"),
        chat("claude_new", ", api_version: 2026-10-21", LITELLM, dialect="anthropic_messages"),
    ])
    before = len(ledger())
    words = "Grüße 😀 out there"
    echoes = "".join(
        f"  {agent}: {{agent: {agent}, with: {{prompt: '{words}', system: Be brief., max_output_tokens: 100}}}}\n"
        for agent in ("chat", "responses", "claude", "claude_new"))
    cached = "".join(
        f"  cached_{agent}: {{agent: {agent}, with: {{model: scripted-cached, prompt: again, max_output_tokens: 100}}}}\n"
        for agent in ("chat", "responses", "claude"))
    schema = "output_schema: {type: object, required: [n], properties: {n: {type: integer}}}"
    home.drop("dialects.yaml", f"""tasks:
{echoes}{cached}  schema: {{agent: chat, with: {{model: scripted-badjson, prompt: count, max_output_tokens: 100, {schema}}}}}
  after: {{needs: [schema], agent: chat, with: {{prompt: 'got ${{{{ tasks.schema.outputs.n }}}}', max_output_tokens: 50}}}}
""")
    with watching(home) as watcher:
        receipt = home.settled(watcher)
    expect(receipt["status"] == "succeeded", f"dialects: the run ended as {receipt['status']}")
    record, tasks = home.run(), home.tasks()
    for agent in ("chat", "responses", "claude", "claude_new"):
        expect(tasks[agent]["outputs"].get("text") == words, f"dialects: {agent} came to {tasks[agent]['outputs']}")
    expect(tasks["schema"]["outputs"].get("n") == "42", f"dialects: the schema came to {tasks['schema']['outputs']}")
    expect(tasks["after"]["outputs"].get("text") == "got 42", f"dialects: what follows came to {tasks['after']['outputs']}")
    said = ledger(before)
    usage = record["usage"]
    wanted = {
        "calls": len(said), "prompt_tokens": sum(entry["prompt"] for entry in said),
        "completion_tokens": sum(entry["completion"] for entry in said),
        "cache_read_tokens": sum(entry.get("cached", 0) for entry in said),
        "cost_picodollars": sum(map(picodollars, said))}
    expect(wanted["calls"] == 10 and wanted["cache_read_tokens"] > 0, f"dialects: the models say {wanted}")
    told = {name: usage.get(name) for name in wanted}
    expect(told == wanted, f"dialects: run.json says {told}, the models {wanted}")
    home.check_secrets()
    return home, f"{len(said)} calls in three dialects, {wanted['cost_picodollars']} picodollars"


def wrong_key():
    """A key that is not taken is named as the reason, and shown nowhere."""
    home = Home("wrong key", [chat("wrong", key="WRONG_KEY")])
    ended = home.drain("wrong.yaml", "tasks: {a: {agent: wrong, with: {prompt: x, max_output_tokens: 9}}}\n")
    expect(ended.returncode == 1, f"wrong key: the pass left with {ended.returncode}")
    text = json.dumps(home.run())
    expect("Incorrect API key provided" in text, f"wrong key: the record does not say why: {text}")
    home.check_secrets()
    return home, "named, and shown nowhere"


def own_limit():
    """LiteLLM refuses what is above a key's own limit: the rest is parked, uses no attempt, and a second pass asks nothing."""
    home = Home("own limit", [chat("narrow", ", max_concurrent: 1", key="NARROW_KEY")])
    before = len(ledger())
    lines = "".join(f"  t{n}: {{agent: narrow, with: {{prompt: 'n {n}', max_output_tokens: 20}}}}\n" for n in range(4))
    home.drain("narrow.yaml", "tasks:\n" + lines)
    states = collections.Counter((task["state"], len(task["attempts"])) for task in home.tasks().values())
    answered = len(ledger(before))
    expect(answered >= 1 and states == {("succeeded", 1): answered, ("pending", 0): 4 - answered},
           f"own limit: {answered} were answered, the tasks are {dict(states)}")
    why = home.astro("explain", "@latest").stdout
    expect("closed by the provider" in why, f"own limit: explain says {why}")
    refused = home.astro("metrics").stdout.count('status="refused"')
    expect(refused >= 1, "own limit: no refusal is counted")
    home.astro("drain")
    expect(len(ledger(before)) == answered, "own limit: a second pass asked again")
    return home, f"{answered} answered, {4 - answered} parked"


def known_limit():
    """With mocklimit's window configured, none of a batch is refused, but where this machine holds a request back for longer
    than the 8 ms that a window of 2 s leaves for its way; nothing is lost by that either."""
    return batch_at_mocklimit("known limit", 100, 10, ", limits: [mock]", "{mock: {rate: 20/2s}}")


def learned_limit():
    """Without, what is refused is asked again when mocklimit says so; nothing is lost, and nothing fails."""
    return batch_at_mocklimit("learned limit", 60, 30)


def batch_at_mocklimit(name, count, most_refused, more="", limits="{}"):
    """A batch of so many requests, of which mocklimit refuses no more than `most_refused`, and all are answered."""
    home = Home(name, [chat("mock", ", max_concurrent: 16" + more, MOCKLIMIT + "/v1")], limits)
    before = stats("/v1/chat/completions")
    home.drop("batch.jsonl", batch(count))
    with watching(home) as watcher:
        receipt = home.settled(watcher)
    seen = stats("/v1/chat/completions") - before
    expect(receipt["status"] == "succeeded", f"{name}: the run ended as {receipt['status']}")
    check_results(home, count)
    expect(seen["total_requests"] == count + seen["total_429s"], f"{name}: mocklimit counts {dict(seen)}")
    expect(seen["total_429s"] <= most_refused, f"{name}: {seen['total_429s']} were refused")
    return home, f"{count} of {count}, {seen['total_429s']} refused"


def token_bucket():
    """Anthropic's headers, from a bucket of five that fills by one a second."""
    claude = chat("claude", ", max_concurrent: 4", MOCKLIMIT, dialect="anthropic_messages")
    home = Home("token bucket", [claude])
    lines = "".join(f"  t{n}: {{agent: claude, with: {{prompt: 'n {n}', max_output_tokens: 20}}}}\n" for n in range(10))
    home.drop("bucket.yaml", "tasks:\n" + lines)
    with watching(home) as watcher:
        receipt = home.settled(watcher)
    expect(receipt["status"] == "succeeded", f"token bucket: the run ended as {receipt['status']}")
    attempts = collections.Counter(len(task["attempts"]) for task in home.tasks().values())
    expect(attempts == {1: 10}, f"token bucket: a refusal used an attempt: {dict(attempts)}")
    return home, f"10 of 10, {stats('/v1/messages')['total_429s']} refused"


def killed_batch():
    """A batch file whose runner is killed half-way: every request has one result, and what was answered is not asked again."""
    count, at_a_time = 60, 4
    home = Home("killed batch", [chat("chat", f", max_concurrent: {at_a_time}")])
    before = len(ledger())
    home.drop("many.jsonl", batch(count))
    watcher = home.watch()
    try:
        end = time.monotonic() + 120
        while sum(file.read_bytes().count(b"\n") for file in home.path.glob("data/runs/*/files/results.jsonl")) < count // 3:
            if time.monotonic() > end or watcher.poll() is not None:
                raise TimeoutError(f"killed batch: no results; {(home.path / 'errors').read_text()[-2000:]}")
            time.sleep(0.01)
    finally:
        watcher.kill()
        watcher.wait()
    left = home.astro("drain")
    expect(left.returncode == 0, f"killed batch: the next pass left with {left.returncode}: {left.stderr}")
    check_results(home, count, lambda number: f"say {number}")
    asked = len(ledger(before))
    expect(count <= asked <= count + at_a_time, f"killed batch: {asked} answers were paid for {count}")
    record = home.run()
    # Of what was under way at the kill nobody knows what it took: it stays counted whole.
    least = sum(sorted(map(picodollars, ledger(before)))[:count])
    expect(record["usage"]["cost_picodollars"] >= least, f"killed batch: {record['usage']} is less than {least} picodollars")
    return home, f"{count} of {count} after a kill, {asked - count} asked twice"


def check_results(home, count, text=None):
    results = home.results()
    found = collections.Counter(result["custom_id"] for result in results)
    expect(found == {f"r-{number}": 1 for number in range(count)}, f"{home.name}: the results are {dict(found)}")
    for result in results:
        said = result["response"]["body"]["choices"][0]["message"]["content"]
        number = result["custom_id"][2:]
        expect(text is None or said == text(number), f"{home.name}: {result['custom_id']} was answered {said}")


def llama():
    """The server of llama.cpp in all three dialects: it counts, cuts, keeps a schema, and refuses what is too long."""
    home = Home("llama", [
        chat("chat", base=LLAMA + "/v1", key="LLAMA_KEY", model="tiny"),
        chat("responses", base=LLAMA + "/v1", key="LLAMA_KEY", model="tiny", dialect="openai_responses"),
        chat("claude", ", api_version: 2023-06-01", LLAMA, "LLAMA_KEY", "tiny", "anthropic_messages"),
    ])
    cuts = "".join(
        f"  {agent}: {{agent: {agent}, continue_on_error: true, with: {{prompt: a task, max_output_tokens: 8}}}}\n"
        for agent in ("chat", "responses", "claude"))
    home.drain("llama.yaml", f"""tasks:
{cuts}  schema: {{agent: chat, with: {{prompt: x, max_output_tokens: 64, output_schema: {{type: boolean}}}}}}
  long: {{agent: chat, continue_on_error: true, with: {{prompt: '{"task " * 2000}', max_output_tokens: 8}}}}
""")
    tasks = home.tasks()
    for agent in ("chat", "responses", "claude"):
        attempt = tasks[agent]["attempts"][0]
        output = attempt.get("usage", {}).get("completion_tokens")
        # Of an answer that was cut its /v1/responses says that it is completed.
        endings = ["max_tokens"] if output == 8 and agent != "responses" else ["completed"]
        expect(output is not None and 0 < output <= 8 and attempt["ending"] in endings, f"llama: {agent} came to {attempt}")
    said = tasks["schema"]["outputs"].get("text")
    expect(said in ("true", "false"), f"llama: the schema came to {tasks['schema']}")
    expect(tasks["long"]["attempts"][0]["ending"] == "max_tokens", f"llama: too long a prompt came to {tasks['long']}")
    agents = {agent["agent_id"]: agent["status"] for agent in json.loads(home.astro("agents", "--json").stdout)}
    expect("unhealthy" not in agents.values(), f"llama: the agents are {agents}")
    return home, "three dialects, a schema, too long a prompt"


SITUATIONS = [dialects, wrong_key, own_limit, known_limit, learned_limit, token_bucket, killed_batch, llama]
for situation in SITUATIONS:
    if sys.argv[6:] and situation.__name__ not in sys.argv[6:]:
        continue
    known = len(faults)
    started = time.monotonic()
    try:
        home, what = situation()
    except Exception as error:
        faults.append(f"{situation.__name__}: {type(error).__name__}: {error}")
        continue
    if len(faults) == known:
        shutil.rmtree(home.path)
        print(f"  {home.name}: {what} ({time.monotonic() - started:.0f} s)")
    else:
        print(f"  {home.name}: the home is kept: {home.path}", file=sys.stderr)
print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
sys.exit(1 if faults else 0)
