"""The address of a server, as somebody types it."""

from urllib.parse import parse_qsl, urlsplit


def check_address(url: str) -> str:
    """Return `url`; raises `ValueError` with a sentence if it is no address, or has credentials in it."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that cannot be
        raise ValueError("The address must be of the form ws://HOST:PORT or wss://HOST.") from None
    if not sound or parts.fragment or "@" in parts.netloc or not url.isprintable() or " " in url:
        raise ValueError("The address must be of the form ws://HOST:PORT or wss://HOST.")
    if {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} & {"token", "api_key"}:
        raise ValueError("Credentials do not belong in the address, which others can see: set FINALEX_TOKEN instead.")
    return url
