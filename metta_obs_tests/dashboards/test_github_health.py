"""The dashboard that we ship: right, complete, and laid out without holes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from metta_obs.dashboards.check import build
from metta_obs.dashboards.compile import FOLDER
from metta_obs.dashboards.push import push
from metta_obs.dashboards.queries import metric_queries, metric_texts, metrics_of
from metta_obs.datadog.client import Datadog
from metta_obs.metrics.registry import SERIES
from metta_obs.sandbox.datadog import DatadogServer
from metta_obs_tests.dashboards.examples import Json

CANONICAL = {"hour", "minute", "percent", "commit", "file", "run"}


@functools.cache
def health() -> Json:
    (one,) = [one for one in build("test", SERIES) if one.name == "github_health"]
    return one.dashboard


def widgets(inside: Json | None = None) -> Iterator[Json]:
    """Every widget, groups before what is in them."""
    for widget in (inside or health())["widgets"]:
        yield widget
        if "widgets" in widget["definition"]:
            yield from widgets(widget["definition"])


def test_it_shows_every_series_that_we_send() -> None:
    assert metrics_of(health()) == sorted(SERIES)


def test_it_reaches_datadog_whole(server: DatadogServer, datadog: Datadog) -> None:
    built = build("test", SERIES)
    assert {one.action for one in push(datadog, built, "test")} == {"created"}
    assert {one.action for one in push(datadog, built, "test")} == {"unchanged"}
    assert len(server.dashboards) == len(built)


def test_it_opens_on_its_own_environment() -> None:
    defaults = {one["name"]: one["defaults"] for one in health()["template_variables"]}
    assert defaults == {"repo": ["*"], "env": ["test"]}


def test_each_section_says_what_it_is_for() -> None:
    for section in health()["widgets"]:
        assert section["definition"]["type"] == "group"
        first = section["definition"]["widgets"][0]["definition"]
        assert first["type"] == "note"
        assert first["content"].startswith("**")


def test_rows_fill_twelve_columns_without_overlap_or_hole() -> None:
    frames = [health()["widgets"], *(one["definition"]["widgets"] for one in health()["widgets"])]
    for frame in frames:
        cells = [
            (column, line)
            for one in frame
            for column in range(one["layout"]["x"], one["layout"]["x"] + one["layout"]["width"])
            for line in range(one["layout"]["y"], one["layout"]["y"] + one["layout"]["height"])
        ]
        lines = {line for _, line in cells}
        assert len(cells) == len(set(cells)), "widgets overlap"
        assert set(cells) == {(column, line) for column in range(12) for line in range(max(lines) + 1)}, "a hole"


def test_a_group_is_as_high_as_what_it_holds() -> None:
    for section in health()["widgets"]:
        inner = section["definition"]["widgets"]
        assert section["layout"]["height"] == 1 + max(one["layout"]["y"] + one["layout"]["height"] for one in inner)


def test_numbers_that_cannot_be_averaged_over_repositories_are_not() -> None:
    for _, text in metric_texts(health()):
        (query,) = metric_queries(text)
        series, _ = SERIES[query.metric]
        allowed = {"sum"} if series.statistic == "count" else {"max", "min"}
        assert query.aggregator in allowed, text
        assert ".rollup(" in text
        assert ", 900)" in text


def test_a_number_is_the_latest_and_carries_the_catalogues_unit() -> None:
    for widget in widgets():
        for request in widget["definition"].get("requests", []):
            queries = {query["name"]: query for query in request["queries"]}
            assert {formula["formula"] for formula in request["formulas"]} == queries.keys()
            for formula in request["formulas"]:
                query = queries[formula["formula"]]
                assert request["response_format"] != "scalar" or query["aggregator"] == "last"
                series, _ = SERIES[metric_queries(query["query"])[0].metric]
                unit = formula.get("number_format", {}).get("unit", {})
                if series.unit in CANONICAL - {"commit"}:
                    assert unit == {"type": "canonical_unit", "unit_name": series.unit}, query["query"]
                elif series.unit != "boolean":
                    assert 0 < len(unit.get("label", unit.get("unit_name", ""))) <= 12, query["query"]


def test_titles_tell_widgets_apart() -> None:
    for section in health()["widgets"]:
        inner = [one["definition"] for one in section["definition"]["widgets"]]
        shown = [(one["type"], one.get("title")) for one in inner]
        assert len(shown) == len(set(shown))


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.*sonnet")), ids=lambda file: file.name)
def test_the_sources_avoid_what_makes_jsonnet_slow(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "std.format" not in text
    assert "' %" not in text
