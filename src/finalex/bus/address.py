"""Where NATS is. This much can be known without the library."""

from pathlib import Path

import msgspec


class BusAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where NATS is and how to log in there; no representation shows the password."""

    servers: tuple[str, ...]
    user: str | None = None
    password: str | None = None
    credentials_file: Path | None = None
    """A `.creds` file: a user's JWT and its seed."""
    ca_file: Path | None = None
    """The certificates that the server's is checked with, instead of the system's."""
    certificate_file: Path | None = None
    key_file: Path | None = None
    """The certificate of this client, for servers that want one."""

    def __repr__(self) -> str:
        return f"BusAddress({', '.join(self.servers)})"
