"""The configuration: every setting of the server, declared once."""
# ruff: noqa: RUF009 (the calls in the dataclass return its fields)

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finalex.chaos.setting import Chaos, ChaosSetting
from finalex.cluster_settings import ClusterSettings
from finalex.credentials.grants import Grant
from finalex.credentials.secret import Secret, stored_secret
from finalex.credentials.setting_kinds import OptionalPath, is_private
from finalex.credentials.tokens import sign_token
from finalex.market_settings import ADMIN_PORT_DISTANCE
from finalex.settings.declaration import CONFIG_VARIABLE, Setting, setting, settings_of
from finalex.settings.kinds import Choice, Integer, Several, Switch
from finalex.settings.origins import SettingError, from_environment, from_file, from_flags
from finalex.settings.places import (
    Network,
    NetworkRange,
    Origin,
    default_data_dir,
)

_MS = "milliseconds"


@dataclass(frozen=True, kw_only=True)
class Config(ClusterSettings):
    """Every setting with its value. A representation never shows a secret."""

    public_subscriptions_max: int = setting(Integer(1, 100_000), 100, "Public subscriptions of a connection.")
    private_subscriptions_max: int = setting(Integer(1, 100_000), 50, "Private subscriptions of a connection.")
    connections_per_ip: int = setting(Integer(1, 1_000_000), 10, "Connections of one client address.")
    connections_per_account: int = setting(
        Integer(0, 1_000_000), 100, "Connections of one account, from all addresses together; 0: any number."
    )
    connections_max: int = setting(Integer(1, 1_000_000), 50_000, "Connections of the server.")
    messages_per_minute_max: int = setting(
        Integer(1, 1_000_000), 1000, "Messages that a connection may send in any 60 seconds."
    )
    message_bytes_max: int = setting(Integer(1024, 1 << 24, "bytes"), 65_536, "Size of a message from a client.")
    fragments_max: int = setting(Integer(1, 1 << 20), 1024, "Frames in which a message from a client may come.")
    message_timeout_ms: int = setting(
        Integer(10, 600_000, _MS), 30_000, "Time in which a client must finish a message that it has begun."
    )
    bytes_per_minute_max: int = setting(
        Integer(1 << 16, 1 << 40, "bytes"),
        1 << 23,
        "What a connection may send in a minute; two messages of the greatest size in any case.",
    )
    bytes_per_minute_per_ip_max: int = setting(
        Integer(1 << 16, 1 << 40, "bytes"), 1 << 25, "What all connections of one client address may send in a minute."
    )
    bytes_per_minute_of_all_max: int = setting(
        Integer(1 << 16, 1 << 48, "bytes"),
        1 << 30,
        "What all clients together may send in a minute, before those that send much are disconnected.",
    )
    anonymous_idle_timeout_ms: int = setting(
        Integer(10, 86_400_000, _MS),
        600_000,
        "Time after which a connection is closed that has not logged in, has subscribed to nothing and asks for "
        "nothing.",
    )
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
    orders_per_second_max: int = setting(
        Integer(0, 1_000_000),
        100,
        "Orders that an account may place a second over all connections; 0: any number.",
    )
    open_orders_max: int = setting(Integer(1, 1_000_000), 500, "Open orders of an account.")
    ping_interval_ms: int = setting(Integer(10, 3_600_000, _MS), 30_000, "Time between two pings of the server.")
    pong_timeout_ms: int = setting(Integer(10, 600_000, _MS), 10_000, "Time in which a client must answer a ping.")
    handshakes_per_minute_max: int = setting(
        Integer(1, 1_000_000),
        600,
        "WebSocket handshakes of one client address in a minute; twice its connections in any case.",
    )
    handshakes_per_second_max: int = setting(
        Integer(1, 1_000_000), 5000, "WebSocket handshakes in a second, of all clients together."
    )
    handshake_timeout_ms: int = setting(
        Integer(10, 600_000, _MS), 10_000, "Time in which a client must finish its request to connect."
    )
    tls_certificate_file: Path | None = setting(
        OptionalPath(),
        None,
        "PEM file with the certificate and its chain, for wss:// and https://; taken anew when it changes.",
        default_text="none: ws:// and http://",
    )
    tls_key_file: Path | None = setting(
        OptionalPath(), None, "PEM file with the certificate's key, not encrypted.", default_text="none"
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
    proxy_protocol: bool = setting(
        Switch(), False, "Whether trusted proxies begin every connection with a PROXY header, version 1 or 2."
    )
    chaos: ChaosSetting | None = setting(
        Chaos(),
        None,
        "The sandbox: faults that are injected on purpose, for whoever tests a client; see docs/sandbox.md.",
    )
    chaos_seed: int = setting(
        Integer(0, 2**63 - 1),
        1,
        "Start of the sandbox's chance: the same, and the same goes wrong at the same message.",
    )
    log_level: str = setting(Choice("debug", "info", "warning", "error"), "info", "What is logged, on standard error.")
    log_format: str = setting(
        Choice("text", "json"), "text", "How it is logged: for people, or one JSON object a line."
    )

    keeps_nothing: bool = False
    """Whether the data directory is only there while the server runs."""

    @property
    def log_dir(self) -> Path:
        """The directory of the log and its snapshots; each exchange that is traded on paper has one of its own."""
        return self.data_dir / f"{self.source.kind}-{self.source.exchange}" if self.source.exchange else self.data_dir

    @property
    def demo_credits(self) -> dict[str, int]:
        """What a new account gets (10^-8 by currency); empty when demo balances are off."""
        on = self.source.trading if self.demo_balances is None else self.demo_balances
        on = on and self.source.kind != "external"  # its accounts are its own
        currencies = self.instruments.currencies
        return {currency: amount for currency, amount in self.demo_amounts.items() if on and currency in currencies}

    @property
    def own_admin_port(self) -> int:
        """The port for what is no client's business, 0 for any."""
        if self.admin_port is not None:
            return self.admin_port
        above = self.port + ADMIN_PORT_DISTANCE
        return 0 if not self.port else above if above < 1 << 16 else self.port - ADMIN_PORT_DISTANCE

    @property
    def tls_files(self) -> tuple[Path, Path] | None:
        """The files of certificate and key, if both are given; raises `SettingError` if only one is."""
        if self.tls_certificate_file is not None and self.tls_key_file is not None:
            return self.tls_certificate_file, self.tls_key_file
        if self.tls_certificate_file is None and self.tls_key_file is None:
            return None
        raise SettingError("Settings 'tls_certificate_file' and 'tls_key_file' go together: one of them is missing.")

    def check_proxies(self) -> None:
        """Raise `SettingError` if `proxy_protocol` cannot work as the other settings are."""
        if self.proxy_protocol and not self.trusted_proxies:
            raise SettingError("Setting 'proxy_protocol' needs 'trusted_proxies': nobody else may send such a header.")
        if self.proxy_protocol and self.tls_files:
            raise SettingError("Settings 'proxy_protocol' and 'tls_certificate_file' exclude each other.")

    def signing_secret(self) -> Secret:
        """Return the secret that signs tokens, made and kept if none was given; raises `SecretFileError`."""
        return self.jwt_secret or stored_secret(self.data_dir)

    @property
    def own_tokens(self) -> bool:
        """Whether tokens signed with the secret are accepted: unless others sign them, and no secret was given."""
        return self.jwt_secret is not None or (self.jwt_public_key_file is None and self.jwt_jwks_url is None)

    def sign_token(self, grant: Grant, now_ms: int) -> str:
        """Return a token for `grant` that this server accepts if it has `own_tokens`; raises `SecretFileError`."""
        audience = next(iter(self.jwt_audience), None)
        return sign_token(self.signing_secret(), grant, now_ms, issuer=self.jwt_issuer, audience=audience)


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
    if config.jwt_jwks_url and not (config.jwt_jwks_insecure or is_private(config.jwt_jwks_url)):
        raise SettingError(
            f"Setting 'jwt_jwks_url' ({given['jwt_jwks_url'].origin}) must be https, or http to this machine itself; "
            "'jwt_jwks_insecure' allows others."
        )
    for currency in values.get("demo_amounts", ()):
        if currency not in config.instruments.currencies:
            where, known = given["demo_amounts"].origin, ", ".join(config.instruments.currencies)
            raise SettingError(f"Setting 'demo_amounts' names {currency!r} ({where}), but must name some of: {known}.")
    return config
