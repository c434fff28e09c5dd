"""The page that documents every setting, made from their declarations."""

from collections.abc import Mapping

from finalex.settings.declaration import CONFIG_VARIABLE, Setting
from finalex.settings.markets import INSTRUMENT_KEYS

_INTRODUCTION = f"""\
# Settings

`finalex settings` prints this page.

Every setting has one name. It is written in a TOML file as it stands here, as an environment variable in capitals
after `FINALEX_`, and as a flag of `finalex serve` with dashes:

```
finalex serve --ping-interval-ms 15000
FINALEX_PING_INTERVAL_MS=15000 finalex serve
finalex serve --config finalex.toml        # with the line: ping_interval_ms = 15000
```

Flags beat the environment, the environment beats the file, and the file beats the defaults. The file is named by
`--config` or by the environment variable `{CONFIG_VARIABLE}`; without either there is none. A wrong value, an unknown
key and an unknown variable `FINALEX_…` stop the start with a sentence that names them.

A setting that is a list is written with commas in a flag or variable, and as an array in TOML. A secret has no
flag, because everybody on a machine can read the arguments of its processes.
"""

_INSTRUMENTS = """\
## Instruments

Each table `[[instruments]]` of the file describes one pair, and replaces the eight that are there by default
(in a flag or variable: a JSON array of objects). Decimal numbers are texts, so that they are exact.
`finalex instruments --toml` prints the present ones in this form.

```toml
[[instruments]]
symbol = "BTC/EUR"
tick_size = "0.01"
lot_size = "0.00001"
price_max = "1000000"
quantity_max = "9000"
notional_min = "5"

[demo_amounts]
BTC = "2"
EUR = "100000"
```
"""


def settings_page(settings: Mapping[str, Setting]) -> str:
    """Return the page as Markdown."""
    rows = [_row("setting", "default", "must be", "meaning"), _row("---", "---", "---", "---")]
    rows += [_setting_row(setting) for setting in settings.values()]
    keys = [_row("key", "meaning"), _row("---", "---")]
    keys += [_row(f"`{key}`", meaning) for key, meaning in INSTRUMENT_KEYS.items()]
    return "\n".join((_INTRODUCTION, *rows, "", _INSTRUMENTS, *keys, ""))


def _setting_row(setting: Setting) -> str:
    text = setting.default_text
    default = text if " " in text or "`" in text else f"`{text}`"
    meaning = setting.description if setting.flag else f"{setting.description} No flag."
    return _row(f"`{setting.name}`", default, setting.kind.allowed, meaning)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
