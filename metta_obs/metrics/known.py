"""What was known at an instant: k(t) from the coverage, and the rows as k(t) knew them.

k(t) of a table is the start of the first complete pull of it that began at or after t and whose window reaches back as
far as needed; of several tables the latest of theirs. See docs/METRIC_CONVENTIONS.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from metta_obs.lake.schemas import TABLES
from metta_obs.metrics.spans import Times, times

NEVER = np.datetime64("NaT", "us")
# GitHub gives these no date, so that no window can be short of them.
UNDATED = ("repositories", "branches", "workflows")


@dataclass(frozen=True)
class Pulled:
    """The pulls of one table: start and window of the complete ones, and what the newest one lacks ("" for nothing)."""

    starts: Times
    windows: Times
    lacks: str


class Coverage:
    """What the pulls of one repository covered; `pulls`: its rows of the table of that name."""

    def __init__(self, pulls: pd.DataFrame):
        pulls = pulls.sort_values("started_at", kind="stable")
        self._tables: dict[str, Pulled] = {}
        for table, rows in pulls.groupby("table"):
            complete = rows[rows["complete"].astype(bool)]
            last = rows.iloc[-1]
            lacks = "" if last["complete"] else f"{last['reason']}: {last['detail']}"
            self._tables[str(table)] = Pulled(times(complete["started_at"]), times(complete["window_start"]), lacks)

    def known_at(self, tables: Sequence[str], reach: timedelta, t: Times, restated: bool = False) -> Times:
        """k(t) for each instant, NaT where no complete pull covers it.

        `restated`: the newest complete pull that covers t instead of the first.
        """
        latest: Times = np.maximum.reduce([self._known_at(table, reach, t, restated) for table in tables])
        return latest

    def why_not(self, table: str, reach: timedelta, t: Times) -> np.ndarray:
        """For each instant what the table lacks for it, in words; "" where a complete pull covers it."""
        pulled = self._tables.get(table)
        missing = np.isnat(self._known_at(table, reach, t, False))
        said = np.full(len(t), "", dtype=object)
        said[missing] = (pulled and pulled.lacks) or "not pulled at or after this instant yet"
        if pulled is not None and len(pulled.starts):
            short = f"known from {pd.Timestamp(pulled.windows.min()):%Y-%m-%dT%H:%MZ} on"
            short += f", {reach.days} days before t are needed" if reach else ", t lies before it"
            said[missing & (t <= pulled.starts[-1])] = short
        return said

    def _known_at(self, table: str, reach: timedelta, t: Times, restated: bool) -> Times:
        first = np.full(len(t), NEVER)
        pulled = self._tables.get(table)
        if pulled is None:
            return first
        # Few distinct windows: one per look-back ever pulled.
        for window in [NEVER] if table in UNDATED else np.unique(pulled.windows):
            having = pulled.starts if np.isnat(window) else pulled.starts[pulled.windows == window]
            if not len(having):
                continue
            at = np.searchsorted(having, t, side="left")
            found = at < len(having)
            if not np.isnat(window):
                found &= window <= t - np.timedelta64(reach)
            chosen = having[np.full(len(t), -1)] if restated else having[np.minimum(at, len(having) - 1)]
            candidate = np.where(found, chosen, NEVER)
            first = np.fmax(first, candidate) if restated else np.fmin(first, candidate)
        return first


def rising(k: Times) -> Iterator[slice]:
    """The stretches of `k` without a fall: a later pull that reached further back may know an earlier instant."""
    falls = np.flatnonzero(k[1:] < k[:-1]) + 1
    for start, stop in pairwise([0, *falls.tolist(), len(k)]):
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
    kept: pd.DataFrame = rows.assign(lo=lo, hi=hi)[keep].reset_index(drop=True)
    return kept
