"""The simulated world: a log of events, and what GitHub holds at an instant as the fold over it.

Here: the log, its lazy growth and the snapshots. Not here: what an event changes (`fold`), who makes events up
(`generator`), rows given instead of events (`dataset`).
"""

from __future__ import annotations

import gc
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from .clock import WorldClock
from .events import Event
from .fold import Fold, WrongEvent
from .state import Repository

CHECKPOINT = 5_000  # events between kept snapshots, so that going back in time folds at most this many again


class Source(Protocol):
    """What makes events up as time passes: the same ones however far each call goes."""

    def until(self, end: datetime) -> Sequence[Event]:
        """All further events dated before `end`, a midnight in UTC later than in the call before, in order."""


@contextmanager
def _without_collection() -> Iterator[None]:
    """No garbage collection meanwhile: a log and its records are hundreds of thousands of objects, none of them
    garbage, and looking through them again and again took a third of the time that it takes to make them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass
class _Cursor:
    """A place in the log and the fold over everything before it."""

    index: int
    fold: Fold


class World:
    """Repositories over time; safe to use from several threads.

    It starts from given `repositories` (a dataset) or from nothing, and folds over `events` and those of `sources`.
    """

    def __init__(
        self,
        clock: WorldClock,
        sources: Sequence[Source] = (),
        events: Iterable[Event] = (),
        repositories: Mapping[str, Repository] | None = None,
    ) -> None:
        self.clock = clock
        self._sources = tuple(sources)
        self._lock = threading.RLock()
        self._log: list[Event] = []
        self._keys: list[tuple[datetime, int]] = []  # (at, 0 generated or 1 added), parallel to the log and sorted
        self._horizon: datetime | None = None  # the sources' events before it are in the log
        start = Fold({name.lower(): repository for name, repository in (repositories or {}).items()})
        self._checkpoints = [_Cursor(0, start)]
        self._present = _Cursor(0, start.copy())
        self._asked = _Cursor(0, start.copy())  # for explicit instants, so that they do not disturb the present
        self._version = 0
        self.add(*events)

    def add(self, *events: Event) -> None:
        """Put further events into the log, in the past or the future; their times are cut to whole seconds.

        Of one second's events the generated ones come first, then added ones in the order of adding.
        """
        with self._lock:
            for event in events:
                if event.at.tzinfo is None:
                    raise ValueError(f"an event needs a time with a zone, not {event.at.isoformat()}")
                if event.at.microsecond or event.at.tzinfo is not UTC:
                    event = replace(event, at=event.at.astimezone(UTC).replace(microsecond=0))
                key = (event.at, 1)
                position = bisect_right(self._keys, key)
                self._keys.insert(position, key)
                self._log.insert(position, event)
                self._forget(position)

    def state(self, at: datetime | None = None) -> dict[str, Repository]:
        """What GitHub holds at `at` (default: the clock's now), events at that very instant included.

        The key is the lower-case full name. The answer is a snapshot: it never changes, share it and do not write to
        it. The same objects come back for as long as nothing happens.
        """
        with self._lock:
            moment = self.clock.now() if at is None else at
            cursor = self._present if at is None else self._asked
            with _without_collection():
                self._grow(moment)
                self._go_to(cursor, bisect_right(self._keys, (moment, 2)))
            return cursor.fold.snapshot()

    @property
    def version(self) -> int:
        """Another number whenever the state at the clock's now is another one."""
        with self._lock:
            self.state()
            return self._version

    @property
    def events(self) -> tuple[Event, ...]:
        """The log up to the clock's now, in the order in which it is folded."""
        return self.events_until(self.clock.now())

    def events_until(self, at: datetime) -> tuple[Event, ...]:
        """The log up to `at`, that instant included."""
        with self._lock:
            with _without_collection():
                self._grow(at)
            return tuple(self._log[: bisect_right(self._keys, (at, 2))])

    def _grow(self, to: datetime) -> None:
        """Ask the sources for everything up to the midnight after `to`."""
        if not self._sources or (self._horizon is not None and to < self._horizon):
            return
        end = to.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        new = [((event.at, 0), event) for source in self._sources for event in source.until(end)]
        start = 0 if self._horizon is None else bisect_left(self._keys, (self._horizon, 0))
        new += zip(self._keys[start:], self._log[start:], strict=True)
        new.sort(key=lambda pair: pair[0])
        self._keys[start:] = [key for key, _ in new]
        self._log[start:] = [event for _, event in new]
        self._horizon = end
        self._forget(start)

    def _forget(self, position: int) -> None:
        """The log changed from `position` on: drop what was folded beyond it."""
        while self._checkpoints[-1].index > position:
            self._checkpoints.pop()
        for cursor in (self._present, self._asked):
            if cursor.index > position:
                self._restart(cursor, position)

    def _restart(self, cursor: _Cursor, position: int) -> None:
        """Go back to the last checkpoint at or before `position`."""
        last = bisect_right(self._checkpoints, position, key=lambda checkpoint: checkpoint.index) - 1
        cursor.index, cursor.fold = self._checkpoints[last].index, self._checkpoints[last].fold.copy()
        self._version += 1

    def _go_to(self, cursor: _Cursor, position: int) -> None:
        """Fold until the first `position` events are in."""
        if position < cursor.index:
            self._restart(cursor, position)
        while cursor.index < position:
            stop = min(position, cursor.index - cursor.index % CHECKPOINT + CHECKPOINT)
            try:
                cursor.fold.apply(self._log[cursor.index : stop])
            except WrongEvent:
                self._restart(cursor, cursor.index)  # it is half way: the next call meets the same event again
                raise
            cursor.index = stop
            if stop % CHECKPOINT == 0 and self._checkpoints[-1].index < stop:
                self._checkpoints.append(_Cursor(stop, cursor.fold.copy()))
            if cursor is self._present:
                self._version += 1
