"""The asset checks, all computed from rows: one per raw table, one per metric.

They hold nothing back: a red one fails the run after everything that could be delivered was delivered.
"""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from metta_obs.assets.metrics import metric_key, metric_of
from metta_obs.assets.raw import raw_key
from metta_obs.assets.resources import Instants, LakeResource, SettingsResource
from metta_obs.lake.schemas import RAW_TABLES
from metta_obs.lake.store import Lake
from metta_obs.metrics.compute import FAILURES
from metta_obs.metrics.registry import CATALOGUE

COMPLETE = "complete"
PRESENT = "present"
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@dg.multi_asset_check(
    name="raw_tables_complete",
    specs=[
        dg.AssetCheckSpec(
            COMPLETE, asset=raw_key(table), description="The newest pull of every repository left nothing out."
        )
        for table in RAW_TABLES
    ],
    can_subset=True,
)
def raw_checks(
    context: dg.AssetCheckExecutionContext, settings: SettingsResource, lake: LakeResource
) -> Iterator[dg.AssetCheckResult]:
    store = lake.open()
    pulls = {repo: store.read("pulls", repo).sort_values("started_at") for repo in settings.repos()}
    red = []
    for check in sorted(context.selected_asset_check_keys):
        lines = [line for repo, rows in pulls.items() for line in incomplete(rows, repo, check.asset_key.path[-1])]
        red += [f"{check.asset_key.path[-1]} of {line}" for line in lines]
        yield _result(check, not lines, ERROR, lines)
    if red:
        raise dg.Failure(f"{len(red)} tables are incomplete:\n" + "\n".join(red), allow_retries=False)


def incomplete(pulls: pd.DataFrame, repo: str, table: str) -> list[str]:
    """What the newest pull of a table left out, as lines; none when it is complete. `pulls` in order of their start."""
    rows = pulls[pulls["table"] == table]
    if rows.empty:
        return [f"{repo}: never pulled"]
    last = rows.iloc[-1]
    return [] if last["complete"] else [f"{repo}: {last['reason']}: {last['detail']}"]


@dg.multi_asset_check(
    name="metrics_present",
    specs=[
        dg.AssetCheckSpec(
            PRESENT,
            asset=metric_key(metric),
            description=(
                "Every series has a value for every repository. Red: incomplete_fetch or error. Amber: too few rows "
                "(no_data, thin_sample), or GitHub does not tell (not_listed, not_observed)."
            ),
        )
        for metric in CATALOGUE.values()
    ],
    can_subset=True,
)
def metric_checks(
    context: dg.AssetCheckExecutionContext, settings: SettingsResource, lake: LakeResource, instants: Instants
) -> Iterator[dg.AssetCheckResult]:
    store = lake.open()
    points = {repo: _newest_points(store, repo, instants) for repo in settings.repos()}
    red = []
    for check in sorted(context.selected_asset_check_keys):
        names = [series.name for series in metric_of(check.asset_key).series]
        missing = pd.concat([absent(rows, names).assign(repo=repo) for repo, rows in points.items()])
        failed = missing[missing["reason"].isin(FAILURES)]
        lines = _lines(missing)
        red += _lines(failed)
        yield _result(check, missing.empty, WARN if failed.empty else ERROR, lines)
    if red:
        raise dg.Failure(f"{len(red)} values are missing:\n" + "\n".join(red), allow_retries=False)


def absent(points: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The series without a value (metric, reason, detail), in the order of `names`; one never computed is an error."""
    rows = points.drop_duplicates("metric", keep="last").set_index("metric").reindex(names)
    rows = rows[rows["value"].isna()]
    never = rows["reason"].isna()
    return pd.DataFrame(
        {
            "metric": rows.index,
            "reason": rows["reason"].astype(object).where(~never, "error").to_numpy(),
            "detail": rows["detail"]
            .astype(object)
            .where(rows["detail"].notna(), "")
            .where(~never, "never computed")
            .to_numpy(),
        }
    )


def _lines(missing: pd.DataFrame) -> list[str]:
    """Repository, series, reason and detail of each missing value."""
    rows = missing[["repo", "metric", "reason", "detail"]].itertuples(index=False, name=None)
    return [f"{repo} {metric}: {reason}" + (f": {detail}" if detail else "") for repo, metric, reason, detail in rows]


def _newest_points(lake: Lake, repo: str, instants: Instants) -> pd.DataFrame:
    """The live points of the instant that this run computed, or of each series' newest instant; oldest first."""
    at = instants.computed(repo)
    rows = lake.read("metric_points", repo) if at is None else lake.points(repo, at, at)
    return rows[rows["origin"] == "live"].sort_values(["as_of", "computed_at"], kind="stable")


def _result(
    check: dg.AssetCheckKey, passed: bool, severity: dg.AssetCheckSeverity, lines: list[str]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=passed,
        severity=severity,
        description=None if passed else "; ".join(lines)[:1000],
        metadata={} if passed else {"missing": dg.MetadataValue.md("\n".join(f"- {line}" for line in lines))},
    )


CHECKS = [raw_checks, metric_checks]
