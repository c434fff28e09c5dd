"""What the doctor finds."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What came of a check; `skipped` where there was nothing to judge."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, what came of it, and what was seen."""

    name: str
    outcome: Outcome
    details: str


def found(name: str, problem: str | None, details: str) -> Finding:
    """Return a finding that failed if there is a `problem`."""
    return Finding(name, Outcome.OK, details) if problem is None else Finding(name, Outcome.FAILED, problem)


def skipped(name: str, details: str) -> Finding:
    """Return a finding of something that could not be judged."""
    return Finding(name, Outcome.SKIPPED, details)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing failed."""
    return all(finding.outcome is not Outcome.FAILED for finding in findings)
