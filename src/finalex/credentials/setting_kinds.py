"""The kinds of settings that say whose tokens are accepted."""

from pathlib import Path

from finalex.credentials.fetching import is_loopback, split_url
from finalex.settings.kinds import Kind, WrongValueError

CLAIM_LENGTH_MAX = 256
URL_LENGTH_MAX = 2048


class OptionalPath(Kind[Path | None]):
    """A file; `None`, written as an empty text, is none."""

    allowed = "the path of a file, or empty"

    def parse(self, text: str) -> Path | None:
        """See `Kind.parse`."""
        if "\0" in text:
            raise WrongValueError
        return Path(text).expanduser() if text else None

    def show(self, value: Path | None) -> str:
        """See `Kind.show`."""
        return "" if value is None else str(value)


class KeySetUrl(Kind[str | None]):
    """Where a JSON Web Key Set is; `None`, written as an empty text, is nowhere."""

    allowed = "an https URL (or http) without user, password and fragment, or empty"

    def parse(self, text: str) -> str | None:
        """See `Kind.parse`."""
        if text and (len(text) > URL_LENGTH_MAX or split_url(text) is None):
            raise WrongValueError
        return text or None

    def show(self, value: str | None) -> str:
        """See `Kind.show`."""
        return value or ""


class Claim(Kind[str]):
    """What a claim of a token says, or is named."""

    allowed = f"a text of 1 to {CLAIM_LENGTH_MAX} printable characters"

    def parse(self, text: str) -> str:
        """See `Kind.parse`."""
        if not (0 < len(text) <= CLAIM_LENGTH_MAX and text.isprintable()):
            raise WrongValueError
        return text


class OptionalClaim(Kind[str | None]):
    """The same; `None`, written as an empty text, is any or none."""

    allowed = f"a text of at most {CLAIM_LENGTH_MAX} printable characters"
    _claim = Claim()

    def parse(self, text: str) -> str | None:
        """See `Kind.parse`."""
        return self._claim.parse(text) if text else None

    def show(self, value: str | None) -> str:
        """See `Kind.show`."""
        return value or ""


def is_private(url: str) -> bool:
    """Whether nobody on the way can change what is fetched from `url`: it is https, or does not leave this machine."""
    parts = split_url(url)
    return parts is not None and (parts.scheme == "https" or is_loopback(parts.hostname or ""))
