"""What a pull works with: the client, the lake, the window that it must cover, and what became of each table.

Not here: the pulls themselves, and the rows of the table `pulls` (`collector`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from metta_obs.github.api import GitHub
from metta_obs.github.coverage import Covered, together
from metta_obs.github.errors import GitHubError
from metta_obs.github.probe import Probe, probe
from metta_obs.lake.store import Change, Lake, Row

Progress = Callable[[str, int, int | None], None]
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # window of a table that is known as a whole


@dataclass
class Outcome:
    """What became of one table: covered from `window_start` on, or not, and why."""

    window_start: datetime | None = None
    state: dict[str, Any] = field(default_factory=dict)
    error: GitHubError | None = None
    change: Change = field(default_factory=Change)


@dataclass
class Pull:
    """One pull of one repository. `repo` as configured, `key` its lower case, `started_at` by GitHub's clock.

    `window_start` is the beginning of what a first pull must know; what earlier pulls covered may begin before it.
    """

    github: GitHub
    lake: Lake
    repo: str
    as_of: datetime
    lookback: timedelta
    pull_id: str
    probe: Probe
    covered: dict[str, Covered | None]
    outcomes: dict[str, Outcome]
    progress: Progress | None = None

    @property
    def key(self) -> str:
        return self.repo.lower()

    @property
    def name(self) -> str:
        """`owner/name` as GitHub spells it now: requests for a former name would be redirected."""
        return self.probe.full_name

    @property
    def started_at(self) -> datetime:
        return self._started_at

    def __post_init__(self) -> None:
        self._started_at = self.probe.at

    @property
    def window_start(self) -> datetime:
        return self.as_of - self.lookback

    def base(self, *tables: str) -> Covered | None:
        """What earlier pulls covered of all these tables, if it reaches back to `window_start`; else None."""
        base = together(self.covered[table] for table in tables)
        return base if base and base.window_start <= self.window_start else None

    def probe_again(self) -> Probe:
        """Ask the probe anew: where counts do not fit, something may have changed since."""
        self.probe = probe(self.github, self.repo, self.pull_id, self.as_of, again=True)
        return self.probe

    def store(self, table: str, rows: Sequence[Row], gone: pd.DataFrame | None = None) -> None:
        """Append those rows that are news; `gone` are current ones that GitHub no longer shows."""
        if rows or (gone is not None and len(gone)):
            change = self.lake.append_versions(table, self.key, rows, self.started_at, gone=gone)
            self.outcomes[table].change += change

    def cover(self, table: str, window_start: datetime, state: dict[str, Any] | None = None) -> None:
        """The table is completely known from `window_start` to the start of the pull, unless it failed before."""
        if self.outcomes[table].error is None:
            self.outcomes[table].window_start = window_start
            self.outcomes[table].state = state or {}

    def fail(self, error: GitHubError, *tables: str) -> None:
        """These tables are not completely known now; the first reason stays."""
        for table in tables:
            self.outcomes[table].error = self.outcomes[table].error or error
            self.outcomes[table].window_start = None

    def failed(self, *tables: str) -> bool:
        """Whether one of the tables has failed."""
        return any(self.outcomes[table].error for table in tables)

    @contextmanager
    def needed_by(self, *tables: str) -> Iterator[None]:
        """What GitHub does not give inside makes these tables incomplete, and only these."""
        try:
            yield
        except GitHubError as error:
            self.fail(error, *tables)

    def report(self, what: str, done: int, total: int | None) -> None:
        """Tell the progress, if someone wants to know."""
        if self.progress:
            self.progress(what, done, total)
