"""What the simulated Datadog takes in: series, metric metadata, events and check runs, under the documented limits.

Here: decoding a payload, the rules for names, tags, sizes and timestamps, what arrived. Not here: keys, faults and
addresses (`datadog`). Rules: https://docs.datadoghq.com/api/latest/metrics/#submit-metrics,
https://docs.datadoghq.com/metrics/custom_metrics/, https://docs.datadoghq.com/getting_started/tagging/.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import zstandard

MOST_ON_THE_WIRE = 512_000
MOST_DECOMPRESSED = 5_242_880
OLDEST, NEWEST = timedelta(hours=1), timedelta(minutes=10)  # a point may be this much before and after now
METADATA = ("type", "description", "short_name", "unit", "per_unit", "statsd_interval")
TYPES = {0: "gauge", 1: "count", 2: "rate", 3: "gauge"}

SeriesKey = tuple[str, tuple[str, ...], int]


class Refused(Exception):
    """A request that Datadog answers with `status` and these `errors`."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(status, *errors)
        self.status = status
        self.errors = list(errors)


@dataclass(frozen=True)
class Submission:
    """One accepted request to the series intake: when (world's time), its encoding, sizes in bytes and its body."""

    at: datetime
    encoding: str
    wire_bytes: int
    plain_bytes: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Dropped:
    """A point that was answered with 202 and yet not stored, and why."""

    metric: str
    tags: tuple[str, ...]
    timestamp: int
    value: float
    reason: str


class Intake:
    """Everything that was sent; safe to use from several threads.

    `series`: (metric, sorted tags, timestamp) to value, the last write wins. `submissions`: the raw requests.
    `dropped`: points that Datadog would have dropped without a word. `metadata`, `events`, `checks`: as sent.
    """

    def __init__(self) -> None:
        self.series: dict[SeriesKey, float] = {}
        self.submissions: list[Submission] = []
        self.dropped: list[Dropped] = []
        self.metadata: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []
        self._lock = threading.RLock()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for store in (self.series, self.submissions, self.dropped, self.metadata, self.events, self.checks):
                store.clear()

    def submit(self, body: bytes, encoding: str, now: datetime) -> None:
        """Take a v2 series payload. Raises Refused: 413 too large, 400 not decodable or not of the documented form."""
        plain = decode(body, encoding)
        payload = read_json(plain)
        points = [point for series in _series_of(payload) for point in series]
        with self._lock:
            self.submissions.append(Submission(now, encoding or "identity", len(body), len(plain), payload))
            for metric, tags, timestamp, value, kind in points:
                name, reason = _name(metric)
                at = datetime.fromtimestamp(timestamp, now.tzinfo)
                if at < now - OLDEST:
                    reason = "timestamp more than an hour in the past"
                elif at > now + NEWEST:
                    reason = "timestamp more than 10 minutes in the future"
                if reason:
                    self.dropped.append(Dropped(metric, tags, timestamp, value, reason))
                    continue
                self.series[name, tags, timestamp] = value
                self.metadata.setdefault(name, {"type": TYPES[kind]})

    def metrics(self, *, since: datetime | None = None, tags: tuple[str, ...] = ()) -> list[str]:
        """Names of the metrics that have a point at or after `since` in a series with all of `tags`, sorted."""
        with self._lock:
            return sorted(
                {
                    metric
                    for metric, has, timestamp in self.series
                    if set(tags) <= set(has) and (since is None or timestamp >= since.timestamp())
                }
            )

    def metadata_of(self, metric: str) -> dict[str, Any]:
        """Metadata of a metric; Refused (404) for one that never had a point."""
        with self._lock:
            if metric not in self.metadata:
                raise Refused(404, f"metric_name: {metric} not found")
            return dict(self.metadata[metric])

    def set_metadata(self, metric: str, value: Any) -> dict[str, Any]:
        """Change the given fields of a metric's metadata. Raises Refused: 404 unknown metric, 400 malformed."""
        if not isinstance(value, dict) or value.get("type", "gauge") not in ("gauge", "count", "rate"):
            raise Refused(400, "Invalid metadata")
        with self._lock:
            self.metadata_of(metric)
            self.metadata[metric] |= {key: value[key] for key in METADATA if key in value}
            return dict(self.metadata[metric])

    def as_json(self) -> dict[str, Any]:
        """What arrived, as plain values."""
        with self._lock:
            return {
                "series": [
                    {"metric": metric, "tags": list(tags), "timestamp": timestamp, "value": value}
                    for (metric, tags, timestamp), value in sorted(self.series.items())
                ],
                "dropped": [asdict(dropped) for dropped in self.dropped],
                "submissions": len(self.submissions),
                "metadata": self.metadata,
                "events": self.events,
                "checks": self.checks,
            }


def decode(body: bytes, encoding: str) -> bytes:
    """A request's body, decompressed. Raises Refused: 413 over a limit, 400 where it is not what it says."""
    if len(body) > MOST_ON_THE_WIRE:
        raise Refused(413, "Payload too large")
    try:
        match encoding.lower():
            case "" | "identity":
                plain = body
            case "gzip":
                plain = gzip.decompress(body)
            case "deflate":
                plain = zlib.decompress(body)
            case "zstd" | "zstd1":
                plain = zstandard.ZstdDecompressor().decompressobj().decompress(body)
            case _:
                raise Refused(400, f"Unsupported content encoding {encoding}")
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise Refused(400, f"Invalid {encoding} payload") from error
    if len(plain) >= MOST_DECOMPRESSED:
        raise Refused(413, "Payload too large")
    return plain


def read_json(plain: bytes) -> dict[str, Any]:
    """A JSON object by the letter of the standard: no NaN, no Infinity. Raises Refused (400)."""

    def no_number(token: str) -> float:
        raise ValueError(f"{token} is not JSON")

    try:
        value = json.loads(plain, parse_constant=no_number)
    except ValueError as error:
        raise Refused(400, f"Payload is not in the expected format: {error}") from error
    if not isinstance(value, dict):
        raise Refused(400, "Payload is not in the expected format: not an object")
    return value


def tag(text: str) -> str:
    """A tag as Datadog stores it: lower case, other characters as underscores, 200 at most, no colon at its end."""
    return re.sub(r"[^\w\-:./]", "_", text.lower())[:200].rstrip(":")


def _name(metric: str) -> tuple[str, str]:
    """A metric's name as Datadog stores it, and why it is not stored ("" if it is)."""
    if not re.match(r"[A-Za-z]", metric):
        return metric, "metric name does not start with a letter"
    if len(metric) > 200:
        return metric, "metric name longer than 200 characters"
    return re.sub(r"[^A-Za-z0-9_.]", "_", metric), ""


def _series_of(payload: dict[str, Any]) -> list[list[tuple[str, tuple[str, ...], int, float, int]]]:
    series = payload.get("series")
    if not isinstance(series, list):
        raise Refused(400, "Payload is not in the expected format: series is missing")
    return [_points_of(one) for one in series]


def _points_of(series: Any) -> list[tuple[str, tuple[str, ...], int, float, int]]:
    try:
        metric, kind, points = series["metric"], series.get("type", 0), series["points"]
        tags = tuple(sorted({tag(text) for text in series.get("tags") or [] if text[:1].isalpha()}))
        values = [(point["timestamp"], point["value"]) for point in points]
    except (KeyError, TypeError, AttributeError) as error:
        raise Refused(400, f"Payload is not in the expected format: {error!r}") from error
    well_formed = all(
        isinstance(timestamp, int) and isinstance(value, int | float) and not isinstance(value, bool)
        for timestamp, value in values
    )
    if not isinstance(metric, str) or kind not in TYPES or not well_formed:
        raise Refused(400, "Payload is not in the expected format: wrong type of a field")
    return [(metric, tags, timestamp, float(value), kind) for timestamp, value in values]
