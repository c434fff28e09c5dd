"""Where to connect, and as whom."""

from typing import NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit


class Address(NamedTuple):
    """A server's address: `url` holds the credentials, if any, and is never shown; `shown` is it without its query."""

    url: str
    shown: str

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"


def parse_address(url: str, token: str | None = None, api_key: str | None = None) -> Address:
    """Return the address that `url` and at most one credential make; raises `ValueError` with a sentence.

    Credentials go into the query, as the platform's specification has it.
    """
    if token and api_key:
        raise ValueError("There is a token and an API key: give one of them.")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that cannot be
        sound = False
        parts = urlsplit("")
    if not sound or parts.fragment or "@" in parts.netloc or not url.isprintable() or " " in url:
        raise ValueError("The address must be of the form ws://HOST:PORT or wss://HOST.")
    given = {"token": token, "api_key": api_key}
    query = "&".join([*filter(None, [parts.query]), *(f"{name}={quote(text)}" for name, text in given.items() if text)])
    return Address(urlunsplit(parts._replace(query=query)), urlunsplit(parts._replace(query="")))
