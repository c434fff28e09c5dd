"""A session's effects carried out for one connection, in order and at once; what fails ends that connection alone."""

import asyncio
from collections.abc import Iterable
from functools import partial

from finalex.exchange.outcomes import Outcome
from finalex.gateway.deflate import deflate_frame
from finalex.gateway.failures import report_failure
from finalex.gateway.framing import frame_text
from finalex.gateway.outbox import Outbox
from finalex.gateway.recalls import Recalls
from finalex.gateway.switchboard import Step, Switchboard
from finalex.protocol.errors import CloseCode, ErrorCode, RequestError
from finalex.protocol.messages import encode_reply
from finalex.protocol.requests import RequestId
from finalex.session.auth import Revocation
from finalex.session.effects import Close, Effect, Join, Leave, OpenAccount, Proceed, Recall, Send, StopRecall, Submit
from finalex.session.replies import error_data
from finalex.session.session import Session


class Conversation:
    """Joins a session to an outbox, the fan-out, the venue and the log."""

    __slots__ = ("_outbox", "_proceeding", "_recalls", "_session", "_switchboard")

    def __init__(self, session: Session, outbox: Outbox, switchboard: Switchboard) -> None:
        self._session = session
        self._outbox = outbox
        self._switchboard = switchboard
        self._recalls = Recalls(session, outbox, switchboard)
        self._proceeding = False

    def open(self, opening: Step) -> None:
        """Begin."""
        self._carry_out("open", opening)

    def receive(self, text: str) -> None:
        """Take in a message."""
        self._switchboard.metrics.messages_received += 1
        self._carry_out("receive", partial(self._session.receive, text))

    def advance(self) -> None:
        """Let the session see what time it is, if it wants to."""
        if self._session.deadline_ms is not None:
            self._carry_out("advance", self._session.advance)

    def fall_behind(self) -> None:
        """Too much waits for the client."""
        self._carry_out("fall_behind", self._session.fall_behind)

    def catch_up(self) -> None:
        """The client, which was behind, has taken all that waited."""
        self._carry_out("catch_up", self._session.catch_up)
        self.resume()

    def resume(self) -> None:
        """The outbox has room again: go on with what waited for that."""
        if self._proceeding:
            self._proceed_soon()

    def revoke(self, revocation: Revocation) -> None:
        """Credentials were revoked."""
        self._carry_out("revoke", partial(self._session.revoke, revocation))

    def give_way(self, *, account: bool) -> None:
        """Its address, or its account, has too many connections."""
        self._carry_out("give_way", partial(self._session.refuse_connection, account=account))

    def notify_closing(self, reconnect_after_ms: int) -> None:
        """The server goes down: say so, and close."""
        self._carry_out("notify_closing", partial(self._session.notify_closing, reconnect_after_ms))

    def disconnect(self) -> None:
        """The connection is gone; what the session still wants submitted is submitted."""
        self._recalls.stop_all()
        self._carry_out("disconnect", lambda _now_ms: self._session.disconnect())

    def _carry_out(self, place: str, step: Step) -> None:
        now_ms = self._switchboard.now_ms()
        try:
            self._execute(step(now_ms))
        except Exception as error:
            report_failure(place, error, self._switchboard.metrics)
            self._fail(now_ms)

    def _fail(self, now_ms: int) -> None:
        data = error_data(RequestError(ErrorCode.INTERNAL_ERROR, "the server failed to handle this"))
        self._deliver([Send(encode_reply("server", "error", data, now_ms), ErrorCode.INTERNAL_ERROR)], [])
        self._outbox.close(CloseCode.INTERNAL_ERROR, ErrorCode.INTERNAL_ERROR.message)

    def _execute(self, effects: Iterable[Effect]) -> None:
        sends: list[Send] = []
        moves: list[Join | Leave] = []
        for effect in effects:
            match effect:
                case Send():
                    sends.append(effect)
                case Join() | Leave():
                    moves.append(effect)
                case _:
                    self._deliver(sends, moves)  # submitting can publish, and closing ends sending
                    sends, moves = [], []
                    self._act(effect)
        self._deliver(sends, moves)

    def _act(self, effect: Submit | OpenAccount | Recall | StopRecall | Proceed | Close) -> None:
        match effect:
            case Submit(command, request_id):
                self._switchboard.venue.submit(command, partial(self._answered, request_id))
            case OpenAccount(user):
                self._switchboard.venue.open_account(user)
            case Recall():
                self._recalls.start(effect, self._carry_out)
            case StopRecall(key):
                self._recalls.stop(key)
            case Proceed():
                self._proceed_soon()
            case Close(code, reason):
                self._outbox.close(code, reason)

    def _proceed_soon(self) -> None:
        """Go on in a later turn of the loop, once the outbox has room: others come first, and nothing piles up."""
        self._proceeding = not self._outbox.has_room
        if not self._proceeding:
            asyncio.get_running_loop().call_soon(self._proceed)

    def _proceed(self) -> None:
        if self._outbox.has_room:
            self._carry_out("proceed", self._session.proceed)
        else:
            self._proceeding = True

    def _answered(self, request_id: RequestId | None, outcome: Outcome) -> None:
        if request_id is not None:
            self._carry_out("answer", lambda now_ms: self._session.answer(request_id, outcome, now_ms))

    def _deliver(self, sends: list[Send], moves: list[Join | Leave]) -> None:
        """Nothing is published meanwhile, so that one write and one change of membership do for all."""
        fanout, outbox = self._switchboard.fanout, self._outbox
        if not outbox.open or not (sends or moves):
            return
        fanout.settle(outbox)
        if sends:
            self._count(sends)
            frame = deflate_frame if outbox.deflates else frame_text
            outbox.reply(b"".join([frame(send.text) for send in sends]))
        if moves and outbox.open:
            streams = set(fanout.streams(outbox))
            for move in moves:
                (streams.add if isinstance(move, Join) else streams.discard)(move.stream)
            fanout.place(outbox, frozenset(streams))

    def _count(self, sends: list[Send]) -> None:
        metrics = self._switchboard.metrics
        metrics.messages_sent += len(sends)
        for send in sends:
            if send.error is not None:
                metrics.errors[send.error] += 1
