"""Kinds of settings that name the nodes of a cluster."""

import re

from finalex.settings.kinds import Kind, WrongValueError

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SERVER = re.compile(r"(nats|tls)://([a-z0-9._-]+|\[[0-9a-f:.]+\]):\d{1,5}", re.ASCII | re.IGNORECASE)


class Word(Kind[str]):
    """A name that can be part of a subject, a file name and a command."""

    allowed = "a word of 1 to 64 letters, digits, - and _"

    def parse(self, text: str) -> str:
        """See `Kind.parse`."""
        if not _WORD.fullmatch(text):
            raise WrongValueError
        return text


class OptionalWord(Kind[str | None]):
    """The same; `None`, written as an empty text, is none."""

    allowed = "a word of at most 64 letters, digits, - and _, or empty"

    def parse(self, text: str) -> str | None:
        """See `Kind.parse`."""
        if text and not _WORD.fullmatch(text):
            raise WrongValueError
        return text or None

    def show(self, value: str | None) -> str:
        """See `Kind.show`."""
        return value or ""


class NatsServer(Kind[str]):
    """A NATS server. User and password have settings of their own: whoever runs `ps` sees a flag."""

    allowed = "an address such as nats://10.0.0.1:4222 or tls://nats.example.com:4222"

    def parse(self, text: str) -> str:
        """See `Kind.parse`."""
        if not _SERVER.fullmatch(text):
            raise WrongValueError
        return text
