"""Every link between our documents leads somewhere."""

from pathlib import Path

import pytest

from docs.pages import ROOT, anchors, links

PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(page for page in (ROOT / "clients").rglob("*.md") if "node_modules" not in page.parts),
    }
)

AUDIENCES = ("For traders and authors of bots", "For operators", "For developers")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        file, _, anchor = link.partition("#")
        if "://" in file or file.startswith("mailto:"):
            continue
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_links_and_anchors_are_found() -> None:
    assert "faq.md" in links(ROOT / "docs" / "getting-started.md")
    assert {"behind-a-proxy", "operations"} <= anchors(ROOT / "docs" / "operations.md")
    assert "why-is-my-cancel-not_found" in anchors(ROOT / "docs" / "faq.md")


def test_the_front_page_leads_to_every_document() -> None:
    front = ROOT / "README.md"
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(front) if "://" not in link}
    assert set((ROOT / "docs").glob("*.md")) - linked == set()


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_front_page_has_documents_for(audience: str) -> None:
    index = (ROOT / "README.md").read_text(encoding="utf-8").split("## Documentation")[1]
    assert f"**{audience}**" in index
