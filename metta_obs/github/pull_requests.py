"""Pull requests with their reviews and comments: what changed since the last complete pull, each read as one document.

Here: which to read, the rows, what vanished, and the check against the number of open ones. Not here: the lists
(`pull_request_lists`) and the reading (`pull_request_reading`).

A change of a pull request, its reviews or its comments moves its `updatedAt`; what does not (an edited comment) is
seen when something else does. As one pull request is read as one document, a comment that it no longer holds is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from metta_obs.github.context import BEGINNING, Pull
from metta_obs.github.coverage import Covered
from metta_obs.github.errors import GitHubError, NotFound
from metta_obs.github.probe import Listed
from metta_obs.github.pull_request_lists import open_now, updated_since
from metta_obs.github.pull_request_reading import BATCH, NestedList, PullRequest, read
from metta_obs.github.values import actor, characters, git_login, moment, records, when
from metta_obs.lake.store import Row

TABLES = ("pull_requests", "reviews", "review_comments", "issue_comments")
OVERLAP = timedelta(minutes=5)  # GitHub's lists may lag behind its clock
SAME_SECOND = timedelta(seconds=5)  # a change right after a reading may bear the same updatedAt
FEW = 3  # pull requests asked for one by one; where more lack, a list is wrong
STORED_AT_ONCE = 10 * BATCH
KINDS = {
    "ClosedEvent": "closed",
    "ReopenedEvent": "reopened",
    "ReadyForReviewEvent": "ready_for_review",
    "ConvertToDraftEvent": "convert_to_draft",
}


def pull(context: Pull) -> None:
    """Bring the four tables up to date."""
    base = context.base(*TABLES)
    known = _still_shown(context, _known(context), base)
    since = base.started_at - OVERLAP if base else context.window_start
    listed = updated_since(context, since)
    open_ones = None
    if base is None:
        open_ones = open_now(context)
        listed = {**listed, **open_ones}
    window = base.window_start if base else context.window_start
    wanted = [
        entry for entry in listed.values() if _must_read(entry, known.get(entry.number), base, window, open_ones or {})
    ]
    wanted.sort(key=lambda entry: entry.updated_at, reverse=True)
    ids = dict.fromkeys(entry.node_id for entry in wanted)
    if base and base.state.get("default_branch") != context.probe.default_branch:
        # With a renamed branch the pull requests to it move along, which is no update of theirs.
        ids |= dict.fromkeys(row["node_id"] for row in _open(known).values())
    _read_and_store(context, list(ids))
    if not context.failed("pull_requests"):
        with context.needed_by(*TABLES):
            _check_open(context, _known(context) if ids else known, open_ones)
    for table in TABLES:
        context.cover(table, window, {"default_branch": context.probe.default_branch})


def _known(context: Pull) -> dict[int, Row]:
    """Number -> node_id, state, updated_at, seen_at of the pull requests in the lake."""
    rows = context.lake.current("pull_requests", context.key)
    columns = ["number", "node_id", "state", "updated_at", "seen_at"]
    return {row["number"]: row for row in records(rows[columns])}


def _still_shown(context: Pull, known: dict[int, Row], base: Covered | None) -> dict[int, Row]:
    """`known`, less those that changed last of all and that GitHub does not show any more.

    Raises GitHubError where it shows them: then the list by update, which begins with older changes, is wrong.
    """
    first = max((entry.updated_at for entry in context.probe.page.pulls), default=BEGINNING)
    seen = [row for row in known.values() if base and row["seen_at"] <= base.started_at]
    before = sorted(row["number"] for row in seen if row["updated_at"] > first)
    for number in before[:FEW]:
        _forget(context, number)
    return {number: row for number, row in known.items() if number not in before[:FEW]}


def _must_read(
    entry: Listed, row: Row | None, base: Covered | None, window_start: datetime, open_ones: dict[int, Listed]
) -> bool:
    """Whether a listed pull request is news, or what the lake has of it cannot be relied on."""
    if row is None:
        return entry.updated_at >= window_start or entry.number in open_ones
    stored_by_incomplete_pull = base is None or row["seen_at"] > base.started_at
    may_have_changed_since = base is not None and entry.updated_at >= base.started_at - SAME_SECOND
    return row["updated_at"] != entry.updated_at or stored_by_incomplete_pull or may_have_changed_since


def _read_and_store(context: Pull, ids: list[str]) -> None:
    """Read these pull requests and store what arrives. Raises GitHubError where one of them does not come back."""
    waiting: list[PullRequest] = []
    missing: list[PullRequest] = []
    done = 0
    try:
        for batch in read(context.github, ids):
            missing += [found for found in batch if found.body is None]
            waiting += [found for found in batch if found.body is not None]
            done += len(batch)
            context.report("pull requests read", done, len(ids))
            if len(waiting) >= STORED_AT_ONCE:
                _store(context, waiting)
                waiting = []
    finally:
        _store(context, waiting)
    for found in missing:
        if found.gone and (number := _number_of(context, found.node_id)) is not None:
            _forget(context, number)
        else:
            context.fail(found.error or GitHubError("partial", f"no answer for pull request {found.node_id}"), *TABLES)


def _number_of(context: Pull, node_id: str) -> int | None:
    return next((number for number, row in _known(context).items() if row["node_id"] == node_id), None)


def _store(context: Pull, pulls: list[PullRequest]) -> None:
    """Append the rows of pull requests and mark what they no longer hold as gone."""
    children: dict[str, dict[int, list[NestedList]]] = {
        "reviews": {found.body["number"]: [found.lists["reviews"]] for found in pulls if found.body},
        "issue_comments": {found.body["number"]: [found.lists["comments"]] for found in pulls if found.body},
        "review_comments": {
            found.body["number"]: [found.lists["reviewThreads"], *found.inline] for found in pulls if found.body
        },
    }
    for table, lists in children.items():
        rows: list[Row] = []
        whole: set[int] = set()
        for number, parts in lists.items():
            inner = parts[1:] if table == "review_comments" else parts
            rows += [row for part in inner for row in _child_rows(table, number, part)]
            errors = [part.error for part in parts if part.error]
            for trouble in errors:
                context.fail(trouble, table)
            if not errors:
                whole.add(number)
        context.store(table, rows, _gone(context, table, whole, rows))
    own: list[Row] = []
    for found in pulls:
        error = found.error or found.lists["commits"].error or found.lists["timelineItems"].error
        if error:
            context.fail(error, "pull_requests")
        elif found.body:
            own.append(_row(found.body, found.lists))
    context.store("pull_requests", own)


def _gone(context: Pull, table: str, numbers: set[int], rows: Iterable[Row]) -> pd.DataFrame | None:
    """Current rows of these pull requests that are not among `rows`."""
    if not numbers:
        return None
    current = context.lake.current(table, context.key)
    key = "review_id" if table == "reviews" else "comment_id"
    return current[current["number"].isin(numbers) & ~current[key].isin({row[key] for row in rows})]


def _row(body: dict[str, Any], lists: dict[str, NestedList]) -> Row:
    login, kind = actor(body["author"])
    merged_at = when(body["mergedAt"])
    return {
        "number": body["number"],
        "node_id": body["id"],
        "title": body["title"],
        "state": body["state"],
        "is_draft": body["isDraft"],
        "author_login": login,
        "author_type": kind,
        "created_at": moment(body["createdAt"]),
        "updated_at": moment(body["updatedAt"]),
        "closed_at": when(body["closedAt"]),
        "merged_at": merged_at,
        "merge_commit_sha": (body["mergeCommit"] or {}).get("oid") if merged_at else None,
        "base_branch": body["baseRefName"],
        "head_branch": body["headRefName"],
        "from_fork": body["isCrossRepository"],
        "labels": sorted(label["name"] for label in body["labels"]["nodes"]),
        "events": _events(lists["timelineItems"]),
        "commits": [_own_commit(row["commit"]) for row in lists["commits"].rows.values()],
    }


def _events(items: NestedList) -> list[Row]:
    events = []
    for item in items.rows.values():
        login, kind = actor(item["actor"])
        events.append(
            {
                "kind": KINDS[item["__typename"]],
                "at": moment(item["createdAt"]),
                "actor_login": login,
                "actor_type": kind,
            }
        )
    return sorted(events, key=lambda event: event["at"])


def _own_commit(commit: dict[str, Any]) -> Row:
    author = commit["author"] or {}
    return {
        "sha": commit["oid"],
        "authored_at": moment(commit["authoredDate"]),
        "committed_at": moment(commit["committedDate"]),
        "author_login": git_login(author),
        "author_email": author.get("email"),
        "author_name": author.get("name"),
    }


def _child_rows(table: str, number: int, items: NestedList) -> list[Row]:
    rows = []
    for item in items.rows.values():
        login, kind = actor(item["author"])
        common = {
            "number": number,
            "author_login": login,
            "author_type": kind,
            "body_characters": characters(item["body"]),
        }
        if table != "reviews":
            rows.append({"comment_id": int(item["fullDatabaseId"]), "created_at": moment(item["createdAt"]), **common})
        elif item["state"] != "PENDING" and item["submittedAt"]:
            # A pending review is a draft that only its author sees: it is not there yet.
            submitted = moment(item["submittedAt"])
            rows.append(
                {"review_id": int(item["fullDatabaseId"]), "state": item["state"], "submitted_at": submitted, **common}
            )
    return rows


def _check_open(context: Pull, known: dict[int, Row], open_ones: dict[int, Listed] | None) -> None:
    """Compare the open pull requests with those in the lake, and read those that differ. Raises GitHubError.

    A number that fits is enough on most ticks; otherwise the list of all open ones says which differ.
    """
    mine = _open(known)
    if open_ones is None:
        if len(mine) == context.probe.open_pulls or len(mine) == context.probe_again().open_pulls:
            return
        open_ones = open_now(context)
    differing = [open_ones[number].node_id for number in open_ones.keys() - mine.keys()]
    differing += [mine[number]["node_id"] for number in mine.keys() - open_ones.keys()]
    if not differing:
        return
    _read_and_store(context, differing)
    known = _known(context)
    mine = _open(known)
    for number in sorted(mine.keys() - open_ones.keys()):
        if mine[number]["updated_at"] < context.started_at:
            _forget(context, number)
    for number in sorted(open_ones.keys() - mine.keys()):
        if number not in known or known[number]["updated_at"] < context.started_at:
            raise GitHubError("truncated", f"GitHub lists pull request {number} as open and does not show it so")


def _open(known: dict[int, Row]) -> dict[int, Row]:
    return {number: row for number, row in known.items() if row["state"] == "OPEN"}


def _forget(context: Pull, number: int) -> None:
    """Mark a pull request as gone if GitHub says of it that there is none (its author may be hidden as a spammer)."""
    try:
        context.github.get(f"/repos/{context.name}/pulls/{number}")
    except NotFound:
        for table in TABLES:
            current = context.lake.current(table, context.key)
            context.store(table, [], current[current["number"] == number])
        return
    raise GitHubError("truncated", f"GitHub shows pull request {number} and leaves it out of its lists")
