"""Faults of our own that were caught: counted and logged, without a word of what a client sent."""

import traceback

import structlog

from finalex.metrics import Metrics

FRAMES_MAX = 12
"""How many of the innermost stack frames are logged."""

_log = structlog.get_logger("finalex.gateway")


def report_failure(place: str, error: BaseException, metrics: Metrics) -> None:
    """Count and log `error`, which was caught in `place`.

    Only its type and where it was raised: the text of an exception can repeat a message, and with it a secret.
    """
    metrics.failures[place] += 1
    stack = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in stack]
    _log.error("gateway_failure", place=place, error=type(error).__qualname__, where=where)
