"""GraphQL fields of a pull request's timeline.

Here: `timelineItems` and the types of events. Not here: the comments and reviews among the items
(`github_fields_reviews`), REST (`github_bodies_pulls`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from metta_obs.sandbox.github_bodies import iso
from metta_obs.sandbox.github_connections import Listing
from metta_obs.sandbox.github_fields import (
    Arguments,
    Context,
    actor,
    commit,
    connections,
    plain,
    ref,
    seconds,
)
from metta_obs.sandbox.github_fields_git import moment
from metta_obs.sandbox.github_views import Item
from metta_obs.sandbox.state import Actor, PullRequest


def timeline(item: Item) -> list[tuple[datetime, int, Item]]:
    """Everything on the page in the order of time, as (time, id, node)."""
    pull: PullRequest = item.record
    rows = [
        (record.committed_at, place, Item("PullRequestCommit", item.repo, record, item))
        for place, record in enumerate(item.repo.own_commits(pull))
    ]
    rows += [
        (review.submitted_at, review.id, Item("PullRequestReview", item.repo, review, item))
        for review in pull.reviews.values()
        if review.submitted_at
    ]
    rows += [
        (comment.created_at, comment.id, Item("IssueComment", item.repo, comment, item))
        for comment in pull.issue_comments.values()
    ]
    rows += [
        (event.created_at, event.id, Item(event_type(event.event), item.repo, event, item))
        for event in pull.timeline
        if event_type(event.event) in EVENTS
    ]
    return sorted(rows, key=lambda row: row[:2])


def _timeline(item: Item, context: Context, arguments: Arguments) -> Listing:
    """Its totalCount counts all items, whatever `itemTypes` and `since` leave: so does GitHub's (2026)."""
    every = timeline(item)
    rows = every
    if types := arguments.get("itemTypes"):
        wanted = {"".join(word.capitalize() for word in name.split("_")) for name in types}
        rows = [row for row in rows if row[2].type in wanted]
    if since := arguments.get("since"):
        start = moment(since)
        rows = [row for row in rows if row[0] >= start]
    rows = rows[arguments.get("skip") or 0 :]
    return Listing(
        rows,
        lambda row: row[2],
        key=lambda row: [seconds(row[0]), row[1]],
        total=len(every),
        more={"filteredCount": len(rows), "updatedAt": iso(item.record.updated_at)},
    )


connections("PullRequest", timelineItems=_timeline)


def event_type(name: str) -> str:
    """The GraphQL type of REST's event `name`, such as ReadyForReviewEvent for ready_for_review."""
    if name == "renamed":
        return "RenamedTitleEvent"
    return "".join(word.capitalize() for word in name.replace("-", "_").split("_")) + "Event"


EVENTS = {
    "AssignedEvent",
    "BaseRefChangedEvent",
    "BaseRefForcePushedEvent",
    "ClosedEvent",
    "ConvertToDraftEvent",
    "HeadRefDeletedEvent",
    "HeadRefForcePushedEvent",
    "HeadRefRestoredEvent",
    "LabeledEvent",
    "MentionedEvent",
    "MergedEvent",
    "ReadyForReviewEvent",
    "ReferencedEvent",
    "RenamedTitleEvent",
    "ReopenedEvent",
    "ReviewDismissedEvent",
    "ReviewRequestRemovedEvent",
    "ReviewRequestedEvent",
    "SubscribedEvent",
    "UnassignedEvent",
    "UnlabeledEvent",
}
for _type in EVENTS:
    plain(
        _type,
        actor=lambda item: actor(item, item.record.actor),
        createdAt=lambda item: iso(item.record.created_at),
        id=lambda item: item.repo.node_id("TimelineEvent", item.record, item.parent.record.number, item.record.id),
        pullRequest=lambda item: item.parent,
        closable=lambda item: item.parent,
        labelable=lambda item: item.parent,
    )


def _label(item: Item) -> Item:
    label = item.record.extra.get("label") or {}
    return Item("Label", item.repo, label["name"] if isinstance(label, dict) and "name" in label else str(label))


def _reviewer(item: Item) -> Item | None:
    given = item.record.extra.get("requested_reviewer")
    if isinstance(given, dict) and "login" in given:
        given = Actor(given["login"], given["id"], given.get("type", "User"))
    return actor(item, given) if isinstance(given, Actor) else None


plain("LabeledEvent", label=_label)
plain("UnlabeledEvent", label=_label)
plain("ReviewRequestedEvent", requestedReviewer=_reviewer)
plain("ReviewRequestRemovedEvent", requestedReviewer=_reviewer)
plain("ReferencedEvent", commit=lambda item: commit(item, item.record.extra.get("commit_id")))
plain(
    "MergedEvent",
    commit=lambda item: commit(item, item.parent.record.merge_commit_sha),
    mergeRefName=lambda item: item.parent.record.base,
)
plain(
    "HeadRefDeletedEvent",
    headRef=lambda item: ref(item, item.parent.record.head),
    headRefName=lambda item: item.parent.record.head,
)
plain(
    "HeadRefForcePushedEvent",
    beforeCommit=lambda item: commit(item, item.record.extra.get("before")),
    afterCommit=lambda item: commit(item, item.record.extra.get("after") or item.record.extra.get("commit_id")),
)
plain(
    "RenamedTitleEvent",
    currentTitle=lambda item: (item.record.extra.get("rename") or {}).get("to", ""),
    previousTitle=lambda item: (item.record.extra.get("rename") or {}).get("from", ""),
)
plain(
    "BaseRefChangedEvent",
    currentRefName=lambda item: item.record.extra.get("current", item.parent.record.base),
    previousRefName=lambda item: item.record.extra.get("previous", item.parent.record.base),
)


def _dismissed(item: Item) -> dict[str, Any]:
    return item.record.extra.get("dismissed_review") or {}


plain(
    "ReviewDismissedEvent",
    dismissalMessage=lambda item: _dismissed(item).get("dismissal_message"),
    previousReviewState=lambda item: str(_dismissed(item).get("state", "commented")).upper(),
    review=lambda item: (
        Item("PullRequestReview", item.repo, item.parent.record.reviews[_dismissed(item)["review_id"]], item.parent)
        if _dismissed(item).get("review_id") in item.parent.record.reviews
        else None
    ),
)
