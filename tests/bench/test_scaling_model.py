"""The model of scale: its page says what it computes, and what it computes follows from its figures."""

from dataclasses import replace
from random import Random

import pytest
from bench.scaling_figures import MEASURED, Prices, per_message_us, per_write_us
from bench.scaling_model import CASES, LOAD_MAX, PAGE, Needs, events_at_the_end, limits, renewed, sections
from bench.scaling_storm import storm

from bench import scaling_figures

SMALL = CASES[0]


def test_the_page_has_what_the_model_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page, sections(Prices()))


def test_a_page_without_a_place_for_a_table_is_told() -> None:
    with pytest.raises(ValueError, match="no place for needs"):
        renewed("# Scaling\n", {"needs": "| |"})


def test_a_write_and_its_messages_add_up_to_what_was_measured() -> None:
    assert per_write_us() + per_message_us() == pytest.approx(MEASURED["single"].value)
    assert per_write_us() + 8 * per_message_us() == pytest.approx(8 * MEASURED["joined"].value)


def test_a_gateway_with_all_its_clients_has_no_more_work_than_it_may() -> None:
    needs = Needs(SMALL)
    work = needs.event_share + needs.clients_per_gateway * needs.client_us / 1e6
    assert LOAD_MAX - needs.client_us / 1e6 < work <= LOAD_MAX


def test_events_alone_can_leave_no_room_for_clients() -> None:
    assert Needs(replace(SMALL, events_per_s=events_at_the_end())).clients_per_gateway == 0
    assert Needs(replace(SMALL, events_per_s=events_at_the_end() * 0.99)).clients_per_gateway > 0


def test_what_breaks_first_comes_first() -> None:
    sockets = [number for number, _ in limits(Needs(CASES[1]))]
    assert sockets == sorted(sockets)
    assert len(sockets) == 4


def test_dearer_events_need_more_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Needs(CASES[1]).gateways
    dearer = MEASURED["event"]._replace(value=2 * MEASURED["event"].value)
    monkeypatch.setitem(scaling_figures.MEASURED, "event", dearer)
    assert Needs(CASES[1]).gateways > before


def test_more_gateways_bring_everybody_back_sooner() -> None:
    few, many = (storm(gateways, 10_000, jitter=0.25, rng=Random(1)) for gateways in (2, 8))
    assert many.worst_s < few.worst_s
    assert many.vain < few.vain
