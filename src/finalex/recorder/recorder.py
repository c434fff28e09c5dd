"""The recorder: connects, subscribes, writes down everything, and comes back when the connection is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from finalex.protocol.errors import CloseCode
from finalex.protocol.streams import Stream
from finalex.recorder.address import Address
from finalex.recorder.connection import ConnectError, Connection, open_connection
from finalex.recorder.continuity import Gap
from finalex.recorder.intake import Counts, Intake
from finalex.recorder.received import Received, encode_request

FLUSH_INTERVAL_S = 1.0
"""What came is written at least so often."""

DELAY_S_MIN = 1.0
DELAY_S_MAX = 30.0
DELAY_FACTOR = 2
"""How long to wait before connecting again: the specification's back-off."""

REASON_LENGTH_MAX = 200

_REQUEST_PREFIX = "record-"


class RecorderError(OSError):
    """The recording cannot go on; the text is a sentence. What was recorded so far is in the file."""


class RecordingStartError(RecorderError):
    """The recording could not begin as asked; the file holds nothing of use."""


class Recorder:
    """Records `streams` of the server at `address` by means of `intake`."""

    def __init__(
        self,
        address: Address,
        streams: Sequence[Stream],
        intake: Intake,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._address = address
        self._streams = {f"{_REQUEST_PREFIX}{number}": stream for number, stream in enumerate(streams, 1)}
        self._intake = intake
        self._sleep = sleep
        self._refusal = ""
        self._asked_again = False
        self._begun = False
        self._delay_s = DELAY_S_MIN

    @property
    def counts(self) -> Counts:
        """What was recorded so far."""
        return self._intake.counts

    async def run(self) -> None:
        """Record until cancelled: a connection that is lost is marked in the file, and made again.

        Raises `RecordingStartError` if the first connection brings nothing or a subscription is refused on it,
        `RecorderError` if the credentials are no longer accepted, and `OSError` if the file cannot be written.
        """
        subscriptions = [stream.params() for stream in self._streams.values()]
        self._intake.mark("started", url=self._address.shown, subscriptions=subscriptions)
        try:
            while True:
                reason = await self._record()
                if self._intake.serves:
                    self.counts.disconnects += 1
                    self._intake.mark("disconnected", reason=reason[:REASON_LENGTH_MAX])
                    self._intake.tell(f"{reason}; connecting again.")
                self._save()
                await self._pause()
        finally:
            self._intake.mark("ended", messages=self.counts.messages)

    async def _record(self) -> str:
        """Connect, take what comes until the connection ends, and return a sentence about why, without its end."""
        self._intake.begin()
        try:
            connection = await open_connection(self._address, self._take)
        except ConnectError as error:
            return self._judge(str(error), None)
        try:
            for request_id in self._streams:
                self._subscribe(connection, request_id)
            while not await connection.wait(FLUSH_INTERVAL_S):
                self._save()
        finally:
            await connection.close()
        self._save()
        said = f"; it said {self._intake.last_error}" if self._intake.last_error else ""
        return self._judge(f"{self._address.shown}: {connection.reason}{said}", connection.close_code)

    def _judge(self, reason: str, close_code: int | None) -> str:
        """Return `reason`; raises if it makes no sense to connect again."""
        if self._refusal:
            raise RecordingStartError(self._refusal)
        self._begun = self._begun or self._intake.serves
        if not self._begun:
            raise RecordingStartError(f"{reason}.")
        if close_code == CloseCode.UNAUTHORIZED:
            raise RecorderError(f"{reason}.")
        return reason

    def _save(self) -> None:
        """Write what was gathered; raises why the file cannot be written, also if that showed earlier."""
        self._intake.flush()
        if self._intake.failure is not None:
            raise self._intake.failure

    async def _pause(self) -> None:
        """Wait as the back-off, or the server that closed, asks for."""
        if self._intake.serves:
            self._delay_s = DELAY_S_MIN
        await self._sleep(min(max(self._delay_s, self._intake.delay_ms / 1000), DELAY_S_MAX))
        self._delay_s = min(self._delay_s * DELAY_FACTOR, DELAY_S_MAX)

    def _take(self, connection: Connection, text: bytes) -> None:
        taken = self._intake.take(text)
        if self._intake.failure is not None:
            connection.abort()
        elif taken is not None:
            message, gap = taken
            if message.type == "error":
                self._take_error(connection, message)
            elif gap is not None:
                self._heal(connection, gap)

    def _take_error(self, connection: Connection, message: Received) -> None:
        """End a recording that was not begun as asked; one that goes on does without what is refused later."""
        stream = self._streams.get(str(message.id))
        if stream is not None and not (self.counts.disconnects or self._asked_again):
            parts = " ".join(str(value) for value in stream.params().values())
            self._refusal = self._refusal or f"The server refuses the subscription '{parts}': {message.error}."
            connection.abort()
        elif self._begun or self._intake.serves:
            self._intake.tell(f"The server says {message.error}.")

    def _heal(self, connection: Connection, gap: Gap) -> None:
        """Ask for a fresh order book where one has become incomplete, by subscribing again."""
        for request_id, stream in self._streams.items():
            if stream.channel == gap.channel == "orderbook" and stream.symbol == gap.symbol:
                self._asked_again = True
                self._subscribe(connection, request_id)

    def _subscribe(self, connection: Connection, request_id: str) -> None:
        connection.send(encode_request(request_id, "subscribe", self._streams[request_id].params()))
