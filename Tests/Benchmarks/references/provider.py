"""provider.py LIMIT WINDOW_SECONDS [LATENCY_SECONDS]: a provider of models with a limit of its own: no more than LIMIT requests
in any window; what is beyond is refused, and not counted, as OpenAI refuses. Its headers say what is left and when the next is
free. Prints its port, and at the end of its standard input one line of JSON: when each request came, in seconds of
CLOCK_MONOTONIC, what it was and whether it was answered."""

import asyncio
import collections
import json
import sys
import time

LIMIT, WINDOW = int(sys.argv[1]), float(sys.argv[2])
LATENCY = float(sys.argv[3]) if len(sys.argv) > 3 else 0
window = collections.deque()
seen = []


def admit(now):
    """Seconds until the next is free, where this one is not."""
    while window and window[0] <= now - WINDOW:
        window.popleft()
    if len(window) >= LIMIT:
        return window[0] + WINDOW - now
    window.append(now)
    return 0


def answer(body):
    request = json.loads(body)
    said = request["messages"][-1]["content"]
    now = time.monotonic()
    wait = admit(now)
    seen.append([now, said, wait == 0])
    left = LIMIT - len(window)
    headers = {
        "x-ratelimit-limit-requests": LIMIT, "x-ratelimit-remaining-requests": left,
        # Until all of it is free again, as OpenAI says it.
        "x-ratelimit-reset-requests": f"{window[-1] + WINDOW - now:.3f}s" if window else "0s"}
    if wait:
        headers["retry-after-ms"] = int(wait * 1000) + 1
        return 429, headers, {"error": {"message": "Rate limit reached", "type": "requests", "param": None,
                                        "code": "rate_limit_exceeded"}}
    return 200, headers, {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26}}


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            status, headers, document = answer(await reader.readexactly(length))
            if LATENCY and status == 200:
                await asyncio.sleep(LATENCY)
            text = json.dumps(document).encode()
            fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(
                f"HTTP/1.1 {status} Told\r\n{fields}content-type: application/json\r\n"
                f"content-length: {len(text)}\r\n\r\n".encode() + text)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Whoever started it holds the other end, also when it is killed.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps(seen), flush=True)


asyncio.run(main())
