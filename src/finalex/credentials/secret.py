"""The secret that signs tokens: a value that does not show itself, and the file that keeps it."""

import hmac
import os
import secrets
from pathlib import Path

from finalex.credentials.files import create_private
from finalex.settings.kinds import Kind, WrongValueError

SECRET_BYTES_MIN = 32
"""HMAC-SHA-256 wants a key at least as long as its hash (RFC 7518 section 3.2)."""

_PASSWORD_LENGTH_MAX = 1024
SECRET_BYTES_MAX = 4096
SECRET_FILE_NAME = "jwt-secret"  # noqa: S105 (a file's name)
_RANDOM_BYTES = 48


class SecretFileError(Exception):
    """The file with the secret cannot be used; the text is a sentence for the operator."""


class Secret:
    """A text that no representation shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)


class SecretText(Kind[Secret | None]):
    """A secret given as a setting; `None` is kept for "not given"."""

    allowed = (
        f"a text of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes without control characters, "
        "and no key in PEM, SSH or JWK form"
    )

    def parse(self, text: str) -> Secret:
        """See `Kind.parse`."""
        if not usable(text):
            raise WrongValueError
        return Secret(text)

    def show(self, value: Secret | None) -> str:
        """See `Kind.show`; a secret is never shown."""
        return "" if value is None else "…"


class PasswordText(Kind[Secret | None]):
    """A password for a server of somebody else, which decides what is good enough; empty is none."""

    allowed = "at most 1024 printable characters"

    def parse(self, text: str) -> Secret | None:
        """See `Kind.parse`."""
        if len(text) > _PASSWORD_LENGTH_MAX or not text.isprintable():
            raise WrongValueError
        return Secret(text) if text else None

    def show(self, value: Secret | None) -> str:
        """See `Kind.show`; a password is never shown."""
        return "" if value is None else "…"


def usable(text: str) -> bool:
    """Whether `text` can sign tokens; what looks like a key of another kind is not secret, or not meant for this."""
    if "-----BEGIN" in text or text.startswith(("ssh-", "ecdsa-sha2-")) or '"kty"' in text:
        return False
    return text.isprintable() and SECRET_BYTES_MIN <= len(text.encode()) <= SECRET_BYTES_MAX


def stored_secret(data_dir: Path) -> Secret:
    """Return the secret kept in `data_dir`, made (mode 0600) the first time somebody asks.

    Processes that ask at the same time get the same secret. Raises `SecretFileError`.
    """
    path = data_dir / SECRET_FILE_NAME
    try:
        create_private(path, lambda new: new.write_text(secrets.token_urlsafe(_RANDOM_BYTES) + "\n", encoding="ascii"))
        return _read(path)
    except OSError as error:
        raise SecretFileError(f"The secret in '{path}' cannot be used: {error.strerror}.") from None


def _read(path: Path) -> Secret:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        content = file.read(SECRET_BYTES_MAX + 2)
    if mode & 0o077:
        raise SecretFileError(f"The secret in '{path}' can be read by other users: run chmod 600 on it.")
    text = content.decode("utf-8", errors="replace").removesuffix("\n")
    if not usable(text):
        raise SecretFileError(f"The secret in '{path}' is not {SecretText.allowed}: delete it to have a new one made.")
    return Secret(text)
