"""Rows of the lake straight from the sandbox's records: the metrics' input without servers and without collection.

Here: what a pull that sees a state of the world would store, and a lake in memory that keeps it as row versions. The
metrics are judged over it at thousands of instants; that the real collection stores the same is judged elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from metta_obs.lake.schemas import RAW_TABLES, TABLES
from metta_obs.lake.store import Lake, to_frame

Row = dict[str, Any]
EVENTS = ("closed", "reopened", "ready_for_review", "convert_to_draft")
MOST_FILES, MOST_OWN_COMMITS = 3_000, 250


@dataclass
class Memory:
    """What earlier pulls have stored for good: links by (sha, number), first completions by (run, attempt)."""

    links: dict[tuple[str, int], Row] = field(default_factory=dict)
    completions: dict[tuple[int, int], datetime] = field(default_factory=dict)


class MemoryLake(Lake):
    """A lake of one repository in memory, which notes at each pull what is new, differs or is gone."""

    def __init__(self) -> None:
        super().__init__("nowhere")
        self._rows: dict[str, list[Row]] = {table: [] for table in TABLES}
        self._last: dict[str, dict[tuple[Any, ...], Row]] = {table: {} for table in RAW_TABLES}
        self._arrow: dict[str, tuple[int, pa.Table]] = {}
        self._memory = Memory()

    def pull(self, repository: Any, repo: str, seen_at: datetime, window_start: datetime) -> None:
        """What a complete pull at `seen_at` stores of `repository` as it stands then."""
        for table, rows in _tables(repository, window_start, self._memory).items():
            self._see(table, repo, rows, seen_at)
        for table in RAW_TABLES:
            row: Row = dict.fromkeys(TABLES["pulls"].arrow.names)
            row |= {"repo": repo, "pull_id": f"pull at {seen_at}", "table": table, "as_of": seen_at, "complete": True}
            self._rows["pulls"].append(row | {"started_at": seen_at, "ended_at": seen_at, "window_start": window_start})

    def _see(self, table: str, repo: str, rows: list[Row], seen_at: datetime) -> None:
        key_columns, last = TABLES[table].key, self._last[table]
        now = {tuple(row[name] for name in key_columns): row for row in rows}
        for key, row in now.items():
            if last.get(key) != row:
                self._rows[table].append({"repo": repo, **row, "seen_at": seen_at, "deleted": False})
        for key in last.keys() - now.keys():
            self._rows[table].append({"repo": repo, **last[key], "seen_at": seen_at, "deleted": True})
        self._last[table] = now

    def read_arrow(self, table: str, repo: str | None = None) -> pa.Table:
        rows = self._rows[table]
        made, arrow = self._arrow.get(table, (-1, None))
        if made != len(rows):
            arrow = pa.Table.from_pylist(rows, schema=TABLES[table].arrow)
            self._arrow[table] = (len(rows), arrow)
        return arrow

    def snapshot(self, table: str, repo: str) -> tuple[pd.DataFrame, int]:
        return to_frame(self.read_arrow(table)), len(self._rows[table])


def _tables(repository: Any, window_start: datetime, memory: Memory) -> dict[str, list[Row]]:
    history = [commit for commit in _reachable(repository) if commit.committed_at >= window_start]
    pulls = [p for p in repository.pulls.values() if p.closed_at is None or p.updated_at >= window_start]
    runs = [run for run in repository.runs.values() if run.created_at >= window_start]
    default = repository.branches.get(repository.default_branch)
    about: Row = {
        "repository_id": repository.id,
        "full_name": repository.full_name,
        "default_branch": repository.default_branch if default else None,
        "head_sha": default.sha if default else None,
        "archived": repository.archived,
    }
    single = [commit for commit in history if len(commit.parents) <= 1]
    return {
        "repositories": [about],
        "pull_requests": [_pull(repository, pull) for pull in pulls],
        "reviews": [
            {
                "review_id": review.id,
                "number": pull.number,
                **_account(review.author),
                "state": review.state,
                "submitted_at": review.submitted_at,
                "body_characters": len(review.body.strip()),
            }
            for pull in pulls
            for review in pull.reviews.values()
            if review.state != "PENDING"
        ],
        "review_comments": [_comment(pull, c) for pull in pulls for c in pull.review_comments.values()],
        "issue_comments": [_comment(pull, c) for pull in pulls for c in pull.issue_comments.values()],
        "commits": [_commit(commit) for commit in history],
        "commit_files": [
            {
                "sha": commit.sha,
                "path": file.path,
                "status": file.status,
                "additions": file.additions,
                "deletions": file.deletions,
            }
            for commit in single
            for file in commit.files[:MOST_FILES]
        ],
        "commit_pull_requests": _associations(repository, history, memory),
        "branches": [
            {
                "name": branch.name,
                "sha": branch.sha,
                "committed_at": repository.commits[branch.sha].committed_at,
                "is_default": branch.name == repository.default_branch,
            }
            for branch in repository.branches.values()
        ],
        "workflows": [
            {"workflow_id": w.id, "name": w.name, "path": w.path, "state": w.state}
            for w in repository.workflows.values()
        ],
        "workflow_runs": [_attempt(repository, run, attempt, memory) for run in runs for attempt in run.attempts],
        "jobs": [
            {
                "run_id": run.id,
                "attempt": attempt.number,
                "job_id": job.id,
                "name": job.name,
                "conclusion": job.conclusion,
                "started_at": job.started_at,
                "completed_at": job.completed_at,
            }
            for run in runs
            for attempt in run.attempts
            if attempt.status == "completed"
            for job in attempt.jobs
        ],
    }


def _reachable(repository: Any) -> list[Any]:
    branch = repository.branches.get(repository.default_branch)
    waiting, found = [branch.sha] if branch else [], {}
    while waiting:
        commit = repository.commits.get(waiting.pop())
        if commit is not None and commit.sha not in found:
            found[commit.sha] = commit
            waiting += commit.parents
    return list(found.values())


def _account(actor: Any, prefix: str = "author") -> Row:
    """Login and type as the tables hold them: a bot without its suffix, a deleted account as nothing."""
    if actor is None or actor.login == "ghost":
        return {f"{prefix}_login": None, f"{prefix}_type": None}
    kind = "Bot" if actor.login.endswith("[bot]") else actor.type
    return {f"{prefix}_login": actor.login.removesuffix("[bot]"), f"{prefix}_type": kind}


def _pull(repository: Any, pull: Any) -> Row:
    own = [repository.commits[sha] for sha in pull.commit_shas if sha in repository.commits][:MOST_OWN_COMMITS]
    return {
        "number": pull.number,
        "node_id": f"PR_{pull.number}",
        "title": pull.title,
        "state": "MERGED" if pull.merged_at else "CLOSED" if pull.closed_at else "OPEN",
        "is_draft": pull.draft,
        **_account(pull.author),
        "created_at": pull.created_at,
        "updated_at": pull.updated_at,
        "closed_at": pull.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit_sha if pull.merged_at else None,
        "base_branch": pull.base,
        "head_branch": pull.head,
        "from_fork": pull.head_repository != repository.full_name,
        "labels": sorted(pull.labels),
        "events": [
            {"kind": event.event, "at": event.created_at, **_account(event.actor, "actor")}
            for event in sorted(pull.timeline, key=lambda event: event.created_at)
            if event.event in EVENTS
        ],
        "commits": [
            {
                "sha": commit.sha,
                "authored_at": commit.authored_at,
                "committed_at": commit.committed_at,
                "author_login": commit.author.login if commit.author else None,  # a git actor's keeps its suffix
                "author_email": commit.author_email,
                "author_name": commit.author_name,
            }
            for commit in own
        ],
    }


def _comment(pull: Any, comment: Any) -> Row:
    return {
        "comment_id": comment.id,
        "number": pull.number,
        **_account(comment.author),
        "created_at": comment.created_at,
        "body_characters": len(comment.body.strip()),
    }


def _commit(commit: Any) -> Row:
    lines = commit.message.split("\n")
    single = len(commit.parents) <= 1
    return {
        "sha": commit.sha,
        "parents": list(commit.parents),
        "subject": lines[0],
        "body_start": next((line for line in lines[1:] if line.strip()), None),
        "authored_at": commit.authored_at,
        "committed_at": commit.committed_at,
        "author_id": commit.author.id if commit.author else None,
        **_account(commit.author),
        "author_email": commit.author_email,
        "author_name": commit.author_name,
        "additions": commit.additions if single else None,
        "deletions": commit.deletions if single else None,
        "files": min(len(commit.files), MOST_FILES) if single else None,
        "files_listed": len(commit.files) <= MOST_FILES if single else None,
    }


def _associations(repository: Any, history: list[Any], memory: Memory) -> list[Row]:
    """The PRs of each commit, with what GitHub said of them when the commit was first seen with them."""
    by_sha: dict[str, set[int]] = {}
    for pull in repository.pulls.values():
        for sha in [pull.merge_commit_sha, *pull.commit_shas]:
            by_sha.setdefault(sha, set()).add(pull.number)
    found = []
    for commit in history:
        for number in sorted(by_sha.get(commit.sha, set()) | set(commit.associated_pulls)):
            pull = repository.pulls[number]
            said = {"merged_at": pull.merged_at, "head_branch": pull.head, "labels": sorted(pull.labels)}
            found.append(memory.links.setdefault((commit.sha, number), {"sha": commit.sha, "number": number, **said}))
    return found


def _attempt(repository: Any, run: Any, attempt: Any, memory: Memory) -> Row:
    own_names = [name.lower() for name in (repository.full_name, *repository.former_names)]
    head = run.head_repository.lower() if run.head_repository else None
    own = head in own_names
    ended = None
    if attempt.status == "completed":
        ended = memory.completions.setdefault((run.id, attempt.number), attempt.updated_at)
    return {
        "run_id": run.id,
        "attempt": attempt.number,
        "node_id": f"WFR_{run.id}",
        "check_suite_node_id": f"CS_{run.id}",
        "workflow_id": run.workflow_id,
        "name": run.name,
        "event": run.event,
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "head_repository": head,
        "head_repository_id": repository.id if own else None if head is None else 1,
        "status": attempt.status,
        "conclusion": attempt.conclusion,
        "created_at": run.created_at,
        "started_at": attempt.run_started_at,
        "updated_at": attempt.updated_at,
        "first_completed_at": ended,
    }
