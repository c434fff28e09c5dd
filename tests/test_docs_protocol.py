"""The protocol page names everything there is, and says of close codes what the code says."""

import re
from pathlib import Path

import pytest

from finalex.model.orders import EndReason
from finalex.model.rejects import RejectReason
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.protocol.requests import METHODS
from finalex.protocol.streams import DEPTHS

PAGE = (Path(__file__).parent.parent / "docs" / "protocol.md").read_text()


@pytest.mark.parametrize("name", [*METHODS, *ErrorCode, *EndReason])
def test_every_method_and_code_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_reject_reasons_are_listed_in_the_order_they_are_checked() -> None:
    table = PAGE.split("| reason | rule |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [*RejectReason]


@pytest.mark.parametrize("code", CloseCode, ids=lambda code: str(int(code)))
def test_every_close_code_says_whether_to_reconnect(code: CloseCode) -> None:
    row = re.search(rf"^\| {int(code)} \|.*\| (.+) \|$", PAGE, re.MULTILINE)
    assert row is not None
    assert row[1].startswith("yes") == code.reconnect


def test_all_depths_are_on_the_page() -> None:
    assert ", ".join(map(str, DEPTHS)) in PAGE
