"""An exchange of several nodes as far as credentials go, on real NATS: its operator, and nodes with their files."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nats.aio.client import Client

from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.cluster.credentials_bucket import CredentialBucket
from finalex.cluster.credentials_keys import ClusterKeys, ClusterRevocations
from finalex.cluster.credentials_mirror import CredentialMirror, Node
from finalex.credentials.grants import Grant
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore
from finalex.credentials.pepper import PEPPER_FILE_NAME
from finalex.credentials.revocations import REVOCATIONS_FILE_NAME, RevocationStore
from finalex.credentials.secret import Secret
from finalex.session.auth import Identity, Revocation
from support.nats_servers import NatsServers

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
WAIT_S = 30.0
SECRET = Secret("a secret that is certainly long enough")
GRANT = Grant(user="alice", scopes=frozenset({"read"}), ttl_ms=None)

_numbers = itertools.count()


@dataclass
class Member:
    """A node in a test: its data directory, its mirror, and whose connections it ended."""

    directory: Path
    mirror: CredentialMirror
    closed: list[Revocation] = field(default_factory=list)

    def knows(self, key: str) -> bool:
        """Whether somebody with this API key could log in, by the node's own files alone."""
        with closing(KeyStore(self.directory / KEYS_FILE_NAME)) as store:
            return store.lookup(key, NOW_MS) is not None

    def refuses(self, token_id: str) -> bool:
        """Whether a token is refused."""
        with closing(RevocationStore(self.directory / REVOCATIONS_FILE_NAME)) as store:
            return store.revoked(Identity("alice", frozenset(), None, token_id=token_id, issued_ms=NOW_MS))


class Exchange:
    """An exchange of several nodes, as far as credentials go, and its operator."""

    def __init__(self, servers: NatsServers, directory: Path, client: Client, stack: AsyncExitStack) -> None:
        self.servers = servers
        self.names = Names(f"test-{next(_numbers)}")
        self.directory = directory
        self.client = client
        self._stack = stack

    @property
    def bucket(self) -> CredentialBucket:
        return CredentialBucket(self.client, self.names, lambda: NOW_MS)

    @property
    def keys(self) -> ClusterKeys:
        return ClusterKeys(self.bucket, self.directory / "operator", "operator")

    @property
    def revocations(self) -> ClusterRevocations:
        return ClusterRevocations(self.bucket)

    def member(self, name: str, secret: Secret | None = SECRET, directory: str = "") -> Member:
        """Return a node that has not joined yet."""
        node = Node(name=name, data_dir=self.directory / (directory or name), secret=secret)
        closed: list[Revocation] = []

        def close_revoked(revocation: Revocation) -> int:
            closed.append(revocation)
            return 1

        return Member(node.data_dir, CredentialMirror(self.client, self.bucket, node, close_revoked), closed)

    async def joined(self, name: str, secret: Secret | None = SECRET, directory: str = "") -> Member:
        """Return a node that has joined and follows until the test ends."""
        member = self.member(name, secret, directory)
        await member.mirror.join(replicas=1)
        following = asyncio.create_task(member.mirror.run())
        self._stack.callback(following.cancel)
        return member

    def hand_out_pepper(self, *members: str, of: str = "operator") -> None:
        """Copy a node's pepper to others, as its operator is told to."""
        for name in members:
            (self.directory / name).mkdir(exist_ok=True, mode=0o700)
            shutil.copy(self.directory / of / PEPPER_FILE_NAME, self.directory / name / PEPPER_FILE_NAME)


@pytest.fixture
async def exchange(one_nats: NatsServers, tmp_path: Path) -> AsyncIterator[Exchange]:
    async with AsyncExitStack() as stack:
        client = await connect(one_nats.address, "test")
        stack.push_async_callback(client.close)
        exchange = Exchange(one_nats, tmp_path, client, stack)
        await exchange.bucket.prepare(replicas=1)
        yield exchange


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():  # noqa: ASYNC110 (the product needs no event for it)
            await asyncio.sleep(0.01)
