"""One pull of one repository: ask, store what arrived, write down what is covered now.

Here: the frame around every pull. Not here: what a pull asks (`pull_requests`, `commits`, `branches`, `workflow_runs`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from metta_obs.github import branches, commits, pull_requests, workflow_runs
from metta_obs.github.answers import Usage
from metta_obs.github.api import GitHub
from metta_obs.github.context import Outcome, Progress, Pull
from metta_obs.github.coverage import covered
from metta_obs.github.errors import GitHubError
from metta_obs.github.probe import probe
from metta_obs.lake.store import Lake, Row

PULLS: dict[str, tuple[str, ...]] = {
    "pull_requests": pull_requests.TABLES,
    "commits": commits.TABLES,
    "branches": branches.TABLES,
    "workflow_runs": workflow_runs.TABLES,
}
_PULL: dict[str, Callable[[Pull], None]] = {
    "pull_requests": pull_requests.pull,
    "commits": commits.pull,
    "branches": branches.pull,
    "workflow_runs": workflow_runs.pull,
}


def run_pull(
    name: str,
    *,
    github: GitHub,
    lake: Lake,
    repo: str,
    as_of: datetime,
    lookback_days: int,
    pull_id: str,
    progress: Progress | None = None,
) -> list[Row]:
    """Do the pull `name` of `repo` (`owner/name`) and return its rows of `pulls`, one per table, as appended.

    The window reaches from `as_of` less the look-back (or from where earlier pulls began) to GitHub's present. Trouble
    with GitHub is never raised: it makes the tables that it touches incomplete, with reason and detail.
    """
    tables = PULLS[name]
    before = github.usage.copy()
    outcomes = {table: Outcome() for table in tables}
    started_at: datetime | None = None
    try:
        first = probe(github, repo, pull_id, as_of)
        started_at = first.at
        known = covered(lake, repo.lower(), tables, github.memory, pull_id)
        context = Pull(
            github, lake, repo, as_of, timedelta(days=lookback_days), pull_id, first, known, outcomes, progress
        )
        _PULL[name](context)
    except GitHubError as error:
        for outcome in outcomes.values():
            if outcome.window_start is None:
                outcome.error = outcome.error or error
    undecided = [table for table, outcome in outcomes.items() if not outcome.error and outcome.window_start is None]
    if undecided:
        raise RuntimeError(f"the pull {name} neither covered nor failed {', '.join(undecided)}")
    if started_at is None:
        answered = any(github.usage.counts_since(before).values())
        started_at = github.last_seen if answered and github.last_seen else github.clock.now()
    rows = _rows(repo.lower(), as_of, started_at, pull_id, outcomes, github, before)
    lake.append("pulls", rows)
    return rows


def _rows(
    repo: str,
    as_of: datetime,
    started_at: datetime,
    pull_id: str,
    outcomes: dict[str, Outcome],
    github: GitHub,
    before: Usage,
) -> list[Row]:
    counts = github.usage.counts_since(before)
    return [
        {
            "repo": repo,
            "pull_id": pull_id,
            "table": table,
            "as_of": as_of,
            "started_at": started_at,
            "ended_at": max(started_at, github.last_seen or started_at),
            "window_start": outcome.window_start,
            "complete": outcome.error is None,
            "reason": outcome.error.reason if outcome.error else None,
            "detail": outcome.error.detail if outcome.error else None,
            "state": json.dumps(outcome.state, sort_keys=True) if outcome.error is None else None,
            "rows_new": outcome.change.new,
            "rows_changed": outcome.change.changed,
            **counts,
        }
        for table, outcome in outcomes.items()
    ]
