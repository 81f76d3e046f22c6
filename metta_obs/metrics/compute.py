"""From the lake to points: each metric at each instant, as the first complete pull after it knew the world.

Here: which rows a metric gets to see, and what becomes of one that cannot be computed. Not here: the definitions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from metta_obs.lake.store import Lake
from metta_obs.metrics.catalogue import Metric, Options, Values
from metta_obs.metrics.known import Coverage, rising, versions
from metta_obs.metrics.spans import Times, times

log = logging.getLogger(__name__)
OBSERVED_WITHIN = np.timedelta64(1, "h")
FAILURES = ("incomplete_fetch", "error")


@dataclass(frozen=True)
class Stretch:
    """Instants (`at`: their positions) whose k(t) does not fall, so that each row version is known in one span."""

    at: np.ndarray
    t: Times
    k: Times


class World:
    """The tables of one repository as they were known. What several metrics ask for is read and cut once."""

    def __init__(self, lake: Lake, repo: str):
        self._lake, self._repo = lake, repo
        self._read: dict[str, tuple[pd.DataFrame, int]] = {}
        self._stretches: dict[bytes, list[Stretch]] = {}
        self._known: dict[tuple[str, int], pd.DataFrame] = {}
        self.coverage = Coverage(lake.read("pulls", repo))

    def version(self, table: str) -> int:
        """The lake's version of the table that was read."""
        return self._table(table)[1]

    def stretches(self, t: Times, k: Times, seen: np.ndarray) -> list[Stretch]:
        """The instants that are `seen`, in stretches; the same objects for the same arguments."""
        key = t.tobytes() + k.tobytes() + seen.tobytes()
        if key not in self._stretches:
            at = np.flatnonzero(seen)
            self._stretches[key] = [Stretch(at[part], t[at[part]], k[at[part]]) for part in rising(k[at])]
        return self._stretches[key]

    def known(self, table: str, stretch: Stretch) -> pd.DataFrame:
        """The table's row versions as known over a stretch."""
        if (table, id(stretch)) not in self._known:
            self._known[table, id(stretch)] = versions(self._table(table)[0], table, stretch.k)
        return self._known[table, id(stretch)]

    def _table(self, table: str) -> tuple[pd.DataFrame, int]:
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

    `metrics` is not empty. Each series has a row for each instant: a value, or a reason why there is none. A metric
    whose code fails, or whose tables cannot be read, has the reason `error` and holds back no other one; its traceback
    is logged.
    """
    world = World(lake, repo)
    t = times(pd.Series(instants))
    frames = [frame for metric in metrics for frame in _one(metric, world, t, options, restated)]
    return pd.concat(frames, ignore_index=True)


def rows_behind(world: World, metric: Metric, instant: pd.Timestamp, options: Options) -> pd.DataFrame:
    """What the value of a metric at one instant rests on (see `Values.rows`); no rows where nothing could be computed.

    Raises what the metric's code raises.
    """
    t = times(pd.Series(pd.DatetimeIndex([instant])))
    known = world.coverage.known_at(metric.tables, metric.reach, t)
    for stretch in world.stretches(t, known, ~np.isnat(known) & ~_late(metric, t, known)):
        tables = {table: world.known(table, stretch) for table in metric.tables}
        values = metric.function(tables, stretch.t, options)
        return values[metric.series[0].statistic].rows().reset_index(drop=True)
    return pd.DataFrame()


def default_branch(lake: Lake, repo: str) -> str | None:
    """The repository's default branch as last seen, None where it has none or was never seen."""
    known = lake.current("repositories", repo)
    return None if known.empty or pd.isna(known.iloc[-1]["default_branch"]) else str(known.iloc[-1]["default_branch"])


def newest_covered(lake: Lake, metrics: Sequence[Metric], repo: str) -> pd.Timestamp | None:
    """The newest quarter-hour that complete pulls of all tables of `metrics` cover, or None."""
    pulls = lake.read("pulls", repo)
    newest = pulls[pulls["complete"].astype(bool)].groupby("table")["started_at"].max()
    needed = sorted({table for metric in metrics for table in metric.tables})
    if not set(needed) <= set(newest.index):
        return None
    return pd.Timestamp(newest[needed].min()).floor("15min")


def _one(metric: Metric, world: World, t: Times, options: Options, restated: bool) -> Iterator[pd.DataFrame]:
    """The rows of each series of a metric."""
    values = {series.statistic: _blank(len(t)) for series in metric.series}
    known = np.full(len(t), np.datetime64("NaT", "us"))
    read: dict[str, int] = {}
    try:
        read = {table: world.version(table) for table in metric.tables}
        known = world.coverage.known_at(metric.tables, metric.reach, t, restated)
        _fill(values, metric, world, t, known, options)
    except Exception as error:  # whatever it is, the other metrics go on; this one is reported and its check fails
        log.exception("metric %s failed", metric.name)
        for value in values.values():
            value.value[:], value.reason[:], value.detail[:] = np.nan, "error", f"{type(error).__name__}: {error}"
    for series in metric.series:
        yield _rows(metric, series.name, values[series.statistic], t, known, read)


def _fill(values: Mapping[str, Values], metric: Metric, world: World, t: Times, known: Times, options: Options) -> None:
    """Write every statistic at every instant into `values`: a value, or the reason why there is none."""
    unknown, late = np.isnat(known), _late(metric, t, known)
    for stretch in world.stretches(t, known, ~unknown & ~late):
        tables = {table: world.known(table, stretch) for table in metric.tables}
        for statistic, result in metric.function(tables, stretch.t, options).items():
            if statistic in values:
                whole = values[statistic]
                whole.value[stretch.at], whole.n[stretch.at] = result.value, result.n
                whole.reason[stretch.at], whole.detail[stretch.at] = result.reason, result.detail
    why = _why(metric, world.coverage, t[unknown]) if unknown.any() else []
    for statistic, whole in values.items():
        whole.reason[late] = "not_observed"
        whole.detail[late] = "GitHub gives it no date, and the first pull after t began more than an hour later"
        whole.reason[unknown], whole.detail[unknown] = "incomplete_fetch", why
        unsaid = np.isnan(whole.value) == pd.isna(whole.reason)
        if unsaid.any() or np.isinf(whole.value).any():
            raise ValueError(f"statistic {statistic} needs either a finite value or a reason")


def _late(metric: Metric, t: Times, known: Times) -> np.ndarray:
    """The instants at which nobody looked in time: what GitHub gives no date needs a pull within the hour."""
    return np.zeros(len(t), dtype=bool) if metric.dated else known - t > OBSERVED_WITHIN


def _why(metric: Metric, coverage: Coverage, t: Times) -> list[str]:
    """For each instant which tables lack a complete pull, and what the newest pull of each said."""
    columns = [coverage.why_not(table, metric.reach, t) for table in metric.tables]
    return [_together(metric.tables, row) for row in zip(*columns, strict=True)]


def _together(tables: Sequence[str], lacks: Sequence[str]) -> str:
    """What tables lack, in words; those that lack the same are named together."""
    having = {lack: [table for table, its in zip(tables, lacks, strict=True) if its == lack] for lack in lacks if lack}
    return "; ".join(f"{', '.join(named)}: {lack}" for lack, named in having.items())


def _blank(size: int) -> Values:
    return Values(np.full(size, np.nan), np.zeros(size, dtype=np.int64), pd.DataFrame)


def _rows(metric: Metric, name: str, values: Values, t: Times, known: Times, read: Mapping[str, int]) -> pd.DataFrame:
    reason = pd.Series(values.reason, dtype=object)
    return pd.DataFrame(
        {
            "metric": name,
            "as_of": pd.DatetimeIndex(t, tz="UTC"),
            "value": values.value,
            "n": values.n,
            "reason": reason,
            "detail": pd.Series(values.detail, dtype=object),
            "complete": ~reason.isin(FAILURES),
            "known_at": pd.DatetimeIndex(known, tz="UTC"),
            "code_version": metric.code_version,
            "table_versions": json.dumps(dict(read), sort_keys=True),
        }
    )
