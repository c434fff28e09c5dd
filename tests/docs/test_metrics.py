"""Alerts, dashboard and documents speak of metrics that a server really has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.promql import label_matches, metrics_in, problems
from docs.scraped import FROM_PROMETHEUS, Catalog
from finalex.config import load_config
from finalex.protocol.errors import CloseCode, ErrorCode

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ALERTS = (DEPLOY / "alerts.yml").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))

RULES = dict(re.findall(r"^ {6}- alert: (\w+)\n(.*?)(?=\n\n|\Z)", ALERTS, re.MULTILINE | re.DOTALL))


def expression(rule: str) -> str:
    """Return the expression of an alert."""
    (found,) = re.findall(r"^ {8}expr: (.+)$", RULES[rule], re.MULTILINE)
    return str(found)


def panels() -> Iterator[dict[str, Any]]:
    """Yield all panels of the dashboard that show something."""
    yield from (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def panel_expressions() -> Iterator[str]:
    """Yield all expressions of the dashboard, with a plain range for Grafana's own."""
    for panel in panels():
        yield from (target["expr"].replace("$__rate_interval", "1m") for target in panel["targets"])
    yield from (each["expr"] for each in DASHBOARD["annotations"]["list"])
    yield from (each["definition"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query")


@pytest.mark.parametrize("rule", RULES)
def test_an_alert_asks_for_what_there_is(rule: str, catalog: Catalog) -> None:
    assert problems(expression(rule), catalog) == []


@pytest.mark.parametrize("rule", RULES)
def test_an_alert_is_whole(rule: str) -> None:
    text = RULES[rule]
    assert re.search(r"^ {8}labels: \{severity: (critical|warning)\}$", text, re.MULTILINE)
    assert re.search(r'^ {8}annotations: \{summary: "[^"]{20,}"\}$', text, re.MULTILINE)
    assert set(re.findall(r"^ {8}(\w+):", text, re.MULTILINE)) <= {"expr", "for", "labels", "annotations"}
    assert all(re.fullmatch(r"\d+[sm]", span) for span in re.findall(r"^ {8}for: (.+)$", text, re.MULTILINE))


@pytest.mark.parametrize("rule", RULES)
def test_a_label_in_an_alerts_words_is_one_of_its_series(rule: str, catalog: Catalog) -> None:
    kept = {label for group in re.findall(r"by \(([^)]*)\)", expression(rule)) for label in group.split(", ")}
    names = metrics_in(expression(rule))
    there = kept or FROM_PROMETHEUS.union(*(catalog.labels.get(name, {"place"}) for name in names))
    assert set(re.findall(r"\$labels\.(\w+)", RULES[rule])) <= there


def test_the_list_of_alerts_is_read_as_a_whole() -> None:
    assert len(RULES) == ALERTS.count("alert:") > 15
    assert "\t" not in ALERTS


@pytest.mark.parametrize("rule", RULES)
def test_every_alert_is_explained_to_whom_it_wakes(rule: str) -> None:
    row = re.search(rf"^\| `{rule}` \| (.+) \| (.+) \|$", OPERATIONS, re.MULTILINE)
    assert row is not None, f"{rule} has no row in docs/operations.md"
    assert min(len(row[1]), len(row[2])) > 20


def test_prometheus_asks_where_the_metrics_are() -> None:
    prometheus = (DEPLOY / "prometheus.yml").read_text(encoding="utf-8")
    config = load_config({}, {"HOME": "/house"})
    assert re.findall(r'targets: \["(.+)"\]', prometheus) == [f"{config.admin_host}:{config.own_admin_port}"]
    assert re.findall(r"^  - (\w+\.yml)$", prometheus, re.MULTILINE) == ["alerts.yml"]


def test_no_alert_is_explained_that_does_not_exist() -> None:
    assert set(re.findall(r"`(Finalex[A-Z]\w+)`", OPERATIONS)) <= set(RULES)


@pytest.mark.parametrize("asked", sorted(set(panel_expressions())))
def test_a_panel_asks_for_what_there_is(asked: str, catalog: Catalog) -> None:
    assert problems(asked, catalog) == []


def test_codes_that_alerts_and_panels_ask_for_exist() -> None:
    known = {*map(str, ErrorCode), *(str(int(code)) for code in CloseCode)}
    asked = [*map(expression, RULES), *panel_expressions()]
    assert {value for each in asked for value in label_matches(each, "code")} <= known


def test_the_dashboard_can_be_imported() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource", "instance"]
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}"
        assert re.search(r"\w{3}.*\.$", panel["description"]), panel["title"]


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert columns.stop <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_metrics_in_the_documents_exist(page: Path, catalog: Catalog) -> None:
    named = set(re.findall(r"`(finalex_\w+)", page.read_text(encoding="utf-8")))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in catalog.types}
    assert named <= families | set(catalog.types)


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ("sum(finalex_nothing)", "there is no metric finalex_nothing"),
        ("sum(finalex_connections", "its brackets do not match"),
        ("finalex_errors_total > 5", "finalex_errors_total is a counter: only its rate or increase says something"),
        ("rate(finalex_connections[5m])", "finalex_connections is no counter: it has no rate"),
        ('finalex_connections{place="x"}', "finalex_connections has no label place"),
        ("summe(finalex_connections)", "there is no function summe"),
    ],
)
def test_a_wrong_expression_is_noticed(asked: str, wrong: str, catalog: Catalog) -> None:
    assert problems(asked, catalog) == [wrong]
