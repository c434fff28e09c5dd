"""Autobahn's cases driven against a server: `python -m conformance.fuzzing URL CASE…` writes their results as JSON.

A process of its own, since kosoku makes the interpreter it runs in look like the Python 2 that the cases are for.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from typing import Any

import kosoku
import msgspec

CONCURRENCY = 2
"""How many cases are run at once."""


class Result(msgspec.Struct, frozen=True):
    """How a case went, in Autobahn's words; `passed` is that it did not fail, strictly or not."""

    case: str
    behavior: str
    behavior_close: str
    passed: bool
    text: str


def _accept_text(cases: Iterable[Any]) -> None:
    """Let the compression cases read what comes uncompressed, as it may (RFC 7692, section 6).

    kosoku hands them that as text in which each character is a byte, and they want bytes: without this they stop
    there with an error. They compare it with what they sent all the same.
    """
    for case in cases:
        case.onMessage = _in_bytes(case.onMessage)


def _in_bytes(hear: Callable[[Any, bytes, bool], None]) -> Callable[[Any, str | bytes, bool], None]:
    def hear_bytes(case: Any, message: str | bytes, binary: bool) -> None:
        hear(case, message.encode("latin-1") if isinstance(message, str) else message, binary)

    return hear_bytes


async def run(url: str, cases: list[str]) -> list[Result]:
    """Run the cases with these ids, which may have a `*`."""
    from kosoku import _caseindex

    _caseindex.initialize_shims()
    import case12_x_x  # type: ignore[import-not-found] # made importable by the line above

    _accept_text([*case12_x_x.Case12_X_X, *case12_x_x.Case13_X_X])
    try:
        results = await kosoku.run_fuzzingclient(url, cases, concurrency=CONCURRENCY)
    except kosoku.FailureError as failure:
        results = failure.results
    return [
        Result(
            case=result.case_id,
            behavior=result.behavior.value,
            behavior_close=result.behavior_close.value,
            passed=result.passed,
            text=f"{result.result} {result.result_close}",
        )
        for result in results
    ]


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(sys.argv[1], sys.argv[2:]))))
