"""What clients can meet, and what an operator can set, is in the documents."""

import re
from pathlib import Path

import pytest

from docs.pages import ROOT, anchors
from finalex.channels.hub import Hub
from finalex.config import SETTINGS
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.rejects import RejectReason
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.protocol.requests import METHODS

DOCS = ROOT / "docs"
PROTOCOL = (DOCS / "protocol.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")
SETTINGS_PAGE = (DOCS / "settings.md").read_text(encoding="utf-8")
HEARTBEAT = "heartbeat"
"""The one channel that the session itself is."""

FAQ = (DOCS / "faq.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("channel", [*Hub(DEFAULT_INSTRUMENTS).channels, HEARTBEAT])
def test_every_channel_is_in_protocol_and_reference(channel: str) -> None:
    assert f"| `{channel}` |" in PROTOCOL
    assert f"channel-{channel}" in anchors(DOCS / "reference.md")


@pytest.mark.parametrize("name", [*ErrorCode, *RejectReason, *METHODS])
def test_every_code_reason_and_method_is_in_protocol_and_reference(name: str) -> None:
    assert f"`{name}`" in PROTOCOL
    assert f"`{name}`" in REFERENCE


@pytest.mark.parametrize("code", CloseCode, ids=lambda code: str(int(code)))
def test_every_close_code_is_in_protocol_and_reference(code: CloseCode) -> None:
    assert f"\n| {int(code)} |" in PROTOCOL
    assert f"\n| {int(code)} |" in REFERENCE


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_on_the_page_of_settings(name: str) -> None:
    assert f"| `{name}` |" in SETTINGS_PAGE


def test_every_answer_is_in_the_list_at_the_top() -> None:
    questions = [line.removeprefix("### ") for line in FAQ.splitlines() if line.startswith("### ")]
    listed = FAQ.split("## Connections")[0]
    slugs = [anchor for anchor in anchors(DOCS / "faq.md") if f"(#{anchor})" in listed]
    assert len(slugs) == len(questions) >= 25


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_no_page_names_a_variable_that_does_not_exist(page: Path) -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    named = set(re.findall(r"\bFINALEX_[A-Z_]+[A-Z]\b", page.read_text(encoding="utf-8")))
    known = {setting.environment for setting in SETTINGS.values()}
    assert {name for name in named - known if name not in sources and not name.startswith("FINALEX_TEST_")} == set()
