"""Who a server's clients are: its keys, its lists and its record of logins, put together from the configuration."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import structlog

from finalex.audit.file import AuditFile
from finalex.audit.log import AuditLog, NoAuditLog, WrittenAuditLog
from finalex.clock import now_ms
from finalex.config import Config
from finalex.credentials.fetching import fetch
from finalex.credentials.jwks import KeySetTimes, RemoteKeySet, TokenKeyring
from finalex.credentials.key_sets import read_pem_file
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore, KeyStoreError
from finalex.credentials.revocations import REVOCATIONS_FILE_NAME, RevocationStore
from finalex.metrics import Metrics
from finalex.session.auth import Authenticator
from finalex.session.tokens import TokenRules, VerificationKey, secret_key

USES_WRITTEN_APART_S = 60.0
"""When keys were last used is written down this often: not with every login."""

WRITER_BUSY_TIMEOUT_MS = 5000

_log = structlog.get_logger("finalex.authentication")


class Authentication:
    """Everything that tells who somebody is, for one server. Raises `KeySetError` and `SecretFileError`.

    `authenticator` may be asked at once; keys that must be fetched are there some time after `start`.
    """

    def __init__(self, config: Config, metrics: Metrics) -> None:
        self._keys_path = config.data_dir / KEYS_FILE_NAME
        self._api_keys = KeyStore(self._keys_path)
        self._revocations = RevocationStore(config.data_dir / REVOCATIONS_FILE_NAME)
        self._remote = _remote_keys(config, metrics)
        self._written: WrittenAuditLog | None = None
        self._tasks: list[asyncio.Task[None]] = []
        if config.audit_log:
            with suppress(OSError):  # then entries are lost, which is said
                config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._written = WrittenAuditLog(AuditFile(config.data_dir, config.audit_log_bytes_max), now_ms)
            metrics.watch_total(
                "audit_entries_lost", "Entries of the audit log that could not be written", lambda: self.audit_lost
            )
        self.authenticator = Authenticator(
            TokenKeyring(_fixed_keys(config), self._remote),
            self._api_keys,
            TokenRules(
                issuer=config.jwt_issuer,
                audiences=config.jwt_audience,
                leeway_ms=config.jwt_leeway_ms,
                required=config.jwt_required_claims,
            ),
            self._revocations,
            self.audit,
        )

    @property
    def audit(self) -> AuditLog:
        """Where it is recorded who did what."""
        return self._written or NoAuditLog()

    @property
    def audit_lost(self) -> int:
        """How many entries of the audit log could not be written."""
        return 0 if self._written is None else self._written.lost

    def start(self) -> None:
        """Begin to record, to fetch keys, and to write down when API keys were used."""
        if self._written is not None:
            self._written.start()
        work: list[Coroutine[Any, Any, None]] = [self._write_uses()]
        if self._remote is not None:
            work.append(self._remote.run())
        self._tasks = [asyncio.create_task(each) for each in work]

    async def stop(self) -> None:
        """Write what is still to be written, and let go of the files."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._keep_uses(self._take_uses())
        self._api_keys.close()
        self._revocations.close()
        if self._written is not None and self._tasks:
            await asyncio.to_thread(self._written.close)

    async def _write_uses(self) -> None:
        while True:
            await asyncio.sleep(USES_WRITTEN_APART_S)
            await asyncio.to_thread(self._keep_uses, self._take_uses())

    def _take_uses(self) -> dict[str, int]:
        uses, self._api_keys.uses = self._api_keys.uses, {}
        return uses

    def _keep_uses(self, uses: dict[str, int]) -> None:
        """Write uses down, on a connection of their own; those that cannot be are forgotten."""
        if not uses:
            return
        store = KeyStore(self._keys_path, WRITER_BUSY_TIMEOUT_MS)
        try:
            store.record_uses(uses)
        except KeyStoreError as error:
            _log.warning("api_key_uses_lost", keys=len(uses), reason=str(error))
        finally:
            store.close()


def _fixed_keys(config: Config) -> list[VerificationKey]:
    keys = [] if config.jwt_public_key_file is None else [*read_pem_file(config.jwt_public_key_file)]
    return [*keys, secret_key(config.signing_secret().reveal())] if config.own_tokens else keys


def _remote_keys(config: Config, metrics: Metrics) -> RemoteKeySet | None:
    if config.jwt_jwks_url is None:
        return None
    times = KeySetTimes(refresh_ms=config.jwt_jwks_refresh_ms, age_ms_max=config.jwt_jwks_age_ms_max)
    remote = RemoteKeySet(config.jwt_jwks_url, fetch, times)
    metrics.watch("jwks_keys", "Keys of the key set that tokens are verified with", lambda: len(remote.keys))
    metrics.watch_total("jwks_failures", "Times that the key set could not be fetched", lambda: remote.failures)
    return remote
