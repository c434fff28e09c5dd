"""Which instruments go with a state: its numbers are in their units, and its open orders must stay on their steps."""

from collections.abc import Iterable

from finalex.exchange.state import ExchangeState
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import Side
from finalex.snapshots.errors import IncompatibleInstrumentsError


def check_instruments(saved: Iterable[Instrument], configured: Instruments) -> None:
    """Raise `IncompatibleInstrumentsError` if a saved instrument is not configured any more, or counts otherwise.

    Fees, bounds and minimums may change, as they only matter to new orders, and so may steps: what is in the way of
    those, `check_open_orders` finds. New instruments may come.
    """
    for instrument in saved:
        symbol = instrument.symbol
        if symbol not in configured:
            raise IncompatibleInstrumentsError(
                f"{symbol} is a market of this data directory, but it is not configured: configure it again, or use "
                "another data directory. A market cannot be removed, for its trades are part of every account."
            )
        for name in ("price_decimals", "quantity_decimals"):
            was, now = getattr(instrument, name), getattr(configured[symbol], name)
            if was != now:
                raise IncompatibleInstrumentsError(
                    f"{symbol} has {name} {now} in the configuration, but {was} in this data directory, whose numbers "
                    f"would all mean something else: set it to {was} again, or use another data directory."
                )


def check_open_orders(state: ExchangeState) -> None:
    """Raise `IncompatibleInstrumentsError` for an open order that is not on its instrument's tick and lot.

    A part of it that trades could then be worth a fraction of the smallest amount.
    """
    for instrument in state.instruments.values():
        for side in Side:
            for order in (*state.resting(instrument.symbol, side), *state.paper.orders(instrument.symbol, side)):
                if order.price % instrument.tick_size or order.remaining % instrument.lot_size:
                    amount = f"{instrument.quantity_text(order.remaining)} at {instrument.price_text(order.price)}"
                    raise IncompatibleInstrumentsError(
                        f"{instrument.symbol} has an open order of {amount} (user {order.user}, order {order.id}), "
                        f"which is not on the configured tick_size {instrument.price_text(instrument.tick_size)} and "
                        f"lot_size {instrument.quantity_text(instrument.lot_size)}: start with those from before, and "
                        "let such orders end first."
                    )
