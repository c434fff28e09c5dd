"""The exchange with simulated traders: markets that live, and that trade with whoever comes."""

import asyncio
from collections.abc import Callable, Mapping

from finalex.exchange.engine import Engine
from finalex.exchange.state import ExchangeState
from finalex.log.port import Log
from finalex.model.orders import Side
from finalex.sources.exchange import ExchangeSource
from finalex.sources.simulation.traders import Traders

STEP_INTERVAL_MS = 20
"""The time between two steps of the simulated traders."""

HISTORY_HOURS = 24
"""How much past trading a market starts with, unless configured otherwise."""


class SimulateSource(ExchangeSource):
    """An `ExchangeSource` whose markets are busy with `traders`, and have a past of `history_hours`."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        now_ms: Callable[[], int],
        demo_balances: Mapping[str, int] | None = None,
        *,
        traders: Traders,
        history_hours: int = HISTORY_HOURS,
    ) -> None:
        super().__init__(engine, log, now_ms, demo_balances)
        self._traders = traders
        self._history_hours = history_hours
        self._open = False

    def open_account(self, user: str) -> None:
        """See `ExchangeSource.open_account`; nothing comes into the log before the markets' past."""
        self.open_markets()
        super().open_account(user)

    def open_markets(self) -> None:
        """Write the past, which only a new log gets, and open all markets, unless done; `run` begins with it."""
        if self._open:
            return
        self._open = True
        state, now_ms = self._engine.state, self._time_ms()
        if self._history_hours and all(state.next_trade(symbol) == 1 for symbol in state.instruments):
            self._write_history(now_ms)
        for commands in self._traders.open(now_ms, state):
            self.execute(commands)

    async def run(self) -> None:
        """See `Source.run`; a simulated market has no end."""
        self.open_markets()
        while True:
            self.step()
            await asyncio.sleep(STEP_INTERVAL_MS / 1000)

    def step(self) -> None:
        """Let the traders do what the time since the last step brings; raises the failure of an append."""
        self.execute(self._traders.step(self._time_ms(), self._engine.state))
        self.tick()

    def _write_history(self, now_ms: int) -> None:
        for time_ms, trades in self._traders.history(now_ms, self._history_hours):
            for trade in trades:
                self._engine.state.apply(trade)
            self._append(trades, time_ms)


def present_prices(state: ExchangeState) -> dict[str, int]:
    """Return where markets stand whose book has both sides: the middle, in units, once for each base currency."""
    prices: dict[str, int] = {}
    known: set[str] = set()
    for symbol, instrument in state.instruments.items():
        bid, ask = state.best(symbol, Side.BUY), state.best(symbol, Side.SELL)
        if bid is not None and ask is not None and instrument.base not in known:
            known.add(instrument.base)
            prices[symbol] = (bid + ask) // 2
    return prices
