"""A sandbox GitHub and an empty lake for the collector's tests: pulls over a real socket, a clock that never waits.

Here: the bench and the worlds that the tests use. Not here: what the tables must hold (`truth`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from metta_obs.clock import Clock, floor_quarter_hour
from metta_obs.github.api import GitHub
from metta_obs.github.collector import PULLS, run_pull
from metta_obs.lake.store import Lake
from metta_obs.sandbox.generator_spec import WorldSpec, tiny
from metta_obs.sandbox.sandbox import Sandbox

NOW = datetime(2025, 11, 20, 15, 0, 1, tzinfo=UTC)
REPO = "acme/capsule"
TABLES = tuple(table for tables in PULLS.values() for table in tables)
# What GitHub itself does not date (an edited or deleted comment leaves the pull request's updated_at alone) waits for
# the nightly sweep; so does a re-run of what succeeded.
POLLABLE = tiny(comments_edited=0.0, comments_deleted=0.0, reviews_dismissed=0.0)
SMALL = WorldSpec((POLLABLE,), history_days=45)


class NoWait(Clock):
    """The sandbox's time; a pause is over at once and remembered in `slept`."""

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.sandbox.clock.now() + timedelta(seconds=sum(self.slept))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Bench:
    """Pulls of one repository of `sandbox` into a lake under `folder`."""

    def __init__(self, sandbox: Sandbox, folder: Path, repo: str = REPO):
        self.sandbox = sandbox
        self.folder = folder
        self.repo = repo
        self.lake = Lake(str(folder / "lake"))
        self.clock = NoWait(sandbox)
        self.pulls = 0

    def client(self) -> GitHub:
        """A client of its own, as each run has one."""
        return GitHub(self.sandbox.github_url, "a token", self.clock)

    def tick(
        self,
        *,
        as_of: datetime | None = None,
        lookback_days: int = 30,
        names: Iterable[str] = tuple(PULLS),
        lake: Lake | None = None,
    ) -> dict[str, dict[str, Any]]:
        """One run: the pulls `names`, one after the other with one client; the rows of `pulls` by table."""
        self.pulls += 1
        self.sandbox.requests.clear()
        github = self.client()
        rows: dict[str, dict[str, Any]] = {}
        for name in names:
            done = run_pull(
                name,
                github=github,
                lake=lake or self.lake,
                repo=self.repo,
                as_of=as_of or floor_quarter_hour(self.sandbox.clock.now()),
                lookback_days=lookback_days,
                pull_id=f"pull-{self.pulls}",
            )
            rows |= {row["table"]: row for row in done}
        github.close()
        self.usage = github.usage
        return rows

    def advance(self, **duration: float) -> None:
        """Let the world go on."""
        self.sandbox.clock.advance(timedelta(**duration))

    def fresh(self, **settings: Any) -> Lake:
        """A second lake, filled by one first pull now."""
        lake = Lake(str(self.folder / f"fresh-{self.pulls}"))
        self.tick(lake=lake, **settings)
        return lake

    def asked(self) -> dict[str, int]:
        """How often each route or GraphQL operation was asked since the last tick began; ids are `*`."""
        counts: dict[str, int] = {}
        for entry in self.sandbox.requests:
            name = entry.operation or "/".join(
                "*" if part.isdigit() or len(part) == 40 else part for part in entry.path.split("/")
            )
            counts[f"{name} {entry.status}"] = counts.get(f"{name} {entry.status}", 0) + 1
        return counts


def incomplete(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Table -> reason of those that are not complete."""
    return {table: row["reason"] for table, row in rows.items() if not row["complete"]}


def content(lake: Lake, table: str, repo: str = REPO, *, without: Iterable[str] = ()) -> pd.DataFrame:
    """The rows that are current, without when they were seen, in an order of their own."""
    rows = lake.current(table, repo).drop(columns=["repo", "seen_at", "deleted", *without])
    keys = [column for column in rows.columns if column not in ("labels", "events", "commits", "parents")]
    rows = rows.sort_values(keys[:3], ignore_index=True)
    for column in ("labels", "events", "commits", "parents"):
        if column in rows:
            rows[column] = [repr(list(value)) for value in rows[column]]
    return rows
