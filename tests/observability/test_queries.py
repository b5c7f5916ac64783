"""Every query of the dashboard and of the alerts is parsed by Prometheus' own grammar and asks for what we declare."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from ruamel.yaml import YAML

from observability import metrics

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "childface.json"
ALERTS = ROOT / "deploy" / "alerts.yml"

PROMETHEUS_OWN = {"up"}
FROM_THE_SCRAPE = {"job", "instance"}
"""Labels that Prometheus puts onto everything."""


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    groups = YAML(typ="safe").load(ALERTS)["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]] + [rule["expr"] for rule in rules()]


def nodes(tree: Any) -> Iterator[Any]:
    """A query's tree, from the top."""
    yield tree
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        below = getattr(tree, name, None)
        if below is not None:
            yield from nodes(below)
    for below in getattr(tree, "args", None) or ():
        yield from nodes(below)


def selectors(query: str) -> list[promql_parser.VectorSelector]:
    found = [node for node in nodes(promql_parser.parse(query)) if isinstance(node, promql_parser.VectorSelector)]
    assert found, f"asks for nothing: {query}"
    return found


@pytest.mark.parametrize("query", queries())
def test_a_query_asks_for_metrics_and_labels_that_we_declare(query: str) -> None:
    declared = set(metrics.names())
    for selector in selectors(query):
        if selector.name in PROMETHEUS_OWN:
            continue
        assert selector.name in declared
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= metrics.labels_of(str(selector.name)), query


@pytest.mark.parametrize("query", queries())
def test_a_query_groups_by_labels_that_are_there(query: str) -> None:
    known = set(FROM_THE_SCRAPE)
    for selector in selectors(query):
        known |= metrics.labels_of(str(selector.name)) if selector.name not in PROMETHEUS_OWN else set()
    for node in nodes(promql_parser.parse(query)):
        modifier = getattr(node, "modifier", None)
        if isinstance(node, promql_parser.AggregateExpr) and modifier is not None:
            assert set(modifier.labels) <= known, query


@pytest.mark.parametrize("query", queries())
def test_counters_are_read_as_rates_and_samples_are_not_added_up_over_processes(query: str) -> None:
    """`sum` over what several processes tell of the same would count it several times; a bare counter only grows."""
    sampled = {one.name for one in metrics.SAMPLED} - {metrics.PROCESS_MEMORY.name}
    for name in re.findall(r"childface_\w+", query):
        if name in sampled:
            assert re.search(rf"(max|min)( by \(\w+\) |)\({name}", query), query
        elif name.endswith(("_total", "_bucket", "_sum", "_count")):
            assert re.search(rf"(rate|increase)\({name}", query), query


def test_every_declared_number_is_shown_somewhere() -> None:
    asked = {str(selector.name) for query in queries() for selector in selectors(query)}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in metrics.names()}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} - PROMETHEUS_OWN == families


def test_names_follow_prometheus_conventions() -> None:
    for name in metrics.names():
        assert re.fullmatch(r"childface_[a-z_]+", name), name
        assert not re.search(r"_(ms|milliseconds|kb|mb|minutes)(_|$)", name), f"{name}: base units only"
        assert "le" not in metrics.labels_of(name) or name.endswith("_bucket")


def test_no_label_could_hold_anything_of_anybody() -> None:
    ours = {"kind", "quality", "end", "code", "fault", "queue", "stage", "wanted", "outcome", "platform", "service"}
    assert {label for name in metrics.names() for label in metrics.labels_of(name)} == ours | {"role", "pid", "le"}


def test_an_unknown_name_has_no_labels() -> None:
    with pytest.raises(KeyError):
        metrics.labels_of("childface_nothing_of_the_kind")


def test_panels_have_titles_units_and_numbers_of_their_own_and_lie_side_by_side() -> None:
    board = json.loads(DASHBOARD.read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not taken & cells and place["x"] + place["w"] <= 24
        taken |= cells
    for panel in panels():
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}


def test_every_alert_says_in_words_what_is_the_matter_and_the_page_what_to_do() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in ("warning", "critical")
        assert f"| {rule['alert']} |" in page


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_what_a_sentence_names_is_left_by_the_query(rule: dict[str, Any]) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    kept = re.search(r" by \(([\w, ]+)\)", rule["expr"])
    left = set(re.split(r",\s*", kept.group(1))) if kept else FROM_THE_SCRAPE
    assert named <= left
