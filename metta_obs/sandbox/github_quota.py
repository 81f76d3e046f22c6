"""GitHub's primary rate limits: a bucket per token and resource that empties with use and is full again each hour.

Here: counting and the headers that tell of it. Not here: secondary limits, which the sandbox only knows as faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
DEFAULT_LIMITS = {"core": 5000, "graphql": 5000, "search": 30}


@dataclass
class Bucket:
    """One token's use of one resource since the hour began."""

    resource: str
    limit: int
    reset: datetime
    used: int = 0

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def headers(self) -> dict[str, str]:
        """The x-ratelimit headers."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(int(self.reset.timestamp())),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Resource": self.resource,
        }

    def as_json(self) -> dict[str, object]:
        """What GET /rate_limit says of it."""
        return {
            "limit": self.limit,
            "used": self.used,
            "remaining": self.remaining,
            "reset": int(self.reset.timestamp()),
            "resource": self.resource,
        }


class Quota:
    """The buckets of every token. Not thread-safe: the server calls it under its own lock."""

    def __init__(self, limits: dict[str, int] | None = None) -> None:
        self.limits = DEFAULT_LIMITS | (limits or {})
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def bucket(self, token: str, resource: str, now: datetime) -> Bucket:
        """The bucket as it stands; a new one when the hour is over."""
        bucket = self._buckets.get((token, resource))
        if bucket is None or now >= bucket.reset:
            bucket = self._buckets[token, resource] = Bucket(resource, self.limits[resource], now + HOUR)
        return bucket
