"""Runs of the graph against the sandbox: what arrives, what a failure holds back, what costs nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import dagster as dg
import pytest

from metta_obs.assets.checks import ERROR
from metta_obs.lake.schemas import RAW_TABLES
from metta_obs.lake.store import Lake
from metta_obs.metrics.registry import CATALOGUE, SERIES
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.assets.conftest import REPO, TICK, First, Run, failed_checks, failures, live_points, metadata

TAGS = {"env:test", "org:acme", f"repo:{REPO}"}


def received(sandbox: Sandbox, tick: str = TICK) -> dict[str, float]:
    """What arrived at Datadog for a tick with our tags, by metric."""
    at = datetime.fromisoformat(tick).timestamp()
    return {
        metric: value
        for (metric, tags, stamp), value in sandbox.datadog.series.items()
        if stamp == at and set(tags) == TAGS
    }


def test_datadog_received_what_the_tables_and_the_dagster_ui_say(first: First, sandbox: Sandbox) -> None:
    assert first.result.success, failures(first.result)
    stored = live_points(first.lake)
    assert set(stored) == set(SERIES)
    values = {name: value for name, value in stored.items() if value is not None}
    assert len(values) >= 25
    assert received(sandbox) == values
    shown = metadata(first.result)
    for metric in CATALOGUE.values():
        for series in metric.series:
            label = "value" if series is metric.series[0] else series.statistic
            assert shown[metric.key].get(label) == stored[series.name]
    assert shown["series"]["delivered"] == len(values)


def test_raw_assets_say_what_they_did(first: First, run: Run) -> None:
    before, second = metadata(first.result), metadata(run())
    for table in RAW_TABLES:
        assert before[table]["complete"] is True
        assert before[table]["rows_new"] == before[table]["dagster/row_count"] == second[table]["dagster/row_count"]
        assert second[table]["rows_new"] == second[table]["rows_changed"] == second[table]["rest_calls"] == 0
    assert before["commits"]["rest_calls"] > 0
    assert second["branches"]["rest_not_modified"] > 0
    assert second["workflow_runs"]["quota_left_core"] > 0


def test_a_second_run_sends_nothing_and_leaves_one_dashboard(run: Run, sandbox: Sandbox, lake: Lake) -> None:
    dashboards, versions = dict(sandbox.datadog.dashboards), {table: lake.version(table) for table in RAW_TABLES}
    assert len(dashboards) == 1
    assert metadata(run())["series"]["delivered"] == 0
    assert {request.method for request in sandbox.datadog.requests} == {"GET"}
    assert sandbox.datadog.dashboards == dashboards
    assert {table: lake.version(table) for table in RAW_TABLES} == versions, "a table without news got a commit"


def test_rematerialising_one_metric_asks_github_nothing(first: First, run: Run, sandbox: Sandbox) -> None:
    before = metadata(first.result)["prs.open"]["value"]
    result = run("metrics", {}, only=[dg.AssetKey(["metrics", "prs.open"])])
    assert result.success
    assert metadata(result)["prs.open"]["value"] == before
    assert not list(sandbox.requests)


@contextmanager
def broken(key: str) -> Iterator[None]:
    """A metric whose code fails."""
    metric = CATALOGUE[key]
    function = metric.function

    def fail(*_: object) -> None:
        raise ZeroDivisionError("broken for the test")

    object.__setattr__(metric, "function", fail)
    try:
        yield
    finally:
        object.__setattr__(metric, "function", function)


@pytest.mark.parametrize(
    ("key", "tick"), [("prs.open", "2025-11-20T14:45:00Z"), ("ci.tests_passing_on_main", "2025-11-20T14:30:00Z")]
)
def test_one_broken_metric_is_red_and_named_and_holds_back_no_other(
    key: str, tick: str, run: Run, sandbox: Sandbox, lake: Lake
) -> None:
    healthy = {name: value for name, value in live_points(lake).items() if value is not None}
    with broken(key):
        result = run(instants={"as_of": tick})
    assert not result.success
    assert failed_checks(result)[key] == ERROR.value
    assert [step for step, severity in failed_checks(result).items() if severity == ERROR.value] == [key]
    (said,) = failures(result)
    assert f"{REPO}: error: ZeroDivisionError: broken for the test\n  missing: github.{key}" in said

    names = {series.name for series in CATALOGUE[key].series}
    there = {name: value for name, value in live_points(lake).items() if value is not None}
    assert received(sandbox, tick) == there
    assert set(healthy) - set(there) == names


def test_datadog_down_is_red_and_the_next_run_makes_up_for_it(run: Run, sandbox: Sandbox, lake: Lake) -> None:
    shutil.rmtree(lake.uri("deliveries"))
    sandbox.datadog.faults.add("status", "/api/v2/series", status=403)
    result = run()
    assert not result.success
    assert any("DD_API_KEY" in text for text in failures(result))
    kept = {name: value for name, value in live_points(lake).items() if value is not None}
    sandbox.datadog.faults.clear()
    assert run().success
    assert received(sandbox) == kept


def test_without_datadog_keys_everything_but_sending_works(
    run: Run, monkeypatch: pytest.MonkeyPatch, lake: Lake
) -> None:
    monkeypatch.delenv("DD_API_KEY")
    monkeypatch.delenv("DD_APP_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    result = run()
    assert result.success
    assert "DD_API_KEY is not set" in metadata(result)["series"]["not_sent"]
    assert len(live_points(lake)) == len(SERIES)


def test_a_missing_token_stops_the_run_and_says_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    result = run()
    assert not result.success
    assert any("GITHUB_TOKEN is not set" in text for text in failures(result))
    assert not list(sandbox.requests)


def test_a_replay_gives_the_live_values_and_sends_nothing(run: Run, sandbox: Sandbox, lake: Lake) -> None:
    live = live_points(lake)
    result = run("replay", {"start": "2025-11-20T12:00:00Z", "end": TICK})
    assert result.success
    rows = lake.read("metric_points", REPO)
    replayed = rows[rows["origin"] == "replay"]
    assert replayed["as_of"].nunique() == 13
    last = replayed[replayed["as_of"] == TICK].set_index("metric")
    assert {
        name: None if isinstance(last.loc[name, "reason"], str) else last.loc[name, "value"] for name in SERIES
    } == live
    assert not list(sandbox.datadog.requests)


def test_a_manual_run_is_for_the_last_quarter_hour_of_github(run: Run, lake: Lake) -> None:
    assert run(instants={}).success
    assert {moment.isoformat() for moment in lake.read("metric_points", REPO)["as_of"]} == {"2025-11-20T15:00:00+00:00"}


def test_every_point_carries_its_evidence(first: First) -> None:
    for row in first.lake.read("metric_points", REPO).itertuples():
        metric = SERIES[row.metric][1]
        assert row.code_version == metric.code_version
        assert set(json.loads(row.table_versions)) == set(metric.tables)
        assert row.complete
        assert row.known_at.isoformat() == "2025-11-20T15:00:05+00:00"
