"""A JSON Web Key Set that is fetched again and again, so that keys rotate while the server runs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec
import structlog

from finalex.credentials.fetching import FetchError
from finalex.credentials.key_sets import KeySetError, read_key_set
from finalex.session.tokens import VerificationKey, matching_keys

_log = structlog.get_logger("finalex.credentials")

Fetch = Callable[[str], Awaitable[bytes]]
"""Returns the document at a URL, in bounded time and size; raises `FetchError`."""


class KeySetTimes(msgspec.Struct, frozen=True, kw_only=True):
    """When a key set is fetched: every `refresh_ms`, and sooner when a token names a key that is not in it.

    Between two fetches `pause_ms` pass at least, whatever tokens name. Keys that could not be fetched again for
    `age_ms_max` are forgotten: the set's owner may have withdrawn them.
    """

    refresh_ms: int = 300_000
    pause_ms: int = 10_000
    age_ms_max: int = 86_400_000


class Clock(Protocol):
    """A clock that never goes back, and that can be waited for."""

    def now_ms(self) -> int:
        """Return the time; only differences mean anything."""
        ...

    async def wait(self, waited_ms: int, event: asyncio.Event) -> None:
        """Return after so long, or once `event` is set."""
        ...


class LoopClock:
    """The clock of the event loop."""

    def now_ms(self) -> int:
        """See `Clock.now_ms`."""
        return int(asyncio.get_running_loop().time() * 1000)

    async def wait(self, waited_ms: int, event: asyncio.Event) -> None:
        """See `Clock.wait`."""
        try:
            async with asyncio.timeout(waited_ms / 1000):
                await event.wait()
        except TimeoutError:
            pass


class RemoteKeySet:
    """The keys at a URL as of the last time that they could be fetched; none until `run` has fetched them."""

    def __init__(self, url: str, fetch: Fetch, times: KeySetTimes = KeySetTimes(), clock: Clock | None = None) -> None:  # noqa: B008 (it is frozen)
        self._url = url
        self._fetch = fetch
        self._times = times
        self._clock = clock or LoopClock()
        self._keys: tuple[VerificationKey, ...] = ()
        self._fetched_ms = 0
        self._wanted = asyncio.Event()
        self.failures = 0

    @property
    def keys(self) -> Sequence[VerificationKey]:
        """The keys that may be used now."""
        if self._keys and self._clock.now_ms() - self._fetched_ms > self._times.age_ms_max:
            _log.error("jwks_too_old", keys=len(self._keys))
            self._keys = ()
        return self._keys

    def want(self) -> None:
        """A token named a key that is not here: fetch the set again soon."""
        self._wanted.set()

    async def run(self) -> None:
        """Keep the set up to date until cancelled."""
        while True:
            await self._refresh()
            pause_ms = min(self._times.pause_ms, self._times.refresh_ms)
            await self._clock.wait(pause_ms, asyncio.Event())
            await self._clock.wait(self._times.refresh_ms - pause_ms, self._wanted)

    async def _refresh(self) -> None:
        self._wanted.clear()  # what is wanted from here on may have come into the set after it was read
        try:
            keys, problems = read_key_set(await self._fetch(self._url))
        except (FetchError, KeySetError) as error:
            self.failures += 1
            _log.warning("jwks_failed", reason=str(error), keys=len(self.keys))
            return
        except Exception:
            self.failures += 1
            _log.exception("jwks_failed", keys=len(self.keys))
            return
        if keys != self._keys or problems:
            _log.info("jwks_fetched", keys=len(keys), left_out=problems)
        self._keys, self._fetched_ms = keys, self._clock.now_ms()


class TokenKeyring:
    """Keys that never change, and those of a set that is fetched. See `session.tokens.TokenKeys`."""

    def __init__(self, fixed: Sequence[VerificationKey], remote: RemoteKeySet | None = None) -> None:
        self._fixed = tuple(fixed)
        self._remote = remote

    def candidates(self, algorithm: str, key_id: str | None) -> Sequence[VerificationKey]:
        """See `TokenKeys.candidates`; a name that nobody has makes the set be fetched again soon."""
        if self._remote is None:
            return matching_keys(self._fixed, algorithm, key_id)
        keys = (*self._fixed, *self._remote.keys)
        if key_id is not None and all(key.id != key_id for key in keys):
            self._remote.want()
        return matching_keys(keys, algorithm, key_id)
