"""The exchange's credentials as one node has them: in files of its own, with which it goes on when NATS is away."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from finalex.cluster.credentials_bucket import Changes, CredentialBucket, CredentialsError, Place
from finalex.cluster.credentials_checks import (
    agree_on_pepper,
    agree_on_secret,
    differing_secret,
    pepper_problem,
    secret_check,
)
from finalex.cluster.credentials_entries import (
    PEPPER_CHECK,
    SECRET_CHECK,
    Check,
    Content,
    Entry,
    ended,
    key_id_of,
    key_name,
    revocation_name,
    wider,
)
from finalex.cluster.credentials_files import CredentialFiles
from finalex.credentials.keys import HashedKey
from finalex.credentials.revocations import RevokedTokens
from finalex.credentials.secret import Secret
from finalex.session.auth import LoginRecord, NoRecord, Revocation

POLL_S = 2.0
"""How often NATS is asked whether something has changed: what it tells by itself may be lost on the way."""

COMPARED_APART_S = 600.0
"""How often everything is compared, in case somebody put an old file in place of ours."""

_log = structlog.get_logger("finalex.cluster")


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Who mirrors; `secret` is the one that signs tokens here, if such tokens are taken."""

    name: str
    data_dir: Path
    secret: Secret | None


class CredentialMirror:
    """Keeps the files of one node as the bucket is, and ends the connections of what was revoked.

    Nodes may share a data directory: what each writes is what the others would. `close_revoked` is called on the
    loop once the files refuse what was revoked, so that nobody comes in again; it returns how many connections end.
    """

    def __init__(
        self,
        client: Client,
        bucket: CredentialBucket,
        node: Node,
        close_revoked: Callable[[Revocation], int],
        audit: LoginRecord | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._node = node
        self._files = CredentialFiles(node.data_dir)
        self._close_revoked = close_revoked
        self._audit = audit or NoRecord()
        self._place = Place("", 0)
        self._compared_s = 0.0
        self._pepper: Check | None = None
        self._told = asyncio.Event()
        self.problem = ""
        """Why this node cannot tell who somebody is as the others can; empty while it can."""

    async def join(self, replicas: int) -> None:
        """Be one of the exchange's nodes: agree on what all must share, and have the credentials as they are.

        Raises `OSError`, a sentence for the operator, if this node could not tell who somebody is as the others can.
        """
        await self._bucket.prepare(replicas)
        try:
            await self._bucket.widen(replicas)
        except CredentialsError as error:  # a matter for whoever looks after NATS
            _log.warning("credentials_not_widened", replicas=replicas, reason=str(error))
        if self._node.secret is not None:
            await agree_on_secret(self._bucket, self._node.secret, self._node.name)
        await agree_on_pepper(self._bucket, self._files, self._node.name)
        await self._compare(await self._bucket.place())

    async def run(self) -> None:
        """Follow the bucket until cancelled; what goes wrong is logged, and tried again."""

        async def tell(_: Msg) -> None:
            self._told.set()

        subscription = await self._client.subscribe(f"{self._bucket.told}.>", cb=tell)
        try:
            while True:
                self._told.clear()
                await self._try_to_catch_up()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._told.wait()
        finally:
            if not self._client.is_closed:
                await subscription.unsubscribe()

    async def catch_up(self) -> None:
        """Take in what has changed; raises `OSError`."""
        place = await self._bucket.place()
        waited_s = asyncio.get_running_loop().time() - self._compared_s
        if place.made != self._place.made or place.sequence < self._place.sequence or waited_s >= COMPARED_APART_S:
            await self._compare(place)
        elif place.sequence > self._place.sequence:
            await self._take(await self._read(self._place.sequence, place))

    async def _read(self, after: int, place: Place) -> Changes:
        """Return what was changed after `after`; the last change may have been one that is gone by now."""
        changes = await self._bucket.read(after)
        return changes._replace(sequence=max(changes.sequence, place.sequence))

    async def _try_to_catch_up(self) -> None:
        try:
            await self.catch_up()
            problem = "" if self._pepper is None else pepper_problem(self._pepper, self._node.data_dir)
        except OSError as error:
            problem = str(error)
        if problem and problem != self.problem:
            _log.warning("credentials_not_followed", reason=problem)
        self.problem = problem

    # --- everything -------------------------------------------------------------------------------------

    async def _compare(self, place: Place) -> None:
        """Make the files the same as the whole bucket, which is at `place` or further."""
        everything = await self._read(0, place)
        if place.made != self._place.made or place.sequence < self._place.sequence:  # another bucket than before
            self._place, self._pepper = Place(place.made, 0), None
        await self._take(everything)
        await self._bring({entry.name: entry.content for entry in everything.entries})
        self._compared_s = asyncio.get_running_loop().time()

    async def _bring(self, known: Mapping[str, Content | None]) -> None:
        """Put into the bucket what was made, ended or revoked here while this was an exchange of one process.

        A node that must not write there goes on with what it has, which is logged.
        """
        try:
            for key in await self._files.keys():
                name = key_name(key.record.id)
                if ended(key, known.get(name)) is not None:
                    await self._bucket.change(name, partial(ended, key))
            for entry in await self._files.revocations(self._bucket.now_ms()):
                name = revocation_name(entry)
                if wider(entry, known.get(name)) is not None:
                    await self._bucket.change(name, partial(wider, entry))
        except CredentialsError as error:
            _log.warning("credentials_not_brought", reason=str(error))

    # --- what is new ------------------------------------------------------------------------------------

    async def _take(self, changes: Changes) -> None:
        """Take changes over into the files; then end the connections of those that are news here."""
        for entry in changes.entries:
            self._look_at_check(entry)
        await self._write(changes.entries)
        for entry in changes.entries:
            if entry.sequence > self._place.sequence:
                self._end_connections(entry)
        self._place = self._place._replace(sequence=max(self._place.sequence, changes.sequence))

    async def _write(self, entries: Sequence[Entry]) -> None:
        keys = [entry.content for entry in entries if isinstance(entry.content, HashedKey)]
        gone = [key_id for entry in entries if entry.content is None and (key_id := key_id_of(entry.name))]
        if self._pepper is not None:
            await self._files.adopt_keys(keys, self._pepper.value, gone)
        await self._files.adopt_revocations([e.content for e in entries if isinstance(e.content, RevokedTokens)])

    def _look_at_check(self, entry: Entry) -> None:
        if not isinstance(entry.content, Check):
            return
        secret = self._node.secret
        if entry.name == PEPPER_CHECK:
            self._pepper = entry.content
        elif entry.name == SECRET_CHECK and secret is not None and entry.content.value != secret_check(secret):
            _log.error("credentials_differ", reason=differing_secret(entry.content))

    def _end_connections(self, entry: Entry) -> None:
        revocation = _revocation(entry)
        if revocation is None:
            return
        closed = self._close_revoked(revocation)
        if closed:
            _log.info("connections_of_revoked_closed", connections=closed)
            whose = {"key": revocation.key_id, "jti": revocation.token_id, "user": revocation.user}
            self._audit.record("connections_closed", connections=closed, **whose)


def _revocation(entry: Entry) -> Revocation | None:
    """Return what an entry makes worthless, now or later; `None` if it is nothing."""
    match entry.content:
        case HashedKey(record=record) if record.revoked_ms is not None:
            return Revocation(key_id=record.id)
        case HashedKey(record=record) if record.expires_ms is not None:
            return Revocation(key_id=record.id, from_ms=record.expires_ms)
        case RevokedTokens(kind="token", name=token_id):
            return Revocation(token_id=token_id)
        case RevokedTokens(name=user, issued_until_ms=issued_until_ms):
            return Revocation(user=user, issued_until_ms=issued_until_ms)
        case None if key_id := key_id_of(entry.name):
            return Revocation(key_id=key_id)
    return None
