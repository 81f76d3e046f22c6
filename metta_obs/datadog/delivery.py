"""Which points Datadog still lacks, and the record of what it took.

Here: choosing live points that are due, sending them, writing `deliveries`. Not here: how a request is made
(`client`), how a point came to be (`metta_obs.metrics`).

A point is due while its instant lies in Datadog's window of an hour and what was last delivered to the same site
and environment differs from it. So a failed run is made up for by the next one, a corrected value is sent again, and
running twice sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from metta_obs.clock import iso
from metta_obs.datadog.client import Datadog, DatadogError
from metta_obs.datadog.series import points_of, refusal
from metta_obs.lake.schemas import TIMESTAMP
from metta_obs.lake.store import Lake, to_frame

WINDOW = timedelta(hours=1)  # older points are dropped by Datadog, and nothing says so
KEY = ["repo", "metric", "as_of"]


@dataclass(frozen=True)
class Delivery:
    """What one delivery did: points sent and accepted, and points that nobody will receive any more.

    `points_too_old` counts live points that left Datadog's window unsent since the last delivery; `detail` says which
    instants those are, "" where there are none.
    """

    sent: int
    points_too_old: int
    detail: str = ""


def undelivered(lake: Lake, repos: Iterable[str], env: str, site: str, now: datetime) -> pd.DataFrame:
    """The rows of `metric_points` that are due: the newest row of each live point with t in (now - 1 h, now].

    Left out: rows without a value or computed from an incomplete fetch (also when an older row had a value), and
    points whose last delivery to (site, env) has the same value. `repos` in any spelling.
    """
    rows = _waiting(lake, repos, env, site, now)
    return rows[(rows.as_of > now - WINDOW) & (rows.as_of <= now)]


def too_old(lake: Lake, repos: Iterable[str], env: str, site: str, now: datetime) -> pd.DataFrame:
    """The rows that became too old unsent: left the window, or were computed outside it, since the last delivery.

    They are named until a delivery to (site, env) succeeds again, then no more.
    """
    rows = _waiting(lake, repos, env, site, now)
    return rows[rows.as_of <= now - WINDOW]


def deliver(lake: Lake, datadog: Datadog, repos: Iterable[str], env: str, now: datetime) -> Delivery:
    """Send what is due and record what was accepted, in one commit; neither request nor commit when nothing is due.

    Raises DatadogError, after recording what was accepted, when a point may not be sent (the others are sent) or when
    Datadog did not take everything; `accepted` has the points that it took.
    """
    waiting = _waiting(lake, repos, env, datadog.site, now)
    late = waiting[waiting.as_of <= now - WINDOW]
    due = waiting[(waiting.as_of > now - WINDOW) & (waiting.as_of <= now)]
    points = dict(zip(points_of(due, env), due["repo"], strict=True))
    refused = {point: reason for point in points if (reason := refusal(point))}
    faults, accepted = list(refused.values()), []
    cause: DatadogError | None = None
    try:
        accepted = datadog.submit([point for point in points if point not in refused])
    except DatadogError as error:
        accepted, cause = error.accepted, error
        faults.append(error.detail)
    lake.append(
        "deliveries",
        [
            {
                "repo": points[point],
                "site": datadog.site,
                "env": env,
                "metric": point.metric,
                "as_of": point.as_of,
                "value": point.value,
                "delivered_at": now,
            }
            for point in accepted
        ],
    )
    detail = _instants(late)
    if faults:
        raise DatadogError(
            "; ".join([*faults, *([detail] if detail else [])]),
            status=cause.status if cause else None,
            transient=cause.transient if cause else False,
            accepted=accepted,
        ) from cause
    return Delivery(len(accepted), len(late), detail)


def _waiting(lake: Lake, repos: Iterable[str], env: str, site: str, now: datetime) -> pd.DataFrame:
    """The newest row of every live point that (site, env) lacks, of those that a delivery may still have to speak of.

    Both tables only grow, so what cannot matter is dropped before it becomes a frame (a year of one repository is
    more than a million rows).
    """
    sent = lake.read_arrow("deliveries")
    sent = sent.filter((pc.field("env") == env) & (pc.field("site") == site))
    last = pc.max(sent["delivered_at"]).as_py()
    concerned = (pc.field("origin") == "live") & pc.field("repo").isin([repo.lower() for repo in repos])
    if last is not None:
        concerned &= (pc.field("as_of") > _stamp(min(last, now) - WINDOW)) | (pc.field("computed_at") > _stamp(last))
    points = lake.read_arrow("metric_points").filter(concerned)
    if len(points):
        sent = sent.filter(pc.field("as_of") >= pc.min(points["as_of"]))
    return _lacking(to_frame(points), to_frame(sent))


def _lacking(points: pd.DataFrame, sent: pd.DataFrame) -> pd.DataFrame:
    """The last row of each point, where it has a value and the last delivery has not the same one."""
    points = points.sort_values("computed_at", kind="stable").drop_duplicates(KEY, keep="last")
    points = points[points.value.notna() & points.complete.fillna(False).astype(bool)]
    sent = sent.sort_values("delivered_at", kind="stable").drop_duplicates(KEY, keep="last")
    both = points.merge(sent[[*KEY, "value"]], on=KEY, how="left", suffixes=("", "_sent"))
    return both[both.value_sent != both.value].drop(columns="value_sent").sort_values(KEY, ignore_index=True)


def _stamp(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, TIMESTAMP)


def _instants(late: pd.DataFrame) -> str:
    if late.empty:
        return ""
    instants = sorted(late.as_of.unique())
    return (
        f"{len(late)} points of {len(instants)} instants ({iso(instants[0])} to {iso(instants[-1])}) were not sent in "
        "time: Datadog takes only the last hour"
    )
