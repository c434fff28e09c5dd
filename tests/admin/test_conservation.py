"""Random credits and debits: nothing is made, nothing is lost, and nothing is done twice."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from admin.office import Office
from finalex.admin.messages import (
    BookedReply,
    CreditAccount,
    DebitAccount,
    ErrorReply,
)

BTC = 10**8

USERS = ("alice", "bob")
CURRENCIES = ("BTC", "USDT")

changes = st.lists(
    st.builds(
        lambda kind, user, currency, units, reference: kind(
            user=user, currency=currency, amount=f"{units // 4}.{units % 4}", reference=f"r{reference}"
        ),
        st.sampled_from((CreditAccount, DebitAccount)),
        st.sampled_from(USERS),
        st.sampled_from(CURRENCIES),
        st.integers(0, 40),
        st.integers(0, 8),
    ),
    max_size=40,
)


@given(changes)
async def test_what_accounts_have_is_what_was_credited_less_what_was_debited(
    requests: list[CreditAccount | DebitAccount],
) -> None:
    office = Office()
    expected: Counter[tuple[str, str]] = Counter()
    for request in requests:
        reply = await office.operator.handle(request)
        if isinstance(reply, BookedReply) and not reply.earlier:
            whole, _, tenth = request.amount.partition(".")
            amount = (10 * int(whole) + int(tenth)) * BTC // 10
            expected[request.user, request.currency] += amount if isinstance(request, CreditAccount) else -amount
        held = {key: office.available(*key) for key in ((u, c) for u in USERS for c in CURRENCIES)}
        assert held == {key: expected[key] for key in held}
        assert min(held.values()) >= 0


@given(changes)
async def test_asking_for_everything_twice_changes_nothing(requests: list[CreditAccount | DebitAccount]) -> None:
    once, twice = Office(), Office()
    for request in requests:
        await once.operator.handle(request)
        first = await twice.operator.handle(request)
        again = await twice.operator.handle(request)
        assert isinstance(first, ErrorReply) == isinstance(again, ErrorReply)
        if isinstance(first, BookedReply) and isinstance(again, BookedReply):
            assert again.earlier
            assert again.balance == first.balance
    assert once.exchange.seen.state_hash() == twice.exchange.seen.state_hash()
