"""What a setting is: one declaration from which its flag, environment variable, TOML key and documentation come."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from finalex.settings.kinds import Kind

T = TypeVar("T")

ENVIRONMENT_PREFIX = "FINALEX_"
TEST_PREFIX = "FINALEX_TEST_"
"""Variables that only the tests of this project read."""

TOKEN_VARIABLE = "FINALEX_TOKEN"  # noqa: S105 (a name, no secret)
API_KEY_VARIABLE = "FINALEX_API_KEY"
CLIENT_VARIABLES = (TOKEN_VARIABLE, API_KEY_VARIABLE)
"""Credentials for the commands that are clients of a server; no settings of one."""

CONFIG_VARIABLE = "FINALEX_CONFIG"
"""Names the TOML file, as the flag --config does."""


@dataclass(frozen=True)
class Setting:
    """One setting. `name` is its TOML key; a secret is never shown and has no flag."""

    name: str
    kind: Kind[Any]
    description: str
    default_text: str
    secret: bool

    @property
    def environment(self) -> str:
        """Its environment variable."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def flag(self) -> str | None:
        """Its flag; `None` for a secret, since every user of a machine can read the arguments of a process."""
        return None if self.secret else "--" + self.name.replace("_", "-")


def setting(kind: Kind[T], default: T, description: str, *, default_text: str = "", secret: bool = False) -> T:
    """Declare a field of a configuration; `default_text` documents a default that text does not show well."""
    return _declare(kind, lambda: default, description, default_text or kind.show(default), secret=secret)


def computed_setting(kind: Kind[T], default: Callable[[], T], description: str, default_text: str) -> T:
    """Declare a field whose default depends on the environment."""
    return _declare(kind, default, description, default_text, secret=False)


def _declare(kind: Kind[T], default: Callable[[], T], description: str, default_text: str, *, secret: bool) -> T:
    metadata = {"setting": (kind, description, default_text, secret)}
    return field(default_factory=default, metadata=metadata)


def settings_of(configuration: type[Any]) -> dict[str, Setting]:
    """Return the settings that a dataclass declares, by name, in their order."""
    declared = (item for item in fields(configuration) if "setting" in item.metadata)
    return {item.name: Setting(item.name, *item.metadata["setting"]) for item in declared}
