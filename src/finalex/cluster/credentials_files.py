"""The files that one node has of the exchange's credentials, and logs in with."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from finalex.credentials.keys import KEYS_FILE_NAME, HashedKey, KeyStore
from finalex.credentials.revocations import REVOCATIONS_FILE_NAME, RevocationStore, RevokedTokens

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5000
"""How long to wait for another node that writes to the same files."""


class CredentialFiles:
    """API keys and revoked tokens in a data directory; every method raises `OSError` if the files cannot be used."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def keys(self) -> list[HashedKey]:
        """Return every key there is."""
        return await self._with_keys(KeyStore.hashed_keys) if self._has_keys else []

    async def pepper_check(self) -> bytes | None:
        """Return the check of the pepper that those were hashed with, if there was ever one."""
        return await self._with_keys(KeyStore.pepper_check) if self._has_keys else None

    async def adopt_keys(self, keys: Sequence[HashedKey], pepper_check: bytes, forget: Sequence[str]) -> None:
        """See `KeyStore.adopt`."""
        if keys or forget:
            await self._with_keys(lambda store: store.adopt(keys, pepper_check, forget))

    async def revocations(self, now_ms: int) -> list[RevokedTokens]:
        """Return the entries whose tokens may still be alive."""
        return await self._with_revocations(lambda store: store.entries(now_ms))

    async def adopt_revocations(self, entries: Sequence[RevokedTokens]) -> None:
        """See `RevocationStore.adopt`."""
        await self._with_revocations(lambda store: store.adopt(entries))

    @property
    def _has_keys(self) -> bool:
        return (self.directory / KEYS_FILE_NAME).exists()

    async def _with_keys(self, action: Callable[[KeyStore], T]) -> T:
        def act() -> T:
            with closing(KeyStore(self.directory / KEYS_FILE_NAME, BUSY_TIMEOUT_MS)) as store:
                return action(store)

        return await asyncio.to_thread(act)

    async def _with_revocations(self, action: Callable[[RevocationStore], T]) -> T:
        def act() -> T:
            with closing(RevocationStore(self.directory / REVOCATIONS_FILE_NAME, BUSY_TIMEOUT_MS)) as store:
                return action(store)

        return await asyncio.to_thread(act)
