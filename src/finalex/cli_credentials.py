"""Where the command line changes API keys and revocations: in the data directory, or on the exchange's NATS."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from finalex.cli_bus import Bus, bus_of, with_bucket
from finalex.cluster.node import node_name
from finalex.config import Config
from finalex.credentials.grants import Grant
from finalex.credentials.key_records import KeyRecord
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore
from finalex.credentials.revocations import REVOCATIONS_FILE_NAME, RevocationStore, RevokedTokens

if TYPE_CHECKING:  # what NATS takes is not loaded for the other commands
    from finalex.cluster.credentials_bucket import CredentialBucket
    from finalex.cluster.credentials_keys import ClusterKeys

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5000
"""How long a command waits for another process that writes."""


def key_store(config: Config) -> "KeyStore | SharedKeys":
    """Return the API keys, where they are; raises `BusError`."""
    bus = bus_of(config)
    return KeyStore(config.data_dir / KEYS_FILE_NAME, BUSY_TIMEOUT_MS) if bus is None else SharedKeys(config, bus)


def revocation_store(config: Config) -> "RevocationStore | SharedRevocations":
    """Return the revoked tokens, where they are; raises `BusError`."""
    bus = bus_of(config)
    if bus is not None:
        return SharedRevocations(config, bus)
    return RevocationStore(config.data_dir / REVOCATIONS_FILE_NAME, BUSY_TIMEOUT_MS)


def check_own_secret(config: Config) -> str | None:
    """Raise `CredentialsError` if the nodes of the exchange take no tokens that are signed here.

    Return why that is not known, a sentence, where it is not. One process has the secret that is configured here.
    """
    bus = bus_of(config)
    if bus is None:
        return None
    from finalex.bus.connection import BusError
    from finalex.cluster.credentials_bucket import CredentialsAwayError
    from finalex.cluster.credentials_checks import compare_secret

    try:
        with_bucket(config, bus, lambda bucket: compare_secret(bucket, config.signing_secret()))
    except (BusError, CredentialsAwayError) as error:
        return f"Whether the exchange's nodes have the same secret is not known. {error}"
    return None


def adopt_own_secret(config: Config) -> bool:
    """Let the secret that is configured here be the one that nodes must have; `False` if there is but one process."""
    bus = bus_of(config)
    if bus is None:
        return False
    from finalex.cluster.credentials_checks import adopt_secret

    name = node_name(config.node_name)
    with_bucket(config, bus, lambda bucket: adopt_secret(bucket, config.signing_secret(), name))
    return True


class SharedKeys:
    """The API keys of an exchange of many processes; the methods are those of `KeyStore`.

    Each raises `CredentialsError` and `BusError`.
    """

    def __init__(self, config: Config, bus: Bus) -> None:
        self._config = config
        self._bus = bus

    def create(
        self, grant: Grant, label: str, now_ms: int, *, live: bool = True, addresses: tuple[str, ...] = ()
    ) -> tuple[str, KeyRecord]:
        """See `KeyStore.create`."""
        return self._do(lambda keys: keys.create(grant, label, now_ms, live=live, addresses=addresses))

    def rotate(self, key_id: str, grace_ms: int, now_ms: int) -> tuple[str, KeyRecord, KeyRecord] | None:
        """See `KeyStore.rotate`."""
        return self._do(lambda keys: keys.rotate(key_id, grace_ms, now_ms))

    def records(self) -> list[KeyRecord]:
        """See `KeyStore.records`."""
        return self._do(lambda keys: keys.records())

    def revoke(self, key_id: str, now_ms: int) -> KeyRecord | None:
        """See `KeyStore.revoke`."""
        return self._do(lambda keys: keys.revoke(key_id, now_ms))

    def close(self) -> None:
        """Nothing stays open between two calls."""

    def _do(self, action: "Callable[[ClusterKeys], Awaitable[T]]") -> T:
        from finalex.cluster.credentials_keys import ClusterKeys

        def keys_in(bucket: "CredentialBucket") -> ClusterKeys:
            return ClusterKeys(bucket, self._config.data_dir, node_name(self._config.node_name))

        return with_bucket(self._config, self._bus, lambda bucket: action(keys_in(bucket)))


class SharedRevocations:
    """The revoked tokens of an exchange of many processes; the methods are those of `RevocationStore`."""

    def __init__(self, config: Config, bus: Bus) -> None:
        self._config = config
        self._bus = bus

    def add(self, entry: RevokedTokens) -> None:
        """See `RevocationStore.add`."""
        from finalex.cluster.credentials_keys import ClusterRevocations

        with_bucket(self._config, self._bus, lambda bucket: ClusterRevocations(bucket).add(entry))

    def entries(self, now_ms: int) -> list[RevokedTokens]:
        """See `RevocationStore.entries`."""
        from finalex.cluster.credentials_keys import ClusterRevocations

        return with_bucket(self._config, self._bus, lambda bucket: ClusterRevocations(bucket).entries(now_ms))

    def close(self) -> None:
        """Nothing stays open between two calls."""
