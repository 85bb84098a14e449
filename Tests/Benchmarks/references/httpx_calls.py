"""httpx_calls.py URL CALLS IN_FLIGHT BODY: what a Python program that asks a model does, over httpx. Prints processor time."""

import asyncio
import json
import sys
import time

import httpx

url, calls, in_flight, body = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])


async def ask(client):
    words = []
    async with client.stream("POST", url, json=body, headers={"authorization": "Bearer key"}) as response:
        response.raise_for_status()
        if not body["stream"]:
            return json.loads(await response.aread())["choices"][0]["message"]["content"]
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                choices = json.loads(line[6:])["choices"]
                words += [choice["delta"].get("content", "") for choice in choices]
    return "".join(words)


async def main():
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
        left = calls

        async def worker():
            nonlocal left
            while left:
                left -= 1
                if await ask(client) != "one two three four five six":
                    sys.exit("another answer than was given")

        await asyncio.gather(*(worker() for _ in range(in_flight)))


start, used = time.monotonic_ns(), time.process_time_ns()
asyncio.run(main())
print(json.dumps({
    "calls": calls, "cpu_ns": time.process_time_ns() - used, "start_ns": start, "end_ns": time.monotonic_ns()}))
