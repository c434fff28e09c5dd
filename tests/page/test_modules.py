"""The page's own tests of what needs no browser: decimals, levels, candles, sums."""

import re
import subprocess
from pathlib import Path

from clients_js.package import NODE

SOURCES = Path(__file__).parents[2] / "page"

TESTS_MIN = 20
"""So many there are: a pattern that finds none must not pass."""

TIMEOUT_S = 120


def test_the_pages_own_tests_pass() -> None:
    files = sorted((SOURCES / "test").glob("*.test.js"))
    result = subprocess.run(
        [str(NODE), "--test", *map(str, files)], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    passed = re.search(r"^\S+ pass (\d+)$", result.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) >= TESTS_MIN
