"""The page about settings says what the program does."""

import re
from pathlib import Path

import pytest

from finalex.config import SETTINGS, load_config
from finalex.model.instruments import Instrument
from finalex.settings.markets import INSTRUMENT_KEYS, written
from finalex.settings.page import settings_page

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(SETTINGS), "run: finalex settings > docs/settings.md"


def test_every_setting_has_a_sentence_and_a_row() -> None:
    page = settings_page(SETTINGS)

    for setting in SETTINGS.values():
        assert re.fullmatch(r"[A-Z].*\.", setting.description), setting.name
        assert f"| `{setting.name}` |" in page


def test_every_key_of_an_instrument_is_documented() -> None:
    instrument = Instrument(
        symbol="A/B",
        price_decimals=0,
        quantity_decimals=0,
        tick_size=1,
        lot_size=1,
        price_min=1,
        price_max=1,
        quantity_min=1,
        quantity_max=1,
        notional_min=0,
    )

    assert list(written(instrument)) == list(INSTRUMENT_KEYS)


def test_the_example_file_of_the_page_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", settings_page(SETTINGS), re.DOTALL)
    file = tmp_path / "finalex.toml"
    file.write_text(example, encoding="utf-8")

    config = load_config({}, {"HOME": "/house"}, str(file))

    assert list(config.instruments) == ["BTC/EUR"]
    assert set(config.demo_credits) == {"BTC", "EUR"}


@pytest.mark.parametrize("name", SETTINGS)
def test_names_follow_from_one_another(name: str) -> None:
    setting = SETTINGS[name]

    assert setting.environment == "FINALEX_" + name.upper()
    assert setting.flag == (None if setting.secret else "--" + name.replace("_", "-"))
