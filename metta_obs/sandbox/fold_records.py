"""The records that a fold works on: shared with snapshots until the first change, then copied.

Here: finding the record that an event speaks of, free to change. Not here: what the event changes (`fold_git`,
`fold_pulls`, `fold_actions`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .events import Event
from .state import PullRequest, Repository, Run


class WrongEvent(ValueError):
    """An event that cannot have happened: it names something that never was."""


def wrong(event: Event, problem: str) -> WrongEvent:
    """The error to raise for `event`."""
    return WrongEvent(f"{type(event).__name__} of {event.repo} at {event.at.isoformat()}: {problem}")


class Records:
    """The repositories by lower-case full name, and which of their records nobody else holds.

    gone_runs: (repository id, run id) of deleted runs, of which later events may still tell.
    """

    def __init__(self, repositories: dict[str, Repository], gone_runs: Iterable[tuple[int, int]] = ()) -> None:
        self.repositories = repositories
        self.gone_runs = set(gone_runs)
        self.fresh: set[object] = set()  # keys of what was made or copied since the last snapshot
        self._names = {former.lower(): key for key, found in repositories.items() for former in found.former_names}
        self._names.update((key, key) for key in repositories)

    def repository(self, event: Event) -> Repository:
        """The repository of the event, by any name that it bears or bore."""
        key = self._names.get(event.repo.lower())
        if key is None:
            raise wrong(event, "there is no such repository")
        if key not in self.fresh:
            self.fresh.add(key)
            found = self.repositories[key]
            self.repositories[key] = replace(
                found,
                pulls=dict(found.pulls),
                commits=dict(found.commits),
                branches=dict(found.branches),
                workflows=dict(found.workflows),
                runs=dict(found.runs),
            )
        return self.repositories[key]

    def register(self, repository: Repository) -> None:
        """Add a repository that nobody else holds, under the name that it bears now."""
        key = repository.full_name.lower()
        self.repositories[key] = repository
        self.fresh.add(key)
        for name in (key, *(former.lower() for former in repository.former_names)):
            self._names[name] = key

    def unregister(self, full_name: str) -> None:
        """Free the key of a repository that is about to bear another name."""
        del self.repositories[full_name.lower()]

    def pull(self, repository: Repository, event: Any) -> PullRequest:
        """The pull request `event.number`."""
        found = repository.pulls.get(event.number)
        if found is None:
            raise wrong(event, f"there is no pull request #{event.number} yet")
        key = (repository.id, "pull", event.number)
        if key not in self.fresh:
            self.fresh.add(key)
            found = repository.pulls[event.number] = replace(
                found,
                labels=list(found.labels),
                commit_shas=list(found.commit_shas),
                timeline=list(found.timeline),
                reviews=dict(found.reviews),
                review_comments=dict(found.review_comments),
                issue_comments=dict(found.issue_comments),
            )
        return found

    def run(self, repository: Repository, event: Any) -> Run | None:
        """The run `event.run_id` and its last attempt; None where the run was deleted."""
        found = repository.runs.get(event.run_id)
        if found is None:
            if (repository.id, event.run_id) in self.gone_runs:
                return None
            raise wrong(event, f"there is no run {event.run_id} yet")
        key = (repository.id, "run", event.run_id)
        if key not in self.fresh:
            self.fresh.add(key)
            last = found.attempts[-1]
            found = repository.runs[event.run_id] = replace(
                found, attempts=[*found.attempts[:-1], replace(last, jobs=list(last.jobs))]
            )
        return found
