"""The configuration: every setting of the server, declared once."""
# ruff: noqa: RUF009 (the calls in the dataclass return its fields)

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finalex.credentials.secret import Secret, SecretText, stored_secret
from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_BALANCES, DEFAULT_INSTRUMENTS
from finalex.settings.declaration import CONFIG_VARIABLE, Setting, computed_setting, setting, settings_of
from finalex.settings.kinds import AutomaticSwitch, Choice, Integer, Several, Speed, Switch
from finalex.settings.markets import Balances, Markets
from finalex.settings.origins import SettingError, from_environment, from_file, from_flags
from finalex.settings.places import (
    Directory,
    Host,
    Network,
    NetworkRange,
    Origin,
    Source,
    SourceSetting,
    default_data_dir,
)

_MS = "milliseconds"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting with its value. A representation never shows a secret."""

    host: str = setting(Host(), "127.0.0.1", "Address to listen on.")
    port: int = setting(Integer(0, 65535), 8081, "TCP port to listen on; 0 takes any free one.")
    source: SourceSetting = setting(
        Source(),
        SourceSetting("simulate"),
        "Where the market comes from: an exchange with simulated traders, one without, recordings played in order, or "
        "a real exchange's markets (needs the extra `finalex[upstream]`).",
    )
    speed: float | None = setting(
        Speed(), 1.0, "How many times as fast as it was recorded a recording plays; max waits for nothing."
    )
    loop: bool = setting(Switch(), False, "Play the recordings again and again.")
    seed: int = setting(Integer(0, 2**63 - 1), 1, "Start of the simulated traders' chance: the same, the same market.")
    history_hours: int = setting(
        Integer(0, 168, "hours"),
        24,
        "Past that the simulated market starts with, so that 24 h values and candles exist.",
    )
    upstream_silence_ms_max: int = setting(
        Integer(1000, 3_600_000, _MS),
        30_000,
        "Time without a word about an upstream's book, after which it is withdrawn.",
    )
    data_dir: Path = computed_setting(
        Directory(),
        default_data_dir,
        "Directory of the log, its snapshots, the API keys and the token secret; made when needed, for its owner "
        "alone. `:memory:` keeps nothing.",
        "`$XDG_DATA_HOME/finalex`, else `~/.local/share/finalex`",
    )
    snapshot_interval_ms: int = setting(
        Integer(100, 86_400_000, _MS), 300_000, "Time between two snapshots, from which a start goes on."
    )
    log_bytes_max: int = setting(
        Integer(1 << 20, 1 << 36, "bytes"), 1 << 30, "Size of the log, from which what snapshots cover is forgotten."
    )
    log_hours_max: int = setting(
        Integer(1, 87_600, "hours"), 168, "Age of what is in the log, from which what snapshots cover is forgotten."
    )
    jwt_secret: Secret | None = setting(
        SecretText(),
        None,
        "Secret that tokens are signed with (HS256).",
        default_text="made once and kept in `jwt-secret` in the data directory",
        secret=True,
    )
    demo_balances: bool | None = setting(
        AutomaticSwitch(),
        None,
        "Whether a new account starts with demo amounts; auto: with the sources that trade (simulate and exchange).",
    )
    demo_amounts: Mapping[str, int] = setting(
        Balances(), DEFAULT_BALANCES, "What a new account starts with, of the currencies that the instruments use."
    )
    instruments: Instruments = setting(
        Markets(), DEFAULT_INSTRUMENTS, "What can be traded.", default_text="eight markets: `finalex instruments`"
    )
    ticker_interval_ms: int = setting(
        Integer(1, 60_000, _MS), 100, "Least time between two ticker messages of a symbol."
    )
    kline_interval_ms: int = setting(Integer(1, 60_000, _MS), 250, "Least time between two messages of an open candle.")
    heartbeat_interval_ms: int = setting(
        Integer(1000, 3_600_000, _MS), 5000, "Time between two messages of the heartbeat channel, to the second."
    )
    public_subscriptions_max: int = setting(Integer(1, 100_000), 100, "Public subscriptions of a connection.")
    private_subscriptions_max: int = setting(Integer(1, 100_000), 50, "Private subscriptions of a connection.")
    connections_per_ip: int = setting(Integer(1, 1_000_000), 10, "Connections of one client address.")
    connections_max: int = setting(Integer(1, 1_000_000), 50_000, "Connections of the server.")
    messages_per_minute_max: int = setting(
        Integer(1, 1_000_000), 1000, "Messages that a connection may send in any 60 seconds."
    )
    message_bytes_max: int = setting(Integer(1024, 1 << 24, "bytes"), 65_536, "Size of a message from a client.")
    lagging_bytes: int = setting(
        Integer(1 << 12, 1 << 30, "bytes"),
        1 << 18,
        "What may wait for a slow client before its messages are conflated.",
    )
    queue_bytes_max: int = setting(
        Integer(1 << 16, 1 << 30, "bytes"), 1 << 20, "What may wait for a slow client before it is disconnected."
    )
    queues_bytes_max: int = setting(
        Integer(1 << 20, 1 << 36, "bytes"), 1 << 28, "What may wait for all slow clients together."
    )
    slow_close_timeout_ms: int = setting(
        Integer(10, 600_000, _MS),
        30_000,
        "Time in which a client that was too slow may still read what waits for it, and why it was disconnected.",
    )
    compression: bool = setting(Switch(), False, "Compress messages (permessage-deflate) for clients that offer it.")
    open_orders_max: int = setting(Integer(1, 1_000_000), 500, "Open orders of an account.")
    ping_interval_ms: int = setting(Integer(10, 3_600_000, _MS), 30_000, "Time between two pings of the server.")
    pong_timeout_ms: int = setting(Integer(10, 600_000, _MS), 10_000, "Time in which a client must answer a ping.")
    handshake_timeout_ms: int = setting(
        Integer(10, 600_000, _MS), 10_000, "Time in which a client must finish its request to connect."
    )
    origins: tuple[str, ...] = setting(
        Several(Origin()), (), "Origins whose web pages may connect.", default_text="any origin"
    )
    trusted_proxies: tuple[Network, ...] = setting(
        Several(NetworkRange()),
        (),
        "Proxies that are believed when they name the client's address.",
        default_text="none",
    )
    log_level: str = setting(Choice("debug", "info", "warning", "error"), "info", "What is logged, on standard error.")
    log_format: str = setting(
        Choice("text", "json"), "text", "How it is logged: for people, or one JSON object a line."
    )

    keeps_nothing: bool = False
    """Whether the data directory is only there while the server runs."""

    @property
    def demo_credits(self) -> dict[str, int]:
        """What a new account gets (10^-8 by currency); empty when demo balances are off."""
        on = self.source.trading if self.demo_balances is None else self.demo_balances
        currencies = self.instruments.currencies
        return {currency: amount for currency, amount in self.demo_amounts.items() if on and currency in currencies}

    def signing_secret(self) -> Secret:
        """Return the secret that signs tokens, made and kept if none was given; raises `SecretFileError`."""
        return self.jwt_secret or stored_secret(self.data_dir)


SETTINGS: dict[str, Setting] = settings_of(Config)
"""Every setting by name."""


def load_config(flags: Mapping[str, str | bool], environment: Mapping[str, str], path: str | None = None) -> Config:
    """Return the configuration that flags, environment and the TOML file at `path` give.

    Flags (named as settings) beat the environment, which beats the file; only the value that wins is looked at.
    Without `path` the environment variable FINALEX_CONFIG may name the file. Raises `SettingError`.
    """
    path = path or environment.get(CONFIG_VARIABLE)
    given = from_file(path, SETTINGS) if path else {}
    given |= from_environment(environment, SETTINGS)
    given |= from_flags(flags)
    values: dict[str, Any] = {name: item.read(SETTINGS[name]) for name, item in given.items()}
    if "data_dir" not in values:
        values["data_dir"] = default_data_dir(environment)
    config = Config(**values)
    if config.lagging_bytes > config.queue_bytes_max:
        raise SettingError(
            f"Setting 'lagging_bytes' ({config.lagging_bytes}) must not be above 'queue_bytes_max' "
            f"({config.queue_bytes_max}): a client lags before it is disconnected."
        )
    for currency in values.get("demo_amounts", ()):
        if currency not in config.instruments.currencies:
            where, known = given["demo_amounts"].origin, ", ".join(config.instruments.currencies)
            raise SettingError(f"Setting 'demo_amounts' names {currency!r} ({where}), but must name some of: {known}.")
    return config
