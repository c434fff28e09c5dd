"""A client's core that can be looked at: how the connection does, in words and in milliseconds."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from finalex.client.backoff import Backoff
from finalex.client.core import Core, Phase
from finalex.client.effects import Effect, Reconnect, Send
from finalex.client.messages import encode_request

LATENCY_INTERVAL_MS = 2_000
"""How often the way to the server and back is measured; 30 of the 1000 messages a minute that a client may send."""

_PING = "latency-"

Tell = Callable[[str], object]
"""Called with a sentence, without its end, about the connection."""


@dataclass
class Health:
    """How a connection does. `latency_ms` is the last way to the server and back, `again_ms` when it is tried next.

    `losses` counts the connections lost, `failures` the attempts in a row that brought none, `messages` what came.
    """

    serving: bool = False
    latency_ms: int | None = None
    again_ms: int = 0
    losses: int = 0
    failures: int = 0
    messages: int = 0


class ObservedCore(Core):
    """A core that keeps `health` and tells of every loss and return; with `measuring`, it asks for the latency."""

    def __init__(self, tell: Tell, *, measuring: bool = False) -> None:
        super().__init__(Backoff())
        self.health = Health()
        self._tell = tell
        self._measuring = measuring
        self._now_ms = 0
        self._asked_ms: int | None = None
        self._due_ms = 0
        self._questions = 0

    def received(self, text: bytes, now_ms: int) -> list[Effect]:
        """See `Core.received`."""
        self.health.messages += 1
        if self._asked_ms is not None and b'"pong"' in text:
            self._take_pong(text, now_ms)
        effects = super().received(text, now_ms)
        if self.phase is Phase.READY and not self.health.serving:
            self.health.serving = True
            if self.health.losses:
                self._tell("Connected again")
            self.health.failures, self._due_ms = 0, now_ms
        return effects

    def lost(self, code: int | None, chance: float) -> list[Effect]:
        """See `Core.lost`."""
        if self.phase is Phase.STOPPED:
            return super().lost(code, chance)
        served, self.health.serving = self.health.serving, False
        self.health.latency_ms = self._asked_ms = None
        self.health.losses += served
        self.health.failures += not served
        effects = super().lost(code, chance)
        for effect in effects:
            if isinstance(effect, Reconnect):
                self.health.again_ms = self._now_ms + effect.after_ms
                said = f"The connection is lost{f' ({code})' if code else ''}" if served else "No connection"
                self._tell(f"{said}; trying again in {effect.after_ms / 1000:.1f} s")
        return effects

    def tick(self, now_ms: int, *, reading: bool = True) -> list[Effect]:
        """See `Core.tick`."""
        self._now_ms = now_ms
        effects = super().tick(now_ms, reading=reading)
        if self._measuring and self.phase is Phase.READY and now_ms >= self._due_ms:
            self._questions += 1
            self._asked_ms, self._due_ms = now_ms, now_ms + LATENCY_INTERVAL_MS
            effects.append(Send(encode_request(f"{_PING}{self._questions}", "ping", {})))
        return effects

    def _take_pong(self, text: bytes, now_ms: int) -> None:
        try:
            answered = json.loads(text).get("id")
        except (ValueError, AttributeError):
            return  # what it is, the core says
        if answered == f"{_PING}{self._questions}" and self._asked_ms is not None:
            self.health.latency_ms, self._asked_ms = now_ms - self._asked_ms, None
