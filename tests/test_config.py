"""The configuration: where settings come from, which wins, and what is said of a wrong one."""

import tomllib
from itertools import product
from pathlib import Path

import pytest

from finalex.config import SETTINGS, Config, load_config
from finalex.credentials.secret import Secret
from finalex.settings.origins import SettingError

SECRET = "a secret that is certainly long enough"

SAMPLES = {
    "profile": ('"production"', "production", "production"),
    "host": ('"10.0.0.1"', "::1", "localhost"),
    "port": ("9001", "9002", "0"),
    "admin_host": ('"10.0.0.1"', "::1", "localhost"),
    "admin_port": ("9001", "9002", "0"),
    "source": ('"exchange"', f"replay:{__file__}", f"replay:{__file__}, {__file__}=BTC/USDT"),
    "speed": ("0.5", "max", "2"),
    "loop": ("true", "yes", "on"),
    "seed": ("7", "8", "9"),
    "history_hours": ("0", "1", "2"),
    "upstream_silence_ms_max": ("11000", "12000", "13000"),
    "data_dir": ('"/tmp/file"', "/tmp/variable", "/tmp/flag"),
    "snapshot_interval_ms": ("5001", "5002", "5003"),
    "log_bytes_max": ("5000001", "5000002", "5000003"),
    "log_hours_max": ("11", "12", "13"),
    "jwt_secret": (f'"{SECRET} 1"', f"{SECRET} 2", f"{SECRET} 3"),
    "jwt_public_key_file": ('"/tmp/a.pem"', "/tmp/b.pem", "c.pem"),
    "jwt_jwks_url": ('"https://a.example/keys"', "https://b.example/keys?c=d", "http://127.0.0.1:1/keys"),
    "jwt_jwks_insecure": ("true", "yes", "on"),
    "jwt_jwks_refresh_ms": ("1001", "1002", "1003"),
    "jwt_jwks_age_ms_max": ("1001", "1002", "1003"),
    "jwt_issuer": ('"https://a.example/"', "https://b.example/", "c"),
    "jwt_audience": ('["a", "b"]', "b,c", "d"),
    "jwt_required_claims": ('["jti"]', "jti,iat", "iss"),
    "jwt_leeway_ms": ("11", "12", "13"),
    "audit_log": ("false", "no", "off"),
    "audit_log_bytes_max": ("100001", "100002", "100003"),
    "demo_balances": ("true", "false", "on"),
    "demo_amounts": ('{BTC = "1"}', "BTC=2", "BTC=0.00000003,USDT=4"),
    "instruments": (
        '[{symbol = "A/USDT", tick_size = "0.1", lot_size = "1", price_max = "10", quantity_max = "20"}]',
        '[{"symbol": "B/BTC", "tick_size": "0.1", "lot_size": "1", "price_max": "10", "quantity_max": "20"}]',
        '[{"symbol": "BTC/USDT", "tick_size": "1", "lot_size": "1", "price_max": "10", "quantity_max": "20"}]',
    ),
    "ticker_interval_ms": ("11", "12", "13"),
    "kline_interval_ms": ("11", "12", "13"),
    "heartbeat_interval_ms": ("1001", "1002", "1003"),
    "workers": ("1", "2", "3"),
    "reuse_port": ("true", "yes", "on"),
    "nats": ('["nats://a:1", "nats://b:2"]', "nats://a:1,tls://b:2", "nats://[::1]:3"),
    "cluster_name": ('"a"', "b", "c"),
    "node_name": ('"a"', "b", "c"),
    "nats_user": ('"a"', "b", "c"),
    "nats_password": ('"pass 1"', "pass 2", "pass 3"),
    "nats_credentials_file": ('"/tmp/a.creds"', "/tmp/b.creds", "c.creds"),
    "nats_ca_file": ('"/tmp/a.pem"', "/tmp/b.pem", "c.pem"),
    "nats_certificate_file": ('"/tmp/a.pem"', "/tmp/b.pem", "c.pem"),
    "nats_key_file": ('"/tmp/a.key"', "/tmp/b.key", "c.key"),
    "nats_replicas": ("1", "2", "5"),
    "takeover_ms": ("201", "202", "203"),
    "command_timeout_ms": ("101", "102", "103"),
    "public_subscriptions_max": ("11", "12", "13"),
    "private_subscriptions_max": ("11", "12", "13"),
    "connections_per_ip": ("11", "12", "13"),
    "connections_per_account": ("11", "12", "13"),
    "connections_max": ("11", "12", "13"),
    "messages_per_minute_max": ("11", "12", "13"),
    "message_bytes_max": ("5001", "5002", "5003"),
    "fragments_max": ("11", "12", "13"),
    "message_timeout_ms": ("11", "12", "13"),
    "bytes_per_minute_max": ("100001", "100002", "100003"),
    "bytes_per_minute_per_ip_max": ("100001", "100002", "100003"),
    "bytes_per_minute_of_all_max": ("100001", "100002", "100003"),
    "anonymous_idle_timeout_ms": ("11", "12", "13"),
    "lagging_bytes": ("100001", "100002", "100003"),
    "queue_bytes_max": ("1000001", "1000002", "1000003"),
    "queues_bytes_max": ("2000001", "2000002", "2000003"),
    "slow_close_timeout_ms": ("11", "12", "13"),
    "compression": ("true", "yes", "on"),
    "orders_per_second_max": ("11", "12", "13"),
    "open_orders_max": ("11", "12", "13"),
    "ping_interval_ms": ("11", "12", "13"),
    "pong_timeout_ms": ("11", "12", "13"),
    "handshakes_per_minute_max": ("11", "12", "13"),
    "handshakes_per_second_max": ("11", "12", "13"),
    "handshake_timeout_ms": ("11", "12", "13"),
    "tls_certificate_file": ('"/tmp/a.pem"', "/tmp/b.pem", "c.pem"),
    "tls_key_file": ('"/tmp/a.key"', "/tmp/b.key", "c.key"),
    "origins": ('["https://a.example"]', "https://b.example", "http://c.example:3000,https://d.example"),
    "trusted_proxies": ('["10.0.0.0/8"]', "192.168.0.0/16", "::1,127.0.0.1"),
    "proxy_protocol": ("true", "yes", "on"),
    "chaos": ('"flaky"', "gaps", "flaky:messages=50,reset=1"),
    "chaos_seed": ("7", "8", "9"),
    "log_level": ('"debug"', "warning", "error"),
    "log_format": ('"json"', "json", "json"),
}
"""For every setting a value as TOML, as an environment variable, and as a flag; none is the default."""


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


def test_a_client_lags_before_it_is_disconnected(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"'lagging_bytes' \(262144\) must not be above 'queue_bytes_max' \(70000\)"):
        load(tmp_path, flags={"queue_bytes_max": "70000"})
    assert load(tmp_path, flags={"queue_bytes_max": "70000", "lagging_bytes": "70000"}).lagging_bytes == 70_000


def test_every_setting_has_a_sample() -> None:
    assert list(SAMPLES) == list(SETTINGS)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("given", list(product((False, True), repeat=3)), ids=str)
def test_a_flag_beats_the_environment_which_beats_the_file(
    name: str, given: tuple[bool, bool, bool], tmp_path: Path
) -> None:
    toml, variable, flag = SAMPLES[name]
    in_file, in_environment, as_flag = given
    kind = SETTINGS[name].kind
    expected = getattr(load(tmp_path), name)
    for level, value in (
        (in_file, kind.read(tomllib.loads(f"value = {toml}")["value"])),
        (in_environment, kind.parse(variable)),
        (as_flag, kind.parse(flag)),
    ):
        assert value != getattr(load(tmp_path), name), "a sample is the default, and would show nothing"
        expected = value if level else expected

    config = load(
        tmp_path,
        toml=f"{name} = {toml}" if in_file else None,
        environment={SETTINGS[name].environment: variable} if in_environment else {},
        flags={name: flag} if as_flag else {},
    )

    assert getattr(config, name) == expected


def test_a_configuration_without_anything_given_has_the_defaults(tmp_path: Path) -> None:
    config = load(tmp_path)

    assert config == Config(data_dir=Path("/house/.local/share/finalex"))
    assert (config.host, config.port, str(config.source), config.speed, config.seed) == (
        *("127.0.0.1", 8081, "simulate"),
        *(1.0, 1),
    )
    assert (config.public_subscriptions_max, config.private_subscriptions_max) == (100, 50)
    assert (config.connections_per_ip, config.messages_per_minute_max, config.ping_interval_ms) == (10, 1000, 30_000)


@pytest.mark.parametrize("name", SETTINGS)
def test_what_a_setting_shows_reads_back_to_its_value(name: str, tmp_path: Path) -> None:
    kind = SETTINGS[name].kind
    for text in SAMPLES[name][1:]:
        value = kind.parse(text)

        assert SETTINGS[name].secret or kind.parse(kind.show(value)) == value


def test_the_environment_can_name_the_file_and_a_flag_beats_it(tmp_path: Path) -> None:
    named, other = tmp_path / "named.toml", tmp_path / "other.toml"
    named.write_text("port = 1")
    other.write_text("port = 2")
    environment = {"HOME": "/house", "FINALEX_CONFIG": str(named)}

    assert load_config({}, environment).port == 1
    assert load_config({}, environment, str(other)).port == 2


def test_variables_of_the_tests_are_nobody_elses_business(tmp_path: Path) -> None:
    assert load(tmp_path, environment={"FINALEX_TEST_DATA": "x", "FINALE": "y"}) == load(tmp_path)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_DATA_HOME": "/data"}, "/data/finalex"),
        ({"XDG_DATA_HOME": "relative/is/ignored"}, "/house/.local/share/finalex"),
        ({"XDG_DATA_HOME": ""}, "/house/.local/share/finalex"),
    ],
)
def test_data_are_kept_where_the_xdg_specification_says(
    environment: dict[str, str], expected: str, tmp_path: Path
) -> None:
    assert load(tmp_path, environment=environment).data_dir == Path(expected)


def test_a_configuration_does_not_show_its_secret(tmp_path: Path) -> None:
    config = load(tmp_path, environment={"FINALEX_JWT_SECRET": SECRET})

    assert config.signing_secret().reveal() == SECRET
    assert SECRET not in f"{config!r} {config} {config.jwt_secret} {[config.jwt_secret]}"


def test_secrets_are_compared_by_their_text() -> None:
    assert Secret(SECRET) == Secret(SECRET)
    assert Secret(SECRET) != Secret(SECRET + "x")
    assert hash(Secret(SECRET)) == hash(Secret(SECRET))


@pytest.mark.parametrize(
    ("source", "switch", "expected"),
    [
        ("simulate", "auto", True),
        ("exchange", "auto", True),
        ("paper:binance", "auto", True),
        ("upstream:binance", "auto", False),
        (f"replay:{__file__}", "auto", False),
        ("exchange", "off", False),
        ("external", "on", False),
        (f"replay:{__file__}", "on", True),
    ],
)
def test_demo_balances_come_with_the_sources_that_trade(
    source: str, switch: str, expected: bool, tmp_path: Path
) -> None:
    config = load(tmp_path, flags={"source": source, "demo_balances": switch})

    assert bool(config.demo_credits) is expected


def test_demo_balances_leave_out_currencies_that_no_instrument_uses(tmp_path: Path) -> None:
    config = load(tmp_path, flags={"instruments": SAMPLES["instruments"][1]})

    assert set(config.demo_credits) == {"BTC"}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"proxy_protocol": "true"}, r"'proxy_protocol' needs 'trusted_proxies'"),
        (
            {
                "proxy_protocol": "true",
                "trusted_proxies": "10.0.0.0/8",
                "tls_certificate_file": "a.pem",
                "tls_key_file": "a.key",
            },
            r"'proxy_protocol' and 'tls_certificate_file' exclude each other",
        ),
    ],
)
def test_a_proxy_header_that_nobody_could_send_is_refused(
    tmp_path: Path, flags: dict[str, str | bool], sentence: str
) -> None:
    config = load(tmp_path, flags=flags)
    with pytest.raises(SettingError, match=sentence):
        config.check_proxies()


def test_and_one_that_trusted_proxies_send_is_not(tmp_path: Path) -> None:
    config = load(tmp_path, flags={"proxy_protocol": "true", "trusted_proxies": "10.0.0.0/8"})
    config.check_proxies()
    assert config.proxy_protocol
