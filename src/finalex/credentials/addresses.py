"""The addresses that an API key may be used from, as an operator writes them."""

from ipaddress import ip_network

from finalex.credentials.grants import GrantError
from finalex.credentials.key_records import ADDRESSES_MAX


def parse_addresses(text: str) -> tuple[str, ...]:
    """Return the ranges of addresses in `text`, with commas between; raises `GrantError`."""
    ranges = tuple(_range(item.strip()) for item in text.split(",")) if text else ()
    if len(ranges) > ADDRESSES_MAX:
        raise GrantError(f"A key can have at most {ADDRESSES_MAX} ranges of addresses.")
    return ranges


def _range(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise GrantError(
            f"Address {text[:80]!r} must be an address or a range such as 10.0.0.0/8 (its other bits zero)."
        ) from None
