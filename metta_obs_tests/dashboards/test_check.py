"""Mistakes are found before anything leaves the machine, and lead to the widget."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from metta_obs.dashboards.check import CheckError, build, check
from metta_obs.dashboards.queries import metric_queries, metrics_of, variables
from metta_obs_tests.dashboards.examples import SOURCE, Json, built, dashboard, group, note, number

SERIES = {"github.prs.open", "github.prs.cycle_time_p90_hours"}


def findings(*widgets: Json, **more: Any) -> list[tuple[str, str]]:
    return [(finding.rule, finding.where) for finding in check([built(*widgets, **more)], SERIES)]


def test_a_dashboard_without_mistakes_has_no_findings() -> None:
    assert findings() == []


def test_an_unknown_widget_is_found_by_its_place() -> None:
    zork = {"definition": {"type": "zork", "title": "Zork"}}
    assert findings(note("x"), group("Flow", zork)) == [("unknown_widget", "Flow > Zork > type")]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d.pop("requests"), "Flow > Open"),
        (lambda d: d.update(requests=[]), "Flow > Open > requests"),
        (lambda d: d.update(requests=d["requests"] * 2), "Flow > Open > requests"),
        (lambda d: d.update(title=None), "Flow > Open > title"),
        (lambda d: d.update(precision="2"), "Flow > Open > precision"),
        (lambda d: d["requests"][0].update(response_format="table!"), "Flow > Open > requests[0].response_format"),
        (lambda d: d["requests"][0]["queries"][0].pop("name"), "Flow > Open > requests[0].queries[0]"),
        (
            lambda d: d["requests"][0]["queries"][0].update(aggregator="latest"),
            "Flow > Open > requests[0].queries[0].aggregator",
        ),
        (
            lambda d: d["requests"][0].update(conditional_formats=[{"comparator": "=>", "value": 1, "palette": "red"}]),
            "Flow > Open > requests[0].conditional_formats[0].comparator",
        ),
    ],
)
def test_a_field_that_the_client_does_not_know_so_is_found_by_its_path(change: Any, where: str) -> None:
    wrong = number("Open")
    change(wrong["definition"])
    found = findings(group("Flow", wrong))
    assert ("schema", where.replace("Open", str(wrong["definition"]["title"] or "query_value 1"))) in found


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("title"),
        lambda d: d.pop("widgets"),
        lambda d: d.update(layout_type="masonry"),
        lambda d: d["widgets"][0].update(layout={"x": 0, "y": 0, "width": 12}),
        lambda d: d["widgets"][0].update(layout={"x": -1, "y": 0, "width": 12, "height": 1}),
        lambda d: d["widgets"][0].update(layout={"x": 0, "y": 0, "width": 2.4, "height": 1}),
    ],
)
def test_a_broken_frame_is_found(change: Any) -> None:
    one = built()
    change(one.dashboard)
    assert {finding.rule for finding in check([one], SERIES)} == {"schema"}


def test_a_metric_that_we_do_not_send_is_found_wherever_it_is_queried() -> None:
    old_style = {"definition": {"type": "timeseries", "title": "Old", "requests": [{"q": "avg:github.prs.opened{*}"}]}}
    assert findings(number("New", "sum:github.pr.open{$repo}"), old_style) == [
        ("unknown_metric", "New > requests[0].queries[0].query"),
        ("unknown_metric", "Old > requests[0].q"),
    ]
    assert findings(number("Somebody else's", "avg:trace.servlet.request.hits{service:x}")) == []


@pytest.mark.parametrize(
    "scope",
    ["{author:me}", "{$repo,author:me}", "{*} by {author}", "{repo:a/b AND author IN (x,y)}", "{!author:me}"],
)
def test_a_tag_that_our_metrics_do_not_have_is_found(scope: str) -> None:
    assert findings(number("Open", f"sum:github.prs.open{scope}")) == [
        ("unknown_tag", "Open > requests[0].queries[0].query")
    ]


def test_a_template_variable_over_a_tag_that_our_metrics_do_not_have_is_found() -> None:
    team = {"name": "team", "prefix": "team", "defaults": ["*"]}
    assert findings(number("Open", "sum:github.prs.open{$team}"), template_variables=[team]) == [
        ("unknown_tag", "Open > requests[0].queries[0].query")
    ]


@pytest.mark.parametrize("scope", ["{*}", "{$repo,$env}", "{repo:acme/rockets, org:acme} by {repo,env}", "{NOT env:x}"])
def test_our_own_tags_are_no_mistake(scope: str) -> None:
    assert findings(number("Open", f"sum:github.prs.open{scope}.rollup(avg, 900)")) == []


def test_a_template_variable_that_is_not_defined_is_found_but_money_in_a_note_is_not() -> None:
    assert findings(number("Open", "sum:github.prs.open{$team,$repo.value}"), note("It costs $team 5")) == [
        ("undefined_variable", "Open > requests[0].queries[0].query")
    ]
    assert findings(number("Open"), template_variables=None)[0][0] == "undefined_variable"


def test_a_finding_reads_as_one_line() -> None:
    (finding,) = check([built(number("Open", "sum:github.nothing{*}"))], SERIES)
    where = "Open > requests[0].queries[0].query"
    assert str(finding) == f"{SOURCE}: {where}: github.nothing is not in the catalogue of metrics [unknown_metric]"


def test_a_build_with_one_mistake_builds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "dashboards"
    folder.mkdir()
    (folder / "good.jsonnet").write_text("{ title: 'Good', layout_type: 'ordered', widgets: [] }")
    assert [one.name for one in build("test", SERIES, tmp_path)] == ["good"]
    (folder / "bad.jsonnet").write_text("{ title: 'Bad', layout_type: 'ordered' }")
    with pytest.raises(CheckError, match=r"bad\.jsonnet: dashboard") as caught:
        build("test", SERIES, tmp_path)
    assert len(caught.value.findings) == 1


def test_checking_changes_nothing() -> None:
    one = built()
    before = copy.deepcopy(one.dashboard)
    check([one], SERIES)
    assert one.dashboard == before


def test_queries_are_read_with_their_functions_and_formulas() -> None:
    text = "top(avg:a.b{x:1,$y} by {z,$w}, 10, 'mean', 'desc') / p95:c_d.E{*}.as_count()"
    first, second = metric_queries(text)
    assert (first.aggregator, first.metric) == ("avg", "a.b")
    assert (set(first.tags), set(first.variables)) == ({"x", "z"}, {"y", "w"})
    assert (second.aggregator, second.metric, second.tags) == ("p95", "c_d.E", frozenset())
    assert variables("{$repo,$env.value,$my-team}") == {"repo", "env", "my-team"}
    assert metrics_of(dashboard()) == ["github.prs.open"]
