"""The kinds of values that settings have: how each is written, as text and in TOML, and what is allowed."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

_INTEGER = re.compile(r"-?\d{1,20}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,12})?", re.ASCII)


class WrongValueError(ValueError):
    """A value that a setting cannot have.

    Without arguments the whole value is not what the kind allows. Otherwise `part` names a place within the
    value (such as `[0].tick_size`), `given` is what stands there, and `allowed` what may; `reason` replaces both.
    """

    def __init__(self, part: str = "", given: object = None, allowed: str = "", reason: str = "") -> None:
        super().__init__(part, given, allowed, reason)
        self.part = part
        self.given = given
        self.allowed = allowed
        self.reason = reason


class Kind(ABC, Generic[T]):
    """One kind of value; `allowed` completes the sentence "must be …"."""

    allowed: str

    @abstractmethod
    def parse(self, text: str) -> T:
        """Return the value of a flag's or an environment variable's `text`; raises `WrongValueError`."""

    def read(self, value: object) -> T:
        """Return the value of what a TOML file says; raises `WrongValueError`."""
        if not isinstance(value, str):
            raise WrongValueError
        return self.parse(value)

    def show(self, value: T) -> str:
        """Return the text that `parse` reads back to `value`."""
        return str(value)


class Integer(Kind[int]):
    """A whole number within bounds."""

    def __init__(self, minimum: int, maximum: int, unit: str = "") -> None:
        self._minimum = minimum
        self._maximum = maximum
        self.allowed = f"a whole number from {minimum} to {maximum}{unit and ' '}{unit}"

    def parse(self, text: str) -> int:
        """See `Kind.parse`."""
        if not _INTEGER.fullmatch(text):
            raise WrongValueError
        return self.read(int(text))

    def read(self, value: object) -> int:
        """See `Kind.read`."""
        if type(value) is not int or not self._minimum <= value <= self._maximum:
            raise WrongValueError
        return value


_SWITCH = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


class Switch(Kind[bool]):
    """On or off."""

    allowed = "true or false"

    def parse(self, text: str) -> bool:
        """See `Kind.parse`."""
        if text.lower() not in _SWITCH:
            raise WrongValueError
        return _SWITCH[text.lower()]

    def read(self, value: object) -> bool:
        """See `Kind.read`."""
        if not isinstance(value, bool):
            raise WrongValueError
        return value

    def show(self, value: bool) -> str:
        """See `Kind.show`."""
        return "true" if value else "false"


class AutomaticSwitch(Kind[bool | None]):
    """On, off, or `None`: as other settings suggest."""

    allowed = "true, false or auto"
    _switch = Switch()

    def parse(self, text: str) -> bool | None:
        """See `Kind.parse`."""
        return None if text.lower() == "auto" else self._switch.parse(text)

    def read(self, value: object) -> bool | None:
        """See `Kind.read`."""
        return None if value == "auto" else self._switch.read(value)

    def show(self, value: bool | None) -> str:
        """See `Kind.show`."""
        return "auto" if value is None else self._switch.show(value)


class AutomaticPort(Kind[int | None]):
    """A TCP port, or `None`: as other settings suggest."""

    allowed = "a whole number from 0 to 65535, or auto"
    _port = Integer(0, 65535)

    def parse(self, text: str) -> int | None:
        """See `Kind.parse`."""
        return None if text.lower() == "auto" else self._port.parse(text)

    def read(self, value: object) -> int | None:
        """See `Kind.read`."""
        return None if value == "auto" else self._port.read(value)

    def show(self, value: int | None) -> str:
        """See `Kind.show`."""
        return "auto" if value is None else str(value)


class Choice(Kind[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self.allowed = f"{', '.join(words[:-1])} or {words[-1]}"

    def parse(self, text: str) -> str:
        """See `Kind.parse`."""
        if text not in self._words:
            raise WrongValueError
        return text


class Speed(Kind[float | None]):
    """A factor of real time; `None`, written `max`, waits for nothing."""

    allowed = "a number from 0.001 to 1000000, or max"

    def parse(self, text: str) -> float | None:
        """See `Kind.parse`."""
        if text == "max":
            return None
        if not _DECIMAL.fullmatch(text):
            raise WrongValueError
        return self.read(float(text))

    def read(self, value: object) -> float | None:
        """See `Kind.read`."""
        if isinstance(value, str):
            return self.parse(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.001 <= value <= 1_000_000:
            raise WrongValueError
        return float(value)

    def show(self, value: float | None) -> str:
        """See `Kind.show`."""
        return "max" if value is None else f"{value:.12f}".rstrip("0").rstrip(".")


class Several(Kind[tuple[T, ...]]):
    """Any number of values: with commas in text, a list in TOML."""

    def __init__(self, each: Kind[T]) -> None:
        self._each = each
        self.allowed = f"a list in which each is {each.allowed}"

    def parse(self, text: str) -> tuple[T, ...]:
        """See `Kind.parse`."""
        return self.read([item.strip() for item in text.split(",")] if text else [])

    def read(self, value: object) -> tuple[T, ...]:
        """See `Kind.read`."""
        if not isinstance(value, list):
            raise WrongValueError
        return tuple(self._read_each(value))

    def show(self, value: Sequence[T]) -> str:
        """See `Kind.show`."""
        return ",".join(self._each.show(item) for item in value)

    def _read_each(self, items: list[object]) -> list[T]:
        found = []
        for number, item in enumerate(items):
            try:
                found.append(self._each.read(item))
            except WrongValueError:
                raise WrongValueError(f"[{number}]", item, self._each.allowed) from None
        return found
