"""REST routes of pull requests, reviews, comments and events.

Here: what each route lists, filtered and sorted. Not here: what a row looks like (`github_bodies_pulls`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from metta_obs.sandbox import github_bodies_git as git
from metta_obs.sandbox import github_bodies_pulls as bodies
from metta_obs.sandbox.github_routes import Answer, Call, Refusal, route
from metta_obs.sandbox.state import Comment, PullRequest

Row = TypeVar("Row")

MOST_PULL_COMMITS = 250  # GitHub lists no more of a pull request's own commits


def instant(text: str) -> datetime:
    """A time in a query; 422 where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(422, f"Invalid time: {text!r}") from error
    return moment if moment.tzinfo else moment.astimezone()


def _pull(call: Call, number: int) -> PullRequest:
    if number not in call.repo.record.pulls:
        raise Refusal(404, "Not Found")
    return call.repo.record.pulls[number]


@route("/pulls")
def pulls(call: Call) -> Answer:
    """GET /pulls: by default the open ones, the newest first; any other `sort` ascends unless asked otherwise."""
    state = call.query.get("state", "open")
    sort = call.query.get("sort", "created")
    if state not in ("open", "closed", "all") or sort not in ("created", "updated", "popularity", "long-running"):
        raise Refusal(422, "Validation Failed")
    down = call.query.get("direction", "desc" if sort == "created" else "asc") == "desc"
    rows = call.repo.pulls("created" if sort == "long-running" else sort, down)
    base, head = call.query.get("base"), call.query.get("head")
    chosen = [
        pull
        for pull in rows
        if (state == "all" or pull.state == state)
        and (not base or pull.base == base)
        and (not head or head in (pull.head, _head_label(pull)))
    ]
    return call.page(chosen, lambda pull: bodies.pull(call.site, call.repo, pull))


def _head_label(pull: PullRequest) -> str:
    return f"{(pull.head_repository or 'unknown').split('/')[0]}:{pull.head}"


@route("/pulls/comments")
def review_comments(call: Call) -> Answer:
    """GET /pulls/comments: the inline comments of the whole repository."""
    rows = _comments(call, call.repo.review_comments, lambda pair: pair[1])
    return call.page(rows, lambda pair: bodies.review_comment(call.site, call.repo, *pair))


@route("/pulls/comments/{comment:int}")
def review_comment(call: Call, comment: int) -> Answer:
    """GET /pulls/comments/{id}"""
    for parent, record in call.repo.review_comments:
        if record.id == comment:
            return Answer(bodies.review_comment(call.site, call.repo, parent, record))
    raise Refusal(404, "Not Found")


@route("/pulls/{number:int}")
def pull(call: Call, number: int) -> Answer:
    """GET /pulls/{number}"""
    return Answer(bodies.full_pull(call.site, call.repo, _pull(call, number)))


@route("/pulls/{number:int}/commits")
def pull_commits(call: Call, number: int) -> Answer:
    """GET /pulls/{number}/commits: at most 250."""
    rows = call.repo.own_commits(_pull(call, number))[:MOST_PULL_COMMITS]
    return call.page(rows, lambda commit: git.commit(call.site, call.repo, commit))


@route("/pulls/{number:int}/reviews")
def reviews(call: Call, number: int) -> Answer:
    """GET /pulls/{number}/reviews: in the order of time."""
    parent = _pull(call, number)
    rows = [parent.reviews[key] for key in sorted(parent.reviews)]
    return call.page(rows, lambda review: bodies.review(call.site, call.repo, parent, review))


@route("/pulls/{number:int}/comments")
def pull_review_comments(call: Call, number: int) -> Answer:
    """GET /pulls/{number}/comments"""
    parent = _pull(call, number)
    rows = _comments(call, _by_id(parent.review_comments), lambda comment: comment)
    return call.page(rows, lambda comment: bodies.review_comment(call.site, call.repo, parent, comment))


@route("/issues/comments")
def issue_comments(call: Call) -> Answer:
    """GET /issues/comments: the conversation comments of the whole repository."""
    rows = _comments(call, call.repo.issue_comments, lambda pair: pair[1])
    return call.page(rows, lambda pair: bodies.issue_comment(call.site, call.repo, *pair))


@route("/issues/{number:int}/comments")
def pull_issue_comments(call: Call, number: int) -> Answer:
    """GET /issues/{number}/comments"""
    parent = _pull(call, number)
    rows = _comments(call, _by_id(parent.issue_comments), lambda comment: comment)
    return call.page(rows, lambda comment: bodies.issue_comment(call.site, call.repo, parent, comment))


@route("/issues/{number:int}/timeline")
def timeline(call: Call, number: int) -> Answer:
    """GET /issues/{number}/timeline"""
    return call.page(bodies.timeline(call.site, call.repo, _pull(call, number)), lambda body: body)


@route("/issues/{number:int}/events")
def events(call: Call, number: int) -> Answer:
    """GET /issues/{number}/events"""
    parent = _pull(call, number)
    rows = sorted(parent.timeline, key=lambda event: (event.created_at, event.id))
    return call.page(rows, lambda event: bodies.event(call.site, call.repo, parent, event))


def _by_id(comments: dict[int, Comment]) -> list[Comment]:
    return [comments[key] for key in sorted(comments)]


def _comments(call: Call, rows: Sequence[Row], comment: Callable[[Row], Comment]) -> Sequence[Row]:
    """`since` (by updated_at), `sort` and `direction`; without `sort` GitHub ignores `direction`."""
    if since := call.query.get("since"):
        start = instant(since)
        rows = [row for row in rows if comment(row).updated_at >= start]
    sort = call.query.get("sort")
    if sort in ("created", "updated"):

        def key(row: Row) -> Any:
            record = comment(row)
            return (record.updated_at if sort == "updated" else record.created_at, record.id)

        rows = sorted(rows, key=key, reverse=call.query.get("direction") == "desc")
    return rows
