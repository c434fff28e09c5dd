"""The reference for people: up to date, whole, and asking for nothing else."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from finalex.config import load_config
from finalex.model.orders import EndReason
from finalex.model.rejects import RejectReason
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.protocol.requests import METHODS
from finalex.protocol.streams import DEPTHS, INTERVALS
from finalex.reference.channels import CHANNELS
from finalex.reference.documents import FORMATS, documents
from finalex.reference.fields import FIELDS
from finalex.reference.html import CONTENT_SECURITY_POLICY
from finalex.reference.limits import limits_of
from finalex.reference.messages import SERVER_MESSAGES

FILE = Path(__file__).parents[2] / "docs" / "reference.md"
CONFIG = load_config({}, {})
MARKDOWN = FORMATS["markdown"](CONFIG)
HTML = FORMATS["html"](CONFIG)

VOID = {"meta", "input"}


class Reader(HTMLParser):
    """Reads a page: its text, its ids, where its links lead, and whether its tags are balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        named = dict(attrs)
        assert "style" not in named, "the page's policy forbids it"
        if named.get("id"):
            self.ids.append(named["id"] or "")
        if tag == "a":
            self.links.append(named["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.text += f"{data} "


def test_the_file_is_what_the_command_prints() -> None:
    assert FILE.read_text(encoding="utf-8") == MARKDOWN, "run: finalex reference > docs/reference.md"


def test_everything_is_on_both_pages() -> None:
    text = Reader(HTML).text
    names = [*CHANNELS, *SERVER_MESSAGES, *METHODS, *ErrorCode, *RejectReason, *EndReason, *INTERVALS]
    names += [str(number) for number in (*DEPTHS, *CloseCode)]
    names += [limit.name for limit in limits_of(CONFIG)]
    names += [*CONFIG.instruments]
    names += [key.rpartition(".")[2] for key in FIELDS]

    for name in names:
        assert re.search(rf"\b{name}\b", MARKDOWN), name
        assert re.search(rf"\b{name}\b", text), name


def test_close_codes_say_whether_to_come_back() -> None:
    for code in CloseCode:
        row = re.search(rf"^\| {int(code)} \| (yes|no) \| .* \|$", MARKDOWN, re.MULTILINE)
        assert row is not None
        assert (row[1] == "yes") == code.reconnect


def test_every_channel_can_be_tried() -> None:
    requests = re.findall(r"<textarea[^>]*>(.*?)</textarea>", HTML)

    tried = [json.loads(unescape(request)) for request in requests]
    assert [request["params"]["channel"] for request in tried] == [*CHANNELS]
    assert all(request["method"] == "subscribe" for request in tried)


def test_links_lead_somewhere() -> None:
    reader = Reader(HTML)

    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    for link in reader.links:
        assert link in ("/", "/asyncapi.json", "/health") or link.removeprefix("#") in reader.ids, link
    for anchor in re.findall(r"\]\(#([^)]+)\)", MARKDOWN):
        assert f'<a id="{anchor}"></a>' in MARKDOWN


def test_the_page_asks_for_nothing_else() -> None:
    assert not re.search(r"<link|<img|<iframe|\ssrc=|@import|url\(|https?://(?!www\.apache)", HTML)


@pytest.mark.parametrize("tag", ["style", "script"])
def test_the_policy_allows_the_page_its_own_parts_and_no_others(tag: str) -> None:
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", HTML, re.DOTALL)
    digest = b64encode(sha256(content.encode()).digest()).decode()

    assert f"{tag}-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_what_a_server_serves_is_made_for_it() -> None:
    served = documents(load_config({"messages_per_minute_max": "4321"}, {}))

    assert set(served) == {"/asyncapi.json", "/docs"}
    assert b"4,321" in served["/docs"].body
    assert json.loads(served["/asyncapi.json"].body)["asyncapi"] == "3.0.0"
