"""GraphQL fields of commits and comparisons.

Here: Commit, GitActor, Comparison. Not here: refs (`github_fields`), REST (`github_bodies_git`).
"""

from __future__ import annotations

import contextlib
import re
from datetime import datetime
from typing import Any

from metta_obs.sandbox.github_bodies import iso
from metta_obs.sandbox.github_connections import Listing
from metta_obs.sandbox.github_cost import refusal
from metta_obs.sandbox.github_fields import (
    Arguments,
    Context,
    commit,
    connections,
    git_user,
    html,
    locatable,
    plain,
    repository,
    seconds,
    with_arguments,
)
from metta_obs.sandbox.github_ids import node_id, read_cursor
from metta_obs.sandbox.github_routes import Refusal
from metta_obs.sandbox.github_routes_pulls import instant
from metta_obs.sandbox.github_views import PULL_KEYS, Item
from metta_obs.sandbox.state import Commit

HEADLINE = 72  # GitHub cuts a longer headline and goes on with it in the body
_TRAILER = re.compile(r"^co-authored-by: *(?P<name>[^<]*?) *<(?P<email>[^>]*)>", re.IGNORECASE | re.MULTILINE)


def headline(message: str) -> str:
    """The first line, cut as GitHub cuts it."""
    line = message.strip().split("\n", 1)[0].strip()
    return line if len(line) <= HEADLINE else line[: HEADLINE - 1] + "…"


def body(message: str) -> str:
    """What follows the headline, beginning with the part that was cut off it."""
    line, _, rest = message.strip().partition("\n")
    rest = rest.strip()
    if len(line.strip()) <= HEADLINE:
        return rest
    return "…" + line.strip()[HEADLINE - 1 :] + (f"\n\n{rest}" if rest else "")


def _people(item: Item) -> list[tuple[str, str, datetime, Any]]:
    """The author and then the co-authors that the message names."""
    record: Commit = item.record
    found = [(record.author_name, record.author_email, record.authored_at, record.author)]
    own = record.author_email.lower()
    others = (match for match in _TRAILER.finditer(record.message) if match["email"].lower() != own)
    return found + [(match["name"], match["email"], record.authored_at, None) for match in others]


def _git_actor(item: Item, person: tuple[str, str, datetime, Any]) -> Item:
    return Item("GitActor", item.repo, person)


def _authors(item: Item, context: Context, arguments: Arguments) -> Listing:
    return Listing(_people(item), lambda person: _git_actor(item, person))


def _parents(item: Item, context: Context, arguments: Arguments) -> Listing:
    rows = [sha for sha in item.record.parents if sha in item.repo.record.commits]
    return Listing(rows, lambda sha: commit(item, sha), total=len(item.record.parents))


def _history(item: Item, context: Context, arguments: Arguments) -> Listing:
    """A cursor bears the commit that the walk began at, so a page goes on where it was even after a push."""
    start = item.record.sha
    if arguments.get("after"):
        with contextlib.suppress(ValueError, IndexError, TypeError):  # the window will say that the cursor is bad
            start = read_cursor(arguments["after"])[0] or start
    rows = item.repo.history(start)
    if since := arguments.get("since"):
        rows = [row for row in rows if row.committed_at >= moment(since)]
    if until := arguments.get("until"):
        rows = [row for row in rows if row.committed_at <= moment(until)]
    if path := arguments.get("path"):
        rows = [row for row in rows if any(f.path == path or f.path.startswith(f"{path}/") for f in row.files)]
    if emails := (arguments.get("author") or {}).get("emails"):
        rows = [row for row in rows if row.author_email in emails]
    return Listing(rows, lambda row: Item("Commit", item.repo, row), anchor=start)


def moment(text: str) -> datetime:
    """A time among the arguments; an error of GitHub's kind where it is none."""
    try:
        return instant(text)
    except Refusal as refused:
        raise refusal("argumentLiteralsIncompatible", refused.message) from refused


def _associated(item: Item, context: Context, arguments: Arguments) -> Listing:
    order = arguments["orderBy"]
    down = order["direction"] == "DESC"
    name = "created" if order["field"] == "CREATED_AT" else "updated"
    rows = sorted(item.repo.pulls_of(item.record.sha), key=PULL_KEYS[name], reverse=down)
    return Listing(
        rows,
        lambda pull: Item("PullRequest", item.repo, pull),
        descending=down,
        key=lambda pull: [seconds(PULL_KEYS[name](pull)[0]), pull.number],
    )


plain(
    "Commit",
    abbreviatedOid=lambda item: item.record.sha[:7],
    additions=lambda item: item.record.additions,
    author=lambda item: _git_actor(item, _people(item)[0]),
    authoredByCommitter=lambda item: item.record.author_email == item.record.committer_email,
    authoredDate=lambda item: iso(item.record.authored_at),
    changedFiles=lambda item: len(item.record.files),
    changedFilesIfAvailable=lambda item: len(item.record.files),
    commitResourcePath=lambda item: f"/{item.repo.record.full_name}/commit/{item.record.sha}",
    commitUrl=lambda item: html(item, f"/commit/{item.record.sha}"),
    committedDate=lambda item: iso(item.record.committed_at),
    committer=lambda item: _git_actor(
        item, (item.record.committer_name, item.record.committer_email, item.record.committed_at, item.record.committer)
    ),
    deletions=lambda item: item.record.deletions,
    id=lambda item: item.repo.node_id("Commit", item.record, item.record.sha),
    message=lambda item: item.record.message,
    messageBody=lambda item: body(item.record.message),
    messageHeadline=lambda item: headline(item.record.message),
    oid=lambda item: item.record.sha,
    repository=lambda item: repository(item.repo),
)
locatable("Commit", lambda item: f"/commit/{item.record.sha}")
connections("Commit", authors=_authors, parents=_parents, history=_history, associatedPullRequests=_associated)

plain(
    "GitActor",
    name=lambda item: item.record[0],
    email=lambda item: item.record[1],
    date=lambda item: iso(item.record[2]),
    user=lambda item: git_user(item, item.record[3]),
)
with_arguments(
    "GitActor",
    avatarUrl=lambda item, context, arguments: (
        f"https://avatars.githubusercontent.com/u/{item.record[3].id}?v=4"
        if item.record[3]
        else "https://avatars.githubusercontent.com/u/0?v=4"
    ),
)


def _compare(item: Item, context: Context, arguments: Arguments) -> Item | None:
    head = item.repo.resolve(arguments["headRef"])
    return Item("Comparison", item.repo, (item.record.sha, head)) if head else None


def _ahead(item: Item) -> list[Commit]:
    base, head = item.record
    return [c for c in item.repo.history(head) if c.sha not in item.repo.ancestors(base)][::-1]


def _behind(item: Item) -> int:
    base, head = item.record
    return len(item.repo.ancestors(base) - item.repo.ancestors(head))


def _status(item: Item) -> str:
    ahead, behind = bool(_ahead(item)), bool(_behind(item))
    return "DIVERGED" if ahead and behind else "AHEAD" if ahead else "BEHIND" if behind else "IDENTICAL"


with_arguments("Ref", compare=_compare)
plain(
    "Comparison",
    aheadBy=lambda item: len(_ahead(item)),
    behindBy=_behind,
    baseTarget=lambda item: commit(item, item.record[0]),
    headTarget=lambda item: commit(item, item.record[1]),
    id=lambda item: node_id("Ref", item.repo.record.id, "...".join(item.record)),
    status=_status,
)
connections(
    "Comparison",
    commits=lambda item, context, arguments: Listing(_ahead(item), lambda row: Item("Commit", item.repo, row)),
)
