"""The results as a page, docs/conformance.md, and what such a page says."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from conformance.fuzzing import Result

PAGE: Final = Path(__file__).parents[2] / "docs" / "conformance.md"

TITLES: Final = {
    "1": "Framing: text and binary messages, whole and in pieces",
    "2": "Pings and pongs",
    "3": "Reserved bits",
    "4": "Opcodes",
    "5": "Fragments",
    "6": "UTF-8",
    "7": "Closing",
    "9": "Messages of up to 16 MiB, in up to 65,536 frames",
    "10": "Fragments made by the sender",
    "12": "Compression: five kinds of data",
    "13": "Compression: seven kinds of offers",
}

_WITHIN_A_FRAME = (
    "Text that cannot be UTF-8 is refused with the frame in which that shows. Here the frame itself comes in pieces, "
    "and is looked at when it is whole: a frame has at most 64 KiB."
)
_UNKNOWN_CODE = "Nothing says what a close code means that is neither registered nor an application's: we answer 1002."

REASONS: Final = {
    "6.4.3": _WITHIN_A_FRAME,
    "6.4.4": _WITHIN_A_FRAME,
    "7.1.6": "Not judged: a message, a close and a ping sent at once. We answer the message, then close.",
    "7.13.1": f"Not judged: close code 5000. {_UNKNOWN_CODE}",
    "7.13.2": f"Not judged: close code 65535. {_UNKNOWN_CODE}",
}
"""Why a result is not plainly OK."""

_HEAD = """# Conformance

The cases of the [Autobahn TestSuite](https://github.com/crossbario/autobahn-testsuite), by which WebSocket libraries
are measured, run against Finalex by [kosoku](https://github.com/curioswitch/kosoku) {version}. Every connection is one
of the gateway's own: its handshake, frames, compression, sending and closing are those of the server. Only the answer
differs: what is sent comes back (`tests/conformance/echoing.py`), binary messages too, which the server otherwise
refuses with 1003. The limits on messages and fragments are raised to what the cases of section 9 need.

`make test` runs sections 1 to 10 and {small} of the compression cases, and fails if a result differs from this page.
`make conformance` runs all, which takes some minutes, and writes the page.

Section 8 has no cases; section 11 does not exist.

| section | cases | OK | not strict | not judged | failed |
| --- | --- | --- | --- | --- | --- |
"""

_EXCEPTIONS = """
## What is not plainly OK

| case | result | closing | why |
| --- | --- | --- | --- |
"""

_SECTION = re.compile(r"^\| (\d+)\. [^|]+ \| (\d+) \|", re.MULTILINE)
_EXCEPTION = re.compile(r"^\| (\d+(?:\.\d+)+) \| ([^|]+) \| ([^|]+) \|", re.MULTILINE)


def render(results: Iterable[Result], small: int) -> str:
    """Return the page for `results`, in order; `small` is how many compression cases every test run has."""
    sections: dict[str, Counter[str]] = {}
    exceptions = []
    for result in results:
        section = sections.setdefault(result.case.split(".")[0], Counter())
        section[_verdict(result)] += 1
        if _verdict(result) != "OK":
            why = REASONS.get(result.case, result.text)
            exceptions.append(f"| {result.case} | {result.behavior} | {result.behavior_close} | {why} |\n")
    rows = (_row(section, counts) for section, counts in sections.items())
    head = _HEAD.format(version=version("kosoku"), small=small)
    return "".join([head, *rows, _EXCEPTIONS, *exceptions])


def exceptions_of(results: Iterable[Result]) -> dict[str, tuple[str, str]]:
    """Return the results that are not plainly OK, by their cases."""
    return {result.case: (result.behavior, result.behavior_close) for result in results if _verdict(result) != "OK"}


def read_exceptions(page: str) -> dict[str, tuple[str, str]]:
    """Return the same as a page tells it."""
    return {case: (behavior, closing) for case, behavior, closing in _EXCEPTION.findall(page)}


def read_counts(page: str) -> dict[str, int]:
    """Return how many cases each section has, as a page tells it."""
    return {section: int(count) for section, count in _SECTION.findall(page)}


def _verdict(result: Result) -> str:
    if not result.passed:
        return "failed"
    return result.behavior if result.behavior_close == "OK" else result.behavior_close


def _row(section: str, counts: Mapping[str, int]) -> str:
    numbers = (counts.get(verdict, 0) for verdict in ("OK", "NON-STRICT", "INFORMATIONAL", "failed"))
    cells = (f"{section}. {TITLES[section]}", str(sum(counts.values())), *map(str, numbers))
    return f"| {' | '.join(cells)} |\n"
