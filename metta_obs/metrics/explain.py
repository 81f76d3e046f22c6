"""What a doubted number rests on: rows, window, k(t), the pulls and versions behind it, what was stored and sent.

Here: gathering it for one series, repository and instant. Not here: how it is printed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from metta_obs.lake.store import Lake
from metta_obs.metrics.catalogue import Metric, Options, Series
from metta_obs.metrics.compute import World, compute, rows_behind

Record = dict[Any, Any]


@dataclass(frozen=True)
class Explanation:
    """One series at one instant.

    `point`: what it is when computed now (a row of `metric_points`). `tables`: for each table that was read its version
    and the pull whose knowledge counts (null where none does). `stored`: the rows of `metric_points`, oldest first.
    `delivered`: the rows of `deliveries`. `rows`: what was counted or measured; none where nothing could be computed.
    """

    series: Series
    metric: Metric
    point: Record
    tables: list[Record]
    stored: list[Record]
    delivered: list[Record]
    rows: pd.DataFrame

    @property
    def window(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From (included) and to (excluded) where the rows are dated; both t where the metric is a state at t."""
        t = self.point["as_of"]
        return t - self.metric.reach, t


def explain(
    lake: Lake, series: Series, metric: Metric, repo: str, instant: pd.Timestamp, options: Options
) -> Explanation:
    """What the value of `series` at `instant` (UTC) rests on, or why there is none."""
    now = compute(lake, [metric], repo, pd.DatetimeIndex([instant]), options)
    point = now[now["metric"] == series.name].iloc[0].to_dict()
    failed = point["reason"] == "error"  # the point says so; there are no rows of what could not be computed
    stored = lake.points(repo, instant, instant)
    stored = stored[stored["metric"] == series.name].sort_values("computed_at", kind="stable")
    sent = lake.read("deliveries", repo)
    sent = sent[(sent["metric"] == series.name) & (sent["as_of"] == instant)].sort_values("delivered_at")
    return Explanation(
        series,
        metric,
        point,
        _read(lake.read("pulls", repo), metric.tables, point),
        stored.to_dict("records"),
        sent.to_dict("records"),
        pd.DataFrame() if failed else rows_behind(World(lake, repo), metric, instant, options),
    )


def _read(pulls: pd.DataFrame, tables: Sequence[str], point: Record) -> list[Record]:
    """Per table its version and the newest complete pull that k(t) knew: pull_id, started_at, window_start."""
    versions = json.loads(point["table_versions"])
    known = pulls[pulls["complete"].astype(bool) & (pulls["started_at"] <= point["known_at"])]
    known = known.sort_values(["started_at", "pull_id"])
    last = known.drop_duplicates("table", keep="last").set_index("table")[["pull_id", "started_at", "window_start"]]
    found = last.reindex(list(tables))
    found.insert(0, "version", [versions.get(table) for table in tables])
    return [{"table": table, **row} for table, row in zip(tables, found.to_dict("records"), strict=True)]
