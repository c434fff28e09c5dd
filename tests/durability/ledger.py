"""What a data directory says, read without the server: the whole log, and what a start makes of it."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from durability.trader import RESUMED, SYMBOL, Trader
from finalex.channels.hub import Hub
from finalex.exchange.state import ExchangeState
from finalex.log.sqlite import SqliteLog
from finalex.model.events import Batch, Credited, Debited, OrderAccepted, OrderEnded, OrderRejected
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import EndReason, order_id_text
from finalex.protocol.streams import Stream
from finalex.recovery import recover
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder


@dataclass(frozen=True)
class Ledger:
    """All batches of a log, and the state that a start on it recovers."""

    batches: list[Batch]
    recovered: ExchangeState
    replayed: ExchangeState

    def check(self) -> None:
        """Assert that the recovered state is what the whole log adds up to, and that no money came or went."""
        assert self.recovered.state_hash() == self.replayed.state_hash()
        held: Counter[str] = Counter()
        for user in self.recovered.users:
            for currency, balance in self.recovered.balances(user).items():
                assert min(balance.available, balance.locked) >= 0
                held[currency] += balance.total
        booked: Counter[str] = Counter()
        for batch in self.batches:
            for event in batch.events:
                if isinstance(event, Credited | Debited):
                    booked[event.currency] += event.amount if isinstance(event, Credited) else -event.amount
        assert held == booked

    def check_trader(self, trader: Trader) -> None:
        """Assert that everything `trader` was told is in the log exactly once, and that no message is missing."""
        self._check_outcomes(trader)
        self._check_cancels(trader)
        for channel in RESUMED:
            self._check_messages(trader, channel)

    def _check_outcomes(self, trader: Trader) -> None:
        found: dict[str, list[OrderAccepted | OrderRejected]] = {}
        for batch in self.batches:
            for event in batch.events:
                if isinstance(event, OrderAccepted | OrderRejected) and event.user == trader.user:
                    found.setdefault(event.client_order_id or "", []).append(event)
        assert all(len(events) == 1 for events in found.values()), "an order was taken twice"
        for name, reply in trader.outcomes.items():
            assert name in found, f"{name} was acknowledged and is lost"
            (event,) = found[name]
            if reply["type"] == "order_accepted":
                assert reply["data"]["order_id"] == order_id_text(event.order, event.time_ms)
            else:
                assert isinstance(event, OrderRejected)
                assert reply["data"]["reason"] == event.reason

    def _check_cancels(self, trader: Trader) -> None:
        created = {
            event.order: order_id_text(event.order, event.time_ms)
            for batch in self.batches
            for event in batch.events
            if isinstance(event, OrderAccepted)
        }
        ended = Counter(
            created[event.order]
            for batch in self.batches
            for event in batch.events
            if isinstance(event, OrderEnded) and event.reason is EndReason.CANCELED
        )
        assert all(ended[order_id] == 1 for order_id in trader.canceled)

    def _check_messages(self, trader: Trader, channel: str) -> None:
        user = "" if channel == "trades" else trader.user
        stream = Stream(channel, SYMBOL, user=user)
        hub = Hub(DEFAULT_INSTRUMENTS)
        expected = [publication.id for batch in self.batches for publication in hub.apply(batch, {stream})]
        seen = [message["id"] for message in trader.messages[channel] if not message["id"].endswith(":snapshot")]
        assert seen, f"{trader.user} saw nothing on {channel}"
        assert seen == expected[expected.index(seen[0]) :], f"{channel} of {trader.user} has a hole or a repeat"


def read_ledger(data_dir: Path, copy: Path) -> Ledger:
    """Return what is in `data_dir`, looked at in a `copy`, which a start may change."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data_dir, copy, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
    log = SqliteLog(copy, lambda callback: None)
    try:
        batches = list(log.read(after=0))
        recovered = recover(SnapshotFolder(copy / FOLDER_NAME), log, lambda: Hub(DEFAULT_INSTRUMENTS))
    finally:
        log.close()
    replayed = ExchangeState(DEFAULT_INSTRUMENTS)
    for batch in batches:
        for event in batch.events:
            replayed.apply(event)
    return Ledger(batches, recovered.engine_state, replayed)
