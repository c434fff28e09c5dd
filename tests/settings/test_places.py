"""Where a market comes from, as it is written."""

from pathlib import Path

import pytest

from finalex.settings.kinds import WrongValueError
from finalex.settings.places import Source, SourceSetting

HERE = __file__
NOON_MS = 1_769_860_800_000


def parse(text: str) -> SourceSetting:
    return Source().parse(text)


@pytest.mark.parametrize(
    "text", ["simulate", "exchange", "external", "upstream:binance", f"replay:{HERE}", f"replay:{HERE},{HERE}=BTC/USDT"]
)
def test_a_source_is_written_as_it_is_read(text: str) -> None:
    assert str(parse(text)) == text
    assert parse(text).from_ms == 0


def test_an_upstream_takes_no_orders_and_can_be_looked_at() -> None:
    source = parse("upstream:binance")
    assert source == SourceSetting("upstream", exchange="binance")
    assert not source.trading
    assert source.operated


@pytest.mark.parametrize("text", ["upstream", "upstream:", "upstream:Bin ance", "upstream:../x", "upstream:binance@1"])
def test_an_upstream_is_the_name_of_an_exchange(text: str) -> None:
    with pytest.raises(WrongValueError):
        parse(text)


def test_a_data_directory_can_be_played(tmp_path: Path) -> None:
    source = parse(f"replay:{tmp_path}")
    assert source == SourceSetting("replay", (str(tmp_path),))
    assert source.data_directory == tmp_path
    assert not source.trading


@pytest.mark.parametrize("text", ["simulate", f"replay:{HERE}", f"replay:{Path(HERE).parent},{HERE}"])
def test_nothing_else_is_one(text: str) -> None:
    assert parse(text).data_directory is None


@pytest.mark.parametrize(
    "time",
    [
        str(NOON_MS),
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00",
        "2026-01-31T13:00:00+01:00",
        "20260131T120000Z",
    ],
)
def test_a_time_to_start_from_stands_at_the_end(tmp_path: Path, time: str) -> None:
    source = parse(f"replay:{tmp_path}@{time}")
    assert (source.files, source.from_ms) == ((str(tmp_path),), NOON_MS)
    assert str(source) == f"replay:{tmp_path}@{NOON_MS}"
    assert parse(str(source)) == source


def test_a_day_begins_at_midnight_in_utc_and_a_second_has_milliseconds() -> None:
    assert parse(f"replay:{HERE}@2026-01-31").from_ms == NOON_MS - 12 * 3_600_000
    assert parse(f"replay:{HERE}@2026-01-31T12:00:00.250Z").from_ms == NOON_MS + 250


def test_it_is_the_time_of_all_files_and_may_follow_a_symbol() -> None:
    source = parse(f"replay:{HERE}, {HERE}=BTC/USDT@{NOON_MS}")
    assert source == SourceSetting("replay", (HERE, f"{HERE}=BTC/USDT"), NOON_MS)


def test_a_name_that_exists_may_have_an_at_sign(tmp_path: Path) -> None:
    file = tmp_path / "me@2026-01-31"
    file.touch()
    assert parse(f"replay:{file}") == SourceSetting("replay", (str(file),))
    assert parse(f"replay:{file}@{NOON_MS}") == SourceSetting("replay", (str(file),), NOON_MS)


@pytest.mark.parametrize("time", ["", "soon", "12:00", "5", "1e12", "1969-12-31", "2026-02-30", "9" * 16])
def test_what_is_no_time_is_refused(tmp_path: Path, time: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        parse(f"replay:{tmp_path}@{time}")
    assert caught.value.reason == f"'{time}' is not a time such as 2026-01-31T12:00:00Z, or milliseconds since 1970"


@pytest.mark.parametrize("name", ["/nowhere", "/nowhere@2026-01-31", f"/nowhere,{HERE}"])
def test_what_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        parse(f"replay:{name}")
    assert caught.value.reason == "there is no file or directory '/nowhere' that can be read"
