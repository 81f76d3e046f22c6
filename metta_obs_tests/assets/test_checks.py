"""Each check can fail, and each metric can break, without taking a neighbour with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pandas as pd
import pytest

from metta_obs.assets import resources
from metta_obs.assets.checks import CHECKS_STEP, ERROR, WARN
from metta_obs.clock import Clock
from metta_obs.definitions import build_defs
from metta_obs.github.collector import PULLS
from metta_obs.lake.store import Lake
from metta_obs.metrics.registry import CATALOGUE, SERIES
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.assets.conftest import NOW, REPO, Run, failed_checks, failures
from metta_obs_tests.assets.test_run import broken, received

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("checks")]
EARLIER = "2025-11-20T14:45:00Z"  # the first run's pull covers it, and Datadog does not have it
UNCOVERED = "ci.tests_passing_on_main"  # but for its 30 days, of which that pull lacks a quarter-hour
LATER = datetime(2025, 11, 20, 16, tzinfo=UTC)


def check_all() -> dg.ExecuteInProcessResult:
    """Every check, evaluated over the rows as they are."""
    defs = build_defs()
    keys = {spec.key for check in defs.asset_checks or () for spec in check.check_specs}
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=set(), asset_check_selection=keys)
    config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return job.execute_in_process(run_config=config, raise_on_error=False)


@pytest.fixture
def amber(lake: Lake) -> dict[str, str]:
    """What the checks say of the first run's rows: nothing red."""
    result = check_all()
    assert result.success
    found = failed_checks(result)
    assert set(found.values()) <= {WARN.value}
    return found


def newest_point(lake: Lake, name: str, minutes: int) -> pd.DataFrame:
    """The row of a series as it was first computed, as if computed again so much later."""
    rows = lake.read("metric_points", REPO)
    row = rows[rows["metric"] == name].sort_values("computed_at").head(1)
    return row.assign(computed_at=row["computed_at"] + pd.Timedelta(minutes, "min"))


def expect(found: dict[str, str], amber: dict[str, str], red: str) -> None:
    """Only `red` is, the others say what they said."""
    assert found.pop(red) == ERROR.value
    assert found == {key: severity for key, severity in amber.items() if key != red}


def test_every_table_that_was_not_pulled_to_its_end_turns_the_check_of_its_pull_red(
    lake: Lake, amber: dict[str, str]
) -> None:
    for step, (name, table) in enumerate((name, table) for name, tables in PULLS.items() for table in tables):
        pulls = lake.read("pulls", REPO)
        row = pulls[pulls["table"] == table].tail(1)
        at = pd.Timestamp(LATER + timedelta(minutes=step))
        broken_off = row.assign(started_at=at, complete=False, reason="truncated", detail=f"{table} is short")
        lake.append("pulls", broken_off)
        result = check_all()
        assert not result.success
        expect(failed_checks(result), amber, name)
        assert any(f"{REPO}: truncated: {table} is short\n  missing: {table}" in said for said in failures(result))
        lake.append("pulls", row.assign(started_at=at + timedelta(seconds=1)))
        assert check_all().success, "the next complete pull did not heal it"


@pytest.mark.parametrize("reason", ["incomplete_fetch", "error"])
def test_every_series_that_is_missing_for_a_failure_turns_its_check_red(
    lake: Lake, amber: dict[str, str], reason: str
) -> None:
    for metric in CATALOGUE.values():
        name = metric.series[-1].name  # the last of its percentiles, where it has some
        row = newest_point(lake, name, minutes=1)
        lake.append("metric_points", row.assign(value=float("nan"), reason=reason, detail="gone"))
        result = check_all()
        expect(failed_checks(result), amber, metric.key)
        (said,) = failures(result)
        assert f"{REPO}: {reason}: gone\n  missing: {name}" in said
        lake.append("metric_points", newest_point(lake, name, minutes=2))


def test_a_series_without_data_is_amber_and_no_failure(lake: Lake, amber: dict[str, str]) -> None:
    row = newest_point(lake, "github.prs.cycle_time_hours", minutes=1)
    lake.append("metric_points", row.assign(value=float("nan"), reason="no_data"))
    result = check_all()
    assert result.success
    assert failed_checks(result) == amber | {"prs.cycle_time_hours": WARN.value}


class AtThatTime(Clock):
    """The simulated present, for runs that do not ask GitHub for it."""

    def now(self) -> datetime:
        return NOW


@pytest.mark.parametrize("key", [key for key in CATALOGUE if key != UNCOVERED])
def test_each_metric_can_break_and_the_others_arrive(
    key: str, run: Run, sandbox: Sandbox, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.datadog.intake.clear()
    monkeypatch.setattr(resources, "CLOCK", AtThatTime())
    with broken(key):
        result = run("metrics", {"as_of": EARLIER})
    assert not result.success
    assert [event.step_key for event in result.all_events if event.is_step_failure] == [CHECKS_STEP]
    assert {k for k, severity in failed_checks(result).items() if severity == ERROR.value} == {key, UNCOVERED}
    rows = lake.points(REPO, datetime.fromisoformat(EARLIER), datetime.fromisoformat(EARLIER))
    own = {series.name for series in CATALOGUE[key].series}
    assert set(rows["metric"]) == set(SERIES)
    assert set(rows[rows["reason"] == "error"]["metric"]) == own
    there = rows[rows["value"].notna()]
    assert received(sandbox, EARLIER) == dict(zip(there["metric"], there["value"], strict=True))
    assert not own & set(there["metric"])
