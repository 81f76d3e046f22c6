"""Lists of workflow runs by the time of their creation, complete in spite of GitHub's limit of 1,000 per list.

Here: the lists, and from when on the next tick lists. Not here: the rows (`workflow_runs`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from metta_obs.clock import iso
from metta_obs.github.answers import Answer
from metta_obs.github.api import GitHub
from metta_obs.github.conditional import read_list
from metta_obs.github.errors import GitHubError, truncated

Run = dict[str, Any]
CAP = 1_000  # GitHub shows no more runs of a filtered list
AIM = 700  # runs per window: below the cap also where they are unevenly spread
SECOND = timedelta(seconds=1)
LONG = 60  # runs in the list of every tick; from then on the next one begins later
KEPT = 30  # … with so many runs in it
OVERLAP = timedelta(minutes=10)  # runs may appear late
GOING_ON = timedelta(hours=3)  # younger unfinished runs stay in the list, older ones are followed one by one


@dataclass(frozen=True)
class Window:
    """The runs created from `start` to `end` (None: to the present); `error` says why they are not all."""

    start: datetime
    end: datetime | None
    runs: list[Run]
    error: GitHubError | None = None


def between(github: GitHub, repository: str, start: datetime, end: datetime) -> Iterator[Window]:
    """The runs created from `start` to `end`, both included, in windows small enough to be listed, the newest first."""
    start, end = start.replace(microsecond=0), end.replace(microsecond=0)
    first = github.get(_path(repository), _params(f"{iso(start)}..{iso(end)}"), holds="workflow_runs")
    total = first.body["total_count"]
    if total >= CAP and end > start:
        for low, high in reversed(split(start, end, ceil(total / AIM))):
            yield from between(github, repository, low, high)
        return
    runs, error = _checked(list(github.pages("", first=first, holds="workflow_runs")))
    if total >= CAP:
        error = GitHubError("truncated", f"{first.request}: {total} runs in one second, GitHub lists {CAP}")
    yield Window(start, end, runs, error)


def split(start: datetime, end: datetime, parts: int) -> list[tuple[datetime, datetime]]:
    """The seconds from `start` to `end`, both included, in at least two windows of whole seconds."""
    seconds = int((end - start).total_seconds()) + 1
    parts = min(max(2, parts), seconds)
    edges = [start + SECOND * (seconds * index // parts) for index in range(parts + 1)]
    return [(low, high - SECOND) for low, high in itertools.pairwise(edges)]


def since(
    github: GitHub, repository: str, mark: datetime, now: datetime, memory: dict[str, Any] | None
) -> tuple[list[Window] | None, dict[str, Any]]:
    """The runs created at or after `mark`, or None where nothing changed; and what to remember for the next time."""
    found = read_list(
        github,
        _path(repository),
        _params(f">={iso(mark)}"),
        memory,
        holds="workflow_runs",
        too_long=lambda page: bool(page.body["total_count"] >= CAP),
    )
    if found.pages is None:
        return None, found.memory
    if found.pages[0].body["total_count"] >= CAP:
        return list(between(github, repository, mark, now)), {}
    runs, error = _checked(found.pages)
    return [Window(mark, None, runs, error)], found.memory


def next_mark(mark: datetime, runs: Sequence[tuple[datetime, bool]], now: datetime) -> datetime:
    """From when on to list the next time; `runs`: (created, whether it has ended) of all those created since `mark`.

    It is later than `mark` only where the runs are many.
    The address of the list stays the same as long as that serves, since an unchanged list costs nothing.
    """
    created = sorted((at for at, _ in runs), reverse=True)
    if len(created) <= LONG:
        return mark
    later = min(created[KEPT - 1], created[0] - OVERLAP)
    oldest = min((at for at, ended in runs if not ended and at >= now - GOING_ON), default=later)
    if oldest < later and sum(at >= oldest for at in created) <= LONG:
        later = oldest
    return max(mark, later)


def _path(repository: str) -> str:
    return f"/repos/{repository}/actions/runs"


def _params(created: str) -> dict[str, Any]:
    return {"created": created, "per_page": 100, "exclude_pull_requests": "true"}


def _checked(pages: list[Answer]) -> tuple[list[Run], GitHubError | None]:
    """The runs of all pages, each once, and an error where there are fewer than the first page states."""
    runs = {run["id"]: run for page in pages for run in page.body["workflow_runs"]}
    total = pages[0].body["total_count"]
    short = len(runs) < min(total, CAP)
    return list(runs.values()), truncated(pages[0].request, len(runs), total) if short else None
