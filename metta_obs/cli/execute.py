"""Running the graph's jobs in this process, as `collect`, `replay`, `make run` and the demo do.

Exit codes: 0 all is well; 1 a value is missing because a fetch or its code failed, or something could not be sent;
2 the call or a setting is wrong, and nothing was done.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from metta_obs.assets.checks import CHECKS_STEP
from metta_obs.assets.dashboards import DASHBOARDS_KEY
from metta_obs.assets.delivery import SERIES_KEY
from metta_obs.assets.resources import PROGRESS, LakeResource, SettingsResource
from metta_obs.definitions import build_defs
from metta_obs.github.collector import PULLS
from metta_obs.lake.store import Lake
from metta_obs.metrics.compute import FAILURES
from metta_obs.metrics.registry import SERIES
from metta_obs.settings import Settings

MISSING, UNUSABLE = 1, 2
COUNTS = ("rest_calls", "rest_not_modified", "graphql_calls", "graphql_points")


@dataclass(frozen=True)
class Report:
    """What a run did: its points (rows of `metric_points`, as configured names in `name`), requests and deliveries.

    `dashboards`: how many of how many Datadog lacked or had otherwise, "" where the run had nothing to do with them.
    """

    success: bool
    points: pd.DataFrame
    api: dict[str, int]
    delivered: int
    dashboards: str
    remarks: list[str]

    @property
    def exit_code(self) -> int:
        """0, or 1 where a value is missing for a failure or a step failed."""
        return MISSING if not self.success or self.points["reason"].isin(FAILURES).any() else 0


def run(
    job: str,
    settings: Settings,
    instants: dict[str, Any],
    *,
    selection: Sequence[dg.AssetKey] | None = None,
    derived_root: str = "",
    instance: dg.DagsterInstance | None = None,
    verbose: bool = False,
) -> Report:
    """Execute a job in this process. `instants`: the configuration of that resource; `selection`: only these assets."""
    resource = SettingsResource(
        overrides={name: settings.values[name] for name in ("METTA_OBS_REPOS",) if name in settings.values}
    )
    defs = build_defs({"settings": resource, "lake": LakeResource(settings=resource, derived_root=derived_root)})
    config = {
        "resources": {"instants": {"config": instants}},
        "loggers": {"console": {"config": {"log_level": "DEBUG" if verbose else "CRITICAL"}}},
    }
    if not verbose:
        logging.getLogger("metta_obs").setLevel(logging.CRITICAL)  # what fails is in the report, with its reason
    with progress_bar():
        result = defs.resolve_job_def(job).execute_in_process(
            run_config=config,
            instance=instance,
            raise_on_error=False,
            asset_selection=list(selection) if selection else None,
        )
    lake = Lake(settings.get("METTA_OBS_LAKE"), derived_root or None)
    points = _points(lake, settings, instants, result)
    # The check only repeats why values are missing, where some are.
    known = (CHECKS_STEP,) if points["reason"].isin(FAILURES).any() else ()
    return Report(
        result.success,
        points,
        _api(lake, settings, result.run_id),
        _delivered(result),
        _dashboards(result),
        _remarks(result, known),
    )


def _points(
    lake: Lake, settings: Settings, instants: dict[str, Any], result: dg.ExecuteInProcessResult
) -> pd.DataFrame:
    """The newest row of each series and instant that the run was for, in the order of configuration and catalogue."""
    origin = "restated" if instants.get("restated") else "replay" if instants.get("start") else "live"
    start, end = instants.get("start") or instants["as_of"], instants.get("end") or instants["as_of"]
    frames = []
    for repo, name in settings.repos.items():
        rows = lake.points(repo, pd.Timestamp(start), pd.Timestamp(end))
        rows = rows[rows["origin"] == origin].sort_values("computed_at", kind="stable")
        frames.append(rows.drop_duplicates(["metric", "as_of"], keep="last").assign(name=name))
    points = pd.concat(frames, ignore_index=True)
    order = points["metric"].map({name: i for i, name in enumerate(SERIES)})
    repos = points["repo"].map({name: i for i, name in enumerate(settings.repos)})
    points = points.assign(_repo=repos, _order=order).sort_values(
        ["_repo", "_order", "as_of"], kind="stable", ignore_index=True
    )
    return points.drop(columns=["_repo", "_order"])


def _api(lake: Lake, settings: Settings, run_id: str) -> dict[str, int]:
    """The requests of a run; every table of a pull states those of the whole pull."""
    first = {tables[0] for tables in PULLS.values()}
    totals = dict.fromkeys(COUNTS, 0)
    for repo in settings.repos:
        pulls = lake.read("pulls", repo)
        mine = pulls[(pulls["pull_id"] == run_id) & pulls["table"].isin(first)]
        for name in COUNTS:
            totals[name] += int(mine[name].sum())
    return totals


def _materialized(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, Any]:
    for event in result.get_asset_materialization_events():
        if event.asset_key == key:
            return {
                name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()
            }
    return {}


def _delivered(result: dg.ExecuteInProcessResult) -> int:
    return int(_materialized(result, SERIES_KEY).get("delivered", 0))


def _dashboards(result: dg.ExecuteInProcessResult) -> str:
    metadata = _materialized(result, DASHBOARDS_KEY)
    return f"{metadata.get('changed', 0)} of {metadata['built']}" if metadata else ""


def _remarks(result: dg.ExecuteInProcessResult, known: Sequence[str]) -> list[str]:
    """Why steps failed, other than the `known` ones, and why nothing was sent."""
    remarks = []
    for event in result.all_events:
        if event.is_step_failure and event.step_key not in known:
            data = event.step_failure_data
            said = data.user_failure_data.description if data.user_failure_data else None
            error = data.error.cause if data.error and data.error.cause else data.error
            remarks.append(said or (error.message.strip() if error else f"{event.step_key} failed"))
    for key in (SERIES_KEY, DASHBOARDS_KEY):
        metadata = _materialized(result, key)
        remarks += [str(metadata[name]) for name in ("not_sent", "too_old_detail") if name in metadata]
    return remarks


@contextmanager
def progress_bar() -> Iterator[None]:
    """Show how far a long pull is, on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, of: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of)
            bar.update(tasks[what], completed=done, total=of)

        token = PROGRESS.set(show)
        try:
            yield
        finally:
            PROGRESS.reset(token)
