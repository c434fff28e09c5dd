"""The bucket of credentials on NATS: read in the order of its changes, and changed by whoever read the last one."""

import json
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import Header, RePublish, StreamInfo
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from finalex.bus.names import Names
from finalex.cluster.credentials_entries import Content, Entry, EntryError, decode_entry, encode_content
from finalex.credentials.revocations import RevokedTokens
from finalex.log.jetstream.direct import fetch
from finalex.log.port import LogError

VALUE_BYTES_MAX = 1 << 14
BUCKET_BYTES_MAX = 1 << 28
"""A million keys and revocations."""

ANSWER_S = 5.0
"""How long NATS may take for one step."""

CHANGES_MAX = 8
"""How often a change is made anew because somebody else was faster."""

_WRONG_LAST_SEQUENCE = (10071, 10164)
_FULL = (10047, 10077)
_UNKNOWN_STREAM = 10059


_log = structlog.get_logger("finalex.cluster")


class CredentialsError(OSError):
    """The credentials on NATS cannot be used as asked; the text is a sentence for the operator."""


class CredentialsAwayError(CredentialsError):
    """NATS does not answer at the moment: it may be tried again."""


class _TakenError(Exception):
    """Somebody else has changed the entry meanwhile."""


class Place(NamedTuple):
    """How far a bucket is: `made` tells it from one that is made after it under the same name."""

    made: str
    sequence: int


class Changes(NamedTuple):
    """Entries that were changed, up to the place `sequence` in the bucket."""

    entries: list[Entry]
    sequence: int


class _Stored(NamedTuple):
    name: str
    sequence: int
    data: bytes


class CredentialBucket:
    """The credentials of the exchange `names`, on `client`; what is read and written is answered by their leader.

    A revocation is gone by itself once its tokens are, on the wall clock `now_ms`. Every method raises
    `CredentialsAwayError` if NATS does not answer, and `CredentialsError` if it refuses.
    """

    def __init__(self, client: Client, names: Names, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=ANSWER_S)
        self._bucket = names.credentials
        self._stream = f"KV_{names.credentials}"
        self._prefix = f"$KV.{names.credentials}."
        self.told = names.subject("credentials")
        """Under this subject the server tells of every change once it is stored."""

    async def prepare(self, replicas: int) -> None:
        """Make the bucket if there is none, stored by `replicas` servers."""
        async with _Asking():
            try:
                await self._js.stream_info(self._stream)
            except NotFoundError:
                await self._js.create_key_value(
                    bucket=self._bucket,
                    history=1,
                    direct=True,
                    replicas=replicas,
                    max_value_size=VALUE_BYTES_MAX,
                    max_bytes=BUCKET_BYTES_MAX,
                    republish=RePublish(src=f"{self._prefix}>", dest=f"{self.told}.>", headers_only=True),
                )

    async def widen(self, replicas: int) -> None:
        """Let at least so many servers store the bucket."""
        async with _Asking():
            config = (await self._js.stream_info(self._stream)).config
            if (config.num_replicas or 1) < replicas:
                await self._js.update_stream(config, num_replicas=replicas)

    async def place(self) -> Place:
        """Return how far the bucket is."""
        async with _Asking():
            info: StreamInfo = await self._js.stream_info(self._stream)
        return Place(str(info.created), info.state.last_seq)

    async def read(self, after: int) -> Changes:
        """Return what was changed after `after`, each entry as it is now, in the order of changes.

        What cannot be understood is left out.
        """
        found = []
        while pieces := await self._fetch(after):  # from any server, which may be behind
            after = pieces[-1].sequence
            found += pieces
        while (last := await self._next(after)) is not None:  # from the leader, which knows the end
            after = last.sequence
            found.append(last)
        return Changes([entry for each in found if (entry := _understood(each)) is not None], after)

    async def find(self, name: str) -> Entry | None:
        """Return the entry with this name, if there is one."""
        async with _Asking():
            try:
                found = await self._js.get_msg(self._stream, subject=self._prefix + name)
            except NotFoundError:
                return None
        try:
            return decode_entry(name, found.seq or 0, found.data or b"")
        except EntryError as error:
            raise CredentialsError(str(error)) from None

    async def change(self, name: str, changed: Callable[[Content | None], Content | None]) -> Content | None:
        """Put what `changed` makes of the entry in its place, and return it; `None` leaves everything as it is.

        Of several that do this at once each sees what the one before has left.
        """
        for _ in range(CHANGES_MAX):
            found = await self.find(name)
            content = changed(None if found is None else found.content)
            if content is None:
                return None
            try:
                await self._put(name, content, 0 if found is None else found.sequence)
            except _TakenError:
                continue
            return content
        raise CredentialsAwayError(f"Entry {name!r} of the credentials on NATS is changed by others all the time.")

    async def _fetch(self, after: int) -> list[_Stored]:
        try:
            messages = await fetch(self._client, self._stream, after + 1)
        except LogError:
            raise CredentialsAwayError(_AWAY) from None
        names = ((message.headers.get("Nats-Subject") or "").removeprefix(self._prefix) for message in messages)
        return [_Stored(name, message.sequence, message.data) for name, message in zip(names, messages, strict=True)]

    async def _next(self, after: int) -> _Stored | None:
        async with _Asking():
            try:
                found = await self._js.get_msg(self._stream, seq=after + 1, subject=f"{self._prefix}>", next=True)
            except NotFoundError:
                return None
        return _Stored((found.subject or "").removeprefix(self._prefix), found.seq or 0, found.data or b"")

    async def _put(self, name: str, content: Content, expected: int) -> None:
        headers = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(expected)}
        ttl_s = None
        if isinstance(content, RevokedTokens):
            ttl_s = max(1, -(-(content.expires_ms - self.now_ms()) // 1000))
        async with _Asking():
            try:
                await self._js.publish(self._prefix + name, encode_content(content), headers=headers, msg_ttl=ttl_s)
            except APIError as error:
                if error.err_code in _WRONG_LAST_SEQUENCE:
                    raise _TakenError from None
                raise


def _understood(stored: _Stored) -> Entry | None:
    try:
        return decode_entry(*stored)
    except EntryError as error:
        _log.warning("credentials_not_understood", reason=str(error))
        return None


class _Asking:
    """A block that asks NATS: what goes wrong in it becomes a sentence."""

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, APIError) and error.code not in (None, 503):
            raise _refusal(error) from None
        if isinstance(error, NoStreamResponseError):
            raise CredentialsError(_MISSING) from None
        if isinstance(error, APIError | NatsError | TimeoutError | json.JSONDecodeError | ConnectionError):
            raise CredentialsAwayError(_AWAY) from None


_AWAY = "NATS does not answer for the exchange's credentials, or does not let this user ask for them."
_MISSING = "There are no credentials of such an exchange on NATS: is 'cluster_name' right, and does a gateway run?"


def _refusal(error: APIError) -> CredentialsError:
    if isinstance(error, NotFoundError) or error.err_code == _UNKNOWN_STREAM:
        return CredentialsError(_MISSING)
    if error.err_code in _FULL:
        return CredentialsError("The bucket of credentials on NATS is full: nothing was changed.")
    return CredentialsError(f"NATS refuses to do this with the exchange's credentials: {error.description}.")
