"""A key set that is fetched: rotation by `kid`, hosts that fail, and how often anybody can make it be fetched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from credentials.signing import NOW_MS, ec_key, jwk, key_set, rsa_key, signed
from finalex.credentials.fetching import FetchError
from finalex.credentials.jwks import KeySetTimes, LoopClock, RemoteKeySet, TokenKeyring
from finalex.session.tokens import InvalidTokenError, TokenRules, UnknownKeyError, secret_key, verify_token

TIMES = KeySetTimes(refresh_ms=300_000, pause_ms=10_000, age_ms_max=86_400_000)
OLD, NEW = jwk("ES256", ec_key(0), kid="old"), jwk("ES256", ec_key(1), kid="new")


class Days:
    """A clock that the test moves: whoever waits for it goes on when it is time."""

    def __init__(self) -> None:
        self.time_ms = 1_000
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """See `Clock.now_ms`."""
        return self.time_ms

    async def wait(self, waited_ms: int, event: asyncio.Event) -> None:
        """See `Clock.wait`."""
        due: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self.time_ms + waited_ms, due))
        woken = asyncio.ensure_future(event.wait())
        either: set[asyncio.Future[Any]] = {due, woken}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()

    async def pass_by(self, elapsed_ms: int) -> None:
        """Let time pass, and everything happen that is due by then, in its order."""
        end_ms = self.time_ms + elapsed_ms
        await settled()
        while due := sorted((at_ms, id(future)) for at_ms, future in self._waiting if at_ms <= end_ms):
            self.time_ms = due[0][0]
            for item in [item for item in self._waiting if item[0] == self.time_ms]:
                self._waiting.remove(item)
                if not item[1].done():
                    item[1].set_result(None)
            await settled()
        self.time_ms = end_ms


async def settled() -> None:
    """Let everything happen that can without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)


class Host:
    """Who has the key set; `answers` is what it says from now on."""

    def __init__(self, *jwks: dict[str, object]) -> None:
        self.answers: bytes | Exception = key_set(*jwks)
        self.asked = 0

    async def fetch(self, url: str) -> bytes:
        """See `Fetch`."""
        assert url == "https://issuer.example/keys"
        self.asked += 1
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


@asynccontextmanager
async def following(host: Host, clock: Days) -> AsyncIterator[TokenKeyring]:
    """Follow the host's key set until the block ends."""
    remote = RemoteKeySet("https://issuer.example/keys", host.fetch, TIMES, clock)
    running = asyncio.create_task(remote.run())
    await settled()
    yield TokenKeyring([secret_key("s" * 32)], remote)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def accepts(keyring: TokenKeyring, number: int, key_id: str) -> bool:
    token = signed("ES256", ec_key(number), {"kid": key_id})
    try:
        return bool(verify_token(token, keyring, TokenRules(), NOW_MS)["sub"] == "alice")
    except InvalidTokenError:
        return False


async def test_tokens_are_verified_with_the_key_that_they_name() -> None:
    async with following(Host(OLD, NEW), Days()) as keyring:
        assert accepts(keyring, 0, "old")
        assert accepts(keyring, 1, "new")
        assert not accepts(keyring, 1, "old")


async def test_keys_rotate_without_a_restart() -> None:
    host, clock = Host(OLD), Days()
    async with following(host, clock) as keyring:
        host.answers = key_set(OLD, NEW)
        assert not accepts(keyring, 1, "new")  # asks for it
        await clock.pass_by(10_000)
        assert accepts(keyring, 1, "new")
        assert accepts(keyring, 0, "old")

        host.answers = key_set(NEW)
        await clock.pass_by(300_000)
        assert accepts(keyring, 1, "new")
        assert not accepts(keyring, 0, "old")


async def test_a_token_of_an_unknown_key_is_told_so() -> None:
    async with following(Host(OLD), Days()) as keyring:
        with pytest.raises(UnknownKeyError, match="the token's key is not known"):
            verify_token(signed("RS256", rsa_key(), {"kid": "new"}), keyring, TokenRules(), NOW_MS)


async def test_unknown_keys_make_the_set_be_fetched_once_in_ten_seconds_whatever_comes() -> None:
    host, clock = Host(OLD), Days()
    async with following(host, clock) as keyring:
        for second in range(30):
            for number in range(100):
                accepts(keyring, 1, f"unknown {second} {number}")
            await clock.pass_by(1_000)

    assert host.asked == 4  # at the start, and after 10, 20 and 30 seconds


async def test_a_known_key_and_no_key_at_all_ask_for_nothing() -> None:
    host, clock = Host(OLD), Days()
    async with following(host, clock) as keyring:
        for _ in range(10):
            accepts(keyring, 0, "old")
            accepts(keyring, 1, "old")
            keyring.candidates("HS256", None)
            await clock.pass_by(10_000)

    assert host.asked == 1


@pytest.mark.parametrize(
    "answer", [FetchError("it is dead"), b"<html>", b"[", ValueError("a bug of ours"), OSError("a fault")]
)
async def test_a_host_that_fails_changes_nothing_until_the_keys_are_too_old(answer: bytes | Exception) -> None:
    host, clock = Host(OLD), Days()
    async with following(host, clock) as keyring:
        host.answers = answer
        with capture_logs() as logged:
            await clock.pass_by(86_400_000)
            assert accepts(keyring, 0, "old")
            await clock.pass_by(1)
            assert not accepts(keyring, 0, "old")
        assert {entry["event"] for entry in logged} == {"jwks_failed", "jwks_too_old"}

        host.answers = key_set(OLD)
        await clock.pass_by(300_000)
        assert accepts(keyring, 0, "old")


async def test_a_host_that_is_dead_from_the_start_lets_nobody_in_and_others_are_not_affected() -> None:
    host, clock = Host(OLD), Days()
    host.answers = FetchError("it is dead")
    async with following(host, clock) as keyring:
        assert not accepts(keyring, 0, "old")
        token = signed("HS256", "s" * 32)
        assert verify_token(token, keyring, TokenRules(), NOW_MS)["sub"] == "alice"

        host.answers = key_set(OLD)
        await clock.pass_by(10_000)
        assert accepts(keyring, 0, "old")


async def test_an_empty_set_withdraws_all_keys() -> None:
    host, clock = Host(OLD), Days()
    async with following(host, clock) as keyring:
        host.answers = key_set()
        await clock.pass_by(300_000)
        assert not accepts(keyring, 0, "old")


async def test_a_poisoned_key_among_good_ones_is_said_and_left_out() -> None:
    with capture_logs() as logged:
        async with following(Host(OLD, {"kty": "oct", "k": "c2VjcmV0", "kid": "old"}), Days()) as keyring:
            assert accepts(keyring, 0, "old")
            assert not keyring.candidates("HS256", "old")[1:]

    assert logged == [
        {
            "event": "jwks_fetched",
            "keys": 1,
            "left_out": ["is neither RSA nor EC nor Ed25519"],
            "log_level": "info",
        }
    ]


async def test_a_set_cannot_replace_the_secret_of_the_server() -> None:
    public = jwk("RS256", rsa_key(), kid="one")
    async with following(Host(public), Days()) as keyring:
        token = signed("HS256", "s" * 32, {"kid": "one"})
        assert verify_token(token, keyring, TokenRules(), NOW_MS)["sub"] == "alice"
        assert [key.algorithm for key in keyring.candidates("HS256", "one")] == ["HS256"]
        assert [key.algorithm for key in keyring.candidates("RS256", "one")] == ["RS256"]


async def test_the_loops_clock_goes_on_when_it_is_time_or_when_something_is_wanted() -> None:
    clock, never, wanted = LoopClock(), asyncio.Event(), asyncio.Event()
    wanted.set()
    began_ms = clock.now_ms()

    await clock.wait(3_600_000, wanted)
    await clock.wait(1, never)

    assert clock.now_ms() > began_ms
