"""What was asked of a sandbox server: one entry per request, for tests that count requests and points.

Here: the log. Not here: the counting of quotas, which GitHub itself does (`github_limits`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class LoggedRequest:
    """One request and how it was answered.

    `at` is the world's time; `status` is 0 where the connection was cut before any answer; `bucket` is the quota
    that the request belongs to (`core`, `graphql`, or "" where there is none); `points` is what it cost there;
    `operation` is the name of a GraphQL operation; `fault` the id of the fault that struck.
    """

    at: datetime
    method: str
    path: str
    query: str
    status: int
    bucket: str = ""
    points: int = 0
    operation: str | None = None
    fault: int | None = None

    def as_json(self) -> dict[str, Any]:
        """This entry as plain JSON values."""
        return asdict(self) | {"at": self.at.isoformat()}


class RequestLog:
    """The requests that a server has answered, oldest first. Safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: list[LoggedRequest] = []
        self._lock = threading.Lock()

    def add(self, entry: LoggedRequest) -> None:
        """Append `entry`."""
        with self._lock:
            self._entries.append(entry)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def all(self) -> list[LoggedRequest]:
        """A copy of the entries."""
        with self._lock:
            return list(self._entries)

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self._entries)

    def select(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        bucket: str | None = None,
        operation: str | None = None,
        counted: bool | None = None,
    ) -> list[LoggedRequest]:
        """The entries with this method, a path that contains `path`, this bucket and this operation.

        `counted=True` leaves out what costs no quota (304 answers and /rate_limit), `counted=False` everything else.
        """
        return [
            entry
            for entry in self.all()
            if (method is None or entry.method == method)
            and (path is None or path in entry.path)
            and (bucket is None or entry.bucket == bucket)
            and (operation is None or entry.operation == operation)
            and (counted is None or (entry.points > 0) == counted)
        ]
