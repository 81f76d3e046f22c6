"""The asset checks, all computed from rows: one per pull, on the table that it is named after, and one per metric.

They hold nothing back: a red one fails the run, after everything that could be delivered was delivered. They are one
step, since each step and each check costs rows in Dagster's event log every quarter-hour.
"""

from collections.abc import Iterator
from typing import NamedTuple

import dagster as dg
import pandas as pd

from metta_obs.assets.metrics import PREFIX as METRICS
from metta_obs.assets.metrics import metric_key, metric_of
from metta_obs.assets.raw import raw_key
from metta_obs.assets.resources import Instants, LakeResource, SettingsResource
from metta_obs.github.collector import PULLS
from metta_obs.lake.store import Lake
from metta_obs.metrics.compute import FAILURES
from metta_obs.metrics.registry import CATALOGUE

CHECKS_STEP = "checks"
COMPLETE = "complete"
PRESENT = "present"
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN

COMPLETE_CHECKS = [
    dg.AssetCheckSpec(
        COMPLETE,
        asset=raw_key(name),
        description=f"The newest pull of every repository left nothing out of {', '.join(tables)}.",
    )
    for name, tables in PULLS.items()
]
PRESENT_CHECKS = [
    dg.AssetCheckSpec(
        PRESENT,
        asset=metric_key(metric),
        description=(
            "Every series has a value for every repository. Red: incomplete_fetch or error. Amber: too few rows "
            "(no_data, thin_sample), or GitHub does not tell (not_listed, not_observed)."
        ),
    )
    for metric in CATALOGUE.values()
]


class Missing(NamedTuple):
    """Something that is not there: a table or a series of a repository, and why."""

    repo: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.repo} {self.what}: {self.why}"


class Lacking(NamedTuple):
    """What one check found: what fails it for good, and what is only worth a warning."""

    red: list[Missing]
    amber: list[Missing]


@dg.multi_asset_check(name=CHECKS_STEP, specs=[*COMPLETE_CHECKS, *PRESENT_CHECKS], can_subset=True)
def checks(
    context: dg.AssetCheckExecutionContext, settings: SettingsResource, lake: LakeResource, instants: Instants
) -> Iterator[dg.AssetCheckResult]:
    store = lake.open()
    pulls = {repo: store.read("pulls", repo).sort_values("started_at") for repo in settings.repos()}
    points = {repo: _newest_points(store, repo, instants) for repo in settings.repos()}
    red: list[Missing] = []
    for check in sorted(context.selected_asset_check_keys):
        if check.asset_key.path[0] == METRICS:
            names = [series.name for series in metric_of(check.asset_key).series]
            lacking = [absent(rows, names, repo) for repo, rows in points.items()]
        else:
            lacking = [incomplete(rows, PULLS[check.asset_key.path[-1]], repo) for repo, rows in pulls.items()]
        found = Lacking([item for one in lacking for item in one.red], [item for one in lacking for item in one.amber])
        red += found.red
        yield _result(check, found)
    if red:
        raise dg.Failure(by_cause(red), allow_retries=False)


def by_cause(missing: list[Missing]) -> str:
    """What is missing in words, each cause once with all that it took away."""
    causes: dict[tuple[str, str], list[str]] = {}
    for item in missing:
        causes.setdefault((item.repo, item.why), []).append(item.what)
    lines = [f"{repo}: {why}\n  missing: {', '.join(named)}" for (repo, why), named in causes.items()]
    return f"{len(missing)} tables and values are missing:\n" + "\n".join(lines)


def incomplete(pulls: pd.DataFrame, tables: tuple[str, ...], repo: str) -> Lacking:
    """What the newest pull of each table left out. `pulls`: rows of a repository in order of their start."""
    red = []
    for table in tables:
        rows = pulls[pulls["table"] == table]
        if rows.empty:
            red.append(Missing(repo, table, "never pulled"))
        elif not rows.iloc[-1]["complete"]:
            red.append(Missing(repo, table, f"{rows.iloc[-1]['reason']}: {rows.iloc[-1]['detail']}"))
    return Lacking(red, [])


def absent(points: pd.DataFrame, names: list[str], repo: str) -> Lacking:
    """Which of the series `names` have no value and why; one never computed is an error. `points`: oldest first."""
    newest = {row["metric"]: row for row in points[points["metric"].isin(names)].to_dict("records")}
    found = Lacking([], [])
    for name in names:
        if name not in newest:
            found.red.append(Missing(repo, name, "never computed"))
        elif pd.isna(newest[name]["value"]):
            reason, detail = newest[name]["reason"], newest[name]["detail"]
            why = f"{reason}: {detail}" if isinstance(detail, str) else str(reason)
            (found.red if reason in FAILURES else found.amber).append(Missing(repo, name, why))
    return found


def _newest_points(lake: Lake, repo: str, instants: Instants) -> pd.DataFrame:
    """The live points of the instant that this run computed, or of each series' newest instant; oldest first."""
    at = instants.computed(repo)
    rows = lake.read("metric_points", repo) if at is None else lake.points(repo, at, at)
    return rows[rows["origin"] == "live"].sort_values(["as_of", "computed_at"], kind="stable")


def _result(check: dg.AssetCheckKey, found: Lacking) -> dg.AssetCheckResult:
    lines = [str(item) for item in (*found.red, *found.amber)]
    return dg.AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=not lines,
        severity=ERROR if found.red else WARN,
        description="; ".join(lines)[:1000] or None,
        metadata={"missing": dg.MetadataValue.md("\n".join(f"- {line}" for line in lines))} if lines else {},
    )
