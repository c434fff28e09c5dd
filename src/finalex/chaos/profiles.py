"""Profiles: which faults happen how often, under names, and tuned as `name:key=value,…`."""

from dataclasses import dataclass, fields, replace

from finalex.chaos.faults import LINE_FAULTS, Fault

WEIGHT_MAX = 100
PERCENT_MAX = 90
MILLISECONDS_MAX = 600_000
MESSAGES_MAX = 1_000_000


class ProfileError(ValueError):
    """A text that is no profile; the message says what one is."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much goes wrong.

    On each connection a fault comes after `messages` messages from the server on average, at any of 1 to twice as
    many with the same chance; which one is drawn by the weights named as the faults. Everything sent arrives
    `latency_ms` later, and up to `jitter_ms` more, in order. Close frames and the end of a connection take
    `slow_close_ms` more. `stall_ms` and `rate_limit_ms` are how long these last, `silence_ms` how long a silent
    connection is held after the server has given it up. Of the handshakes `refuse_percent` are refused. About every
    `restart_every_ms` (0: never) the server restarts, and takes nobody for `down_ms`.
    """

    messages: int = 200
    reset: int = 0
    cut: int = 0
    silence: int = 0
    lost_reply: int = 0
    book_gap: int = 0
    trade_gap: int = 0
    stall: int = 0
    mute: int = 0
    rate_limit: int = 0
    latency_ms: int = 0
    jitter_ms: int = 0
    slow_close_ms: int = 0
    stall_ms: int = 1000
    rate_limit_ms: int = 1000
    silence_ms: int = 60_000
    refuse_percent: int = 0
    restart_every_ms: int = 0
    down_ms: int = 0

    @property
    def weights(self) -> dict[Fault, int]:
        """How often each fault of a connection happens, in proportion to the others; those that never do are not in."""
        named = {fault: int(getattr(self, fault.value)) for fault in LINE_FAULTS}
        return {fault: weight for fault, weight in named.items() if weight}


PROFILES = {
    "flaky": Profile(reset=4, cut=3, lost_reply=2, latency_ms=5, jitter_ms=20, refuse_percent=10),
    "slow": Profile(messages=400, stall=1, latency_ms=150, jitter_ms=250, stall_ms=2000, slow_close_ms=1000),
    "gaps": Profile(messages=100, book_gap=1, trade_gap=1),
    "restarts": Profile(restart_every_ms=30_000, down_ms=2000),
    "silent": Profile(messages=2000, silence=2, mute=1),
    "limits": Profile(messages=400, rate_limit=2, stall=1, refuse_percent=30),
    "everything": Profile(
        messages=300,
        reset=3,
        cut=2,
        silence=1,
        lost_reply=2,
        book_gap=2,
        trade_gap=2,
        stall=2,
        mute=1,
        rate_limit=1,
        latency_ms=20,
        jitter_ms=80,
        slow_close_ms=200,
        refuse_percent=10,
        restart_every_ms=120_000,
        down_ms=2000,
    ),
    "calm": Profile(),
}
"""The profiles by name; in `calm` nothing happens but what clients ask for."""

_MAXIMA = {"messages": MESSAGES_MAX, "refuse_percent": PERCENT_MAX} | {fault.value: WEIGHT_MAX for fault in LINE_FAULTS}

KEYS = tuple(field.name for field in fields(Profile))


def parse_profile(text: str) -> Profile:
    """Return the profile that `text` names and tunes; raises `ProfileError`."""
    name, _, tuning = text.partition(":")
    if name not in PROFILES:
        raise ProfileError(f"a profile is one of {', '.join(PROFILES)}, not {name!r}")
    changes = dict(_parse_change(change) for change in tuning.split(",")) if tuning else {}
    return replace(PROFILES[name], **changes)


def _parse_change(change: str) -> tuple[str, int]:
    key, _, value = (part.strip() for part in change.partition("="))
    if key not in KEYS:
        raise ProfileError(f"{key!r} is none of {', '.join(KEYS)}")
    minimum, maximum = int(key == "messages"), _MAXIMA.get(key, MILLISECONDS_MAX)
    if not (value.isascii() and value.isdigit() and minimum <= int(value[:20]) <= maximum):
        raise ProfileError(f"{key!r} must be a whole number from {minimum} to {maximum}, not {value!r}")
    return key, int(value)
