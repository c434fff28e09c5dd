"""What is known of an API key, and how it is written."""

from ipaddress import IPv6Address, ip_address, ip_network

import msgspec

ADDRESSES_MAX = 32
"""Ranges of addresses that one key may be used from."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key; `id` is its beginning. Times are wall-clock milliseconds, `None` is never.

    `addresses` are the ranges it may be used from; none is anywhere.
    """

    id: str
    user: str
    scopes: frozenset[str]
    label: str
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None
    addresses: tuple[str, ...] = ()
    last_used_ms: int | None = None

    def valid(self, now_ms: int) -> bool:
        """Whether the key opens anything at `now_ms`."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)

    def ending(self, at_ms: int) -> "KeyRecord":
        """Return the same record of a key that ends at `at_ms` at the latest."""
        ends_ms = at_ms if self.expires_ms is None else min(self.expires_ms, at_ms)
        return msgspec.structs.replace(self, expires_ms=ends_ms)

    def admits(self, address: str) -> bool:
        """Whether the key may be used from `address`; an IPv4 address mapped into IPv6 counts as IPv4."""
        if not self.addresses:
            return True
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
        return any((mapped or parsed) in ip_network(allowed) for allowed in self.addresses)


_LISTS = ("scopes", "addresses")


def read_record(row: tuple[object, ...]) -> KeyRecord:
    """Return the record in a row of the database; raises `msgspec.ValidationError`."""
    fields = dict(zip(KeyRecord.__struct_fields__, row, strict=True))
    return msgspec.convert(fields | {name: str(fields[name]).split() for name in _LISTS}, KeyRecord)


def written_record(record: KeyRecord) -> dict[str, object]:
    """Return a record as a row of the database."""
    lists = {name: " ".join(sorted(getattr(record, name))) for name in _LISTS}
    return msgspec.structs.asdict(record) | lists
