"""One client in a process of its own.

`python -m bench.clients.receive JSON` takes the name of the receiver, the address, the feed, its counts, whether to
use uvloop, and where to write a profile, if anywhere; it prints what it took.
"""

import asyncio
import cProfile
import json
import sys
import time
from resource import RUSAGE_SELF, getrusage

import uvloop

from bench.clients.receivers import RECEIVERS, WrongCountError, expected

TIMEOUT_S = 120.0


async def measure(name: str, url: str, feed: str, counts: dict[str, int], profile: str | None) -> dict[str, float]:
    """Receive a feed; return messages, seconds, and seconds of CPU in user space and in the kernel."""
    async with asyncio.timeout(TIMEOUT_S), RECEIVERS[name](url, feed, counts) as receive:
        profiler = cProfile.Profile()
        if profile is not None:
            profiler.enable()
        before, start = getrusage(RUSAGE_SELF), time.perf_counter()
        messages = await receive()
        after, end = getrusage(RUSAGE_SELF), time.perf_counter()
        if profile is not None:
            profiler.disable()
            profiler.dump_stats(profile)
    if messages != expected(counts):
        raise WrongCountError(f"{name} received {messages} of {expected(counts)} messages")
    return {
        "messages": messages,
        "seconds": end - start,
        "user_s": after.ru_utime - before.ru_utime,
        "system_s": after.ru_stime - before.ru_stime,
    }


def main() -> None:
    """Measure what the argument asks for."""
    given = json.loads(sys.argv[1])
    run = uvloop.run if given.pop("uvloop") else asyncio.run
    print(json.dumps(run(measure(**given))))


if __name__ == "__main__":
    main()
