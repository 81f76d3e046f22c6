"""What a person or a script sees of the commands: output, exit codes, and what is left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metta_obs.lake.store import Lake
from metta_obs.metrics.registry import SERIES
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.cli.conftest import Metta

REPO = "acme/capsule"


def test_collect_prints_one_json_object_and_a_dry_run_leaves_no_point(metta: Metta, folder: Path) -> None:
    done = metta("collect", "github", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["as_of"] == "2025-11-20T15:00:00Z"
    assert {row["metric"] for row in said["points"] + said["missing"]} == set(SERIES)
    assert {row["repo"] for row in said["points"]} == {"Acme/Capsule"}
    assert said["points"][0]["tags"] == [f"repo:{REPO}", "org:acme", "env:development"]
    assert set(said["missing"][0]) == {"metric", "repo", "as_of", "reason", "detail"}
    assert said["api"]["rest_calls"] > 0
    assert said["delivered"] == 0
    assert Lake(str(folder / ".metta_obs/lake")).read("metric_points").empty


def test_collect_again_costs_no_rest_request_and_push_delivers(metta: Metta, sandbox: Sandbox) -> None:
    metta("collect", "github")
    said = json.loads(metta("collect", "github", "--push", "--json").stdout)
    assert said["api"]["rest_calls"] == 0
    assert said["delivered"] == len(said["points"])
    received = {metric: value for (metric, _, _), value in sandbox.datadog.series.items()}
    assert received == {row["metric"]: row["value"] for row in said["points"]}
    assert json.loads(metta("collect", "github", "--push", "--json").stdout)["delivered"] == 0


def test_the_table_names_every_metric_and_why_there_is_no_point(metta: Metta) -> None:
    done = metta("collect", "github", "--as-of", "2025-11-20T14:37:00Z")
    assert done.exit_code == 0
    for _, metric in SERIES.values():
        assert metric.name in done.stdout
    assert "p99: thin_sample" in done.stdout
    assert "2025-11-20T14:37:00Z is no quarter-hour: taken as 2025-11-20T14:30:00Z" in done.stderr
    assert "dry run" in done.stdout


@pytest.mark.parametrize(
    ("words", "changes", "says"),
    [
        (("collect", "github"), {"GITHUB_TOKEN": None}, "GITHUB_TOKEN is not set"),
        (("collect", "github"), {"GITHUB_TOKEN": "wrong"}, "GITHUB_TOKEN"),
        (("collect", "github"), {"METTA_OBS_REPOS": None}, "METTA_OBS_REPOS is not set"),
        (("collect", "github"), {"GITHUB_API_URL": "nowhere"}, "GITHUB_API_URL"),
        (("collect", "github", "--push"), {"DD_API_KEY": None}, "DD_API_KEY is not set"),
        (("collect", "github", "--push"), {"DD_API_KEY": "wrong"}, "DD_API_KEY"),
        (("collect", "gitlab"), {}, "there is no collector 'gitlab'"),
        (("collect", "github", "--push", "--dry-run"), {}, "contradict"),
        (("collect", "github", "--as-of", "yesterday"), {}, "'yesterday' is no time"),
        (("collect", "github", "--as-of", "2025-11-20T15:15:00Z"), {}, "lies in the future"),
        (("collect", "github", "--repo", "capsule"), {}, "--repo: 'capsule' is no repository"),
        (("replay", "--from", "2025-11-20T15:00:00Z", "--to", "2025-11-20T14:00:00Z"), {}, "lies before"),
        (("replay", "--from", "2025-11-20T14:00:00Z", "--to", "2925-11-20T14:00:00Z"), {}, "lies in the future"),
        (
            ("replay", "--from", "2025-11-20T14:00:00Z", "--to", "2025-11-20T15:00:00Z", "--metric", "prs.opened"),
            {},
            "there is no 'prs.opened'",
        ),
        (("dashboard", "push"), {"DD_APP_KEY": None}, "DD_APP_KEY is not set"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it_before_any_work(
    words: tuple[str, ...], changes: dict[str, str | None], says: str, metta: Metta, sandbox: Sandbox
) -> None:
    done = metta(*words, **changes)
    assert done.exit_code == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout
    assert {request.path for request in sandbox.requests} <= {"/rate_limit"}


def test_a_failed_fetch_is_named_and_gives_exit_code_1(metta: Metta, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add("status", "*/actions/runs", status=503)
    done = metta("collect", "github", "--json", METTA_OBS_LAKE=str(tmp_path))
    sandbox.faults.clear()
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    failed = {row["metric"] for row in said["missing"] if row["reason"] == "incomplete_fetch"}
    assert failed == {name for name, (_, metric) in SERIES.items() if "workflow_runs" in metric.tables}
    assert all("actions/runs" in row["detail"] for row in said["missing"] if row["reason"] == "incomplete_fetch")


def test_replay_says_what_collect_said(metta: Metta) -> None:
    collected = json.loads(metta("collect", "github", "--push", "--json").stdout)
    window = ("--from", "2025-11-20T14:00:00Z", "--to", "2025-11-20T15:00:00Z")
    replayed = json.loads(metta("replay", *window, "--json").stdout)
    assert len({row["as_of"] for row in replayed["points"]}) == 5
    last = {row["metric"]: row["value"] for row in replayed["points"] if row["as_of"] == collected["as_of"]}
    assert last == {row["metric"]: row["value"] for row in collected["points"]}
    one = json.loads(metta("replay", *window, "--metric", "prs.cycle_time_p50_hours", "--json").stdout)
    assert {row["metric"] for row in one["points"] + one["missing"]} == {"github.prs.cycle_time_p50_hours"}


def test_list_collectors_says_when_the_last_complete_pull_was(metta: Metta) -> None:
    metta("collect", "github")
    done = metta("list-collectors")
    assert done.exit_code == 0
    assert "2025-11-20T15:00:05Z" in done.stdout


def test_env_says_where_a_secret_comes_from_and_never_what_it_is(metta: Metta) -> None:
    done = metta("env")
    assert done.exit_code == 0
    assert "right-token" not in done.output
    assert "right-key" not in done.output
    assert metta("env", "--check").exit_code == 0
    checked = metta("env", "--check", GITHUB_TOKEN="wrong")
    assert checked.exit_code == 2
    assert "GITHUB_TOKEN" in checked.output


def test_dashboards_are_pushed_once(metta: Metta, sandbox: Sandbox) -> None:
    assert "would be created" in metta("dashboard", "push", "--dry-run").stdout
    assert not sandbox.datadog.dashboards
    assert "created" in metta("dashboard", "push").stdout
    assert "unchanged" in metta("dashboard", "push").stdout
    assert len(sandbox.datadog.dashboards) == 1
