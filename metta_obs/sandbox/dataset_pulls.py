"""The pull requests of a dataset with reviews, comments and events, as they stood at an instant.

Here: what each row says, less what is dated later; what a later event changed is undone as far as the event tells.
Not here: commits (`dataset_history`), runs (`dataset_runs`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .dataset_history import History
from .dataset_rows import Row, stable_id
from .state import Comment, PullRequest, Review, TimelineEvent

PULL = (
    "id", "number", "title", "body", "user", "created_at", "updated_at", "base", "head", "draft", "closed_at",
    "merged_at", "merged_by", "merge_commit_sha", "labels", "commit_shas", "state", "merged", "comments",
    "review_comments", "commits",
)  # fmt: skip
REVIEW = ("id", "user", "state", "submitted_at", "body", "commit_id", "pull_number")
COMMENT = (
    "id", "user", "created_at", "updated_at", "body", "path", "pull_request_review_id", "in_reply_to_id", "pull_number",
)  # fmt: skip
EVENT = ("id", "event", "created_at", "actor", "pull_number")
TOLD_ELSEWHERE = ("committed", "reviewed", "commented", "line-commented", "commit-commented", "cross-referenced")
NUMBER = re.compile(r"/(?:pulls?|issues)/(\d+)(?:$|[/#?])")


def number_of(row: Row) -> int:
    """The pull request (or issue) that a review, comment or event belongs to."""
    for path in ("pull_number", "issue.number"):
        if row.get(path) is not None:
            return row.integer(path)
    for path in ("pull_request_url", "issue_url", "html_url"):
        found = NUMBER.search(row.optional_text(path) or "")
        if found:
            return int(found.group(1))
    raise row.error("nothing says which pull request it belongs to: give it a `pull_number`")


@dataclass
class PullFiles:
    """The rows of the files that tell of pull requests."""

    pulls: list[Row]
    reviews: list[Row]
    review_comments: list[Row]
    issue_comments: list[Row]
    timeline: list[Row]


def read_pulls(
    files: PullFiles, full_name: str, repository_id: int, default: str, history: History, now: datetime
) -> dict[int, PullRequest]:
    """The pull requests that were there at `now`, by number. Rows of other numbers (plain issues) are left out."""
    events: defaultdict[int, list[TimelineEvent]] = defaultdict(list)
    for row in files.timeline:
        if row.text("event") not in TOLD_ELSEWHERE:
            events[number_of(row)].append(_event(row))
    pulls: dict[int, PullRequest] = {}
    moved: dict[int, datetime] = {}
    for row in files.pulls:
        number = row.integer("number")
        if row.time("created_at") <= now:
            mine = sorted(events[number], key=lambda event: event.created_at)
            pulls[number] = _pull(row, number, mine, full_name, repository_id, default, history, now)
            moved[number] = row.optional_time("updated_at") or row.time("created_at")
    for row in files.reviews:
        review, pull = _review(row), pulls.get(number_of(row))
        if pull is not None and (review.submitted_at is None or review.submitted_at <= now):
            _undo_dismissal(review, events[pull.number], now)
            pull.reviews[review.id] = review
    for rows, inline in ((files.review_comments, True), (files.issue_comments, False)):
        for row in rows:
            comment, pull = _comment(row, now), pulls.get(number_of(row))
            if pull is not None and comment.created_at <= now:
                (pull.review_comments if inline else pull.issue_comments)[comment.id] = comment
    for number, pull in pulls.items():
        pull.updated_at = moved[number] if moved[number] <= now else _last_change(pull, history)
    return pulls


def _event(row: Row) -> TimelineEvent:
    made_up = stable_id(f"{row.where} {row.text('event')}")
    number, actor = row.integer("id", made_up), row.actor("actor", "user")
    return TimelineEvent(number, row.text("event"), row.time("created_at"), actor, row.rest(EVENT))


def _review(row: Row) -> Review:
    return Review(
        row.integer("id"),
        row.actor("user"),
        row.text("state").upper(),
        row.optional_time("submitted_at"),
        row.text("body", ""),
        row.optional_text("commit_id"),
        row.rest(REVIEW),
    )


def _undo_dismissal(review: Review, events: Iterable[TimelineEvent], now: datetime) -> None:
    for event in events:
        said = event.extra.get("dismissed_review")
        if event.event != "review_dismissed" or event.created_at <= now or not isinstance(said, dict):
            continue
        if said.get("review_id") == review.id and said.get("state"):
            review.state = str(said["state"]).upper()


def _comment(row: Row, now: datetime) -> Comment:
    created = row.time("created_at")
    updated = row.optional_time("updated_at") or created
    return Comment(
        row.integer("id"),
        row.actor("user"),
        created,
        updated if updated <= now else created,
        row.text("body", ""),
        row.optional_text("path"),
        row.optional_integer("pull_request_review_id"),
        row.optional_integer("in_reply_to_id"),
        row.rest(COMMENT),
    )


def _pull(
    row: Row,
    number: int,
    events: list[TimelineEvent],
    full_name: str,
    repository_id: int,
    default: str,
    history: History,
    now: datetime,
) -> PullRequest:
    later = [event for event in events if event.created_at > now]
    own = [_sha(row, sha) for sha in row.objects("commit_shas")]
    known = [sha for sha in own if sha in history.commits]
    head_sha = row.text("head.sha", own[-1] if own else "")
    if head_sha in history.later or (own and own[-1] in history.later):
        head_sha = known[-1] if known else head_sha
    merged = row.optional_time("merged_at")
    merged = merged if merged is not None and merged <= now else None
    return PullRequest(
        row.integer("id", repository_id % 1000 * 1_000_000 + number),
        number,
        _title(row, later),
        row.text("body", ""),
        row.actor("user"),
        row.time("created_at"),
        row.time("created_at"),
        row.text("base.ref", default),
        row.text("head.ref", ""),
        head_repository(row, "head.repo", full_name, repository_id),
        head_sha,
        _draft(row, later),
        _closed(row, events, merged, now),
        merged,
        row.actor("merged_by") if merged else None,
        row.optional_text("merge_commit_sha") if merged else None,
        _labels(row, later),
        known,
        [event for event in events if event.created_at <= now],
        extra=row.rest(PULL),
    )


def head_repository(row: Row, path: str, full_name: str, repository_id: int) -> str | None:
    """`owner/name` at `path`: None where it says null (a deleted fork), this repository where it says nothing, or says
    this one's id (then under a former name)."""
    parent = row.get(path.rpartition(".")[0]) if "." in path else row.data
    if isinstance(parent, dict) and path.rpartition(".")[2] in parent and row.get(path) is None:
        return None
    if row.get(path) is None or row.get(f"{path}.id") == repository_id:
        return full_name
    name = row.text(f"{path}.full_name", full_name)
    return full_name if name.lower() == full_name.lower() else name


def _sha(row: Row, value: object) -> str:
    if not isinstance(value, str):
        raise row.error("`commit_shas` must be a list of commit ids")
    return value


def _title(row: Row, later: list[TimelineEvent]) -> str:
    for event in later:
        renamed = event.extra.get("rename")
        if event.event == "renamed" and isinstance(renamed, dict) and isinstance(renamed.get("from"), str):
            return str(renamed["from"])
    return row.text("title", "")


def _closed(row: Row, events: list[TimelineEvent], merged: datetime | None, now: datetime) -> datetime | None:
    """The last closing up to `now`, None where it was open then."""
    closed = row.optional_time("closed_at")
    if closed is None and row.get("merged_at") is None and row.optional_text("state") == "closed":
        raise row.error("`closed_at` is missing, though `state` is closed")
    if merged is not None:
        return closed if closed is not None and closed <= now else merged
    if closed is not None and closed <= now:
        return closed
    turns = [event for event in events if event.event in ("closed", "reopened")]
    before = [event for event in turns if event.created_at <= now]
    if before and before[-1].event == "closed" and (closed is not None or len(before) < len(turns)):
        return before[-1].created_at
    return None


def _draft(row: Row, later: list[TimelineEvent]) -> bool:
    for event in later:
        if event.event in ("ready_for_review", "convert_to_draft"):
            return event.event == "ready_for_review"
    return row.flag("draft")


def _labels(row: Row, later: list[TimelineEvent]) -> list[str]:
    labels = [
        label if isinstance(label, str) else Row(f"{row.where}: a label", label).text("name")
        for label in row.objects("labels")
    ]
    for event in reversed(later):
        said = event.extra.get("label")
        name = said.get("name") if isinstance(said, dict) else None
        if event.event == "labeled" and name in labels:
            labels.remove(name)
        elif event.event == "unlabeled" and isinstance(name, str) and name not in labels:
            labels.append(name)
    return labels


def _last_change(pull: PullRequest, history: History) -> datetime:
    """The newest thing that is known of a pull request whose row was updated later."""
    known = [pull.created_at, *(event.created_at for event in pull.timeline)]
    known += [review.submitted_at for review in pull.reviews.values() if review.submitted_at]
    known += [comment.created_at for comment in pull.review_comments.values()]
    known += [comment.created_at for comment in pull.issue_comments.values()]
    known += [history.commits[sha].committed_at for sha in pull.commit_shas]
    known += [moment for moment in (pull.closed_at, pull.merged_at) if moment]
    return max(known)
