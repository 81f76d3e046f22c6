"""What the tables must hold, straight from the simulated world's state: no request, no product code."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from metta_obs.sandbox.state import Actor, PullRequest, Repository

Rows = dict[tuple[Any, ...], dict[str, Any]]
KINDS = {
    "closed": "closed",
    "reopened": "reopened",
    "ready_for_review": "ready_for_review",
    "convert_to_draft": "convert_to_draft",
}


def person(actor: Actor | None) -> tuple[str | None, str | None]:
    if actor is None:
        return None, None
    return actor.login.removesuffix("[bot]"), actor.type


def pulls_known(state: Repository, since: datetime) -> list[PullRequest]:
    """Open pull requests, and those updated since."""
    return [pull for pull in state.pulls.values() if pull.closed_at is None or pull.updated_at >= since]


def tables(state: Repository, since: datetime) -> dict[str, Rows]:
    """Table -> key -> the columns that the state can tell, for all that a pull since `since` must know."""
    found: dict[str, Rows] = {"pull_requests": {}, "reviews": {}, "review_comments": {}, "issue_comments": {}}
    for pull in pulls_known(state, since):
        found["pull_requests"][(pull.number,)] = _pull(state, pull)
        for review in pull.reviews.values():
            if review.state != "PENDING":
                login, kind = person(review.author)
                found["reviews"][(review.id,)] = {
                    "number": pull.number, "author_login": login, "author_type": kind, "state": review.state,
                    "submitted_at": review.submitted_at, "body_characters": len(review.body.strip()),
                }  # fmt: skip
        for table, comments in (("review_comments", pull.review_comments), ("issue_comments", pull.issue_comments)):
            for comment in comments.values():
                login, kind = person(comment.author)
                found[table][(comment.id,)] = {
                    "number": pull.number, "author_login": login, "author_type": kind,
                    "created_at": comment.created_at, "body_characters": len(comment.body.strip()),
                }  # fmt: skip
    return found | _git(state, since) | _actions(state, since)


def _pull(state: Repository, pull: PullRequest) -> dict[str, Any]:
    login, kind = person(pull.author)
    events = sorted((e for e in pull.timeline if e.event in KINDS), key=lambda e: (e.created_at, e.id))
    return {
        "title": pull.title,
        "state": "MERGED" if pull.merged_at else "CLOSED" if pull.closed_at else "OPEN",
        "is_draft": pull.draft,
        "author_login": login,
        "author_type": kind,
        "created_at": pull.created_at,
        "updated_at": pull.updated_at,
        "closed_at": pull.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit_sha if pull.merged_at else None,
        "base_branch": pull.base,
        "head_branch": pull.head,
        "from_fork": pull.head_repository not in (state.full_name, *state.former_names),
        "labels": sorted(pull.labels),
        "events": [(KINDS[e.event], e.created_at, *person(e.actor)) for e in events],
        "commits": [sha for sha in pull.commit_shas if sha in state.commits][:250],
    }


def _git(state: Repository, since: datetime) -> dict[str, Rows]:
    commits: Rows = {}
    files: Rows = {}
    waiting = [state.branches[state.default_branch].sha] if state.default_branch in state.branches else []
    seen: set[str] = set()
    while waiting:
        sha = waiting.pop()
        if sha in seen or sha not in state.commits:
            continue
        seen.add(sha)
        commit = state.commits[sha]
        waiting += commit.parents
        if commit.committed_at < since:
            continue
        merge = len(commit.parents) > 1
        commits[(sha,)] = {
            "parents": commit.parents,
            "subject": commit.message.split("\n")[0],
            "authored_at": commit.authored_at,
            "committed_at": commit.committed_at,
            "author_email": commit.author_email,
            "author_name": commit.author_name,
            "additions": None if merge else commit.additions,
            "deletions": None if merge else commit.deletions,
            "files": None if merge else len(commit.files),
        } | (
            {}
            if merge
            else {"author_id": commit.author.id if commit.author else None, "author_login": person(commit.author)[0]}
        )
        if not merge:
            files |= {(sha, f.path): {"status": f.status, "additions": f.additions} for f in commit.files}
    branches = {
        (branch.name,): {
            "sha": branch.sha,
            "committed_at": state.commits[branch.sha].committed_at,
            "is_default": branch.name == state.default_branch,
        }
        for branch in state.branches.values()
    }
    return {"commits": commits, "commit_files": files, "branches": branches}


def _actions(state: Repository, since: datetime) -> dict[str, Rows]:
    runs: Rows = {}
    jobs: Rows = {}
    for run in state.runs.values():
        if run.created_at < since:
            continue
        for attempt in run.attempts:
            runs[(run.id, attempt.number)] = {
                "workflow_id": run.workflow_id, "event": run.event, "head_branch": run.head_branch,
                "head_sha": run.head_sha,
                "status": attempt.status, "conclusion": attempt.conclusion, "created_at": run.created_at,
                "started_at": attempt.run_started_at,
            }  # fmt: skip
            if attempt.status == "completed":
                for job in attempt.jobs:
                    jobs[(run.id, attempt.number, job.id)] = {
                        "name": job.name, "conclusion": job.conclusion, "completed_at": job.completed_at,
                    }  # fmt: skip
    workflows = {(w.id,): {"name": w.name, "path": w.path, "state": w.state} for w in state.workflows.values()}
    return {"workflow_runs": runs, "jobs": jobs, "workflows": workflows}


def differences(found: list[dict[str, Any]], expected: Rows, key: tuple[str, ...]) -> list[str]:
    """In words, how the rows of a table differ from what they must be."""
    rows = {tuple(row[name] for name in key): row for row in found}
    said = [f"missing {item}" for item in expected.keys() - rows.keys()]
    said += [f"too many {item}" for item in rows.keys() - expected.keys()]
    for item in expected.keys() & rows.keys():
        for column, value in expected[item].items():
            shown = _plain(column, rows[item][column])
            if shown != value:
                said.append(f"{item} {column}: {shown!r} is not {value!r}")
    return said


def _plain(column: str, value: Any) -> Any:
    if column == "events":
        return [(event["kind"], event["at"], event["actor_login"], event["actor_type"]) for event in value]
    if column == "commits":
        return [commit["sha"] for commit in value]
    if column in ("labels", "parents"):
        return list(value)
    return None if pd.isna(value) else value
