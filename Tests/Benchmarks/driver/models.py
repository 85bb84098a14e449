"""Homes whose tasks ask a model, and providers of models to be asked."""

import json
import subprocess

from figures import Wrong
from waiting import stop

SAID = "one two three four five six"


def serve(home, port, at_a_time, limit=None, most_runs=100):
    """Gives the home one agent `model`, which asks the provider at `port`, so many calls at a time, as its limit allows."""
    with open(home.at("config/agents.yaml"), "w") as file:
        file.write(
            f"agents:\n  - {{id: model, type: llm, dialect: openai_chat, base_url: 'http://127.0.0.1:{port}/v1', model: m,\n"
            f"     max_concurrent: {at_a_time}, limits: [{'provider' if limit else ''}]}}\n")
    with open(home.at("config/models.yaml"), "w") as file:
        file.write("models: [{model: m, input: 1, output: 2}]\n")
    home.configure(f"max_active_workflows: {most_runs}", limits=f"{{provider: {{rate: {limit}}}}}" if limit else "{}")


def batch(prompts):
    """A batch file in OpenAI's form."""
    return "".join(
        json.dumps({"custom_id": f"r-{prompt}", "method": "POST", "url": "/v1/chat/completions", "body": {
            "model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": prompt}]}}) + "\n"
        for prompt in prompts)


def tasks(prompts):
    """A task for each."""
    return "tasks:\n" + "".join(
        f"  t_{index}: {{agent: model, with: {{prompt: '{prompt}', max_output_tokens: 20}}}}\n"
        for index, prompt in enumerate(prompts))


def results(home, run):
    """The custom_id of every result of a batch that is an answer, in the order of the file."""
    found = []
    with open(home.at(f"spool/done/{run}.results.jsonl")) as file:
        for line in file:
            result = json.loads(line)
            if result["response"]["status_code"] != 200:
                raise Wrong(f"{result['custom_id']} was answered with status {result['response']['status_code']}")
            found.append(result["custom_id"])
    return found


class Answers:
    """A provider in C that answers everything at once; it measures nothing."""

    def __init__(self, session):
        self.process = session.start(session.reference("answers"))
        self.port = int(self.process.stdout.readline())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)
        self.process.stderr.close()


class LimitedProvider:
    """A provider that admits so many calls in any window, and refuses the others."""

    def __init__(self, session, most, seconds, latency=0):
        self.process = subprocess.Popen(
            [*session.script("provider.py"), str(most), str(seconds), str(latency)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=session.environment)
        self.port = int(self.process.stdout.readline())

    def close(self):
        """Ends it. What came: when, in CLOCK_MONOTONIC, what was asked, and whether it was answered."""
        said, _ = self.process.communicate("")
        return json.loads(said or "[]")
