"""Given rows instead of a made-up world: repositories as they stood at an instant, read from a folder.

`DIR/<owner>/<name>/` holds repository.json, pulls.jsonl, reviews.jsonl, review_comments.jsonl, issue_comments.jsonl,
timeline.jsonl, commits.jsonl, branches.jsonl, workflows.jsonl, workflow_runs.jsonl, workflow_attempts.jsonl and
jobs.jsonl: one object of GitHub's REST API per line. A missing file is an empty list, unknown fields are kept and
served. Beyond REST: a pull's `commit_shas`, a commit's `associated_pulls`, and `pull_number` for reviews, comments and
events that do not say it.

As they stood: what is dated later is not shown, and what a later event changed is undone as far as it can be known
(`dataset_pulls`, `dataset_runs`). Which commits are the default branch: `dataset_history`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from .clock import WorldClock
from .dataset_history import History, read_branches
from .dataset_pulls import PullFiles, read_pulls
from .dataset_rows import DatasetError, Row, read_lines, read_object, stable_id
from .dataset_runs import read_runs, read_workflows
from .state import Branch, Repository
from .world import World

__all__ = ["DatasetError", "dataset_world", "load"]

REPOSITORY = (
    "id", "full_name", "name", "default_branch", "created_at", "pushed_at", "updated_at", "archived", "private",
)  # fmt: skip


def load(directory: str | Path, now: datetime) -> dict[str, Repository]:
    """Every repository of the folder as it stood at `now` (aware), by lower-case full name.

    Raises DatasetError, which names file, line and field.
    """
    root = Path(directory)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder")
    folders = sorted(path for path in root.glob("*/*") if path.is_dir() and not path.parent.name.startswith("."))
    if not folders:
        raise DatasetError(f"{root}: no repository in it; put one into {root}/<owner>/<name>/")
    found = {}
    for folder in folders:
        repository = _repository(folder, now.astimezone(UTC))
        found[repository.full_name.lower()] = repository
    return found


def dataset_world(directory: str | Path, clock: WorldClock) -> World:
    """A world that stands still as the folder tells of the clock's present."""
    return World(clock, repositories=load(directory, clock.now()))


def _repository(folder: Path, now: datetime) -> Repository:
    row = read_object(folder / "repository.json")
    full_name = f"{folder.parent.name}/{folder.name}"
    if row.text("full_name", full_name).lower() == full_name.lower():
        full_name = row.text("full_name", full_name)  # the spelling may differ
    number = row.integer("id", stable_id(full_name.lower()))
    rows = {name: read_lines(folder / f"{name}.jsonl") for name in FILES}
    history = History.read(rows["commits"], now)
    default = row.optional_text("default_branch") or _usual_default(rows["branches"])
    branches = read_branches(rows["branches"], history, now, default)
    files = PullFiles(*(rows[name] for name in FILES[:5]))
    pulls = read_pulls(files, full_name, number, default, history, now)
    explained = {branch.sha for name, branch in branches.items() if name != default}
    merges = set()
    for pull in pulls.values():
        explained |= {*pull.commit_shas, pull.head_sha}
        if pull.merged_at and pull.base == default and pull.merge_commit_sha:
            merges.add(pull.merge_commit_sha)
    tip = history.link(branches[default].sha if default in branches else None, explained, merges)
    if tip is not None:
        branches[default] = Branch(default, tip)
    pushed = row.optional_time("pushed_at") or max(
        (commit.committed_at for commit in history.commits.values()), default=now
    )
    updated = row.optional_time("updated_at") or pushed
    return Repository(
        number,
        full_name,
        default,
        row.optional_time("created_at") or min((pull.created_at for pull in pulls.values()), default=pushed),
        min(pushed, now),
        min(updated, now),
        row.flag("archived"),
        row.flag("private"),
        pulls=pulls,
        commits=history.commits,
        branches=branches,
        workflows=read_workflows(rows["workflows"], now),
        runs=read_runs(rows["workflow_runs"], rows["workflow_attempts"], rows["jobs"], full_name, number, now),
        extra=row.rest(REPOSITORY),
    )


FILES = (
    "pulls", "reviews", "review_comments", "issue_comments", "timeline", "commits", "branches", "workflows",
    "workflow_runs", "workflow_attempts", "jobs",
)  # fmt: skip


def _usual_default(branches: list[Row]) -> str:
    """The default branch where repository.json does not name it."""
    names = [row.text("name", "") for row in branches]
    usual = [name for name in ("main", "master", "trunk", "develop") if name in names]
    return usual[0] if usual else names[0] if len(names) == 1 else "main"
