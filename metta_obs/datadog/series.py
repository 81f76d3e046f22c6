"""Metric points as Datadog's v2 series, under Datadog's documented rules for names, tags and payload sizes.

Here: arithmetic on points. Not here: sending them (`client`), choosing them (`delivery`).
Rules: https://docs.datadoghq.com/metrics/custom_metrics/, https://docs.datadoghq.com/getting_started/tagging/,
https://docs.datadoghq.com/api/latest/metrics/#submit-metrics.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

GAUGE = 3  # the API's number for the type; a count would be summed over the runs of a rolling window
MAX_COMPRESSED = 512_000  # bytes on the wire
MAX_PLAIN = 5_242_880  # bytes after decompression; the limit itself is already too much
MAX_NAME = MAX_TAG = 200  # characters
TAGS = ("repo", "org", "env")  # the tag keys that every series of ours carries

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]*", re.ASCII)
_NOT_IN_TAGS = re.compile(r"[^\w\-:./]")


@dataclass(frozen=True)
class Point:
    """One value of one series: `metric` with its prefix, `as_of` the instant it speaks of, `tags` as `key:value`."""

    metric: str
    as_of: datetime
    value: float
    tags: tuple[str, ...] = ()


def tag(key: str, value: str) -> str:
    """`key:value` as Datadog stores it: lower case, other characters as `_`, at most 200, no colon at its end."""
    return _NOT_IN_TAGS.sub("_", f"{key}:{value}".lower())[:MAX_TAG].rstrip(":")


def tags_of(repo: str, env: str) -> tuple[str, ...]:
    """The tags of every series about a repository, `owner/name`."""
    return (tag("repo", repo), tag("org", repo.partition("/")[0]), tag("env", env))


def points_of(rows: pd.DataFrame, env: str) -> list[Point]:
    """Rows of `metric_points` that have a value (columns metric, repo, as_of, value) as points, in their order."""
    return [
        Point(row["metric"], row["as_of"].to_pydatetime(), float(row["value"]), tags_of(row["repo"], env))
        for row in rows.to_dict("records")
    ]


def refusal(point: Point) -> str | None:
    """Why Datadog must not be sent this point, naming the metric; None if it may."""
    if not math.isfinite(point.value):
        # The client would send a bare NaN, which is no JSON, and lose the whole batch.
        return f"{point.metric} ({', '.join(point.tags)}) is {point.value}, which is not a number that can be sent"
    if not _NAME.fullmatch(point.metric) or len(point.metric) > MAX_NAME:
        return (
            f"{point.metric!r} is not a metric name: it must start with a letter, hold only ASCII letters, digits, "
            f"'_' and '.', and have at most {MAX_NAME} characters"
        )
    return None


def payload(points: Sequence[Point]) -> dict[str, Any]:
    """The body of POST /api/v2/series: one gauge per metric and tags, each with all of its points."""
    series: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = {}
    for point in points:
        values = series.setdefault((point.metric, point.tags), [])
        values.append({"timestamp": int(point.as_of.timestamp()), "value": point.value})
    return {
        "series": [
            {"metric": metric, "type": GAUGE, "points": values, "tags": list(tags)}
            for (metric, tags), values in series.items()
        ]
    }


def sizes(body: dict[str, Any]) -> tuple[int, int]:
    """Bytes of a payload on the wire and decompressed, encoded exactly as the client encodes it with GZIP."""
    plain = json.dumps(body, allow_nan=False).encode()
    gzip = zlib.compressobj(wbits=zlib.MAX_WBITS + 16)
    return len(gzip.compress(plain)) + len(gzip.flush()), len(plain)


def batches(
    points: Sequence[Point], max_compressed: int = MAX_COMPRESSED, max_plain: int = MAX_PLAIN
) -> Iterator[list[Point]]:
    """Cut points into payloads that stay under both limits; every point comes once, in order.

    A single point that is too large for the limits comes alone: Datadog then says what it thinks of it.
    """
    if not points:
        return
    compressed, plain = sizes(payload(points))
    if len(points) == 1 or (compressed <= max_compressed and plain < max_plain):
        yield list(points)
        return
    middle = len(points) // 2
    for half in (points[:middle], points[middle:]):
        yield from batches(half, max_compressed, max_plain)
