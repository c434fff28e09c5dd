"""Where settings come from: flags over environment over TOML file over defaults."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from finalex.settings.declaration import CLIENT_VARIABLES, CONFIG_VARIABLE, ENVIRONMENT_PREFIX, TEST_PREFIX, Setting
from finalex.settings.kinds import WrongValueError

GIVEN_LENGTH_MAX = 80
"""A longer value is shown cut."""

FILE_BYTES_MAX = 1 << 20


class SettingError(Exception):
    """A setting is wrong; the text is one sentence that names it, where it was given, and what is allowed."""


@dataclass(frozen=True)
class Given:
    """A value as it was given; `origin` says where, for people."""

    value: object
    origin: str
    text: bool

    def read(self, setting: Setting) -> Any:
        """Return the value that the setting takes from this; raises `SettingError`."""
        try:
            if self.text and isinstance(self.value, str):
                return setting.kind.parse(self.value)
            return setting.kind.read(self.value)
        except WrongValueError as error:
            raise SettingError(self._sentence(setting, error)) from None

    def _sentence(self, setting: Setting, error: WrongValueError) -> str:
        name = f"Setting '{setting.name}{error.part}'"
        if error.reason and not setting.secret:
            return f"{name} ({self.origin}) is wrong: {error.reason}."
        if setting.secret:
            return f"{name} ({self.origin}) must be {setting.kind.allowed}."
        given = _shown(error.given if error.part else self.value)
        return f"{name} is {given} ({self.origin}), but must be {error.allowed or setting.kind.allowed}."


def from_flags(flags: Mapping[str, str | bool]) -> dict[str, Given]:
    """Return what the flags of a command, named as settings, give."""
    return {name: Given(value, f"flag --{name.replace('_', '-')}", text=True) for name, value in flags.items()}


def from_environment(environment: Mapping[str, str], settings: Mapping[str, Setting]) -> dict[str, Given]:
    """Return what environment variables give; raises `SettingError` for one that starts like ours and is none."""
    names = {setting.environment: name for name, setting in settings.items()}
    given = {}
    for variable, value in environment.items():
        if variable in names:
            given[names[variable]] = Given(value, f"environment variable {variable}", text=True)
        elif variable.startswith(ENVIRONMENT_PREFIX) and not _other(variable):
            raise SettingError(
                f"Unknown environment variable '{variable[:100]}'; {_variable_hint(variable, [*settings])}"
            )
    return given


def from_file(path: str, settings: Mapping[str, Setting]) -> dict[str, Given]:
    """Return what a TOML file gives; raises `SettingError` if it cannot be read or has a key that is no setting."""
    given = {}
    for key, value in _load(path).items():
        if key not in settings:
            raise SettingError(f"Unknown key '{key[:100]}' in {path}; {_hint(key, [*settings])}")
        given[key] = Given(value, f"{path}, key {key}", text=False)
    return given


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise SettingError(f"The configuration file '{path}' is larger than {FILE_BYTES_MAX} bytes.")
        return tomllib.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not valid TOML"
        place = f": {error}" if isinstance(error, tomllib.TOMLDecodeError) else ""
        raise SettingError(f"The configuration file '{path}' cannot be read: {reason}{place}.") from None


def _other(variable: str) -> bool:
    return variable in (CONFIG_VARIABLE, *CLIENT_VARIABLES) or variable.startswith(TEST_PREFIX)


def _variable_hint(wrong: str, names: list[str]) -> str:
    variables = {name.upper(): ENVIRONMENT_PREFIX + name.upper() for name in names}
    near = get_close_matches(wrong.removeprefix(ENVIRONMENT_PREFIX), variables, n=1)
    return _hint(variables[near[0]], [*variables.values()]) if near else _hint("", [])


def _hint(wrong: str, names: list[str]) -> str:
    near = get_close_matches(wrong, names, n=1)
    return f"did you mean '{near[0]}'?" if near else "'finalex settings' lists them all."


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= GIVEN_LENGTH_MAX else text[:GIVEN_LENGTH_MAX] + "…"
