"""What LiteLLM's proxy is given: models without a network behind them, and keys without a database.

Where LEDGER names a file, each answer is a line of it: what the model says it took.
"""
import json
import os

from litellm import CustomLLM, ModelResponse
from litellm.proxy._types import ProxyException, UserAPIKeyAuth
from litellm.types.utils import Choices, Message, PromptTokensDetailsWrapper, Usage

KEYS = {"sk-free-key": {}, "sk-rpm2-key": {"rpm_limit": 2}, "sk-narrow-key": {"rpm_limit": 2}}


async def check(request, api_key):
    key = api_key.removeprefix("Bearer ")
    if key not in KEYS:
        raise ProxyException(message="Incorrect API key provided", type="invalid_request_error", param=None, code=401)
    return UserAPIKeyAuth(api_key=key, user_id=key, **KEYS[key])


def text(message):
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def reply(model, messages):
    results = [message for message in messages if message.get("role") == "tool"]
    if model == "loop" or model == "once" and not results:
        function = {"name": "clock_now", "arguments": '{"zone":"UTC"}'}
        return None, {"id": f"call_{len(results) + 1}", "type": "function", "index": 0, "function": function}
    if model == "once":
        return "the tool said " + text(results[-1]), None
    if model == "badjson":
        return '{"n": 42}' if "valid" in text(messages[-1]) else "It is 42.", None
    return text(messages[-1]), None


def count(model, messages, said):
    """The usage of an answer, written down."""
    prompt = sum(len(json.dumps(message)) for message in messages) // 4
    output = len(said or "x" * 40) // 4 + 1
    cached = prompt // 2 if model == "cached" else 0
    if path := os.environ.get("LEDGER"):
        with open(path, "a") as file:
            file.write(json.dumps({"model": model, "prompt": prompt, "cached": cached, "completion": output}) + "\n")
    return Usage(
        prompt_tokens=prompt, completion_tokens=output, total_tokens=prompt + output,
        prompt_tokens_details=PromptTokensDetailsWrapper(cached_tokens=cached))


class Scripted(CustomLLM):
    async def acompletion(self, model, messages, *args, **named):
        model = model.split("/")[-1]
        said, call = reply(model, messages)
        message = Message(role="assistant", content=said, tool_calls=[call] if call else None)
        answer = ModelResponse(model=model, choices=[Choices(index=0, finish_reason="tool_calls" if call else "stop", message=message)])
        answer.usage = count(model, messages, said)
        return answer

    async def astreaming(self, model, messages, *args, **named):
        model = model.split("/")[-1]
        said, call = reply(model, messages)
        for start in range(0, len(said or ""), 5):
            yield {"text": said[start:start + 5], "is_finished": False, "finish_reason": "", "index": 0, "tool_use": None,
                   "usage": None}
        yield {"text": "", "is_finished": True, "finish_reason": "tool_calls" if call else "stop", "index": 0,
               "tool_use": call, "usage": count(model, messages, said).model_dump()}


handler = Scripted()
