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
from metta_obs_tests.brute_force_basics import Answer, Completions

Expected = Mapping[tuple[str, datetime], Answer]
DAY = timedelta(days=1)
CLOSE = 1e-9  # relative: means and percentiles may be summed in another order
# How far before t the rows lie that a series needs; without them there is no point. Branches have no date.
REACH = {"ci.tests_passing_on_main": 30 * DAY, "prs.open": 0 * DAY, "prs.stale_count_14d": 0 * DAY}
UNDATED = ("branches.active", "branches.total")


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


def judged(
    instants: Iterable[datetime],
    pulls: Mapping[datetime, Any],
    window_start: datetime,
    completions: Completions,
    bots: Iterable[str] = (),
    required: Iterable[str] = (),
) -> dict[tuple[str, datetime], Answer]:
    """The judge's answers. `pulls`: k -> the repository as that complete pull saw it.

    "Let k(t) be the first complete pull that started at or after t"; "a count is 0 only when every table that it reads
    was completely fetched for its window at k(t)".
    """
    answers: dict[tuple[str, datetime], Answer] = {}
    bots, required = tuple(bots), tuple(required)
    for t in instants:
        later = [k for k in pulls if k >= t]
        k = min(later, default=max(pulls))
        for series, answer in brute_force.compute(pulls[k], t, k, bots, required, completions).items():
            plain = series.removeprefix("github.")
            covered = plain in UNDATED or window_start <= t - REACH.get(plain, 7 * DAY)
            answers[series, t] = answer if later and covered else (None, 0, "incomplete_fetch")
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
