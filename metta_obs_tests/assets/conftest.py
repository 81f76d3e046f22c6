"""A small sandbox for the graph's tests, whose clock stands still, and settings that point to it and nowhere else."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from metta_obs.definitions import build_defs
from metta_obs.lake.store import Lake
from metta_obs.sandbox.generator_spec import WorldSpec, tiny
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.settings import SETTINGS

NOW = datetime(2025, 11, 20, 15, 0, 5, tzinfo=UTC)
TICK = "2025-11-20T15:00:00Z"
REPO = "acme/capsule"

Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture(scope="module")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox(spec=WorldSpec((tiny(),), history_days=45), now=NOW, running=False) as sandbox:
        yield sandbox


def point_to(sandbox: Sandbox, lake: Path, patch: pytest.MonkeyPatch) -> None:
    """Settings for the sandbox and this lake, and none of this machine's."""
    for name in SETTINGS:
        patch.delenv(name, raising=False)
    for name, value in {
        "METTA_OBS_REPOS": REPO,
        "METTA_OBS_LAKE": str(lake),
        "GITHUB_TOKEN": "a-token",
        "GITHUB_API_URL": sandbox.github_url,
        "DD_API_KEY": "an-api-key",
        "DD_APP_KEY": "an-app-key",
        "DD_URL": sandbox.datadog_url,
        "DD_ENV": "test",
    }.items():
        patch.setenv(name, value)


def execute(
    instance: dg.DagsterInstance,
    job: str = "everything",
    instants: dict[str, Any] | None = None,
    only: list[dg.AssetKey] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job of a fresh graph in this process; `instants` configures the resource of that name."""
    config = {
        "resources": {"instants": {"config": instants if instants is not None else {"as_of": TICK}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    return (
        build_defs()
        .resolve_job_def(job)
        .execute_in_process(run_config=config, instance=instance, raise_on_error=False, asset_selection=only)
    )


@dataclass(frozen=True)
class First:
    """The first run of the main job against the sandbox, and the lake that it filled."""

    result: dg.ExecuteInProcessResult
    folder: Path

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder))


@pytest.fixture(scope="module")
def first(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> First:
    """Everything run once; the tests that go on from there copy its lake."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch, dg.instance_for_test() as instance:
        point_to(_sandbox, folder / "lake", patch)
        patch.chdir(folder)
        return First(execute(instance), folder / "lake")


@pytest.fixture
def sandbox(_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox without faults and with an empty log; the environment points to it and to a lake of this test."""
    point_to(_sandbox, tmp_path / "lake", monkeypatch)
    monkeypatch.chdir(tmp_path)
    for server in (_sandbox, _sandbox.datadog):
        server.faults.clear()
        server.requests.clear()
    return _sandbox


@pytest.fixture
def lake(first: First, sandbox: Sandbox, tmp_path: Path) -> Lake:
    """The lake of this test: a copy of the first run's."""
    shutil.copytree(first.folder, tmp_path / "lake")
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def run(lake: Lake) -> Iterator[Run]:
    """Run a job of a fresh graph in this process, on the lake of this test."""
    with dg.instance_for_test() as instance:
        yield functools.partial(execute, instance)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """The metadata of each materialised asset, by the last part of its key."""
    found = {}
    for event in result.get_asset_materialization_events():
        assert event.asset_key is not None
        values = event.step_materialization_data.materialization.metadata
        found[event.asset_key.path[-1]] = {name: value.value for name, value in values.items()}
    return found


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Severity of each check that did not pass, by the last part of its asset's key."""
    return {
        check.asset_key.path[-1]: check.severity.value
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """What each failed step says on its page."""
    steps = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return [step.user_failure_data.description or "" for step in steps if step.user_failure_data]


def live_points(lake: Lake) -> dict[str, float | None]:
    """The live row of each series that was computed last: its value, None where there is a reason instead."""
    rows = lake.read("metric_points", REPO)
    rows = (
        rows[rows["origin"] == "live"].sort_values("computed_at", kind="stable").drop_duplicates("metric", keep="last")
    )
    return {row.metric: None if row.reason else row.value for row in rows.fillna({"reason": ""}).itertuples()}
