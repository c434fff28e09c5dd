"""The platform's WebSocket API specification, and what tests read from it."""

import os
import re
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).parents[3] / "shared" / "spec"


def spec_text() -> str:
    """Return the specification; skips the test where it is missing (FINALEX_TEST_SPEC names its folder)."""
    path = Path(os.environ.get("FINALEX_TEST_SPEC", _DEFAULT)) / "websocket-api.md"
    if not path.exists():
        pytest.skip(f"the specification is not at {path.parent}: set FINALEX_TEST_SPEC")
    return path.read_text()


def code_blocks(language: str) -> list[str]:
    """Return all fenced code blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", spec_text(), re.MULTILINE | re.DOTALL)
