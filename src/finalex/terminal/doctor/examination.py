"""The examination: one connection, everything asked in turn, everything heard judged."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from finalex.client.errors import ConnectionFailedError
from finalex.client.link import Opener
from finalex.protocol.streams import DEPTH_DEFAULT, HEARTBEAT, INTERVAL_DEFAULT
from finalex.terminal.doctor.book import BookCheck
from finalex.terminal.doctor.certificate import look_at_certificate
from finalex.terminal.doctor.findings import Finding, Outcome, found, skipped
from finalex.terminal.doctor.listening import Listening
from finalex.terminal.doctor.probe import ConnectionEndedError, Message, Probe
from finalex.terminal.doctor.streams import Check, HeartbeatCheck, KlineCheck, PrivateCheck, TickerCheck, TradesCheck
from finalex.terminal.doctor.timing import Timing

ANSWER_S_MAX = 3.0
"""How long the doctor waits for an answer."""

GREETING_S_MAX = 15.0
"""How long the first message may take, the connection included."""

PINGS = 20
PING_INTERVAL_S = 0.25
PAST = 10

_PRIVATE = ("account", "orders", "user_trades")


@dataclass(frozen=True)
class Patient:
    """What is to be examined, and how: `headers` hold the credentials, if any, `now_ns` is this machine's clock."""

    url: str
    symbol: str
    seconds: float
    headers: dict[str, str]
    opener: Opener
    now_ns: Callable[[], int]
    answer_s: float = ANSWER_S_MAX


async def examine(patient: Patient) -> list[Finding]:
    """Return everything that is found; a server that cannot be reached is a finding, too."""
    return await Examination(patient).run()


class Examination:
    """One conversation with a server."""

    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._timing = Timing()
        checks: list[Check] = [TickerCheck(), BookCheck(DEPTH_DEFAULT), TradesCheck(), KlineCheck(), HeartbeatCheck()]
        self._listening = Listening([*checks, PrivateCheck()] if patient.headers else checks, self._timing)
        self._probe = Probe(self._listening.take, patient.now_ns)
        self._findings: list[Finding] = []

    async def run(self) -> list[Finding]:
        """See `examine`."""
        patient, probe, began_ns = self._patient, self._probe, self._patient.now_ns()
        greeting = asyncio.ensure_future(probe.wait_for(lambda _: True, GREETING_S_MAX))
        await asyncio.sleep(0)  # the greeting may come before the connection is told to be open
        try:
            await patient.opener(patient.url, patient.headers, probe)
        except ConnectionFailedError as error:
            greeting.cancel()
            return [found("connection", str(error), "")]
        milliseconds = (patient.now_ns() - began_ns) / 1_000_000
        self._note(found("connection", None, f"{_kind(patient.url)}, open after {milliseconds:.1f} ms"))
        if patient.url.startswith("wss:"):
            self._note(await look_at_certificate(patient.url))
        try:
            await self._converse(greeting)
            self._note(found("stays connected", None, "until the doctor left"))
        except ConnectionEndedError as error:
            self._note(found("stays connected", str(error), ""))
        finally:
            greeting.cancel()
            probe.close()
        return [*self._findings, *self._timing.findings(), *self._listening.findings(probe.unreadable)]

    def _note(self, finding: Finding) -> None:
        self._findings.append(finding)

    async def _converse(self, greeting: "asyncio.Future[tuple[Message, int] | None]") -> None:
        await self._greet(greeting)
        for _ in range(PINGS):
            await self._ping()
        await self._provoke()
        await self._subscribe()
        await self._listen()
        await self._unsubscribe()

    async def _greet(self, greeting: "asyncio.Future[tuple[Message, int] | None]") -> None:
        """The first message is `connection_status`, and says who one is."""
        await asyncio.wait({greeting}, timeout=self._patient.answer_s)
        came = greeting.result() if greeting.done() else None
        message: Message = came[0] if came else {}
        data = message.get("data") or {}
        if message.get("type") == "error":
            self._note(found("greeting", f"the server says {data.get('code')}: {data.get('details')}", ""))
        elif message.get("type") != "connection_status" or data.get("status") != "connected":
            said = f"'{message.get('type')}' came first" if came else "no message came"
            self._note(found("greeting", f"{said}, and not 'connection_status'", ""))
        else:
            who = "logged in" if data.get("authenticated") else "anonymous"
            remaining = (data.get("rate_limits") or {}).get("subscriptions_remaining")
            refused = self._patient.headers and not data.get("authenticated")
            problem = "the credentials were passed over" if refused else None
            self._note(found("greeting", problem, f"{who}, {remaining} subscriptions allowed"))

    async def _ping(self) -> None:
        """Measure one way there and back; after two without an answer there is no point in more."""
        if self._timing.unanswered > 1:
            return
        sent_ns = self._patient.now_ns()
        came = await self._probe.request("ping", {}, self._patient.answer_s)
        if came is None or came[0].get("type") != "pong":
            self._timing.unanswered += 1
        else:
            self._timing.take_pong(sent_ns, came[1], (came[0].get("data") or {}).get("server_time"))

    async def _provoke(self) -> None:
        """Say what is wrong, and hear the documented errors."""
        symbol = self._patient.symbol
        await self._expect_error("unknown symbol", {"channel": "ticker", "symbol": "NO/SUCH"}, "INVALID_SYMBOL")
        await self._expect_error("unknown channel", {"channel": "nonsense", "symbol": symbol}, "INVALID_CHANNEL")
        if self._patient.headers:
            self._note(skipped("private without login", "the doctor is logged in"))
        else:
            await self._expect_error("private without login", {"channel": "account"}, "AUTHENTICATION_REQUIRED")
        came = await self._probe.wait_for(
            lambda m: m.get("type") == "error", self._patient.answer_s, b"this is no JSON"
        )
        self._note(_judged("bad message", came and came[0], "INVALID_MESSAGE"))

    async def _expect_error(self, name: str, params: Message, code: str) -> None:
        came = await self._probe.request("subscribe", params, self._patient.answer_s)
        self._note(_judged(name, came and came[0], code))

    async def _subscribe(self) -> None:
        """Subscribe to everything in one request."""
        came = await self._probe.request("subscribe", {"subscriptions": self._streams()}, self._patient.answer_s)
        data = (came[0].get("data") or {}) if came else {}
        results = data.get("results") if isinstance(data.get("results"), list) else []
        refused = [r["error"] for r in results or [] if isinstance(r, dict) and isinstance(r.get("error"), dict)]
        if came is None:
            problem: str | None = "no answer"
        elif came[0].get("type") == "error":
            problem = f"{data.get('code')}: {data.get('details')}"
        else:
            problem = f"{refused[0].get('code')}: {refused[0].get('details')}" if refused else None
        channels = [str(stream["channel"]) for stream in self._streams()]
        self._note(found("subscribe", problem, ", ".join(channels)))

    def _streams(self) -> list[Message]:
        symbol = self._patient.symbol
        streams: list[Message] = [
            {"channel": "ticker", "symbol": symbol},
            {"channel": "orderbook", "symbol": symbol, "depth": DEPTH_DEFAULT},
            {"channel": "trades", "symbol": symbol, "snapshot": PAST},
            {"channel": "kline", "symbol": symbol, "interval": INTERVAL_DEFAULT, "history": PAST},
        ]
        private = [{"channel": channel} for channel in _PRIVATE] if self._patient.headers else []
        return [*streams, *private, {"channel": HEARTBEAT}]

    async def _listen(self) -> None:
        """Let messages come for the time that is given, with a ping now and then."""
        left_s = self._patient.seconds
        while left_s > 0:
            await self._probe.listen(min(PING_INTERVAL_S, left_s))
            left_s -= PING_INTERVAL_S
            await self._ping()

    async def _unsubscribe(self) -> None:
        """After the answer nothing more may come."""
        names = ("channel", "symbol", "depth", "interval")
        streams = [{name: value for name, value in item.items() if name in names} for item in self._streams()]
        came = await self._probe.request("unsubscribe", {"subscriptions": streams}, self._patient.answer_s)
        if came is None or came[0].get("type") != "unsubscribed":
            self._note(found("unsubscribe", "no answer" if came is None else "it was refused", ""))
            return
        before = self._listening.publications
        await self._probe.listen(PING_INTERVAL_S)
        after = self._listening.publications - before
        self._note(found("unsubscribe", f"{after} messages came after the answer" if after else None, "then silence"))


def _judged(name: str, message: Message | None, code: str) -> Finding:
    """Judge the answer to something wrong."""
    data = (message or {}).get("data") or {}
    if message is not None and message.get("type") == "error" and data.get("code") == code:
        return Finding(name, Outcome.OK, code)
    said = "no answer" if message is None else f"the answer is '{data.get('code') or message.get('type')}'"
    return Finding(name, Outcome.FAILED, f"{said}, and not {code}")


def _kind(url: str) -> str:
    return "WebSocket over TLS" if url.startswith("wss:") else "WebSocket, not encrypted"
