"""Order ids."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.model.orders import EndReason, OrderStatus, order_id_text, order_number


@given(st.integers(1, 2**62 - 1), st.integers(0, 2**48 - 1))
def test_an_order_id_is_a_version_8_uuid_that_reads_back(number: int, created_ms: int) -> None:
    text = order_id_text(number, created_ms)
    assert UUID(text).version == 8
    assert order_number(text) == number


def test_order_ids_sort_by_creation() -> None:
    assert order_id_text(9, 1_000) < order_id_text(1, 1_001) < order_id_text(2, 1_001)


@pytest.mark.parametrize("text", ["", "1", "x" * 36, "123E4567-E89B-12D3-A456-426614174000", "{" + "0" * 34 + "}"])
def test_another_text_is_no_order_id(text: str) -> None:
    assert order_number(text) is None


def test_an_end_reason_gives_the_final_status() -> None:
    assert EndReason.CANCELED.status is OrderStatus.CANCELED
    assert {EndReason.UNFILLED.status, EndReason.SELF_TRADE.status} == {OrderStatus.EXPIRED}
