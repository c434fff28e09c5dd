"""What a client of NATS shows the server, and what it wants to see of it."""

import base64
import re
import ssl
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped]

from finalex.bus.address import BusAddress

CREDENTIALS_BYTES_MAX = 1 << 16

_CREDENTIALS = re.compile(
    rb"-+BEGIN NATS USER JWT-+\s+(\S+)\s+-+END NATS USER JWT-+.*?-+BEGIN USER NKEY SEED-+\s+(\S+)\s+-+END", re.DOTALL
)


class LoginError(OSError):
    """A file that is needed to log in cannot be used; the text says which, and why."""


def login_options(address: BusAddress) -> dict[str, Any]:
    """Return the options of a client that logs in as `address` says; raises `LoginError`.

    Files are read now, so that a wrong one is found at the start; a `.creds` file is read again for every connection,
    so that it may be renewed.
    """
    given: dict[str, Any] = {}
    if address.user is not None:
        given |= {"user": address.user, "password": address.password or ""}
    if address.credentials_file is not None:
        file = address.credentials_file
        read_credentials(file)
        given |= {"user_jwt_cb": lambda: read_credentials(file)[0], "signature_cb": lambda nonce: _sign(file, nonce)}
    if wants_tls(address):
        given["tls"] = _tls(address)
    return given


def wants_tls(address: BusAddress) -> bool:
    """Whether nothing may be sent to the servers of `address` in the clear."""
    if address.ca_file is not None or address.certificate_file is not None:
        return True
    return any(server.lower().startswith("tls:") for server in address.servers)


def read_credentials(file: Path) -> tuple[bytes, bytes]:
    """Return the JWT and the seed in a `.creds` file; raises `LoginError`."""
    try:
        with file.open("rb") as opened:
            found = _CREDENTIALS.search(opened.read(CREDENTIALS_BYTES_MAX))
    except OSError as error:
        raise LoginError(f"'{file}' cannot be read: {error.strerror}") from None
    if found is None:
        raise LoginError(f"'{file}' is no .creds file with a user's JWT and seed")
    return found[1], found[2]


def _sign(file: Path, nonce: str) -> bytes:
    try:
        pair = nkeys.from_seed(bytearray(read_credentials(file)[1]))
        return base64.b64encode(pair.sign(nonce.encode()))
    except (nkeys.NkeysError, ValueError):
        raise LoginError(f"the seed in '{file}' is none") from None


def _tls(address: BusAddress) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        if address.ca_file is not None:
            context = ssl.create_default_context(cafile=str(address.ca_file))
    except OSError as error:
        raise LoginError(f"'{address.ca_file}' holds no certificates that can be read: {_short(error)}") from None
    try:
        if address.certificate_file is not None:
            context.load_cert_chain(address.certificate_file, address.key_file)
    except OSError as error:
        files = " and ".join(f"'{file}'" for file in (address.certificate_file, address.key_file) if file)
        raise LoginError(f"{files} cannot be used as certificate and key: {_short(error)}") from None
    return context


def _short(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return str(reason or type(error).__name__).replace("_", " ").lower()
