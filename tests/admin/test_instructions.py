"""What the operator may not ask for, and the sentence that says so."""

import pytest

from admin.office import Office, error
from finalex.admin.messages import (
    ErrorCode,
    ShowAccount,
)

PRINTABLE = "printable ASCII characters and no spaces."


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"user": ""}, f"User name '' must have 1 to 64 {PRINTABLE}"),
        ({"user": "a b"}, f"User name 'a b' must have 1 to 64 {PRINTABLE}"),
        ({"user": "x" * 65}, f"User name '{'x' * 64}' must have 1 to 64 {PRINTABLE}"),
        ({"user": "sim-maker-1"}, "Account 'sim-maker-1' is one of the exchange's own: it can be shown, not changed."),
        ({"user": "@fees"}, "Account '@fees' is one of the exchange's own: it can be shown, not changed."),
        ({"currency": "DOGE"}, "Currency 'DOGE' must be one of BTC, USDT, ETH, SOL, XRP, BNB, ADA."),
        ({"currency": "btc"}, "Currency 'btc' must be one of BTC, USDT, ETH, SOL, XRP, BNB, ADA."),
        ({"amount": "0"}, "Amount '0' must be more than zero."),
        ({"amount": "-1"}, "Amount '-1' must be a plain decimal number such as '1.25'."),
        ({"amount": "1e3"}, "Amount '1e3' must be a plain decimal number such as '1.25'."),
        ({"amount": ""}, "Amount '' must be a plain decimal number such as '1.25'."),
        ({"amount": "0.000000001"}, "Amount '0.000000001' has more than 8 decimals."),
        ({"amount": "92233720368.54775808"}, "Amount '92233720368.54775808' is too large."),
        ({"reference": ""}, "Reference '' must have 1 to 64 printable characters."),
        ({"reference": "x" * 65}, f"Reference '{'x' * 64}' must have 1 to 64 printable characters."),
        ({"reference": "a\nb"}, "Reference 'a\\nb' must have 1 to 64 printable characters."),
    ],
)
async def test_a_wrong_request_is_refused_in_a_sentence(office: Office, wrong: dict[str, str], says: str) -> None:
    await office.credit(reference="first")
    for reply in (await office.credit(**wrong), await office.debit(**wrong)):
        assert error(reply) == (ErrorCode.INVALID_REQUEST, says)
    assert len(office.exchange.submitted) == 1


async def test_a_debit_opens_no_account(office: Office) -> None:
    assert error(await office.debit("nobody")) == (ErrorCode.NOT_FOUND, "There is no account 'nobody'.")
    assert office.exchange.submitted == []


async def test_a_server_without_accounts_says_so(office: Office) -> None:
    office.exchange.trading = False
    replies = [await office.credit(), await office.debit(), await office.ask(ShowAccount(user="alice"))]
    for reply in replies:
        assert error(reply) == (ErrorCode.DECLINED, "This server plays recordings: it has no accounts.")
