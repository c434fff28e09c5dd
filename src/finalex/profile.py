"""The production profile: settings that are fine on a laptop, and not on the open internet."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from finalex.config import Config

DISTINCT_CHARACTERS_MIN: Final = 12
"""A random secret of 32 characters has more of them; a word repeated, or a sentence of one letter, has fewer."""

_WELL_KNOWN: Final = ("secret", "password", "changeme", "default", "example", "insecure", "finalex", "dev-")

Rule = tuple[Callable[[Config], bool], str]


def unsafe_settings(config: Config) -> tuple[str, ...]:
    """Return what must change before `config` is served in production, a sentence each; none if all is well."""
    if config.profile != "production":
        return ()
    return tuple(sentence for is_broken, sentence in RULES if is_broken(config))


def _is_guessable(config: Config) -> bool:
    if config.jwt_secret is None:
        return False
    text = config.jwt_secret.reveal().lower()
    return len(set(text)) < DISTINCT_CHARACTERS_MIN or any(word in text for word in _WELL_KNOWN)


def _is_in_the_clear(config: Config) -> bool:
    return config.tls_certificate_file is None and not config.trusted_proxies


def _trusts_everybody(config: Config) -> bool:
    return any(network.prefixlen == 0 for network in config.trusted_proxies)


def _admin_is_public(config: Config) -> bool:
    try:
        return not (ip_address(config.admin_host).is_loopback or ip_address(config.admin_host).is_private) or (
            ip_address(config.admin_host).is_unspecified
        )
    except ValueError:
        return config.admin_host != "localhost"


RULES: Final[tuple[Rule, ...]] = (
    (
        _is_guessable,
        "'jwt_secret' can be guessed: make a random one, for instance with 'openssl rand -base64 48', or leave it out.",
    ),
    (
        lambda config: bool(config.demo_credits),
        "'demo_balances' gives every new account money: set it to false.",
    ),
    (
        lambda config: config.source.kind == "simulate",
        "'source' is the simulated market: choose exchange, an upstream or a recording.",
    ),
    (
        _is_in_the_clear,
        "Credentials would cross the network in the clear: set 'tls_certificate_file' and 'tls_key_file', or name in "
        "'trusted_proxies' the proxies that speak TLS for this server.",
    ),
    (
        _trusts_everybody,
        "'trusted_proxies' believes everybody's word on the address they come from: name the proxies alone.",
    ),
    (
        lambda config: config.jwt_jwks_insecure,
        "'jwt_jwks_insecure' lets whoever is on the way sign tokens: fetch the key set over https.",
    ),
    (
        lambda config: not config.audit_log,
        "'audit_log' is off: nobody could tell later who came in.",
    ),
    (
        lambda config: config.keeps_nothing or str(config.data_dir) == ":memory:",
        "'data_dir' keeps nothing: accounts, keys and orders would be gone with the process.",
    ),
    (
        lambda config: config.chaos is not None,
        "'chaos' injects faults on purpose.",
    ),
    (
        lambda config: config.orders_per_second_max == 0,
        "'orders_per_second_max' is 0: one account could keep the exchange busy.",
    ),
    (
        _admin_is_public,
        "'admin_host' is an address that everybody can reach: choose a loopback or private one.",
    ),
    (
        lambda config: config.log_level == "debug",
        "'log_level' is debug, which is for looking for faults.",
    ),
)
"""Every rule, and the sentence for who breaks it."""
