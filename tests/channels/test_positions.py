"""The last message of every stream that somebody wants."""

from channels.feed import Feed, of
from finalex.channels.channel import Turn
from finalex.channels.positions import UNWANTED_MAX, Positions
from finalex.protocol.messages import Publication, TradeData
from finalex.protocol.streams import Stream

TRADES = Stream("trades", "BTC/USDT")


def publication(*streams: Stream) -> Publication:
    data = TradeData(symbol="X", trade_id="1", price="1", quantity="1", side="buy", timestamp=1)
    return Publication(streams, "id", "trade", data)


def note(positions: Positions, sequence: int, *streams: Stream) -> None:
    """Let a batch publish once on each of `streams`, which alone are wanted."""
    turn = Turn(sequence, sequence * 1000, streams)
    turn.publications += [publication(stream) for stream in streams]
    positions.note(turn)


def test_the_hub_knows_the_last_message_of_a_stream_that_is_wanted() -> None:
    feed = Feed(wanted={TRADES})
    assert feed.hub.position(TRADES) is None
    feed.batch(feed.traded(100, trade=1), feed.traded(100, trade=2))
    last = of(feed.seen, "trade")[-1]
    feed.after(50).batch()
    position = feed.hub.position(TRADES)
    assert position is not None
    assert (position.sequence, position.time_ms, position.publication) == (1, feed.now_ms - 50, last)
    assert feed.hub.position(Stream("ticker", "BTC/USDT")) is None


def test_a_message_of_several_streams_is_the_last_of_each() -> None:
    positions = Positions()
    every, filtered = Stream("orders", user="ann"), Stream("orders", "BTC/USDT", user="ann")
    turn = Turn(1, 1000, (every,))
    turn.publications.append(publication(every, filtered))
    positions.note(turn)
    assert positions.get(every) == positions.get(filtered) is not None


def test_what_nobody_wants_any_more_is_sorted_out_in_the_end() -> None:
    positions = Positions()
    kept = Stream("orders", user="kept")
    for number in range(3 * UNWANTED_MAX):
        note(positions, number + 1, Stream("orders", user=f"user {number}"), kept)
    remembered = sum(positions.get(Stream("orders", user=f"user {number}")) is not None for number in range(3000))
    assert 0 < remembered <= UNWANTED_MAX + 2
    position = positions.get(kept)
    assert position is not None
    assert position.sequence == 3 * UNWANTED_MAX
