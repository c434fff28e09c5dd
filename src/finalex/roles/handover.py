"""Handing a configuration over to a child: through its environment, where no other user of the machine sees secrets."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from finalex.config import SETTINGS, Config, load_config
from finalex.credentials.secret import Secret
from finalex.settings.declaration import CONFIG_VARIABLE
from finalex.settings.markets import written
from finalex.settings.origins import SettingError

MARKETS = "instruments"
"""The one setting that may be too large for a variable: it goes into a file."""


def environment_of(config: Config, markets_file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with which a child has `config`, whatever `environment` says of settings.

    `markets_file` is what `write_markets` wrote. Raises `SettingError` if a value cannot be handed over.
    """
    variables = {setting.environment for setting in SETTINGS.values()} | {CONFIG_VARIABLE}
    handed = {name: value for name, value in environment.items() if name not in variables}
    handed[CONFIG_VARIABLE] = str(markets_file)
    defaults = Config(data_dir=Path())
    for name, setting in SETTINGS.items():
        value = getattr(config, name)
        if name != MARKETS and value != getattr(defaults, name):
            handed[setting.environment] = value.reveal() if isinstance(value, Secret) else setting.kind.show(value)
    _check(config, load_config({}, handed))
    return handed


def write_markets(config: Config, file: Path) -> None:
    """Write what can be traded as a configuration file; raises `OSError`."""
    tables = [
        ", ".join(f"{key} = {json.dumps(value)}" for key, value in written(instrument).items())
        for instrument in config.instruments.values()
    ]
    new = file.with_name(f".{file.name}-{os.getpid()}")
    new.write_text(f"{MARKETS} = [\n" + "".join(f"  {{ {table} }},\n" for table in tables) + "]\n", encoding="utf-8")
    os.replace(new, file)


def _check(config: Config, arrives: Config) -> None:
    """Raise `SettingError` for a value that a file can give and text cannot, such as a list item with a comma."""
    for name in SETTINGS:
        if name != MARKETS and getattr(arrives, name) != getattr(config, name):
            raise SettingError(
                f"Setting '{name}' has a value that 'workers' cannot be given: it must be without commas."
            )
