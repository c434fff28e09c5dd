"""API keys and revoked tokens of an exchange of many nodes, as the command line changes them: in the bucket."""

from functools import partial
from pathlib import Path

import msgspec

from finalex.cluster.credentials_bucket import CredentialBucket
from finalex.cluster.credentials_checks import agree_on_pepper, claim_pepper
from finalex.cluster.credentials_entries import Content, key_name, revocation_name, wider
from finalex.cluster.credentials_files import CredentialFiles
from finalex.credentials.grants import Grant
from finalex.credentials.key_records import KeyRecord
from finalex.credentials.keys import HashedKey, id_of, is_id, new_key, new_record
from finalex.credentials.pepper import Pepper, stored_pepper
from finalex.credentials.revocations import RevokedTokens


class ClusterKeys:
    """The API keys in a bucket, hashed with the pepper in `directory`; `node` is who brings it if there was none.

    The methods are those of `KeyStore`, and raise `CredentialsError`.
    """

    def __init__(self, bucket: CredentialBucket, directory: Path, node: str) -> None:
        self._bucket = bucket
        self._files = CredentialFiles(directory)
        self._node = node

    async def create(
        self, grant: Grant, label: str, now_ms: int, *, live: bool = True, addresses: tuple[str, ...] = ()
    ) -> tuple[str, KeyRecord]:
        """See `KeyStore.create`."""
        return await self._add(new_record(grant, label, now_ms, addresses), live=live)

    async def rotate(self, key_id: str, grace_ms: int, now_ms: int) -> tuple[str, KeyRecord, KeyRecord] | None:
        """See `KeyStore.rotate`; should it fail halfway, there is one key more, and the other goes on to work."""
        old = await self._find(key_id)
        if old is None or not old.valid(now_ms):
            return None
        copied = msgspec.structs.replace(old, created_ms=now_ms)
        key, new = await self._add(copied, live=old.id.startswith("pk_live_"))

        def shortened(content: Content | None) -> Content | None:
            if not isinstance(content, HashedKey):
                return None
            return HashedKey(content.record.ending(now_ms + grace_ms), content.hash)

        changed = await self._bucket.change(key_name(old.id), shortened)
        return key, new, changed.record if isinstance(changed, HashedKey) else old

    async def records(self) -> list[KeyRecord]:
        """See `KeyStore.records`; when a key was last used is what the files in the data directory say, if any."""
        used = {key.record.id: key.record.last_used_ms for key in await self._files.keys()}
        contents = [entry.content for entry in (await self._bucket.read(0)).entries]
        kept = [content.record for content in contents if isinstance(content, HashedKey)]
        records = [msgspec.structs.replace(record, last_used_ms=used.get(record.id)) for record in kept]
        return sorted(records, key=lambda record: (record.created_ms, record.id))

    async def revoke(self, key_id: str, now_ms: int) -> KeyRecord | None:
        """See `KeyStore.revoke`."""
        key_id = id_of(key_id)
        if not is_id(key_id):
            return None

        def revoked(content: Content | None) -> Content | None:
            if not isinstance(content, HashedKey) or content.record.revoked_ms is not None:
                return None
            return HashedKey(msgspec.structs.replace(content.record, revoked_ms=now_ms), content.hash)

        changed = await self._bucket.change(key_name(key_id), revoked)
        return changed.record if isinstance(changed, HashedKey) else await self._find(key_id)

    async def _find(self, key_id: str) -> KeyRecord | None:
        key_id = id_of(key_id)
        found = await self._bucket.find(key_name(key_id)) if is_id(key_id) else None
        return found.content.record if found is not None and isinstance(found.content, HashedKey) else None

    async def _add(self, like: KeyRecord, *, live: bool) -> tuple[str, KeyRecord]:
        pepper = await self._pepper()
        key, record = new_key(like, live=live)
        kept = HashedKey(record, pepper.hash(key))
        await self._bucket.change(key_name(record.id), lambda content: kept if content is None else None)
        return key, record

    async def _pepper(self) -> Pepper:
        """Return the exchange's pepper, made here if it has none."""
        await agree_on_pepper(self._bucket, self._files, self._node)
        pepper = stored_pepper(self._files.directory, make=True)
        await claim_pepper(self._bucket, pepper, self._files.directory, self._node)
        return pepper


class ClusterRevocations:
    """The revoked tokens in a bucket."""

    def __init__(self, bucket: CredentialBucket) -> None:
        self._bucket = bucket

    async def add(self, entry: RevokedTokens) -> None:
        """See `RevocationStore.add`."""
        await self._bucket.change(revocation_name(entry), partial(wider, entry))

    async def entries(self, now_ms: int) -> list[RevokedTokens]:
        """See `RevocationStore.entries`."""
        read = [entry.content for entry in (await self._bucket.read(0)).entries]
        found = [entry for entry in read if isinstance(entry, RevokedTokens) and entry.expires_ms > now_ms]
        return sorted(found, key=lambda entry: (entry.revoked_ms, entry.kind, entry.name))
