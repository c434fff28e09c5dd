"""The pepper: a key, kept beside the database, without which nobody can test a guess against the hashes in it."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from finalex.credentials.files import create_private

PEPPER_FILE_NAME = "api-key-pepper"
_PEPPER_BYTES = 32


class PepperError(OSError):
    """The pepper cannot be used; the text goes after "cannot be used: "."""

    def __init__(self, text: str) -> None:
        super().__init__(None, text)


class Pepper:
    """The key of the hashes of API keys; no representation shows it."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def hash(self, api_key: str) -> bytes:
        """Return what is kept of an API key."""
        return self.keyed(hashlib.sha256(api_key.encode()).digest())

    def keyed(self, digest: bytes) -> bytes:
        """Return what is kept of an API key with this SHA-256: HMAC-SHA-256 of it."""
        return hmac.digest(self._key, digest, "sha256")

    @property
    def check(self) -> bytes:
        """What is kept to tell this pepper from another."""
        return self.keyed(b"finalex pepper check")

    def __repr__(self) -> str:
        return "Pepper(…)"


def stored_pepper(directory: Path, *, make: bool) -> Pepper:
    """Return the pepper kept in `directory`; with `make` it is made (mode 0600) if there is none.

    Processes that ask at the same time get the same one. Raises `PepperError`, and `OSError`.
    """
    path = directory / PEPPER_FILE_NAME
    if make:
        create_private(path, lambda new: new.write_text(secrets.token_hex(_PEPPER_BYTES) + "\n", encoding="ascii"))
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(2 * _PEPPER_BYTES + 2)
    except FileNotFoundError:
        raise PepperError(f"'{path}', with which they were hashed, is missing: put it back from a backup") from None
    if mode & 0o077:
        raise PepperError(f"'{path}' can be read by other users: run chmod 600 on it")
    try:
        key = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != _PEPPER_BYTES:
        raise PepperError(f"'{path}' is damaged: put it back from a backup")
    return Pepper(key)
