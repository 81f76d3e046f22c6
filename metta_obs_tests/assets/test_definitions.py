"""The graph as Dagster loads it: what a data engineer reads in the UI before anything has run."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import dagster as dg
import pytest

from metta_obs.assets.jobs import quarter_hourly
from metta_obs.definitions import build_defs, defs
from metta_obs.github.collector import PULLS
from metta_obs.lake.schemas import RAW_TABLES
from metta_obs.metrics.registry import CATALOGUE, SERIES

THE_25 = """prs.open prs.merged_7d prs.closed_without_merge_7d prs.avg_time_to_merge_hours prs.cycle_time_hours
prs.stale_count_14d prs.with_review_comments_pct prs.avg_comments_per_pr branches.active commits.total_7d commits.hotfix
commits.reverts code.lines_added_7d code.lines_deleted_7d code.files_changed_7d commits.direct_to_main_7d
ci.workflow_runs_7d ci.failed_workflows_7d ci.tests_passing_on_main ci.avg_workflow_duration_minutes
ci.duration_p50_minutes ci.duration_p90_minutes ci.duration_p99_minutes developers.active_7d
commits.per_developer_7d""".split()
EXTRAS = "prs.time_to_first_review_hours branches.total ci.success_rate_pct ci.flaky_runs_7d".split()


def graph():
    return defs.resolve_asset_graph()


def test_the_25_metrics_and_the_extras_are_there_and_nothing_else() -> None:
    assert {key for key, metric in CATALOGUE.items() if not metric.extra} == set(THE_25)
    assert {key for key, metric in CATALOGUE.items() if metric.extra} == set(EXTRAS)
    nodes = {key.path[-1] for key in graph().get_all_asset_keys() if key.path[0] == "metrics"}
    assert nodes == set(CATALOGUE)


def test_distributions_send_their_percentiles() -> None:
    for stem in ("prs.time_to_merge", "prs.cycle_time", "prs.time_to_first_review"):
        for percentile in ("p50", "p90", "p99"):
            assert f"github.{stem}_{percentile}_hours" in SERIES
    assert len(SERIES) == 38


def test_the_code_location_loads_without_a_warning_and_without_any_setting() -> None:
    """What the code server imports; a beta or superseded feature would warn here and break later."""
    code = "import dagster as dg; from metta_obs.definitions import defs; dg.Definitions.validate_loadable(defs)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env={"PATH": "/usr/bin"}
    )
    assert done.returncode == 0, done.stderr


def test_lineage_shows_exactly_the_tables_that_a_metric_reads() -> None:
    for metric in CATALOGUE.values():
        parents = graph().get(dg.AssetKey(["metrics", metric.key])).parent_keys
        assert parents == {dg.AssetKey(["github", table]) for table in metric.tables}


def test_lineage_reads_from_github_to_datadog() -> None:
    end = graph().get(dg.AssetKey(["external", "datadog"]))
    assert not end.is_executable
    assert str(end.metadata["url"].value).startswith("https://")
    for table in RAW_TABLES:
        assert graph().get(dg.AssetKey(["github", table])).parent_keys == {dg.AssetKey(["external", "github"])}
    sink = graph().get(dg.AssetKey(["datadog", "series"]))
    assert sink.parent_keys == {dg.AssetKey(["metrics", key]) for key in CATALOGUE}


def test_every_asset_says_what_it_is_and_whose() -> None:
    for key in graph().get_all_asset_keys():
        node = graph().get(key)
        assert node.description, key
        assert node.kinds, key
        assert node.group_name != "default", key
        if node.is_executable:
            assert node.owners, key


def test_every_raw_table_shows_its_columns_and_every_metric_its_code_version() -> None:
    for name, table in RAW_TABLES.items():
        shown = graph().get(dg.AssetKey(["github", name])).metadata["dagster/column_schema"]
        assert [column.name for column in shown.columns] == [column.name for column in table.all_columns]
        assert all(column.description for column in shown.columns)
    for key in CATALOGUE:
        node = graph().get(dg.AssetKey(["metrics", key]))
        assert node.code_version
        assert node.freshness_policy is not None


def test_every_metric_and_every_pull_has_a_check_that_holds_nothing_back() -> None:
    checked = {key.asset_key.path[-1] for key in graph().asset_check_keys}
    assert checked == {*CATALOGUE, *PULLS}
    assert not any(graph().get_check_spec(key).blocking for key in graph().asset_check_keys)


def test_a_run_is_one_process() -> None:
    """With the default executor a click on Materialize takes a minute instead of seconds."""
    assert build_defs().executor is dg.in_process_executor


@pytest.mark.parametrize("on", [True, False])
def test_the_schedule_starts_by_itself_only_where_it_is_switched_on(on: bool) -> None:
    schedule = quarter_hourly(on)
    assert schedule.cron_schedule == "*/15 * * * *"
    assert schedule.execution_timezone == "UTC"
    assert (schedule.default_status == dg.DefaultScheduleStatus.RUNNING) is on


def test_a_laptop_does_not_start_the_schedule_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METTA_OBS_SCHEDULE", raising=False)
    (schedule,) = build_defs().schedules
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED


def test_a_tick_is_for_its_scheduled_instant_and_waits_for_nobody_but_an_active_run() -> None:
    schedule = build_defs().resolve_schedule_def("every_quarter_hour")
    at = datetime(2026, 3, 1, 12, 15, tzinfo=UTC)
    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=at)
        (request,) = schedule.evaluate_tick(context).run_requests
        assert request.run_config == {"resources": {"instants": {"config": {"as_of": "2026-03-01T12:15:00Z"}}}}
        active = instance.create_run_for_job(
            build_defs().resolve_job_def("everything"), status=dg.DagsterRunStatus.STARTED
        )
        ticked = schedule.evaluate_tick(context)
        assert not ticked.run_requests
        assert active.run_id in ticked.skip_message
        instance.report_run_canceled(active)
        assert schedule.evaluate_tick(context).run_requests
