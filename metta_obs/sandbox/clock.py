"""The simulated world's own time: this machine's clock, or one that a test starts, freezes, sets and advances."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class WorldClock:
    """The present of the simulated world, in UTC; safe to use from several threads.

    Without `now` it is this machine's clock. With `now` (aware) it starts there and goes on as real time passes, or
    stands still where `running` is false.
    """

    def __init__(self, now: datetime | None = None, running: bool = True) -> None:
        self._lock = threading.Lock()
        self._running = running
        self._offset = timedelta(0)  # world time less machine time, while running
        self._frozen = self._machine()  # world time, while not running
        if now is not None:
            self.set(now)

    @staticmethod
    def _machine() -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def now(self) -> datetime:
        """The world's present, in UTC."""
        with self._lock:
            return self._machine() + self._offset if self._running else self._frozen

    def set(self, moment: datetime) -> None:
        """Make `moment` (aware) the present, later or earlier."""
        if moment.tzinfo is None:
            raise ValueError(f"the world's clock needs a time with a zone, not {moment.isoformat()}")
        with self._lock:
            self._frozen = moment.astimezone(UTC)
            self._offset = self._frozen - self._machine()

    def advance(self, by: timedelta) -> None:
        """Move the present on by `by`."""
        with self._lock:
            self._frozen += by
            self._offset += by
