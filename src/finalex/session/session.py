"""One conversation with one client, without I/O: text in, effects out."""

from collections.abc import Sequence

from finalex.exchange.outcomes import Outcome, Placed
from finalex.model.commands import CancelOrder, Command
from finalex.model.orders import OrderStatus
from finalex.protocol import messages, requests
from finalex.protocol.errors import CloseCode, ErrorCode, RequestError
from finalex.protocol.messages import ConnectionStatusData, Data, Publication, RateLimitsData
from finalex.protocol.requests import Request, RequestId
from finalex.session import orders
from finalex.session.auth import Credentials, Identity, InvalidCredentialsError, Revocation
from finalex.session.desk import Desk
from finalex.session.effects import Close, Effect, OpenAccount, Send, Submit
from finalex.session.limits import MessageRate, Verdict
from finalex.session.placed import PlacedOrders
from finalex.session.replies import AuthenticatedData, CancelOnDisconnectData, PongData, SubscriptionsData, error_reply
from finalex.session.subscribing import Caller, Subscribing
from finalex.session.subscriptions import require_scope

EXPIRY_NOTICE_MS = 60_000
"""How long before its credentials expire a connection is told."""


class Session:
    """The protocol's side of one connection; all times are wall-clock milliseconds.

    Every method returns effects for the gateway to carry out in order; no input makes one raise.
    """

    __slots__ = (
        "_address",
        "_connections_remaining",
        "_desk",
        "_ended",
        "_expiry_noticed",
        "_identity",
        "_placed",
        "_rate",
        "_replies",
        "_subscribing",
    )

    def __init__(self, desk: Desk, address: str = "") -> None:
        self._desk = desk
        self._address = address
        self._identity: Identity | None = None
        self._subscribing = Subscribing(desk)
        self._rate = MessageRate(desk.limits.messages_per_minute_max)
        self._connections_remaining = 0
        self._expiry_noticed = False
        self._placed = PlacedOrders()
        self._replies = 0
        self._ended = False

    # --- the life of the connection ---------------------------------------------------------------------

    @property
    def user(self) -> str | None:
        """Who is logged in, or `None`."""
        return self._identity.user if self._identity else None

    @property
    def deadline_ms(self) -> int | None:
        """When `advance` has something to do, or `None`."""
        deadlines_ms = (self._expiry_ms, self._subscribing.heartbeat.due_ms)
        return min((deadline_ms for deadline_ms in deadlines_ms if deadline_ms is not None), default=None)

    @property
    def _expiry_ms(self) -> int | None:
        """When there is something to say of the credentials' end, or `None`."""
        if self._identity is None or self._identity.expires_ms is None:
            return None
        return self._identity.expires_ms - (0 if self._expiry_noticed else EXPIRY_NOTICE_MS)

    def open(self, credentials: Credentials, connections_remaining: int, now_ms: int) -> list[Effect]:
        """Begin, with what the handshake presented and how many more connections its address may open."""
        self._connections_remaining = connections_remaining
        if not (credentials.given or credentials.repeated):
            return [self._status("connected", now_ms)]
        try:
            identity = self._desk.authenticator.identify(credentials, now_ms, self._address)
            self._desk.seats.take(identity.user)
        except InvalidCredentialsError as error:
            return self._end(CloseCode.UNAUTHORIZED, error, now_ms)
        except RequestError as error:
            return self._end(CloseCode.POLICY_VIOLATION, error, now_ms)
        self._identity = identity
        return [OpenAccount(identity.user), self._status("connected", now_ms)]

    def refuse_connection(self, now_ms: int, *, account: bool = False) -> list[Effect]:
        """Turn away a connection over the limit of its address, or of its `account`, now or later."""
        error = self._desk.seats.account_error if account else self._desk.seats.address_error
        return [] if self._ended else self._end(CloseCode.POLICY_VIOLATION, error, now_ms)

    def advance(self, now_ms: int) -> list[Effect]:
        """Do what is due at `now_ms`: a heartbeat, a notice that credentials expire, or the end with them."""
        if self._ended:
            return []
        beats: list[Effect] = [*self._subscribing.heartbeat.advance(now_ms)]
        if self._expiry_ms is None or now_ms < self._expiry_ms:
            return beats
        if self._expiry_noticed:
            error = RequestError(ErrorCode.INVALID_TOKEN, "the credentials have expired")
            return self._end(CloseCode.UNAUTHORIZED, error, now_ms)
        self._expiry_noticed = True
        return [*beats, self._status("token_expiring", now_ms)]

    def revoke(self, revocation: Revocation, now_ms: int) -> list[Effect]:
        """End the connection if what it has logged in with was revoked, at once or when that is to be."""
        if self._ended or self._identity is None or not revocation.covers(self._identity):
            return []
        if revocation.from_ms > now_ms:
            self._identity = self._identity.ending(revocation.from_ms)
            return []
        return self._end(CloseCode.UNAUTHORIZED, revocation.error, now_ms)

    def notify_closing(self, reconnect_after_ms: int, now_ms: int) -> list[Effect]:
        """Say that the server goes down and when to come back."""
        self._ended = True
        data = ConnectionStatusData(status="closing", server_time=now_ms, reconnect_after_ms=reconnect_after_ms)
        return [self._send("connection_status", data, None, now_ms), Close(CloseCode.SERVICE_RESTART, "restart")]

    def disconnect(self) -> list[Effect]:
        """The connection is gone: cancel its open orders if it asked for that."""
        self._ended = True
        if self._identity is None:
            return []
        user, self._identity = self._identity.user, None
        self._desk.seats.leave(user)
        return [Submit(cancel, None) for cancel in self._placed.cancels(user)]

    # --- requests ---------------------------------------------------------------------------------------

    def receive(self, text: str, now_ms: int) -> list[Effect]:
        """Carry out one message of the client."""
        if self._ended:
            return []
        match self._rate.take(now_ms):
            case Verdict.ACCEPT:
                return self._answer_text(text, now_ms)
            case Verdict.REFUSE:
                details = f"at most {self._desk.limits.messages_per_minute_max} messages a minute; more are dropped"
                return [self._error(RequestError(ErrorCode.RATE_LIMIT_EXCEEDED, details), None, now_ms)]
            case Verdict.DROP:
                return []
            case Verdict.FLOOD:
                self._ended = True
                return [Close(CloseCode.POLICY_VIOLATION, "message rate")]

    def answer(self, request_id: RequestId | None, outcome: Outcome, now_ms: int) -> list[Effect]:
        """Reply to the request whose `Submit` had this outcome."""
        if isinstance(outcome, Placed) and outcome.order.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
            if self._ended and self._placed.cancel_on_disconnect:
                return [Submit(CancelOrder(user=outcome.order.user, order_id=outcome.order.id, always=True), None)]
            self._placed.remember(outcome.order.id, self._open_order_ids)
        if self._ended:
            return []
        try:
            kind, data = orders.reply(outcome, self._desk.hub.instruments)
        except RequestError as error:
            return [self._error(error, request_id, now_ms)]
        return [self._send(kind, data, request_id, now_ms)]

    def _answer_text(self, text: str, now_ms: int) -> list[Effect]:
        request_id: RequestId | None = None
        try:
            envelope = requests.decode(text)
            request_id = self._own_id() if envelope.id is None else envelope.id
            return self._carry_out(envelope.request(), request_id, now_ms)
        except RequestError as error:
            return [self._error(error, request_id, now_ms)]

    def _carry_out(self, request: Request, request_id: RequestId, now_ms: int) -> list[Effect]:
        match request:
            case requests.Unsubscribe():
                return self._subscribing.unsubscribe(request, request_id, self._caller(now_ms))
            case requests.Subscribe():
                return self._subscribing.subscribe(request, request_id, self._caller(now_ms))
            case requests.ListSubscriptions():
                listed = SubscriptionsData(subscriptions=self._subscribing.subscriptions.listed())
                return [self._send("subscriptions", listed, request_id, now_ms)]
            case requests.Ping():
                return [self._send("pong", PongData(server_time=now_ms), request_id, now_ms)]
            case requests.Authenticate():
                return self._authenticate(request, request_id, now_ms)
            case requests.CancelOnDisconnect(enabled):
                require_scope(self._identity, "trade")
                self._placed.cancel_on_disconnect = enabled
                data = CancelOnDisconnectData(enabled=enabled)
                return [self._send("cancel_on_disconnect", data, request_id, now_ms)]
            case _:
                return [Submit(self._command(request, now_ms), request_id)]

    def _command(
        self, request: requests.OrderRequest | requests.CancelRequest | requests.CancelAllRequest, now_ms: int
    ) -> Command:
        user = require_scope(self._identity, "trade").user
        instruments = self._desk.hub.instruments
        match request:
            case requests.OrderRequest():
                self._desk.order_rates.take(user, now_ms)
                return orders.place_order(request, user, instruments)
            case requests.CancelRequest():
                return orders.cancel_order(request, user)
            case requests.CancelAllRequest():
                return orders.cancel_all_orders(request, user, instruments)

    # --- what was missed --------------------------------------------------------------------------------

    def recalled(self, key: int, found: Sequence[bool], now_ms: int) -> list[Effect]:
        """Hear which of the wants of the `Recall` with this `key` can be found."""
        return [] if self._ended else self._subscribing.recalled(key, found, self._caller(now_ms))

    def replayed(self, key: int, publications: Sequence[Publication], now_ms: int) -> list[Effect]:
        """Take what was found next, in order."""
        return [] if self._ended else self._subscribing.replayed(key, publications, self._caller(now_ms))

    def caught_up(self, key: int, now_ms: int) -> list[Effect]:
        """Hear that all was found."""
        return [] if self._ended else self._subscribing.caught_up(key, self._caller(now_ms))

    def recall_failed(self, key: int, now_ms: int) -> list[Effect]:
        """Hear that nothing more will be found."""
        return [] if self._ended else self._subscribing.recall_failed(key, self._caller(now_ms))

    # --- turns ------------------------------------------------------------------------------------------

    def proceed(self, now_ms: int) -> list[Effect]:
        """Go on with what waits to be sent, as `Proceed` asked for."""
        return [] if self._ended else self._subscribing.proceed(now_ms)

    def fall_behind(self, now_ms: int) -> list[Effect]:
        """The client is too slow: say so, and hold tickers, klines and books until it has caught up."""
        if self._ended or self._subscribing.behind:
            return []
        data = ConnectionStatusData(status="lagging", server_time=now_ms)
        return [self._send("connection_status", data, None, now_ms), *self._subscribing.fall_behind()]

    def catch_up(self, now_ms: int) -> list[Effect]:
        """The client has taken all that waited: begin to send again what was held, as it is by now."""
        return self._subscribing.catch_up(now_ms) if self._subscribing.behind and not self._ended else []

    def _caller(self, now_ms: int) -> Caller:
        return Caller(self._identity, now_ms)

    # --- credentials ------------------------------------------------------------------------------------

    def _authenticate(self, request: requests.Authenticate, request_id: RequestId, now_ms: int) -> list[Effect]:
        credentials = Credentials(request.token, request.api_key)
        if not credentials.given:
            raise RequestError(ErrorCode.INVALID_PARAMS, "give 'token' or 'api_key'")
        identity = self._desk.authenticator.identify(credentials, now_ms, self._address)
        self._check_replacement(identity)
        if self._identity is None:
            self._desk.seats.take(identity.user)
        self._identity, self._expiry_noticed = identity, False
        data = AuthenticatedData(user=identity.user, scopes=sorted(identity.scopes), expires_at=identity.expires_ms)
        return [OpenAccount(identity.user), self._send("authenticated", data, request_id, now_ms)]

    def _check_replacement(self, identity: Identity) -> None:
        if self.user not in (None, identity.user):
            raise RequestError(ErrorCode.INVALID_TOKEN, "this connection belongs to another user")
        if self._subscribing.subscriptions.any_private:
            require_scope(identity, "read")

    # --- sending ----------------------------------------------------------------------------------------

    def _status(self, status: str, now_ms: int) -> Send:
        data = ConnectionStatusData(
            status=status,
            server_time=now_ms,
            authenticated=self._identity is not None,
            expires_at=self._identity.expires_ms if self._identity else None,
            rate_limits=RateLimitsData(
                subscriptions_remaining=self._subscribing.subscriptions.remaining(private=False),
                private_subscriptions_remaining=self._subscribing.subscriptions.remaining(private=True),
                connections_remaining=self._connections_remaining,
            ),
        )
        return self._send("connection_status", data, None, now_ms)

    def _end(self, code: CloseCode, error: RequestError, now_ms: int) -> list[Effect]:
        self._ended = True
        return [self._error(error, None, now_ms), Close(code, error.code.message)]

    def _error(self, error: RequestError, request_id: RequestId | None, now_ms: int) -> Send:
        return error_reply(error, self._own_id() if request_id is None else request_id, now_ms)

    def _send(self, kind: str, data: Data, request_id: RequestId | None, now_ms: int) -> Send:
        own_id = self._own_id() if request_id is None else request_id
        return Send(messages.encode_reply(own_id, kind, data, now_ms))

    def _own_id(self) -> str:
        self._replies += 1
        return f"server-{self._replies}"

    def _open_order_ids(self) -> set[str]:
        return {order.id for order in self._desk.hub.open_orders(self.user or "")}
