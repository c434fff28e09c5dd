"""Autobahn's cases: none fails, and the page in the docs says how they went."""

from collections import Counter

import pytest

from conformance.autobahn import FRAMING, SMALL_COMPRESSION, run_cases
from conformance.fuzzing import Result
from conformance.page import PAGE, REASONS, TITLES, exceptions_of, read_counts, read_exceptions, render


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text()


def assert_page_tells(page: str, results: list[Result]) -> None:
    """Check that no case failed, and that the page says the same of each."""
    assert [result for result in results if not result.passed] == []
    run = {result.case for result in results}
    told = {case: verdicts for case, verdicts in read_exceptions(page).items() if case in run}
    assert exceptions_of(results) == told


async def test_the_frame_path_passes_every_framing_case(page: str) -> None:
    results = await run_cases(FRAMING)
    assert_page_tells(page, results)
    counts = Counter(result.case.split(".")[0] for result in results)
    assert counts == {section: count for section, count in read_counts(page).items() if section not in ("12", "13")}


async def test_and_compression_passes_those_of_its_cases_that_take_seconds(page: str) -> None:
    results = await run_cases(SMALL_COMPRESSION, compression=True)
    assert {result.case for result in results} == set(SMALL_COMPRESSION)
    assert_page_tells(page, results)


def test_the_page_gives_a_reason_for_whatever_is_not_plainly_ok(page: str) -> None:
    exceptions = read_exceptions(page)
    assert exceptions
    assert set(exceptions) == set(REASONS)
    assert all(REASONS[case] in page for case in exceptions)


def test_the_page_names_every_section_and_no_failure(page: str) -> None:
    rows = [line for line in page.splitlines() if line.split(".")[0].removeprefix("| ") in TITLES and " 0 |" in line]
    assert len(rows) >= len(TITLES)
    assert set(read_counts(page)) == set(TITLES)
    assert all(line.endswith("| 0 |") for line in rows if line.split("|")[2].strip().isdigit())


def test_a_page_that_is_written_reads_the_same() -> None:
    results = [
        Result(case="1.1.1", behavior="OK", behavior_close="OK", passed=True, text=""),
        Result(case="6.4.3", behavior="NON-STRICT", behavior_close="OK", passed=True, text=""),
        Result(case="9.1.1", behavior="FAILED", behavior_close="UNCLEAN", passed=False, text="no echo"),
    ]
    page = render(results, 1)
    assert (
        read_exceptions(page)
        == exceptions_of(results)
        == {
            "6.4.3": ("NON-STRICT", "OK"),
            "9.1.1": ("FAILED", "UNCLEAN"),
        }
    )
    assert read_counts(page) == {"1": 1, "6": 1, "9": 1}
    assert "| 9. Messages of up to 16 MiB, in up to 65,536 frames | 1 | 0 | 0 | 0 | 1 |" in page
