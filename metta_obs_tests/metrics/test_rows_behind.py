"""The rows that are shown for a number give that number, by the arithmetic of a person with a pencil."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metta_obs.metrics.catalogue import Metric, Options
from metta_obs.metrics.compute import World, compute, rows_behind
from metta_obs.metrics.registry import CATALOGUE
from metta_obs.metrics.spans import times
from metta_obs_tests.metrics import worlds
from metta_obs_tests.metrics.rows import MemoryLake
from metta_obs_tests.metrics.worlds import BOTS, REPO

Rows = list[dict[str, Any]]
OPTIONS = Options(frozenset(BOTS))


def of(column: str) -> Callable[[Rows], list[float]]:
    """The values of a column."""
    return lambda rows: [row[column] for row in rows]


MEASURED = {
    "prs.avg_time_to_merge_hours": of("hours"),
    "prs.cycle_time_hours": of("hours"),
    "prs.time_to_first_review_hours": of("hours"),
    "prs.avg_comments_per_pr": of("comments"),
    "prs.with_review_comments_pct": lambda rows: [
        100 * (row["first_responder"] == row["first_responder"]) for row in rows
    ],
    "ci.success_rate_pct": lambda rows: [100 * (row["conclusion"] == "success") for row in rows],
    "ci.tests_passing_on_main": lambda rows: [min(row["conclusion"] == "success" for row in rows)] if rows else [],
    "commits.per_developer_7d": of("commits"),
} | {key: of("minutes") for key in CATALOGUE if "duration" in key}
SUMMED = {"code.lines_added_7d": of("additions"), "code.lines_deleted_7d": of("deletions")}


def by_hand(key: str, rows: Rows) -> float | None:
    """The value under a metric's own key, from its rows; None where there is nothing to average."""
    if key in SUMMED:
        return sum(SUMMED[key](rows))
    if key not in MEASURED:
        return len(rows)
    values = sorted(MEASURED[key](rows))
    if not values:
        return None
    for percent in (50, 90, 99):
        if f"p{percent}" in key:
            if len(values) < {50: 1, 90: 10, 99: 100}[percent]:
                return None
            return (
                values[0] if len(values) == 1 else statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
            )
    return statistics.fmean(values)


@cache
def pulled(name: str) -> tuple[World, list[pd.Timestamp], pd.DataFrame]:
    """The tables of one of the worlds, pulled twice; instants to explain; and every series at each of them."""
    now = worlds.BUSY if name == "busy" else worlds.NOW
    world = worlds.busy(5) if name == "busy" else worlds.lively(5) if name == "lively" else worlds.on_a_grid(5)
    lake, rng = MemoryLake(), Random(name)
    for k in (now - 2 * worlds.DAY, now):
        lake.pull(next(iter(world.state(k).values())), REPO, k, now - 60 * worlds.DAY)
    instants = [pd.Timestamp(now - rng.randint(0, 14 * 96) * 15 * worlds.MINUTE) for _ in range(4)]
    instants = sorted([*instants, pd.Timestamp(now)])
    return (
        World(lake, REPO),
        instants,
        compute(lake, list(CATALOGUE.values()), REPO, pd.DatetimeIndex(instants), OPTIONS),
    )


@pytest.mark.parametrize("name", ["busy", "lively", "grid"])
@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE)
def test_who_doubts_a_number_finds_it_in_its_rows(metric: Metric, name: str) -> None:
    world, instants, points = pulled(name)
    for t in instants:
        point = points[(points["metric"] == metric.name) & (points["as_of"] == t)].iloc[0]
        rows = rows_behind(world, metric, t, OPTIONS)
        if point["reason"] in ("not_observed", "not_listed"):
            assert rows.empty == (point["reason"] == "not_observed")
            continue
        expected = by_hand(metric.key, rows.to_dict("records"))
        assert (None if pd.isna(point["value"]) else point["value"]) == (
            None if expected is None else pytest.approx(expected, rel=1e-9)
        ), t
        if metric.key != "code.files_changed_7d":
            assert len(rows) == point["n"], t


@pytest.mark.parametrize(
    ("metric", "table"),
    [(metric, table) for metric in CATALOGUE.values() for table in metric.tables],
    ids=[f"{key} without {table}" for key, metric in CATALOGUE.items() for table in metric.tables],
)
def test_a_metric_that_is_not_given_a_table_it_needs_says_so_and_gives_no_number(metric: Metric, table: str) -> None:
    world, instants, _ = pulled("lively")
    t = times(pd.Series(pd.DatetimeIndex(instants[-1:])))
    (stretch,) = world.stretches(t, t, np.array([True]))
    others = {name: world.known(name, stretch) for name in metric.tables if name != table}
    with pytest.raises(KeyError, match=table):
        metric.function(others, t, OPTIONS)
