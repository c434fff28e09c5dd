"""A configuration reaches a child through its environment, whole or not at all."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from finalex.config import SETTINGS, Config, load_config
from finalex.credentials.secret import Secret
from finalex.roles.handover import environment_of, write_markets
from finalex.settings.origins import SettingError
from test_config import SAMPLES

HOME = {"HOME": "/house", "PATH": "/bin"}
MANY = 1000


def handed_over(config: Config, directory: Path, environment: dict[str, str] | None = None) -> dict[str, str]:
    file = directory / "markets.toml"
    write_markets(config, file)
    return environment_of(config, file, HOME | (environment or {}))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_setting_arrives(name: str, tmp_path: Path) -> None:
    config = replace(Config(data_dir=tmp_path), **{name: SETTINGS[name].kind.parse(SAMPLES[name][1])})
    arrived = load_config({}, handed_over(config, tmp_path))
    assert {each.name: getattr(arrived, each.name) for each in fields(Config) if each.name in SETTINGS} == {
        each.name: getattr(config, each.name) for each in fields(Config) if each.name in SETTINGS
    }


def test_what_the_environment_and_its_file_say_counts_no_more(tmp_path: Path) -> None:
    given = {"FINALEX_PORT": "1", "FINALEX_CONFIG": "/nowhere.toml", "FINALEX_TEST_DATA": "kept", "LANG": "C"}
    handed = handed_over(Config(data_dir=tmp_path, port=2), tmp_path, given)
    assert load_config({}, handed).port == 2
    assert (handed["FINALEX_TEST_DATA"], handed["LANG"], handed["PATH"]) == ("kept", "C", "/bin")


def test_more_markets_than_fit_into_a_variable_arrive(tmp_path: Path) -> None:
    one = SAMPLES["instruments"][1]
    text = ",".join(one.strip("[]").replace("B/BTC", f"B{number}/BTC") for number in range(MANY))
    config = replace(Config(data_dir=tmp_path), instruments=SETTINGS["instruments"].kind.parse(f"[{text}]"))
    handed = handed_over(config, tmp_path)
    assert list(load_config({}, handed).instruments) == list(config.instruments)
    assert max(len(value) for value in handed.values()) < 4096


def test_a_value_that_cannot_arrive_is_refused(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, jwt_audience=("a,b",))
    with pytest.raises(SettingError, match="'jwt_audience' has a value that 'workers' cannot be given"):
        handed_over(config, tmp_path)


def test_secrets_arrive_and_are_nowhere_else(tmp_path: Path) -> None:
    secret = Secret("a secret that is certainly long enough")
    handed = handed_over(Config(data_dir=tmp_path, jwt_secret=secret), tmp_path)
    assert load_config({}, handed).jwt_secret == secret
    assert secret.reveal() not in (tmp_path / "markets.toml").read_text()
