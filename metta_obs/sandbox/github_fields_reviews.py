"""GraphQL fields of reviews, review threads and the two kinds of comments.

Here: those types and the connections that lead to them. Not here: the pull request itself (`github_fields_pulls`),
REST (`github_bodies_pulls`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metta_obs.sandbox.github_bodies import association, iso, iso_or_none
from metta_obs.sandbox.github_bodies_pulls import thread_node_id
from metta_obs.sandbox.github_connections import Listing
from metta_obs.sandbox.github_fields import (
    Arguments,
    Context,
    actor,
    commit,
    connections,
    locatable,
    plain,
    repository,
    seconds,
)
from metta_obs.sandbox.github_views import Item
from metta_obs.sandbox.state import Comment, PullRequest, Review


def _comments(item: Item, context: Context, arguments: Arguments) -> Listing:
    order = arguments.get("orderBy")
    down = order is not None and order["direction"] == "DESC"

    def key(comment: Comment) -> list[Any]:
        return [seconds(comment.updated_at if order else comment.created_at), comment.id]

    rows = sorted(item.record.issue_comments.values(), key=key, reverse=down)
    return Listing(rows, lambda row: Item("IssueComment", item.repo, row, item), key=key, descending=down)


def _reviews(item: Item, context: Context, arguments: Arguments) -> Listing:
    states, author = arguments.get("states"), arguments.get("author")
    rows = [
        item.record.reviews[key]
        for key in sorted(item.record.reviews)
        if (not states or item.record.reviews[key].state in states)
        and (not author or _is_by(item.record.reviews[key], author))
    ]
    return Listing(rows, lambda row: Item("PullRequestReview", item.repo, row, item), key=lambda row: [row.id])


def _is_by(review: Review, login: str) -> bool:
    return review.author is not None and review.author.login.removesuffix("[bot]").lower() == login.lower()


def threads(pull: PullRequest) -> list[tuple[int, list[Comment]]]:
    """(id of the first comment, comments) per thread; replies to a deleted comment still form its thread."""
    found: dict[int, list[Comment]] = {}
    for key in sorted(pull.review_comments):
        comment = pull.review_comments[key]
        found.setdefault(comment.in_reply_to_id or comment.id, []).append(comment)
    return sorted(found.items())


def _threads(item: Item, context: Context, arguments: Arguments) -> Listing:
    return Listing(
        threads(item.record),
        lambda row: Item("PullRequestReviewThread", item.repo, row, item),
        key=lambda row: [row[0]],
    )


def _inline(item: Item, rows: Sequence[Comment], pull: Item) -> Listing:
    return Listing(rows, lambda row: Item("PullRequestReviewComment", item.repo, row, pull), key=lambda row: [row.id])


connections("PullRequest", comments=_comments, reviews=_reviews, reviewThreads=_threads)

for _type, _anchor in (
    ("IssueComment", "issuecomment-"),
    ("PullRequestReview", "pullrequestreview-"),
    ("PullRequestReviewComment", "discussion_r"),
):
    plain(
        _type,
        author=lambda item: actor(item, item.record.author),
        authorAssociation=lambda item: association(item.record.extra, item.record.author),
        body=lambda item: item.record.body,
        bodyText=lambda item: item.record.body,
        createdAt=lambda item: iso(item.record.created_at),
        databaseId=lambda item: item.record.id,
        fullDatabaseId=lambda item: str(item.record.id),
        publishedAt=lambda item: iso(item.record.created_at),
        pullRequest=lambda item: item.parent,
        repository=lambda item: repository(item.repo),
        updatedAt=lambda item: iso(item.record.updated_at),
        id=lambda item: item.repo.node_id(item.type, item.record, item.parent.record.number, item.record.id),
    )
    locatable(
        _type,
        lambda item, anchor=_anchor: (  # type: ignore[misc]
            f"/pull/{item.parent.record.number}#{anchor}{item.record.id}"
        ),
    )


def _written(item: Item) -> str:
    """When a review was begun: GitHub dates a pending one, the state does not."""
    return iso(item.record.submitted_at or item.parent.record.updated_at)


plain(
    "PullRequestReview",
    state=lambda item: item.record.state,
    submittedAt=lambda item: iso_or_none(item.record.submitted_at),
    publishedAt=lambda item: iso_or_none(item.record.submitted_at),
    createdAt=_written,
    updatedAt=lambda item: item.record.extra.get("updated_at") or _written(item),
    commit=lambda item: commit(item, item.record.commit_id),
)
connections(
    "PullRequestReview",
    comments=lambda item, context, arguments: _inline(
        item,
        [c for _, c in sorted(item.parent.record.review_comments.items()) if c.review_id == item.record.id],
        item.parent,
    ),
)

plain(
    "PullRequestReviewComment",
    path=lambda item: item.record.path or "README.md",
    pullRequestReview=lambda item: (
        Item("PullRequestReview", item.repo, item.parent.record.reviews[item.record.review_id], item.parent)
        if item.record.review_id in item.parent.record.reviews
        else None
    ),
    replyTo=lambda item: (
        Item(
            "PullRequestReviewComment",
            item.repo,
            item.parent.record.review_comments[item.record.in_reply_to_id],
            item.parent,
        )
        if item.record.in_reply_to_id in item.parent.record.review_comments
        else None
    ),
)

plain(
    "PullRequestReviewThread",
    id=lambda item: thread_node_id(item.repo, item.parent.record, item.record[0]),
    isOutdated=lambda item: False,
    isResolved=lambda item: False,
    path=lambda item: item.record[1][0].path or "README.md",
    pullRequest=lambda item: item.parent,
    repository=lambda item: repository(item.repo),
)
connections(
    "PullRequestReviewThread",
    comments=lambda item, context, arguments: _inline(item, item.record[1][arguments.get("skip") or 0 :], item.parent),
)
