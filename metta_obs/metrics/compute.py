"""From the lake to points: each metric at each instant, as the first complete pull after it knew the world.

Here: which rows a metric gets to see, and what becomes of one that cannot be computed. Not here: the definitions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from metta_obs.lake.store import Lake
from metta_obs.metrics.catalogue import Metric, Options, Values
from metta_obs.metrics.known import known_at, rising, versions
from metta_obs.metrics.spans import Times, times

log = logging.getLogger(__name__)
OBSERVED_WITHIN = np.timedelta64(1, "h")
FAILURES = ("incomplete_fetch", "error")
COLUMNS = [
    "metric", "as_of", "value", "n", "reason", "detail", "complete", "known_at", "code_version", "table_versions",
]  # fmt: skip


class Tables:
    """The tables of one repository, read once each."""

    def __init__(self, lake: Lake, repo: str):
        self._lake, self._repo = lake, repo
        self._read: dict[str, tuple[pd.DataFrame, int]] = {}

    def __call__(self, table: str) -> tuple[pd.DataFrame, int]:
        if table not in self._read:
            self._read[table] = self._lake.snapshot(table, self._repo)
        return self._read[table]


def compute(
    lake: Lake,
    metrics: Iterable[Metric],
    repo: str,
    instants: pd.DatetimeIndex,
    options: Options,
    restated: bool = False,
) -> pd.DataFrame:
    """Every series of `metrics` at `instants` (sorted, UTC): rows of `metric_points` without repo, origin, computed_at.

    Each series has a row for each instant: a value, or a reason why there is none. A metric whose code fails, or whose
    tables cannot be read, has the reason `error` and holds back no other one; its traceback is logged.
    """
    tables = Tables(lake, repo)
    t = times(pd.Series(instants))
    frames = [_one(metric, tables, t, options, restated) for metric in metrics]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def newest_covered(lake: Lake, metrics: Sequence[Metric], repo: str) -> pd.Timestamp | None:
    """The newest quarter-hour that complete pulls of all tables of `metrics` cover, or None."""
    pulls = lake.read("pulls", repo)
    pulls = pulls[pulls["complete"].astype(bool)]
    newest = pulls.groupby("table")["started_at"].max()
    needed = {table for metric in metrics for table in metric.tables}
    if not needed <= set(newest.index):
        return None
    return pd.Timestamp(newest[sorted(needed)].min()).floor("15min")


def _one(metric: Metric, tables: Tables, t: Times, options: Options, restated: bool) -> pd.DataFrame:
    values = {series.statistic: _blank(len(t)) for series in metric.series}
    known = np.full(len(t), np.datetime64("NaT", "us"))
    read: dict[str, int] = {}
    try:
        pulls, _ = tables("pulls")
        known = known_at(pulls, metric.tables, metric.reach, t, restated)
        rows = {}
        for table in metric.tables:
            rows[table], read[table] = tables(table)
        seen = ~np.isnat(known)
        if not metric.dated:
            seen &= ~(known - t > OBSERVED_WITHIN)
        _fill(values, metric, rows, t, known, seen, options)
        for value in values.values():
            _explain(value, metric, pulls, t, known, seen)
    except Exception as error:  # whatever it is, the other metrics go on; this one is reported and its check fails
        log.exception("metric %s failed", metric.name)
        for value in values.values():
            value.value[:], value.reason[:], value.detail[:] = np.nan, "error", f"{type(error).__name__}: {error}"
    return pd.concat([_rows(metric, s.name, values[s.statistic], t, known, read) for s in metric.series], ignore_index=True)


def _fill(
    values: Mapping[str, Values],
    metric: Metric,
    rows: Mapping[str, pd.DataFrame],
    t: Times,
    known: Times,
    seen: np.ndarray,
    options: Options,
) -> None:
    """Compute the statistics at the instants that are `seen` and write them into `values`."""
    positions = np.flatnonzero(seen)
    for stretch in rising(known[positions]):
        at = positions[stretch]
        as_known = {table: versions(frame, table, known[at]) for table, frame in rows.items()}
        for statistic, result in metric.function(as_known, t[at], options).items():
            if statistic in values:
                whole = values[statistic]
                whole.value[at], whole.n[at] = result.value, result.n
                whole.reason[at], whole.detail[at] = result.reason, result.detail
    for statistic, whole in values.items():
        unsaid = seen & np.isnan(whole.value) & (whole.reason == None)  # noqa: E711  (elementwise)
        if unsaid.any() or np.isinf(whole.value).any():
            raise ValueError(f"statistic {statistic} has neither a finite value nor a reason at {t[unsaid][:1]}")


def _explain(value: Values, metric: Metric, pulls: pd.DataFrame, t: Times, known: Times, seen: np.ndarray) -> None:
    """Give the instants that were not computed their reason."""
    late = ~seen & ~np.isnat(known)
    value.reason[late] = "not_observed"
    value.detail[late] = "GitHub gives it no date, and the first pull at or after t began more than an hour later"
    unknown = np.isnat(known)
    value.reason[unknown] = "incomplete_fetch"
    value.detail[unknown] = _why(metric, pulls, t[unknown])


def _why(metric: Metric, pulls: pd.DataFrame, t: Times) -> list[str]:
    """For each instant, which tables lack a complete pull, and what the newest pull of each said."""
    said = np.full((len(t), len(metric.tables)), "", dtype=object)
    for column, table in enumerate(metric.tables):
        rows = pulls[pulls["table"] == table].sort_values("started_at")
        complete = rows[rows["complete"].astype(bool)]
        missing = np.isnat(known_at(pulls, [table], metric.reach, t))
        short = missing & (t <= times(complete["started_at"]).max(initial=np.datetime64(0, "us")))
        text = f"{table}: not pulled at or after this instant yet"
        if len(rows) and not rows.iloc[-1]["complete"]:
            text = f"{table}: {rows.iloc[-1]['reason']}: {rows.iloc[-1]['detail']}"
        said[missing, column] = text
        if short.any():
            first = complete["window_start"].min()
            said[short, column] = f"{table}: known from {first:%Y-%m-%dT%H:%MZ} on, {metric.reach.days} days before t are needed"
    return ["; ".join(filter(None, row)) for row in said]


def _blank(size: int) -> Values:
    return Values(np.full(size, np.nan), np.zeros(size, dtype=np.int64))


def _rows(metric: Metric, name: str, values: Values, t: Times, known: Times, read: Mapping[str, int]) -> pd.DataFrame:
    reason = pd.Series(values.reason, dtype=object)
    return pd.DataFrame(
        {
            "metric": name,
            "as_of": pd.Series(t).dt.tz_localize("UTC"),
            "value": values.value,
            "n": values.n,
            "reason": reason,
            "detail": pd.Series(values.detail, dtype=object),
            "complete": ~reason.isin(FAILURES),
            "known_at": pd.Series(known).dt.tz_localize("UTC"),
            "code_version": metric.code_version,
            "table_versions": json.dumps(dict(read), sort_keys=True),
        }
    )[COLUMNS]
