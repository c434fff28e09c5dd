"""What is said of a wrong setting: one sentence, with the setting, where it was given, and what is allowed."""

from pathlib import Path

import pytest

from finalex.config import SETTINGS, Config, load_config
from finalex.settings.origins import SettingError


def load(
    tmp_path: Path,
    *,
    flags: dict[str, str | bool] | None = None,
    environment: dict[str, str] | None = None,
    toml: str | None = None,
) -> Config:
    path = None
    if toml is not None:
        path = tmp_path / "finalex.toml"
        path.write_text(toml, encoding="utf-8")
    return load_config(flags or {}, {"HOME": "/house"} | (environment or {}), str(path) if path else None)


def sentence(
    tmp_path: Path,
    *,
    flags: dict[str, str | bool] | None = None,
    environment: dict[str, str] | None = None,
    toml: str | None = None,
) -> str:
    with pytest.raises(SettingError) as caught:
        load(tmp_path, flags=flags, environment=environment, toml=toml)
    return str(caught.value).replace(str(tmp_path) + "/", "")


SEED_MAX = "9223372036854775807."

WRONG_TEXTS = {
    "host": ("", "a b", "1.2.3", "http://x"),
    "port": ("", "abc", "-1", "65536", "8081.0", "0x50", "٣"),
    "source": ("", "simulated", "replay", "replay:", "replay:/nowhere", f"replay:{__file__},", "exchange:x"),
    "speed": ("", "0", "-1", "fast", "inf", "nan", "1e3", "1000001"),
    "loop": ("", "maybe", "2"),
    "seed": ("-1", "9223372036854775808"),
    "data_dir": ("", __file__, "a\0b", "~nobody-has-this-name/x"),
    "demo_balances": ("", "automatic"),
    "demo_amounts": (
        "BTC",
        "BTC=",
        "BTC=-1",
        "BTC=1e3",
        "BTC=0.000000001",
        "BTC=1,BTC=2",
        "BTC=1000000001",
        "=1",
        "XYZ=1",
    ),
    "instruments": ("", "x", "{}", "[]", "[1]", "[" * 10_000),
    "origins": (
        "example.com",
        "ftp://example.com",
        "https://example.com/",
        "https://a b",
        "https://me@x",
        "http://x:y",
    ),
    "trusted_proxies": ("10.0.0.1/8", "proxy", "10.0.0.0/33"),
    "log_level": ("", "INFO", "loud"),
    "log_format": ("", "xml"),
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG_TEXTS.items() for text in texts])
def test_a_wrong_text_stops_the_start_with_a_sentence_that_names_setting_and_origin(
    name: str, text: str, tmp_path: Path
) -> None:
    variable = SETTINGS[name].environment

    as_flag = sentence(tmp_path, flags={name: text})
    in_environment = sentence(tmp_path, environment={variable: text})

    assert name in as_flag
    assert f"flag {SETTINGS[name].flag}" in as_flag
    assert name in in_environment
    assert f"environment variable {variable}" in in_environment
    assert "\n" not in as_flag


@pytest.mark.parametrize("name", [name for name in SETTINGS if name.endswith(("_max", "_ms", "_hours", "_ip"))])
@pytest.mark.parametrize("text", ["-1", "999999999999999", "1.5", "", "many"])
def test_every_number_has_bounds(name: str, text: str, tmp_path: Path) -> None:
    expected = f"Setting '{name}' is {text!r} (flag {SETTINGS[name].flag}), but must be {SETTINGS[name].kind.allowed}."

    assert sentence(tmp_path, flags={name: text}) == expected


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        (
            "seed = '7'",
            "Setting 'seed' is '7' (finalex.toml, key seed), but must be a whole number from 0 to " + SEED_MAX,
        ),
        (
            "seed = true",
            "Setting 'seed' is true (finalex.toml, key seed), but must be a whole number from 0 to " + SEED_MAX,
        ),
        ("loop = 1", "Setting 'loop' is 1 (finalex.toml, key loop), but must be true or false."),
        ("loop = 'true'", "Setting 'loop' is 'true' (finalex.toml, key loop), but must be true or false."),
        ("host = 5", "Setting 'host' is 5 (finalex.toml, key host), but must be an IP address or a host name."),
        (
            "speed = nan",
            "Setting 'speed' is nan (finalex.toml, key speed), but must be a number from 0.001 to 1000000, or max.",
        ),
        (
            "origins = ['https://a.example', 3]",
            "Setting 'origins[1]' is 3 (finalex.toml, key origins), but must be an origin such as https://example.com "
            "or http://localhost:3000.",
        ),
        ("prot = 1", "Unknown key 'prot' in finalex.toml; did you mean 'port'?"),
        ("zzz = 1", "Unknown key 'zzz' in finalex.toml; 'finalex settings' lists them all."),
        (
            "demo_amounts = {BTC = 1.5}",
            "Setting 'demo_amounts.BTC' is 1.5 (finalex.toml, key demo_amounts), but must be a decimal number in "
            "quotes such as '0.01'.",
        ),
        (
            "demo_amounts = {DOGE = '1'}",
            "Setting 'demo_amounts' names 'DOGE' (finalex.toml, key demo_amounts), but must name some of: "
            "BTC, USDT, ETH, SOL, XRP, BNB, ADA.",
        ),
        (
            "a = ",
            "The configuration file 'finalex.toml' cannot be read: not valid TOML: "
            "Invalid value (at line 1, column 5).",
        ),
        ("#" * (1 << 20), "The configuration file 'finalex.toml' is larger than 1048576 bytes."),
    ],
)
def test_a_wrong_file_stops_the_start_with_one_sentence(toml: str, expected: str, tmp_path: Path) -> None:
    assert sentence(tmp_path, toml=toml + "\n") == expected


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingError, match=r"^The configuration file '/nowhere' cannot be read: No such file"):
        load_config({}, {}, "/nowhere")


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("FINALEX_PROT", "Unknown environment variable 'FINALEX_PROT'; did you mean 'FINALEX_PORT'?"),
        ("FINALEX_", "Unknown environment variable 'FINALEX_'; 'finalex settings' lists them all."),
    ],
)
def test_an_unknown_variable_stops_the_start(variable: str, expected: str, tmp_path: Path) -> None:
    assert sentence(tmp_path, environment={variable: "1"}) == expected


def test_only_the_value_that_wins_is_looked_at(tmp_path: Path) -> None:
    config = load(tmp_path, flags={"port": "1"}, environment={"FINALEX_PORT": "wrong"}, toml="port = 'wrong'")

    assert config.port == 1


def test_a_long_wrong_value_is_shown_cut(tmp_path: Path) -> None:
    assert len(sentence(tmp_path, flags={"port": "9" * 10_000})) < 250


@pytest.mark.parametrize("secret", ["hunter2-short", "hunter2" + "\n" * 40, "hunter2" * 1000])
def test_a_wrong_secret_is_never_repeated(secret: str, tmp_path: Path) -> None:
    in_environment = sentence(tmp_path, environment={"FINALEX_JWT_SECRET": secret})
    in_file = sentence(tmp_path, toml=f'jwt_secret = """{secret}"""')

    assert "hunter2" not in in_environment + in_file
    assert in_environment == (
        "Setting 'jwt_secret' (environment variable FINALEX_JWT_SECRET) must be a text of 32 to 4096 bytes without "
        "control characters, and no key in PEM, SSH or JWK form."
    )
