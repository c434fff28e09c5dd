"""The page's files as a server serves them, without a browser."""

import json
import re
from pathlib import Path

import pytest

from finalex.page.assets import CONTENT_SECURITY_POLICY, page_assets
from support.server import serving
from support.sockets import get


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as a build leaves it."""
    (tmp_path / "index.html").write_text('<script type="application/json">$facts</script>', encoding="utf-8")
    (tmp_path / "main-ABC.js").write_text("1", encoding="utf-8")
    (tmp_path / "licences.txt").write_text("Apache", encoding="utf-8")
    return tmp_path


def test_a_page_that_was_not_built_has_no_files(tmp_path: Path) -> None:
    assert page_assets({}, tmp_path / "missing") == {}


def test_files_have_their_types_and_only_those_with_a_digest_in_their_name_never_change(folder: Path) -> None:
    assets = page_assets({}, folder)
    assert assets.keys() == {"/", "/assets/main-ABC.js", "/assets/licences.txt"}
    script, licences = assets["/assets/main-ABC.js"], assets["/assets/licences.txt"]
    assert script.content_type == "text/javascript; charset=utf-8"
    assert ("Cache-Control", "public, max-age=31536000, immutable") in script.headers
    assert licences.content_type == "text/plain; charset=utf-8"
    assert "Cache-Control" not in dict(licences.headers)


def test_facts_cannot_end_the_element_that_they_stand_in(folder: Path) -> None:
    facts = {"symbol": "</script><script>alert(1)</script>", "money": "$facts"}
    document = page_assets(facts, folder)["/"].body.decode()
    inside = document.removeprefix('<script type="application/json">').removesuffix("</script>")
    assert "<" not in inside
    assert json.loads(inside) == facts


def test_the_policy_allows_nothing_inline_and_nobody_else() -> None:
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "*" not in CONTENT_SECURITY_POLICY
    assert "://" not in CONTENT_SECURITY_POLICY


async def test_a_server_serves_the_page_and_all_that_it_asks_for() -> None:
    if not page_assets({}):
        pytest.skip("the page was not built: make page")
    async with serving(source="exchange") as server:
        page = await get(server.port, "/")
        assert page.status == 200
        assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert page.headers["cache-control"] == "no-store"
        addresses = set(re.findall(r'(?:src|href)="(assets/[^"]+)"', page.body.decode()))
        assert {address.rpartition(".")[2] for address in addresses} == {"js", "css", "svg", "woff2", "txt"}
        for address in addresses:
            asset = await get(server.port, f"/{address}")
            assert asset.status == 200
            assert "'none'" in asset.headers["content-security-policy"]
        assert not re.search(rb"<script>|<style|\sstyle=|\son\w+=", page.body)
        facts = re.search(rb'id="facts">(.*?)</script>', page.body)
        assert facts is not None
        assert json.loads(facts[1])["markets"][0] == {
            "symbol": "BTC/USDT",
            "tick": "0.01",
            "lot": "0.00001000",
            "quantity_decimals": 8,
            "taker_fee_ppm": 1000,
        }
        assert b"/assets/" not in (await get(server.port, "/missing")).body
