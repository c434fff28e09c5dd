"""Kinds of settings that name a place: hosts, networks, origins, directories, and where a market comes from."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

from finalex.settings.kinds import Kind, WrongValueError

Network = IPv4Network | IPv6Network

_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*", re.I
)
_MILLISECONDS = re.compile(r"\d{12,15}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXCHANGE = re.compile(r"[a-z][a-z0-9_]{1,39}")
_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")


class Host(Kind[str]):
    """Where to listen."""

    allowed = "an IP address or a host name"

    def parse(self, text: str) -> str:
        """See `Kind.parse`."""
        if _is_address(text) or (_HOST_NAME.fullmatch(text) and not re.fullmatch(r"[\d.]+", text)):
            return text
        raise WrongValueError


class NetworkRange(Kind[Network]):
    """A range of addresses; a single address is a range of one."""

    allowed = "an address range such as 10.0.0.0/8, or an address"

    def parse(self, text: str) -> Network:
        """See `Kind.parse`."""
        try:
            return ip_network(text)
        except ValueError:
            raise WrongValueError from None


class Origin(Kind[str]):
    """The origin of a web page, as browsers send it (RFC 6454 section 6.2)."""

    allowed = "an origin such as https://example.com or http://localhost:3000"

    def parse(self, text: str) -> str:
        """See `Kind.parse`."""
        if not _ORIGIN.fullmatch(text.lower()):
            raise WrongValueError
        return text.lower()


IN_MEMORY = Path(":memory:")
"""Stands for no directory at all."""


class Directory(Kind[Path]):
    """A directory; it need not exist yet."""

    allowed = "a path that is a directory or does not exist yet, or :memory:"

    def parse(self, text: str) -> Path:
        """See `Kind.parse`."""
        path = _path(text)
        try:
            if path.exists() and not path.is_dir():
                raise WrongValueError
        except OSError as error:
            raise WrongValueError(reason=f"{str(path)!r} cannot be used: {error.strerror}") from None
        return path


class SourceSetting(NamedTuple):
    """Where events come from: `kind` is `simulate`, `exchange`, `external`, `replay`, `upstream` or `paper`.

    Only the last two, which show the same, have an `exchange`: what ccxt calls it. Only a replay has `files`, in order;
    each is a path, or a path, `=` and the symbol that the file is played as. What is before `from_ms` (milliseconds
    since 1970, UTC) is played without waiting.
    """

    kind: str
    files: tuple[str, ...] = ()
    from_ms: int = 0
    exchange: str = ""

    @property
    def data_directory(self) -> Path | None:
        """The data directory whose log is played, if that is what is played."""
        return Path(self.files[0]) if len(self.files) == 1 and Path(self.files[0]).is_dir() else None

    @property
    def trading(self) -> bool:
        """Whether clients can trade."""
        return self.kind in ("simulate", "exchange", "external", "paper")

    @property
    def operated(self) -> bool:
        """Whether an operator can look at the server; any number of recordings may play on one data directory."""
        return self.kind != "replay"

    def __str__(self) -> str:
        if self.exchange:
            return f"{self.kind}:{self.exchange}"
        start = f"@{self.from_ms}" if self.from_ms else ""
        return f"replay:{','.join(self.files)}{start}" if self.files else self.kind


class Source(Kind[SourceSetting]):
    """Where events come from."""

    allowed = (
        "simulate, exchange, external (an engine of your own, over NATS), "
        "replay:FILE[,FILE…] with files that can be read (FILE=SYMBOL: played as SYMBOL), "
        "replay:DIR with the data directory of a server (@TIME at the end: paced from that time on), "
        "upstream:EXCHANGE with the name that ccxt has for an exchange, or paper:EXCHANGE to trade there on paper"
    )

    def parse(self, text: str) -> SourceSetting:
        """See `Kind.parse`."""
        if text in ("simulate", "exchange", "external"):
            return SourceSetting(text)
        kind, _, names = text.partition(":")
        if kind in ("upstream", "paper") and _EXCHANGE.fullmatch(names):
            return SourceSetting(kind, exchange=names)
        if kind != "replay":
            raise WrongValueError
        names, from_ms = _split_time(names)
        return SourceSetting(kind, tuple(_recording(name.strip()) for name in names.split(",")), from_ms)


def default_data_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the data directory of a user who configures none (XDG Base Directory Specification)."""
    base = Path(environment.get("XDG_DATA_HOME", ""))
    home = Path(environment.get("HOME") or Path.home())
    return (base if base.is_absolute() else home / ".local" / "share") / "finalex"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _split_time(names: str) -> tuple[str, int]:
    """Return what is named before the last @, and the time after it; a name that exists may have an @ itself."""
    before, at, time = names.rpartition("@")
    if not at or os.path.exists(_path(names.rpartition(",")[2].strip())):
        return names, 0
    try:
        return before, _time_ms(time)
    except (ValueError, OverflowError):
        allowed = "a time such as 2026-01-31T12:00:00Z, or milliseconds since 1970"
        raise WrongValueError(reason=f"'{time[:80]}' is not {allowed}") from None


def _time_ms(text: str) -> int:
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    time = datetime.fromisoformat(text)
    time_ms = ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
    if time_ms <= 0:
        raise ValueError("before 1970")
    return time_ms


def _recording(text: str) -> str:
    path = str(_path(text))
    file = path if os.path.exists(path) else path.rpartition("=")[0] or path
    if not ((os.path.isfile(file) or os.path.isdir(file)) and os.access(file, os.R_OK)):
        raise WrongValueError(reason=f"there is no file or directory '{file}' that can be read")
    return path


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise WrongValueError
    try:
        return Path(text).expanduser()
    except RuntimeError:  # a home directory that nobody knows
        raise WrongValueError from None
