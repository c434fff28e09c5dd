"""The first half of the settings: where a server listens, whom it believes, what it keeps, and its market."""
# ruff: noqa: RUF009 (the calls in the dataclass return its fields)

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finalex.credentials.secret import Secret, SecretText
from finalex.credentials.setting_kinds import Claim, KeySetUrl, OptionalClaim, OptionalPath
from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_BALANCES, DEFAULT_INSTRUMENTS
from finalex.settings.declaration import computed_setting, setting
from finalex.settings.kinds import AutomaticPort, AutomaticSwitch, Choice, Integer, Several, Speed, Switch
from finalex.settings.markets import Balances, Markets
from finalex.settings.places import (
    Directory,
    Host,
    Source,
    SourceSetting,
    default_data_dir,
)

_MS = "milliseconds"
ADMIN_PORT_DISTANCE = 1000
LEEWAY_MS_MAX = 600_000


@dataclass(frozen=True, kw_only=True)
class MarketSettings:
    """Settings of the server's place, its market, its data and its credentials."""

    profile: str = setting(
        Choice("development", "production"),
        "development",
        "Whether settings that are unsafe on the open internet are refused (production), with a sentence each.",
    )
    host: str = setting(Host(), "127.0.0.1", "Address to listen on.")
    port: int = setting(Integer(0, 65535), 8081, "TCP port to listen on; 0 takes any free one.")
    admin_host: str = setting(
        Host(), "127.0.0.1", "Address to listen on for what is no client's business: `/metrics`, `/health`, `/ready`."
    )
    admin_port: int | None = setting(
        AutomaticPort(),
        None,
        "TCP port for the same; 0 takes any free one.",
        default_text=f"`port` + {ADMIN_PORT_DISTANCE}; any free one if `port` is 0",
    )
    source: SourceSetting = setting(
        Source(),
        SourceSetting("simulate"),
        "Where the market comes from: an exchange with simulated traders, one without, recordings played in order, or "
        "a real exchange's markets, to watch or to trade on paper (needs the extra `finalex[upstream]`).",
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
    jwt_public_key_file: Path | None = setting(
        OptionalPath(),
        None,
        "PEM file with the public keys of whoever else signs tokens: RSA (RS256), EC P-256 (ES256) or Ed25519 (EdDSA).",
        default_text="none",
    )
    jwt_jwks_url: str | None = setting(
        KeySetUrl(),
        None,
        "Where the JSON Web Key Set of whoever else signs tokens is; fetched again and again, so that keys may change.",
        default_text="none",
    )
    jwt_jwks_insecure: bool = setting(
        Switch(), False, "Allow `jwt_jwks_url` to be http to another machine: whoever is on the way can sign tokens."
    )
    jwt_jwks_refresh_ms: int = setting(
        Integer(1000, 86_400_000, _MS),
        300_000,
        "Time after which the key set is fetched again; sooner when a token names an unknown key.",
    )
    jwt_jwks_age_ms_max: int = setting(
        Integer(1000, 31 * 86_400_000, _MS),
        86_400_000,
        "Age from which a key set that could not be fetched again is no longer believed.",
    )
    jwt_issuer: str | None = setting(
        OptionalClaim(), None, "What a token's `iss` must be; also of those made here.", default_text="anything"
    )
    jwt_audience: tuple[str, ...] = setting(
        Several(Claim()),
        (),
        "Names of this server, one of which a token's `aud` must hold; the first is put into those made here.",
        default_text="none: a token must not have an `aud`",
    )
    jwt_required_claims: tuple[str, ...] = setting(
        Several(Claim()),
        (),
        "Claims that a token must have besides `sub` and `exp`, such as `jti`.",
        default_text="none",
    )
    jwt_leeway_ms: int = setting(
        Integer(0, LEEWAY_MS_MAX, _MS), 5000, "How far the clock of whoever signs tokens may be from this one's."
    )
    audit_log: bool = setting(
        Switch(), True, "Record logins, refusals and changes of keys in `audit.jsonl` in the data directory."
    )
    audit_log_bytes_max: int = setting(
        Integer(1 << 16, 1 << 36, "bytes"), 1 << 26, "Size of that record, from which the oldest fifth is deleted."
    )
    demo_balances: bool | None = setting(
        AutomaticSwitch(),
        None,
        "Whether a new account starts with demo amounts; auto: with the sources that trade (simulate, exchange and "
        "paper).",
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
