"""The history of the default branch: the commits since an instant, as far as they are not known already.

Here: the walk and its checks. Not here: the rows, and the details of each commit (`commits`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from metta_obs.clock import iso
from metta_obs.github.answers import GraphQLAnswer
from metta_obs.github.api import WhenHeavy
from metta_obs.github.context import Pull
from metta_obs.github.documents import document
from metta_obs.github.errors import GitHubError, TooHeavy, truncated
from metta_obs.github.values import moment

Body = dict[str, Any]
FIRST_ROWS = 75  # a hundredth of a point for each commit's parents and PRs, and for the labels of each PR
NEXT_ROWS = 10  # a tick rarely brings more, and ten cost one point
RESTARTS = 3


@dataclass
class History:
    """Commits reachable from `head`, newest first, by sha. `whole`: all of them since the instant asked for.

    `holes`: an error that left associated pull requests (and nothing else) incomplete.
    """

    head: str
    commits: dict[str, Body] = field(default_factory=dict)
    whole: bool = False
    holes: GitHubError | None = None


def read_history(context: Pull, since: datetime, known: Collection[str], last_head: str | None) -> History:
    """Walk from the tip of the default branch until all that is not in `known` is read. Raises GitHubError.

    The walk ends where every parent committed since `since` is known and the tip of the last time, `last_head`, is
    reached; where it is not (a force push), or is None, the walk goes to the end.
    """
    for _ in range(RESTARTS):
        history = _walk(context, since, known, last_head)
        if history is not None:
            return history
    raise GitHubError("truncated", f"the default branch of {context.name} moved each time its history was read")


def _walk(context: Pull, since: datetime, known: Collection[str], last_head: str | None) -> History | None:
    """The history; None where the branch moved between two pages."""
    rows, most = (NEXT_ROWS if last_head else FIRST_ROWS), FIRST_ROWS
    history: History | None = None
    cursor: str | None = None
    while True:
        answer, borne = _page(context, since, rows, cursor)
        most = most if borne == rows else borne
        holes = _holes(answer)
        branch = (answer.data.get("repository") or {}).get("defaultBranchRef")
        if branch is None:
            raise GitHubError(
                "partial", f"{answer.request}: the default branch of {context.name} is gone since the run began"
            )
        tip = branch["target"]
        history = history or History(tip["oid"])
        history.holes = history.holes or holes
        if tip["oid"] != history.head:
            return None
        page = tip["history"]
        before = len(history.commits)
        history.commits.update((commit["oid"], commit) for commit in page["nodes"])
        context.report("commits listed", len(history.commits), page["totalCount"])
        if last_head and _closed(history, since, known) and _reached(history, last_head):
            return history
        if not page["pageInfo"]["hasNextPage"] or len(history.commits) == before:
            break
        cursor, rows = page["pageInfo"]["endCursor"], most
    if len(history.commits) < page["totalCount"]:
        raise truncated(f"{answer.request}, the history of {context.name}", len(history.commits), page["totalCount"])
    history.whole = True
    return history


def _page(context: Pull, since: datetime, rows: int, cursor: str | None) -> tuple[GraphQLAnswer, int]:
    """A page of the history, and the number of rows with which GitHub bore the query."""
    owner, _, name = context.name.partition("/")
    variables = {"owner": owner, "name": name, "since": iso(since), "after": cursor}
    while True:
        try:
            heavy: WhenHeavy = "raise" if rows > 1 else "retry"
            return context.github.graphql(document("commit_history"), {**variables, "first": rows}, heavy=heavy), rows
        except TooHeavy:
            if rows == 1:
                raise
            rows = max(1, rows // 2)


def _holes(answer: GraphQLAnswer) -> GitHubError | None:
    """An error for holes among associated pull requests. Raises GitHubError(partial) where there are others."""
    inside = [error for error in answer.errors if "associatedPullRequests" in (error.get("path") or [])]
    if len(inside) < len(answer.errors):
        answer.whole()
    return GitHubError("partial", f"{answer.request}: {inside[0].get('message')}") if inside else None


def _closed(history: History, since: datetime, known: Collection[str]) -> bool:
    """Whether every parent committed since `since` of what is new was read or is known.

    Where GitHub does not name all parents this cannot be told, and the walk goes on to its end.
    """
    new = [commit for sha, commit in history.commits.items() if sha not in known]
    return history.head in history.commits and all(
        len(parents(commit)) == commit["parents"]["totalCount"]
        and all(
            parent["oid"] in history.commits or parent["oid"] in known or moment(parent["committedDate"]) < since
            for parent in parents(commit)
        )
        for commit in new
    )


def parents(commit: Body) -> list[Body]:
    """The parents that GitHub named, which may be fewer than it counts."""
    return [parent for parent in commit["parents"]["nodes"] if parent is not None]


def _reached(history: History, last_head: str) -> bool:
    """Whether the tip of the last time was met: then nothing that was reachable has dropped out."""
    return last_head in history.commits or any(
        parent["oid"] == last_head for commit in history.commits.values() for parent in parents(commit)
    )
