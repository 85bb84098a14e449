"""openai_calls.py URL CALLS: OpenAI's own package, 16 calls at a time, eight retries instead of its two. Prints how long it
took and how many calls it gave up."""

import asyncio
import json
import sys
import time

import openai

url, calls = sys.argv[1], int(sys.argv[2])


async def main():
    client = openai.AsyncOpenAI(base_url=url, api_key="key", max_retries=8)
    gate = asyncio.Semaphore(16)

    async def ask(number):
        async with gate:
            try:
                await client.chat.completions.create(
                    model="m", max_tokens=20, messages=[{"role": "user", "content": f"say {number}"}])
                return 0
            except openai.RateLimitError:
                return 1

    return sum(await asyncio.gather(*(ask(number) for number in range(calls))))


start = time.monotonic()
lost = asyncio.run(main())
print(json.dumps({"seconds": time.monotonic() - start, "lost": lost}))
