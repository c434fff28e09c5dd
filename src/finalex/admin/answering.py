"""What becomes of a request, whichever way it came: it is understood, carried out and answered within a time."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from finalex.admin.messages import AnyRequest, ErrorCode, ErrorReply, InvalidMessageError, Reply, decode_request

ANSWER_TIMEOUT_S = 30.0

Handle = Callable[[AnyRequest], Awaitable[Reply]]
"""Carries out a request; it may be cancelled once it has waited for too long."""

_LATE = ErrorReply(code=ErrorCode.FAILED, message="The server has not finished yet: whether it was done is not known.")
_FAILED = ErrorReply(code=ErrorCode.FAILED, message="The server failed: whether it was done is not known.")

_log = structlog.get_logger("finalex.admin")


async def answer(line: bytes, handle: Handle, timeout_s: float = ANSWER_TIMEOUT_S) -> Reply:
    """Return the reply to the request in `line`, after `timeout_s` at the latest; never raises."""
    try:
        request = decode_request(line)
    except InvalidMessageError as error:
        return ErrorReply(code=ErrorCode.INVALID_REQUEST, message=f"The request cannot be understood: {error}.")
    try:
        async with asyncio.timeout(timeout_s):
            return await handle(request)
    except TimeoutError:
        return _LATE
    except Exception:
        _log.exception("admin_request_failed", request=type(request).__name__)
        return _FAILED
