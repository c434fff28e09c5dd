"""The feed of candles, which asks for those that closed while nobody listened."""

from finalex.client import messages
from finalex.client.feeds import Feed, State
from finalex.client.messages import PublicationMessage, Result
from finalex.market.intervals import end_ms
from finalex.protocol.streams import HISTORY_MAX, Stream

PAST_CANDLES_SPARE = 2
"""So many more closed candles are asked for than the outage should have taken."""


class KlineFeed(Feed):
    """Candles: each that closes is delivered once at least as closed, in order."""

    def __init__(self, key: int, stream: Stream, past: int) -> None:
        super().__init__(key, stream)
        self._history = past
        self._open_ms: int | None = None
        self._closed = False
        self._returning = False
        self._missing_ms = 0
        self._asked_again = False

    @property
    def broken(self) -> bool:
        """See `Feed.broken`: more candles have closed than were asked for."""
        return self._missing_ms > 0 and self.state is State.LIVE

    def begin(self, result: Result) -> list[object]:
        """See `Feed.begin`."""
        self._returning = True
        self._asked_again, self._missing_ms = self._missing_ms > 0, 0
        return super().begin(result)

    def lose(self) -> None:
        """See `Feed.lose`."""
        super().lose()
        self._missing_ms = 0

    def hold(self) -> None:
        """See `Feed.hold`; what closed meanwhile is told again."""
        super().hold()
        self._returning = True

    def _past(self, server_ms: int) -> dict[str, str | int | bool]:
        history = HISTORY_MAX if self.acknowledged else self._history
        if self._open_ms is not None:
            width_ms = end_ms(self.stream.interval, self._open_ms) - self._open_ms
            history = max(server_ms - self.last_ms, self._missing_ms) // width_ms + PAST_CANDLES_SPARE
        return {"history": min(history, HISTORY_MAX)}

    def _take(self, message: PublicationMessage) -> list[object]:
        assert isinstance(message, messages.Kline)  # noqa: S101 (for the type checker; routes see to it)
        candle, expected_ms = message.data, self._expected_ms()
        if self._returning and candle.is_closed and expected_ms is not None and candle.open_time < expected_ms:
            return []
        if self._returning and not self._asked_again and expected_ms is not None and candle.open_time > expected_ms:
            self._missing_ms = candle.open_time - expected_ms
            return []
        self._returning = self._returning and candle.is_closed
        self._asked_again = self._asked_again and self._returning
        self._open_ms, self._closed = candle.open_time, candle.is_closed
        if expected_ms in (None, candle.open_time):
            return [candle]
        return [self._gap(f"the candle of {candle.open_time} comes where that of {expected_ms} should"), candle]

    def _expected_ms(self) -> int | None:
        """Return when the next candle should begin."""
        if self._open_ms is None or not self._closed:
            return self._open_ms
        return end_ms(self.stream.interval, self._open_ms)
