"""What was known at an instant: k(t) from the coverage, and the rows as k(t) knew them.

k(t) of a table is the start of the first complete pull of it that began at or after t and whose window reaches back as
far as needed; of several tables the latest of theirs. See docs/METRIC_CONVENTIONS.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd

from metta_obs.lake.schemas import TABLES
from metta_obs.metrics.spans import Times, times

NEVER = np.datetime64("NaT", "us")
# GitHub gives these no date, so that no window can be short of them.
UNDATED = ("repositories", "branches", "workflows")


def known_at(pulls: pd.DataFrame, tables: Sequence[str], reach: timedelta, t: Times, restated: bool = False) -> Times:
    """k(t) for each instant, NaT where no complete pull covers it. `pulls`: the rows of one repository.

    `restated`: the newest complete pull that covers t instead of the first.
    """
    return np.maximum.reduce([_known_at(pulls, table, reach, t, restated) for table in tables])


def _known_at(pulls: pd.DataFrame, table: str, reach: timedelta, t: Times, restated: bool) -> Times:
    rows = pulls[(pulls["table"] == table) & pulls["complete"].astype(bool)]
    starts, windows = times(rows["started_at"]), times(rows["window_start"])
    first = np.full(len(t), NEVER)
    # Few distinct windows: one per look-back ever pulled.
    for window in np.unique(windows) if table not in UNDATED else [NEVER]:
        having = np.sort(starts if np.isnat(window) else starts[windows == window])
        if not len(having):
            continue
        at = np.searchsorted(having, t, side="left")
        found = at < len(having)
        if not np.isnat(window):
            found &= window <= t - np.timedelta64(reach)
        chosen = np.full(len(having), having[-1]) if restated else having
        candidate = np.where(found, chosen[np.minimum(at, len(having) - 1)], NEVER)
        better = np.fmax(first, candidate) if restated else np.fmin(first, candidate)
        first = better
    return first


def rising(k: Times) -> Iterator[slice]:
    """The stretches of `k` without a fall: a later pull that reached further back may know an earlier instant."""
    falls = np.flatnonzero(k[1:] < k[:-1]) + 1
    edges = [0, *falls.tolist(), len(k)]
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        if start < stop:
            yield slice(start, stop)


def versions(rows: pd.DataFrame, table: str, k: Times) -> pd.DataFrame:
    """The row versions of one repository as a span frame: `lo`, `hi` say for which instants each was the known one.

    `k` must not fall. Versions that GitHub no longer showed are left out.
    """
    key = list(TABLES[table].key)
    rows = rows.sort_values([*key, "seen_at", "deleted"], kind="stable", ignore_index=True)
    next_seen = times(rows.groupby(key, sort=False)["seen_at"].shift(-1) if key else rows["seen_at"].shift(-1))
    lo = np.searchsorted(k, times(rows["seen_at"]), side="left")
    hi = np.where(np.isnat(next_seen), len(k), np.searchsorted(k, next_seen, side="left"))
    keep = (lo < hi) & ~rows["deleted"].to_numpy(dtype=bool)
    return rows.assign(lo=lo, hi=hi)[keep].reset_index(drop=True)
