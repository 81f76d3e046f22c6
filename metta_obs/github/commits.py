"""Commits of the default branch, the files that they changed, and the pull requests that GitHub associates with them.

Here: the rows, the details of each commit, and what dropped out of the branch. Not here: the walk (`commit_history`).
A commit's details never change, so each is asked for once; GraphQL has no list of changed files.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pandas as pd

from metta_obs.github.commit_history import History, parents, read_history
from metta_obs.github.context import Pull
from metta_obs.github.documents import document
from metta_obs.github.errors import GitHubError, truncated
from metta_obs.github.values import account, git_login, moment, subject_and_body_start, user, when
from metta_obs.lake.store import Row

Body = dict[str, Any]
TABLES = ("commits", "commit_files", "commit_pull_requests")
FILES_PER_PAGE = 300
ASSOCIATED = 5  # of a commit's pull requests the history lists so many
MOST_FILES = 3_000  # of a commit; GitHub lists no more
STORED_AT_ONCE = 50
ONE_COMMIT_ONLY = ("truncated", "not_found", "rejected", "bad_answer")  # troubles that another commit may not have


def pull(context: Pull) -> None:
    """Bring the three tables up to date."""
    base = context.base(*TABLES)
    window = base.window_start if base else context.window_start
    heads = {part.state.get("head") if part else None for part in context.covered.values()}
    if context.probe.head is None:
        _forget(context, None)
    elif base is None or heads != {context.probe.head}:
        stored = context.lake.current("commits", context.key)[["sha", "committed_at", "seen_at"]]
        last_head = base.state.get("head") if base else None
        trusted = set(stored["sha"][stored["seen_at"] <= base.started_at]) if base else set()
        history = read_history(context, window, trusted, last_head)
        _store_associations(context, history)
        _store_commits(context, history, set(stored["sha"]), window)
        if history.whole:
            of_window = set(stored["sha"][stored["committed_at"] >= window])
            _forget(context, of_window - history.commits.keys())
        for table in TABLES:
            context.cover(table, window, {"head": history.head})
        return
    for table in TABLES:
        context.cover(table, window, {"head": context.probe.head})


def _forget(context: Pull, shas: Iterable[str] | None) -> None:
    """Mark commits (None: all) and what hangs on them as gone."""
    gone = None if shas is None else set(shas)
    if gone is not None and not gone:
        return
    for table in TABLES:
        current = context.lake.current(table, context.key)
        context.store(table, [], current if gone is None else current[current["sha"].isin(gone)])


def _store_commits(context: Pull, history: History, stored: set[str], window: datetime) -> None:
    """Fetch and store the commits that are new, the newest first; a commit counts as stored when its files are."""
    new = [c for sha, c in history.commits.items() if sha not in stored and moment(c["committedDate"]) >= window]
    commits: list[Row] = []
    files: list[Row] = []
    try:
        for done, commit in enumerate(new, 1):
            try:
                row, own_files = _commit(context, commit)
            except GitHubError as error:
                context.fail(error, "commits", "commit_files")
                if error.reason not in ONE_COMMIT_ONLY:
                    return
                continue
            commits.append(row)
            files += own_files
            if done % STORED_AT_ONCE == 0:
                context.report("commits read", done, len(new))
                context.store("commit_files", files)
                context.store("commits", commits)
                commits, files = [], []
    finally:
        context.store("commit_files", files)
        context.store("commits", commits)


def _commit(context: Pull, commit: Body) -> tuple[Row, list[Row]]:
    """The row of a commit and those of its files; a merge commit's details are not asked for. Raises GitHubError."""
    named = [parent["oid"] for parent in parents(commit)]
    count = commit["parents"]["totalCount"]
    subject, body_start = subject_and_body_start(commit["message"])
    author = commit["author"] or {}
    login, kind = account(git_login(author), "User")
    row: Row = {
        "sha": commit["oid"],
        "parents": named,
        "subject": subject,
        "body_start": body_start,
        "authored_at": moment(commit["authoredDate"]),
        "committed_at": moment(commit["committedDate"]),
        "author_id": (author.get("user") or {}).get("databaseId") if login else None,
        "author_login": login,
        "author_type": kind,
        "author_email": author.get("email"),
        "author_name": author.get("name"),
        "additions": None,
        "deletions": None,
        "files": None,
        "files_listed": None,
    }
    if count > 1 and len(named) == count:
        return row, []
    details = _details(context, commit["oid"], commit["changedFilesIfAvailable"])
    row["parents"] = [parent["sha"] for parent in details["parents"]]
    if len(row["parents"]) > 1:
        return row, []
    row["author_id"], row["author_login"], row["author_type"] = user(details["author"])
    signature = details["commit"]["author"] or {}
    row["author_email"], row["author_name"] = signature.get("email"), signature.get("name")
    row["additions"], row["deletions"] = details["stats"]["additions"], details["stats"]["deletions"]
    row["files"] = len(details["files"])
    row["files_listed"] = len(details["files"]) < MOST_FILES or commit["changedFilesIfAvailable"] == MOST_FILES
    return row, [_file(commit["oid"], file) for file in details["files"]]


def _file(sha: str, file: Body) -> Row:
    return {
        "sha": sha,
        "path": file["filename"],
        "status": file["status"],
        "additions": file["additions"],
        "deletions": file["deletions"],
    }


def _details(context: Pull, sha: str, stated: int | None) -> Body:
    """A commit as REST shows it, with all its files. Raises GitHubError(truncated) where some did not come.

    GraphQL counts a rename as two files and REST as one, so fewer files than stated are a loss only where the last
    page is full, or where the lines of the files do not add up to those of the commit.
    """
    files: dict[str, Body] = {}
    first: Body | None = None
    last_page: list[Body] = []
    request = ""
    for answer in context.github.pages(f"/repos/{context.name}/commits/{sha}", holds="sha"):
        request = request or answer.request
        first = first or answer.body
        last_page = answer.body.get("files") or []
        files.update((file["filename"], file) for file in last_page)
    assert first is not None
    stats = first["stats"]
    add_up = all(sum(file[name] for file in files.values()) == stats[name] for name in ("additions", "deletions"))
    full = len(last_page) >= FILES_PER_PAGE
    short = (full and not add_up) if stated is None else len(files) < stated and (full or not add_up)
    if short and len(files) < MOST_FILES:
        raise truncated(request, len(files), stated or len(files) + 1)
    return {**first, "files": list(files.values())}


def _store_associations(context: Pull, history: History) -> None:
    """Store the pull requests of every commit that the walk met: those known already may have got one since."""
    table = "commit_pull_requests"
    rows: list[Row] = []
    if history.holes:
        context.fail(history.holes, table)
    whole: set[str] = set()
    for sha, commit in history.commits.items():
        with context.needed_by(table):
            rows += _associations(context, sha, commit)
            whole.add(sha)
    current = context.lake.current(table, context.key)
    named = {(row["sha"], row["number"]) for row in rows}
    gone = [sha in whole and (sha, n) not in named for sha, n in zip(current["sha"], current["number"], strict=True)]
    context.store(table, rows, None if history.holes else current[pd.Series(gone, current.index, dtype=bool)])


def _associations(context: Pull, sha: str, commit: Body) -> list[Row]:
    connection = commit["associatedPullRequests"]
    if connection is None:
        raise GitHubError("partial", f"GitHub did not list the pull requests of commit {sha}; the next pull asks again")
    nodes = connection["nodes"]
    if len(nodes) < min(connection["totalCount"], ASSOCIATED):
        raise truncated(f"pull requests of commit {sha}", len(nodes), connection["totalCount"])
    if len(nodes) < connection["totalCount"]:
        nodes = _all_associations(context, sha)
    rows = []
    for pull_request in nodes:
        base = pull_request["baseRepository"]
        if base and base["databaseId"] not in (None, context.probe.repository_id):
            continue  # a fork's own pull request; its numbers are not ours
        labels = pull_request["labels"]
        if labels is None or len(labels["nodes"]) < labels["totalCount"]:
            raise GitHubError("truncated", f"labels of the pull requests of commit {sha}: GitHub did not list them all")
        rows.append(
            {
                "sha": sha,
                "number": pull_request["number"],
                "merged_at": when(pull_request["mergedAt"]),
                "head_branch": pull_request["headRefName"],
                "labels": sorted(label["name"] for label in labels["nodes"]),
            }
        )
    return rows


def _all_associations(context: Pull, sha: str) -> list[Body]:
    """The pull requests of a commit that has more than the history lists. Raises GitHubError."""
    owner, _, name = context.name.partition("/")
    found: dict[int, Body] = {}
    cursor: str | None = None
    while True:
        variables = {"owner": owner, "name": name, "oid": sha, "after": cursor}
        answer = context.github.graphql(document("commit_associations"), variables)
        page = ((answer.whole()["repository"] or {}).get("object") or {}).get("associatedPullRequests")
        if page is None:
            raise GitHubError("partial", f"{answer.request}: GitHub does not show commit {sha}")
        found.update((node["number"], node) for node in page["nodes"])
        if not page["pageInfo"]["hasNextPage"] or page["pageInfo"]["endCursor"] == cursor:
            break
        cursor = page["pageInfo"]["endCursor"]
    if len(found) < page["totalCount"]:
        raise truncated(f"{answer.request} for commit {sha}", len(found), page["totalCount"])
    return list(found.values())
