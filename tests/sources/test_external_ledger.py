"""What an external engine may say happened: all that ours could, and nothing that some view could not take."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.steps import COMMAND_BYTES, CURRENCIES, CancelNumber, Draw, step
from exchange.test_naive_model import PHASES
from exchange.venue import Venue
from finalex.model.commands import CancelOrder, Credit
from finalex.model.events import AnyEvent
from finalex.model.orders import order_id_text
from finalex.snapshots.encoding import encode_snapshot
from finalex.snapshots.snapshot import take_snapshot
from finalex.sources.external_events import BadMessageError
from support.external import written
from support.external_gateway import FUNDS, INSTRUMENTS, USERS, Gateway, imagined, spoiled

drawn = st.lists(st.binary(min_size=COMMAND_BYTES, max_size=COMMAND_BYTES), min_size=60, max_size=60)


def play(data: bytes, venue: Venue) -> Sequence[AnyEvent]:
    """Return what the command that drawn bytes stand for leads to at our own exchange."""
    command = step(data)
    if isinstance(command, CancelNumber):
        order = venue.state.order(command.number)
        order_id = order.id if order else order_id_text(command.number, venue.now_ms)
        command = CancelOrder(user=command.user, order_id=order_id)
    return venue.send(command)[0]


def funded() -> Venue:
    venue = Venue(*INSTRUMENTS.values())
    for user in (*USERS, "dan"):
        for currency in CURRENCIES:
            venue.send(Credit(user=user, currency=currency, amount=FUNDS, reference=f"{user}:{currency}"))
    return venue


@given(drawn)
@settings(max_examples=15, phases=PHASES)
def test_whatever_our_own_exchange_says_is_taken(commands: list[bytes]) -> None:
    venue, gateway = funded(), Gateway()
    gateway.tell([written(event, INSTRUMENTS) for event in venue.events], venue.now_ms)
    for command in commands:
        events = play(command, venue)
        if events:
            gateway.tell([written(event, INSTRUMENTS) for event in events], venue.now_ms)

    gateway.check()
    assert gateway.ledger.state.state_hash() == venue.state.state_hash()


@given(drawn)
@settings(max_examples=20, phases=PHASES)
def test_what_is_wrong_is_refused_whole_or_can_be_shown_by_everybody(commands: list[bytes]) -> None:
    venue, gateway, refused = funded(), Gateway(), 0
    gateway.tell([written(event, INSTRUMENTS) for event in venue.events], venue.now_ms)
    for command in commands:
        draw = Draw(command[::-1])
        told = [written(event, INSTRUMENTS) for event in play(command, venue)]
        if told and draw.once_in(3):
            spoilt = draw.below(len(told))
            told[spoilt] = spoiled(told[spoilt], draw)
        elif told and draw.once_in(6):
            del told[draw.below(len(told))]
        before = gateway.ledger.state.state_hash()
        try:
            if told:
                gateway.tell(told, venue.now_ms)
        except BadMessageError:
            refused += 1
            assert gateway.ledger.state.state_hash() == before

    gateway.check()
    assert refused < len(commands)


@given(st.lists(st.binary(min_size=COMMAND_BYTES, max_size=COMMAND_BYTES), min_size=80, max_size=80))
@settings(max_examples=25, phases=PHASES)
def test_markets_of_levels_and_orders_beside_them_can_be_shown_by_everybody(draws: list[bytes]) -> None:
    gateway = Gateway()
    credits_ = [
        {"event": "credited", "user": user, "currency": currency, "amount": "100", "reference": f"{user}{currency}"}
        for user in USERS
        for currency in CURRENCIES
    ]
    gateway.tell(credits_)
    for number, data in enumerate(draws):
        draw = Draw(data)
        told = [imagined(draw, gateway.ledger.state) for _ in range(draw.below(2) + 1)]
        if draw.once_in(5):
            told[0] = spoiled(told[0], draw)
        before = gateway.ledger.state.state_hash()
        try:
            gateway.tell(told, 1_000 + number * draw.one((1, 50, 60_000)))
        except BadMessageError:
            assert gateway.ledger.state.state_hash() == before

    unbelievable = gateway.hub.counters()["unbelievable_books"]
    assert unbelievable <= len(gateway.taken)  # a change may cross the book: then it is withdrawn
    assert gateway.hub.state.state_hash() == gateway.ledger.state.state_hash()
    assert encode_snapshot(take_snapshot(gateway.hub))
