"""GraphQL fields of pull requests.

Here: PullRequest, its labels and commits. Not here: reviews and comments (`github_fields_reviews`), the timeline
(`github_fields_timeline`), a commit's own fields (`github_fields_git`), REST (`github_bodies_pulls`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from metta_obs.sandbox.github_bodies import association, iso, iso_or_none
from metta_obs.sandbox.github_bodies_pulls import base_sha
from metta_obs.sandbox.github_connections import Listing
from metta_obs.sandbox.github_fields import (
    PLAIN,
    Arguments,
    Context,
    actor,
    commit,
    connections,
    html,
    locatable,
    plain,
    ref,
    repository,
    seconds,
    with_arguments,
)
from metta_obs.sandbox.github_ids import node_id
from metta_obs.sandbox.github_routes_pulls import MOST_PULL_COMMITS
from metta_obs.sandbox.github_views import PULL_KEYS, Item, item_or_none
from metta_obs.sandbox.state import PullRequest

ORDERS = {"CREATED_AT": "created", "UPDATED_AT": "updated", "COMMENTS": "popularity"}


def pull_state(pull: PullRequest) -> str:
    """OPEN, CLOSED or MERGED."""
    return "MERGED" if pull.merged_at else "CLOSED" if pull.closed_at else "OPEN"


def pull_listing(item: Item, arguments: Arguments) -> Listing:
    """The pull requests of a repository as `states`, `labels`, `baseRefName`, `headRefName` and `orderBy` choose."""
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    down = order["direction"] == "DESC"
    name = ORDERS[order["field"]]
    rows: Sequence[PullRequest] = item.repo.pulls(name, down)
    states, labels = arguments.get("states"), arguments.get("labels")
    base, head = arguments.get("baseRefName"), arguments.get("headRefName")
    if states or labels or base or head:
        wanted = {label.lower() for label in labels or ()}
        rows = [
            pull
            for pull in rows
            if (not states or pull_state(pull) in states)
            and (not base or pull.base == base)
            and (not head or pull.head == head)
            and (not wanted or wanted & {label.lower() for label in pull.labels})
        ]

    def key(pull: PullRequest) -> list[Any]:
        value, number = PULL_KEYS[name](pull)
        return [seconds(value) if isinstance(value, datetime) else value, number]

    return Listing(rows, lambda pull: Item("PullRequest", item.repo, pull), key=key, descending=down)


def _pull(item: Item, context: Context, arguments: Arguments) -> Item | None:
    record = item.repo.record.pulls.get(arguments["number"])
    return item_or_none("PullRequest", item.repo, record)


with_arguments("Repository", pullRequest=_pull)
connections("Repository", pullRequests=lambda item, context, arguments: pull_listing(item, arguments))
connections(
    "Ref",
    associatedPullRequests=lambda item, context, arguments: pull_listing(
        item, arguments | {"headRefName": item.record.name}
    ),
)


def _head_repository(item: Item) -> Item | None:
    name = item.record.head_repository
    return repository(item.repo.universe.stranger(name)) if name and item.repo.universe else None


def _head_owner(item: Item) -> Item | None:
    head = _head_repository(item)
    return head and PLAIN["Repository"]["owner"](head)


def _is_cross(item: Item) -> bool:
    name = item.record.head_repository
    return name is None or name.lower() != item.repo.record.full_name.lower()


def _review_decision(item: Item) -> str | None:
    """From the last approval or request for changes of each reviewer."""
    last: dict[Any, str] = {}
    for review in sorted(item.record.reviews.values(), key=lambda review: review.id):
        if review.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            last[review.author and review.author.id] = review.state
    for state in ("CHANGES_REQUESTED", "APPROVED"):
        if state in last.values():
            return state
    return None


def _comments_in_all(pull: PullRequest) -> int:
    """Conversation comments, inline comments and reviews with a text (GitHub does not say what it counts)."""
    bodies = sum(1 for review in pull.reviews.values() if review.body.strip())
    return len(pull.issue_comments) + len(pull.review_comments) + bodies


plain(
    "PullRequest",
    additions=lambda item: item.repo.size_of(item.record)[0],
    author=lambda item: actor(item, item.record.author),
    authorAssociation=lambda item: association(item.record.extra, item.record.author),
    baseRef=lambda item: ref(item, item.record.base),
    baseRefName=lambda item: item.record.base,
    baseRefOid=lambda item: base_sha(item.repo, item.record),
    baseRepository=lambda item: repository(item.repo),
    body=lambda item: item.record.body,
    bodyText=lambda item: item.record.body,
    changedFiles=lambda item: item.repo.size_of(item.record)[2],
    closed=lambda item: item.record.closed_at is not None,
    closedAt=lambda item: iso_or_none(item.record.closed_at),
    createdAt=lambda item: iso(item.record.created_at),
    databaseId=lambda item: item.record.id,
    deletions=lambda item: item.repo.size_of(item.record)[1],
    fullDatabaseId=lambda item: str(item.record.id),
    headRef=lambda item: None if _is_cross(item) else ref(item, item.record.head),
    headRefName=lambda item: item.record.head,
    headRefOid=lambda item: item.record.head_sha,
    headRepository=_head_repository,
    headRepositoryOwner=_head_owner,
    id=lambda item: item.repo.node_id("PullRequest", item.record, item.record.number),
    isCrossRepository=_is_cross,
    isDraft=lambda item: item.record.draft,
    locked=lambda item: False,
    mergeCommit=lambda item: commit(item, item.record.merge_commit_sha) if item.record.merged_at else None,
    mergeable=lambda item: "UNKNOWN" if item.record.closed_at else "MERGEABLE",
    merged=lambda item: item.record.merged_at is not None,
    mergedAt=lambda item: iso_or_none(item.record.merged_at),
    mergedBy=lambda item: actor(item, item.record.merged_by),
    number=lambda item: item.record.number,
    permalink=lambda item: html(item, f"/pull/{item.record.number}"),
    publishedAt=lambda item: iso(item.record.created_at),
    repository=lambda item: repository(item.repo),
    reviewDecision=_review_decision,
    state=lambda item: pull_state(item.record),
    title=lambda item: item.record.title,
    totalCommentsCount=lambda item: _comments_in_all(item.record),
    updatedAt=lambda item: iso(item.record.updated_at),
)
locatable("PullRequest", lambda item: f"/pull/{item.record.number}")


def _labels(item: Item, context: Context, arguments: Arguments) -> Listing:
    order = arguments.get("orderBy") or {}
    rows = sorted(item.record.labels) if order.get("field") == "NAME" else list(item.record.labels)
    return Listing(rows[::-1] if order.get("direction") == "DESC" else rows, lambda n: Item("Label", item.repo, n))


def _commits(item: Item, context: Context, arguments: Arguments) -> Listing:
    """Its totalCount may exceed the 250 commits that can be read."""
    rows = item.repo.own_commits(item.record)
    return Listing(
        rows[:MOST_PULL_COMMITS], lambda row: Item("PullRequestCommit", item.repo, row, item), total=len(rows)
    )


connections("PullRequest", labels=_labels, commits=_commits)

plain(
    "PullRequestCommit",
    commit=lambda item: Item("Commit", item.repo, item.record),
    id=lambda item: node_id("PullRequestCommit", item.repo.record.id, item.parent.record.number, item.record.sha),
    pullRequest=lambda item: item.parent,
)
locatable("PullRequestCommit", lambda item: f"/pull/{item.parent.record.number}/commits/{item.record.sha}")
