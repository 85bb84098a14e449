"""Checks requests against the types of the providers' own packages: every field known, every value of its type.
Usage: wire.py DIRECTORY of files <dialect>.<version>.<name>.json
"""
import json
import pathlib
import sys

from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import ConfigDict, TypeAdapter, ValidationError

TYPES = {
    "openai_chat": CompletionCreateParamsStreaming,
    "openai_responses": ResponseCreateParamsStreaming,
    "anthropic_messages": MessageCreateParamsStreaming,
}
files = sorted(pathlib.Path(sys.argv[1]).glob("*.json"))
wrong = 0
for dialect, type_ in TYPES.items():
    type_.__pydantic_config__ = ConfigDict(extra="forbid")
    adapter = TypeAdapter(type_)
    for file in [file for file in files if file.name.startswith(dialect + ".")]:
        call = json.loads(file.read_text())
        # The package has the types of the newer version only, which took these away.
        for name in ["temperature", "top_p", "top_k"] if file.name.startswith("anthropic_messages.2023-06-01.") else []:
            call.pop(name, None)
        try:
            # What is iterated lazily would not be looked at.
            json.dumps(adapter.dump_python(adapter.validate_python(call), mode="json"))
        except ValidationError as error:
            wrong += 1
            print(f"{file.name}: {error}", file=sys.stderr)
print(f"{len(files)} requests, {wrong} wrong")
sys.exit(1 if wrong or not files else 0)
