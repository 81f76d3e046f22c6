"""The catalogue: what each metric is called, means, reads and sends. Code, documents, Datadog metadata and dashboards
derive from it.

A metric function is pure: `f(tables, t, options) -> {statistic: Values}`. `tables` holds exactly the tables that it
declares, each a span frame of row versions (see `spans`); `t` the sorted instants as numpy `datetime64[us]`. Each
statistic that it declares comes back as one value per instant.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote_plus

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metta_obs.clock import iso
from metta_obs.metrics.spans import Distribution, Floats, Ints, Times

PREFIX = "github."
DAY = timedelta(days=1)
WEEK = pd.Timedelta(7, "D")
P90_NEEDS, P99_NEEDS = 10, 100  # smallest samples for which a p90 and a p99 are given

REASONS = {
    "no_data": "n is 0: there is nothing to average, to rank or to judge",
    "thin_sample": f"too few for this percentile: a p90 needs n ≥ {P90_NEEDS}, a p99 n ≥ {P99_NEEDS}",
    "not_observed": "GitHub gives it no date, and no pull began within the hour after t",
    "not_listed": "GitHub itself lists no more: a commit with more than 3,000 files",
    "incomplete_fetch": "a table that it reads was not completely pulled; fails its check and the exit status",
    "error": "its code failed; fails its check and the exit status",
}
"""Why there may be no point."""

GROUPS: dict[str, str] = {
    "prs": "Pull requests",
    "branches": "Branches",
    "commits": "Commits and code",
    "ci": "CI/CD",
    "developers": "Developers",
}


@dataclass(frozen=True)
class Options:
    """The settings that a definition depends on: further logins that are bots, names of the required workflows."""

    bots: frozenset[str] = frozenset()
    required_workflows: tuple[str, ...] = ()


Rows = Callable[[], pd.DataFrame]


@dataclass
class Values:
    """One statistic at each instant: value (NaN where there is no point), n, and where there is no point its reason.

    `detail` is evidence in words, for some instants. `rows` lists what was counted or measured, for a single instant
    and when asked: one row for each pull request, commit, run …, with the columns that decide and the measured value.
    """

    value: Floats
    n: Ints
    rows: Rows
    reason: NDArray[Any] = field(default_factory=lambda: np.empty(0, dtype=object))
    detail: NDArray[Any] = field(default_factory=lambda: np.empty(0, dtype=object))

    def __post_init__(self) -> None:
        size = len(self.value)
        self.value = np.asarray(self.value, dtype=np.float64)
        self.reason = self.reason if len(self.reason) else np.full(size, None, dtype=object)
        self.detail = self.detail if len(self.detail) else np.full(size, None, dtype=object)


@dataclass(frozen=True)
class Series:
    """One series in Datadog: its key (without prefix), unit and which statistic of its metric it carries."""

    key: str
    unit: str
    statistic: str

    @property
    def name(self) -> str:
        """The key as in Datadog."""
        return PREFIX + self.key


Function = Callable[[Mapping[str, pd.DataFrame], Times, Options], dict[str, Values]]


@dataclass(frozen=True)
class Metric:
    """One metric asset. `reach`: how far before t its rows are dated; `dated`: false for what GitHub gives no date."""

    key: str
    title: str
    unit: str
    group: str
    definition: str
    tables: tuple[str, ...]
    reach: timedelta
    dated: bool
    extra: bool
    series: tuple[Series, ...]
    function: Function
    link: str | None

    @property
    def name(self) -> str:
        """The key as in Datadog, prefix included."""
        return PREFIX + self.key

    @cached_property
    def code_version(self) -> str:
        """Changes with the code that computes the metric: its module and those of this package that it uses."""
        source = "".join(inspect.getsource(sys.modules[name]) for name in sorted(_used(self.function.__module__)))
        return hashlib.sha256(source.encode()).hexdigest()[:12]

    def verify_link(self, web: str, repo: str, t: datetime, default_branch: str | None) -> str | None:
        """The page under `web` (https://github.com) that shows the same rows for t, or None where GitHub has none.

        Ranges in GitHub's search include their ends, so they end one second before t.
        """
        if self.link is None or (default_branch is None and "{branch}" in self.link):
            return None
        last = t - timedelta(seconds=1)
        return f"{web}/{repo}/" + self.link.format(
            branch=default_branch,
            at=quote_plus(iso(t)),
            week=quote_plus(f"{iso(t - timedelta(days=7))}..{iso(last)}"),
            since=quote_plus(iso(t - timedelta(days=7))),
            until=quote_plus(iso(last)),
        )


def _used(module: str) -> set[str]:
    """The module and those of this package that it takes something from, and so on."""
    found, ahead = set[str](), [module]
    while ahead:
        name = ahead.pop()
        if name.startswith(__package__) and name not in found:
            found.add(name)
            ahead += [getattr(thing, "__module__", None) or "" for thing in vars(sys.modules[name]).values()]
    return found


_REGISTERED: dict[str, Metric] = {}


def metric(
    key: str,
    *,
    title: str,
    unit: str,
    tables: tuple[str, ...],
    reach: timedelta,
    definition: str,
    statistic: str = "count",
    series: tuple[Series, ...] = (),
    dated: bool = True,
    extra: bool = False,
    link: str | None = None,
) -> Callable[[Function], Function]:
    """Register a metric function. `series`: what it sends beside the series of its own key."""

    def register(function: Function) -> Function:
        group = key.split(".")[0]
        _REGISTERED[key] = Metric(
            key=key,
            title=title,
            unit=unit,
            group=group if group in GROUPS else "commits",
            definition=definition,
            tables=tables,
            reach=reach,
            dated=dated,
            extra=extra,
            series=(Series(key, unit, statistic), *series),
            function=function,
            link=link,
        )
        return function

    return register


def percentile_series(stem: str, unit: str, suffix: str) -> tuple[Series, ...]:
    """The series of p50, p90 and p99 beside a mean, such as `prs.cycle_time_p90_hours`."""
    return tuple(Series(f"{stem}_{p}_{suffix}", unit, p) for p in ("p50", "p90", "p99"))


def counted(value: Ints, rows: Rows, n: Ints | None = None) -> dict[str, Values]:
    """A count or a sum: a point at every instant, 0 included. n defaults to the count itself."""
    return {"count": Values(value.astype(np.float64), value if n is None else n, rows)}


def _reasons(fine: NDArray[Any], otherwise: str) -> NDArray[Any]:
    return np.array([None, otherwise], dtype=object)[(~fine).astype(np.int64)]


def averaged(value: Floats, n: Ints, rows: Rows) -> Values:
    """A mean, share or verdict: no point where n is 0."""
    return Values(np.where(n > 0, value, np.nan), n, rows, _reasons(n > 0, "no_data"))


def share(part: Ints, whole: Ints, rows: Rows) -> dict[str, Values]:
    """A percentage of `whole`, which is its n."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"share": averaged(100.0 * part / whole, whole, rows)}


def distributed(sample: Distribution, rows: Rows, *, thresholds: bool = True) -> dict[str, Values]:
    """Mean, p50, p90 and p99; p90 and p99 only of samples that are large enough (unless `thresholds` is off)."""

    def percentile(value: Floats, needs: int) -> Values:
        enough = sample.n >= (needs if thresholds else 1)
        reason = _reasons(enough, "thin_sample")
        reason[sample.n == 0] = "no_data"
        return Values(np.where(enough, value, np.nan), sample.n, rows, reason)

    return {
        "mean": averaged(sample.mean, sample.n, rows),
        "p50": percentile(sample.p50, 1),
        "p90": percentile(sample.p90, P90_NEEDS),
        "p99": percentile(sample.p99, P99_NEEDS),
    }
