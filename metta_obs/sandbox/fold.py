"""The step of the fold that `world` goes through: from the state and an event to the next state.

Here: applying events in order, and snapshots that never change. Not here: what each kind of event changes (`fold_git`,
`fold_pulls`, `fold_actions`). An event that GitHub would refuse in that state (closing a closed pull request, deleting
what is gone) changes nothing; one that names a repository, pull request, workflow, run or commit that never was raises
WrongEvent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from . import fold_actions, fold_git, fold_pulls
from .events import Event, RepositoryCreated
from .fold_records import Records, WrongEvent, wrong
from .state import Repository

__all__ = ["Fold", "WrongEvent"]

HANDLERS: dict[type[Event], Callable[[Records, Repository, Any], None]] = {
    **fold_git.HANDLERS,
    **fold_pulls.HANDLERS,
    **fold_actions.HANDLERS,
}


class Fold:
    """The state after some events. `apply` goes on from there; `snapshot` and `copy` share what has not changed."""

    def __init__(self, repositories: dict[str, Repository], gone_runs: Iterable[tuple[int, int]] = ()) -> None:
        self._records = Records(repositories, gone_runs)
        self._shared = True

    def snapshot(self) -> dict[str, Repository]:
        """The state by lower-case full name; it will not change any more."""
        self._shared = True
        return self._records.repositories

    def copy(self) -> Fold:
        """Another fold that goes on from the same state."""
        return Fold(self.snapshot(), self._records.gone_runs)

    def apply(self, events: Iterable[Event]) -> None:
        """Fold over `events`, which are in order."""
        if self._shared:
            self._records = Records(dict(self._records.repositories), self._records.gone_runs)
            self._shared = False
        records = self._records
        for event in events:
            handler = HANDLERS.get(type(event))
            if handler is not None:
                handler(records, records.repository(event), event)
            elif isinstance(event, RepositoryCreated):
                _create(records, event)
            else:
                raise wrong(event, "the world knows no such kind of event")


def _create(records: Records, event: RepositoryCreated) -> None:
    if event.repo.lower() in records.repositories:
        raise wrong(event, "it is there already")
    at = event.at
    records.register(Repository(event.id, event.repo, event.default_branch, at, at, at, private=event.private))
