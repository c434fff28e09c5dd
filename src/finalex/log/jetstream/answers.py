"""What NATS answers, or does not, as errors of the log."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import APIError, NoStreamResponseError, ServiceUnavailableError

from finalex.log.port import LogError

TIMEOUT_S = 1.0
"""How long an answer may take before nobody knows it."""

WRONG_LAST_SEQUENCE: Final = 10071
NO_MESSAGE: Final = 10037
NO_STREAM: Final = 10059
_FULL: Final = {10077, 10047, 10023, 10002}
"""The stream's limit, the server's disk, its resources, the account's."""


class FencedError(LogError):
    """Somebody else writes the log now: nothing that was not stored will ever be."""


class StreamFullError(LogError):
    """The stream has no room; nothing was stored by this attempt."""


class StreamAwayError(LogError):
    """JetStream does not answer as it should: nobody knows; try again."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what NATS raises within into `StreamFullError` or `StreamAwayError`, sentences for the operator."""
    try:
        yield
    except (NatsError, OSError) as error:
        if isinstance(error, LogError):
            raise
        if isinstance(error, APIError) and error.err_code in _FULL:
            raise StreamFullError(f"The log on JetStream is full: {reason(error)}.") from None
        raise StreamAwayError(f"JetStream does not answer: {reason(error)}.") from None


def reason(error: Exception) -> str:
    """Return why, as part of a sentence."""
    if isinstance(error, NatsTimeoutError | TimeoutError):
        return "no answer in time"
    if isinstance(error, NoStreamResponseError) or (isinstance(error, ServiceUnavailableError) and not error.err_code):
        return "the stream has no leader, or does not exist"
    if isinstance(error, APIError):
        return (error.description or str(error)).rstrip(".")
    return str(error).removeprefix("nats: ").rstrip(".") or type(error).__name__
