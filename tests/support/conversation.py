"""A session, a hub and an engine without sockets: what one client sends and sees."""

import json
from collections.abc import Iterator
from typing import Any

import jwt

from finalex.channels.hub import Hub
from finalex.channels.journal import Memory
from finalex.exchange.engine import Engine
from finalex.exchange.state import ExchangeState
from finalex.log.memory import MemoryLog
from finalex.model.commands import Command, Credit
from finalex.model.events import Batch
from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.protocol.messages import encode_publication
from finalex.protocol.streams import Stream
from finalex.session.auth import Authenticator, Credentials
from finalex.session.desk import Desk
from finalex.session.effects import Close, Effect, Join, Leave, OpenAccount, Proceed, Recall, Send, StopRecall, Submit
from finalex.session.limits import Limits
from finalex.session.session import Session
from finalex.session.tokens import FixedKeys, secret_key
from support.archive import Archive

SECRET = "a secret of thirty-two bytes, at least"
START_MS = 1_700_000_000_000


def token(user: str, scope: str = "read trade", expires_ms: int = START_MS + 3_600_000) -> str:
    """Return a token that the desk of `House` accepts."""
    return jwt.encode({"sub": user, "scope": scope, "exp": expires_ms // 1000}, SECRET, "HS256")


class NoKeys:
    """A key directory without keys."""

    def lookup(self, api_key: str, now_ms: int) -> None:
        return None


class House:
    """An exchange with its views and its open conversations, on a clock that the test moves."""

    def __init__(
        self,
        limits: Limits | None = None,
        instruments: Instruments = DEFAULT_INSTRUMENTS,
        memory: Memory | None = None,
    ) -> None:
        self.now_ms = START_MS
        self.log = MemoryLog()
        self.archive = Archive()
        self.engine = Engine(ExchangeState(instruments))
        hub = Hub(instruments, ticker_interval_ms=100, kline_interval_ms=250, memory=memory)
        self.desk = Desk(hub, Authenticator(FixedKeys(secret_key(SECRET)), NoKeys()), limits or Limits())
        self.conversations: list[Conversation] = []
        self.log.follow(self._publish)
        self.log.follow(self.archive.keep)

    def connect(self, user: str | None = None, **credentials: Any) -> "Conversation":
        """Open a conversation, logged in as `user` if one is named."""
        conversation = Conversation(self)
        self.conversations.append(conversation)
        presented = Credentials(token=token(user)) if user else Credentials(**credentials)
        conversation.carry_out(conversation.session.open(presented, 9, self.now_ms))
        return conversation

    def fund(self, user: str, **amounts: int) -> None:
        """Credit whole units of currencies to `user`."""
        for currency, amount in amounts.items():
            self.execute(
                Credit(user=user, currency=currency, amount=amount * 10**8, reference=f"{user}{currency}{self.now_ms}")
            )

    def execute(self, command: Command) -> Any:
        """Carry out a command and let its events be seen."""
        events, outcome = self.engine.execute(command, self.now_ms)
        if events:
            self.log.append(events, self.now_ms)
        return outcome

    def recall(self, session: Session, recall: Recall) -> Iterator[list[Effect]]:
        """Look for what a session missed, step by step."""
        return self.archive.recall(self.desk.hub.instruments, session, recall, lambda: self.now_ms)

    def advance(self, elapsed_ms: int) -> None:
        """Let time pass, for the log and for every session."""
        self.now_ms += elapsed_ms
        self.log.append([], self.now_ms)
        for conversation in self.conversations:
            conversation.carry_out(conversation.session.advance(self.now_ms))

    def _publish(self, batch: Batch) -> None:
        wanted = {stream for conversation in self.conversations for stream in conversation.joined}
        for publication in self.desk.hub.apply(batch, wanted):
            text = encode_publication(publication, self.now_ms)
            for conversation in self.conversations:
                if conversation.joined.intersection(publication.streams):
                    conversation.seen.append(json.loads(text))


class Conversation:
    """One session, and all that its client has seen.

    While `at_once`, every turn that the session asks for follows without anything else happening between; otherwise
    `proceed` takes it.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.session = Session(house.desk)
        self.seen: list[dict[str, Any]] = []
        self.joined: set[Stream] = set()
        self.opened: list[str] = []
        self.recalls: dict[int, Iterator[list[Effect]]] = {}
        self.closed: int | None = None
        self.at_once = True
        self.proceeding = False

    def send(self, text: str) -> list[dict[str, Any]]:
        """Send raw text and return the messages that came of it."""
        before = len(self.seen)
        self.carry_out(self.session.receive(text, self.house.now_ms))
        return self.seen[before:]

    def request(self, method: str, *, id: object = "r", **params: Any) -> list[dict[str, Any]]:  # noqa: A002
        """Send a request and return the messages that came of it."""
        return self.send(json.dumps({"id": id, "method": method, "params": params}))

    def disconnect(self) -> None:
        """Let the connection end."""
        self.house.conversations.remove(self)
        self.joined.clear()
        self.recalls.clear()
        self.carry_out(self.session.disconnect())

    def recall(self, steps: int = 1_000_000) -> None:
        """Let all recalls go so many steps on; a step is what a gateway does without waiting."""
        while self.recalls and steps:
            steps -= 1
            for key, recall in tuple(self.recalls.items()):
                effects = next(recall, None)
                if effects is None:
                    del self.recalls[key]
                else:
                    self.carry_out(effects)

    def proceed(self) -> None:
        """Take the turn that the session asked for."""
        assert self.proceeding
        self.proceeding = False
        self.carry_out(self.session.proceed(self.house.now_ms))

    def fall_behind(self) -> None:
        """Let too much wait for the client."""
        self.carry_out(self.session.fall_behind(self.house.now_ms))

    def catch_up(self) -> None:
        """Let all leave that waited for the client."""
        self.carry_out(self.session.catch_up(self.house.now_ms))

    def carry_out(self, effects: list[Effect]) -> None:
        """Do what a gateway does with effects."""
        self._carry_out(effects)
        while self.at_once and self.proceeding:
            self.proceed()

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(text):
                    self.seen.append(json.loads(text))
                case Join(stream):
                    self.joined.add(stream)
                case Leave(stream):
                    self.joined.remove(stream)
                case OpenAccount(user):
                    self.opened.append(user)
                case Recall():
                    self.recalls[effect.key] = self.house.recall(self.session, effect)
                case StopRecall(key):
                    self.recalls.pop(key, None)
                case _:
                    self._act(effect)

    def _act(self, effect: Submit | Proceed | Close) -> None:
        match effect:
            case Submit(command, request_id):
                outcome = self.house.execute(command)
                self.carry_out(self.session.answer(request_id, outcome, self.house.now_ms))
            case Proceed():
                assert not self.proceeding
                self.proceeding = True
            case Close(code, _):
                self.closed = int(code)
