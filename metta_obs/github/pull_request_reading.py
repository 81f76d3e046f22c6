"""Pull requests read whole: one document each, with every nested list to its end.

Here: paging and checking the nested lists. Not here: the rows made of them (`pull_requests`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metta_obs.github import batches
from metta_obs.github.api import GitHub
from metta_obs.github.documents import document
from metta_obs.github.errors import GitHubError, truncated

Body = dict[str, Any]
BATCH = 40  # others saw 100 pull requests fail and 50 work; what is too heavy is halved
OWN_COMMITS = 250  # GitHub lists no more of a pull request's own commits
THREADS = 10  # per pull request at first: each costs a hundredth of a point, whether it is there or not
THREAD_COMMENTS = 30
MOST = 100
CURSORS = {
    "commits": "commitsAfter",
    "timelineItems": "eventsAfter",
    "reviews": "reviewsAfter",
    "comments": "commentsAfter",
    "reviewThreads": "threadsAfter",
}
KEYS: dict[str, Callable[[Body], Any]] = {
    "commits": lambda row: row["commit"]["oid"],
    "timelineItems": lambda row: row["id"],
    "reviews": lambda row: row["fullDatabaseId"],
    "comments": lambda row: row["fullDatabaseId"],
    "reviewThreads": lambda row: row["id"],
}


@dataclass
class NestedList:
    """A nested list as far as it is read: rows by key, what GitHub states as its length (None: it states none)."""

    name: str
    key: Callable[[Body], Any]
    rows: dict[Any, Body] = field(default_factory=dict)
    total: int | None = None
    cursor: str | None = None
    more: bool = False
    error: GitHubError | None = None

    def add(self, connection: Mapping[str, Any] | None) -> None:
        """Take in a page."""
        if connection is None or any(row is None or self.key(row) is None for row in connection["nodes"]):
            self.error, self.more = _hole(self.name, []), False
            return
        before = len(self.rows)
        self.rows.update((self.key(row), row) for row in connection["nodes"])
        self.total = connection.get("totalCount")
        info = connection["pageInfo"]
        # Where totalCount means nothing (timelineItems counts events of every type), the cursors tell a short page, and
        # what stands behind a full one is asked for even where it claims to be the last.
        edges = connection.get("edges")
        if edges is not None and info["endCursor"] and (not edges or edges[-1]["cursor"] != info["endCursor"]):
            self.error = GitHubError(
                "truncated", f"{self.name}: the page lacks its last row; the next pull reads it again"
            )
        full = edges is not None and len(edges) >= MOST
        more = bool(info["hasNextPage"]) or full
        self.more = more and info["endCursor"] != self.cursor and len(self.rows) > before
        self.cursor = info["endCursor"]

    def check(self, most: int | None = None) -> None:
        """Set `error` where fewer rows came than GitHub states (`most` is how many it lists at all)."""
        if self.total is not None and self.error is None:
            expected = self.total if most is None else min(self.total, most)
            if len(self.rows) < expected:
                self.error = truncated(self.name, len(self.rows), expected)


@dataclass
class PullRequest:
    """A pull request as GitHub shows it: its own fields in `body`, its lists by their GraphQL names.

    `error` says why the pull request itself is not known; a list has its own. `gone`: GitHub knows no such id.
    """

    node_id: str
    body: Body | None
    lists: dict[str, NestedList]
    inline: list[NestedList] = field(default_factory=list)
    error: GitHubError | None = None
    gone: bool = False


def read(github: GitHub, ids: Sequence[str]) -> Iterator[list[PullRequest]]:
    """Read the pull requests with these node ids, some at a time. Raises GitHubError where nothing comes back."""
    first = {"threads": THREADS, "threadComments": THREAD_COMMENTS}
    for batch in batches.nodes(github, document("pull_requests"), ids, BATCH, first):
        pulls = [_begun(node) for node in batch]
        for pull in pulls:
            _finish(github, pull)
        yield pulls


def _begun(node: batches.Node) -> PullRequest:
    if node.body is None:
        return PullRequest(node.id, None, {}, error=_hole(f"pull request {node.id}", node.errors), gone=node.unknown)
    what = f"pull request {node.body['number']}"
    pull = PullRequest(node.id, node.body, {name: NestedList(f"{name} of {what}", key) for name, key in KEYS.items()})
    for name, nested in pull.lists.items():
        nested.add(node.body[name])
    _note_holes(pull, node)
    labels = node.body["labels"]
    if labels is None or len(labels["nodes"]) < labels["totalCount"]:
        pull.error = pull.error or GitHubError("truncated", f"labels of {what}: GitHub did not list them all")
    return pull


def _note_holes(pull: PullRequest, node: batches.Node) -> None:
    """Errors inside a node: what they left null was not fetched, which is not the same as being null."""
    for error in node.errors:
        place = (error.get("path") or [])[2:3]
        if place and place[0] in pull.lists:
            nested = pull.lists[place[0]]
            nested.error, nested.more = _hole(nested.name, [error]), False
        else:
            pull.error = _hole(f"pull request {pull.node_id}", [error])


def _hole(what: str, errors: Sequence[Body]) -> GitHubError:
    said = "; ".join(str(error.get("message")) for error in errors) or "null"
    return GitHubError("partial", f"{what}: GitHub answered {said}; the next pull reads it again")


def _finish(github: GitHub, pull: PullRequest) -> None:
    """Read the lists of a pull request to their ends and check their lengths."""
    while unread := [nested for nested in pull.lists.values() if nested.more]:
        try:
            _read_on(github, pull)
        except GitHubError as error:
            for nested in unread:
                nested.error, nested.more = error, False
    for name, nested in pull.lists.items():
        nested.check(OWN_COMMITS if name == "commits" else None)
    for thread in pull.lists["reviewThreads"].rows.values() if pull.lists else ():
        pull.inline.append(_whole_thread(github, thread))


def _read_on(github: GitHub, pull: PullRequest) -> None:
    """One more page of each list that has one; of the others GitHub is asked for what comes behind their end."""
    cursors = {CURSORS[name]: nested.cursor for name, nested in pull.lists.items()}
    variables = {"ids": [pull.node_id], "threads": MOST, "threadComments": THREAD_COMMENTS, **cursors}
    answer = github.graphql(document("pull_requests"), variables)
    node = batches.of_answer(answer, "nodes", [pull.node_id])[0]
    if node.body is None:
        raise _hole(f"pull request {pull.node_id}", node.errors)
    for name, nested in pull.lists.items():
        if nested.more:
            nested.add(node.body[name])
    _note_holes(pull, node)


def _whole_thread(github: GitHub, thread: Body) -> NestedList:
    """The comments of a review thread, to its end."""
    comments = NestedList(f"comments of review thread {thread['id']}", KEYS["comments"])
    comments.add(thread["comments"])
    while comments.more:
        try:
            answer = github.graphql(document("review_thread"), {"id": thread["id"], "after": comments.cursor})
            comments.add((answer.whole()["node"] or {}).get("comments"))
        except GitHubError as error:
            comments.error, comments.more = error, False
    comments.check()
    return comments
