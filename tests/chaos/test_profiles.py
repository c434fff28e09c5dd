"""Profiles by name, tuned, and refused with what would be right."""

import re

import pytest

from chaos.surviving import EXPECTED
from chaos.surviving import PROFILES as HURRIED
from finalex.chaos.faults import LINE_FAULTS, Fault
from finalex.chaos.profiles import KEYS, PROFILES, ProfileError, parse_profile
from finalex.config import load_config
from finalex.settings.origins import SettingError


def test_a_name_is_a_profile() -> None:
    assert {name: parse_profile(name) for name in PROFILES} == PROFILES


def test_a_profile_is_tuned_by_its_keys() -> None:
    tuned = parse_profile("flaky:messages=50, reset=9,cut=0")
    assert (tuned.messages, tuned.weights[Fault.RESET]) == (50, 9)
    assert Fault.CUT not in tuned.weights
    assert tuned.lost_reply == PROFILES["flaky"].lost_reply


def test_every_fault_of_a_connection_has_a_weight_and_a_sentence() -> None:
    assert {fault.value for fault in LINE_FAULTS} < set(KEYS)
    assert len({fault.sentence for fault in Fault}) == len(Fault)


def test_everything_has_every_fault_and_calm_none() -> None:
    assert set(PROFILES["everything"].weights) == set(LINE_FAULTS)
    assert PROFILES["calm"].weights == {}


def test_the_clients_are_tested_with_every_profile_and_every_fault_in_it() -> None:
    assert set(HURRIED) == set(EXPECTED) == set(PROFILES) - {"calm"}
    for name, text in HURRIED.items():
        assert {fault.value for fault in parse_profile(text).weights} <= set(EXPECTED[name])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("storm", "a profile is one of flaky, .*, not 'storm'"),
        ("flaky:", None),
        ("flaky:rain=1", "'rain' is none of messages, reset"),
        ("flaky:reset=101", "'reset' must be a whole number from 0 to 100, not '101'"),
        ("flaky:messages=0", "'messages' must be a whole number from 1 to"),
        ("flaky:reset=-1", "'reset' must be .* not '-1'"),
        ("flaky:reset", "'reset' must be .* not ''"),
        ("flaky:reset=١", "'reset' must be"),
        ("flaky:refuse_percent=91", "from 0 to 90"),
    ],
)
def test_what_is_no_profile_is_refused_with_what_would_be_one(text: str, said: str | None) -> None:
    if said is None:
        assert parse_profile(text) == PROFILES["flaky"]
        return
    with pytest.raises(ProfileError, match=said):
        parse_profile(text)


def test_the_setting_says_so_too() -> None:
    with pytest.raises(SettingError, match=re.escape("Setting 'chaos' (flag --chaos) is wrong: 'rain' is none of")):
        load_config({"chaos": "flaky:rain=1"}, {})
    assert load_config({"chaos": "off"}, {}).chaos is None
    assert load_config({}, {}).chaos is None
