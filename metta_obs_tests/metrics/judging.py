"""Comparing what the product computed with what the judge says, and counting how much was compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from metta_obs_tests import brute_force
from metta_obs_tests.brute_force_basics import Answer, Answers

Expected = Mapping[tuple[str, datetime], Answer]
DAY = timedelta(days=1)
CLOSE = 1e-9  # relative: means and percentiles may be summed in another order
# How far before t the rows lie that a series needs; without them there is no point. Branches have no date.
REACH = {"ci.tests_passing_on_main": 30 * DAY, "prs.open": 0 * DAY, "prs.stale_count_14d": 0 * DAY}
UNDATED = ("branches.active", "branches.total")
ALL_SERIES = (
    "prs.open", "prs.merged_7d", "prs.closed_without_merge_7d", "prs.avg_time_to_merge_hours",
    "prs.time_to_merge_p50_hours", "prs.time_to_merge_p90_hours", "prs.time_to_merge_p99_hours",
    "prs.cycle_time_hours", "prs.cycle_time_p50_hours", "prs.cycle_time_p90_hours", "prs.cycle_time_p99_hours",
    "prs.stale_count_14d", "prs.with_review_comments_pct", "prs.avg_comments_per_pr",
    "prs.time_to_first_review_hours", "prs.time_to_first_review_p50_hours", "prs.time_to_first_review_p90_hours",
    "prs.time_to_first_review_p99_hours", "branches.active", "branches.total", "commits.total_7d", "commits.hotfix",
    "commits.reverts", "code.lines_added_7d", "code.lines_deleted_7d", "code.files_changed_7d",
    "commits.direct_to_main_7d", "ci.workflow_runs_7d", "ci.failed_workflows_7d", "ci.tests_passing_on_main",
    "ci.avg_workflow_duration_minutes", "ci.duration_p50_minutes", "ci.duration_p90_minutes",
    "ci.duration_p99_minutes", "ci.success_rate_pct", "ci.flaky_runs_7d", "developers.active_7d",
    "commits.per_developer_7d",
)  # fmt: skip


@dataclass
class Tally:
    """How often each series had a point, each reason was given, and how many instants were judged."""

    points: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    instants: int = 0

    def note(self, expected: Expected) -> None:
        """Count the answers."""
        self.instants += len({t for _, t in expected})
        for (series, _), (_, _, reason) in expected.items():
            if reason is None:
                self.points[series] += 1
            else:
                self.reasons[series, reason] += 1


@dataclass
class Pulls:
    """The complete pulls of a repository, by their start k: what each saw, from when on it knew all that is dated, and
    when the attempts of runs were first seen completed."""

    saw: dict[datetime, Any] = field(default_factory=dict)
    windows: dict[datetime, datetime] = field(default_factory=dict)
    completions: dict[tuple[int, int], datetime] = field(default_factory=dict)

    def note(self, k: datetime, repository: Any, window_start: datetime) -> None:
        """A complete pull that began at k saw `repository` and knew all that is dated `window_start` or later."""
        self.saw[k], self.windows[k] = repository, window_start
        brute_force.remember_completions(repository, self.completions)

    def first(self, t: datetime, reach: timedelta | None) -> datetime | None:
        """ "Let k(t) be the first complete pull that started at or after t", of those that know what lies `reach`
        before it: "every table that it reads was completely fetched for its window". None: there is no window.
        """
        fit = [k for k in self.saw if k >= t and (reach is None or self.windows[k] <= t - reach)]
        return min(fit, default=None)

    def judged(
        self, instants: Iterable[datetime], bots: Iterable[str] = (), required: Iterable[str] = ()
    ) -> dict[tuple[str, datetime], Answer]:
        """The judge's answer for every series at each instant."""
        answers: dict[tuple[str, datetime], Answer] = {}
        bots, required = tuple(bots), tuple(required)
        for t in instants:
            by_k: dict[datetime, Answers] = {}
            for series in ALL_SERIES:
                reach = None if series in UNDATED else REACH.get(series, 7 * DAY)
                k = self.first(t, reach)
                if k is None:
                    answers[f"github.{series}", t] = (None, 0, "incomplete_fetch")
                    continue
                if k not in by_k:
                    by_k[k] = brute_force.compute(self.saw[k], t, k, bots, required, self.completions)
                answers[f"github.{series}", t] = by_k[k][f"github.{series}"]
        return answers


def differences(computed: pd.DataFrame, expected: Expected) -> list[str]:
    """What differs between rows of `metric_points` and the judge's answers, in words; nothing may be missing."""
    found: dict[tuple[str, datetime], Answer] = {}
    columns = ["metric", "as_of", "value", "n", "reason"]
    for metric, as_of, value, n, reason in zip(*(computed[name].tolist() for name in columns), strict=True):
        said_value = None if pd.isna(value) else float(value)
        found[metric, as_of.to_pydatetime()] = (said_value, int(n), reason if isinstance(reason, str) else None)
    said = []
    for key in sorted(found.keys() | expected.keys()):
        series, t = key
        mine, theirs = expected.get(key), found.get(key)
        if mine is None or theirs is None or not _same(mine, theirs):
            said.append(f"{series} at {t:%m-%dT%H:%M:%S}: the judge says {mine}, the product {theirs}")
    return said


def _same(mine: Answer, theirs: Answer) -> bool:
    if mine[1:] != theirs[1:]:
        return False
    if mine[0] is None or theirs[0] is None:
        return mine[0] is theirs[0]
    return math.isclose(mine[0], theirs[0], rel_tol=CLOSE)
