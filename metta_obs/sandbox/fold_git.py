"""What happens to commits, branches and the repository itself: one handler per kind of event.

Here: the handlers, and the steps that pull requests need too. See `fold` for what an impossible event does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from . import events as happened
from .events import DEFAULT_BRANCH, NewCommit
from .fold_records import Records, wrong
from .state import Branch, Commit, Repository


def branch_name(repository: Repository, name: str) -> str:
    return repository.default_branch if name == DEFAULT_BRANCH else name


def put(repository: Repository, commits: Iterable[NewCommit], parent: str | None) -> str | None:
    """Store `commits`, one on top of the other above `parent`; the id of the last one."""
    for new in commits:
        committer = new.committer or new.author
        repository.commits[new.sha] = Commit(
            new.sha,
            new.message,
            [parent] if parent else [],
            new.author.name,
            new.author.email,
            new.authored_at,
            committer.name,
            committer.email,
            new.committed_at,
            new.author.account,
            committer.account,
            sum([file.additions for file in new.files]),
            sum([file.deletions for file in new.files]),
            list(new.files),
        )
        parent = new.sha
    return parent


def tip_of(repository: Repository, name: str) -> str | None:
    branch = repository.branches.get(name) or repository.branches.get(repository.default_branch)
    return branch.sha if branch else None


def move(repository: Repository, name: str, sha: str | None, at: datetime) -> None:
    if sha is not None:
        repository.branches[name] = Branch(name, sha)
    repository.pushed_at = at


def ancestry(commits: dict[str, Commit], sha: str | None) -> set[str]:
    """Ids of the commits reachable from `sha`, itself included, as far as they are known."""
    reached: set[str] = set()
    waiting = [sha] if sha else []
    while waiting:
        here = waiting.pop()
        if here not in reached and here in commits:
            reached.add(here)
            waiting += commits[here].parents
    return reached


def _commits_pushed(records: Records, repository: Repository, event: happened.CommitsPushed) -> None:
    name = branch_name(repository, event.branch)
    move(repository, name, put(repository, event.commits, tip_of(repository, name)), event.at)


def _branch_created(records: Records, repository: Repository, event: happened.BranchCreated) -> None:
    if event.name in repository.branches:
        return
    if event.sha is not None and event.sha not in repository.commits:
        raise wrong(event, f"there is no commit {event.sha}")
    start = event.sha or tip_of(repository, repository.default_branch)
    move(repository, event.name, put(repository, event.commits, start), event.at)


def _branch_deleted(records: Records, repository: Repository, event: happened.BranchDeleted) -> None:
    name = branch_name(repository, event.name)
    if name in repository.branches and name != repository.default_branch:  # GitHub refuses to delete the default
        del repository.branches[name]
        repository.pushed_at = event.at


def _branch_force_pushed(records: Records, repository: Repository, event: happened.BranchForcePushed) -> None:
    name = branch_name(repository, event.name)
    start = event.sha or tip_of(repository, name)
    if start not in repository.commits:
        raise wrong(event, f"there is no commit {start}")
    for _ in range(event.drop):
        parents = repository.commits[start].parents
        if not parents or parents[0] not in repository.commits:
            break
        start = parents[0]
    move(repository, name, put(repository, event.commits, start), event.at)


def _repository_renamed(records: Records, repository: Repository, event: happened.RepositoryRenamed) -> None:
    records.unregister(repository.full_name)
    repository.former_names = [*repository.former_names, repository.full_name]
    repository.full_name, repository.updated_at = event.new_name, event.at
    records.register(repository)


def _repository_archived(records: Records, repository: Repository, event: happened.RepositoryArchived) -> None:
    repository.archived, repository.updated_at = event.archived, event.at


def _default_branch_renamed(records: Records, repository: Repository, event: happened.DefaultBranchRenamed) -> None:
    old, new = repository.default_branch, event.new_name
    repository.default_branch, repository.updated_at = new, event.at
    if old in repository.branches:
        repository.branches[new] = Branch(new, repository.branches.pop(old).sha)
    for number, pull in repository.pulls.items():
        if pull.base == old and pull.merged_at is None:  # closed ones too, so that they can be reopened
            records.pull(repository, happened.PullEdited(event.at, event.repo, number)).base = new


HANDLERS: dict[type[happened.Event], Any] = {
    happened.RepositoryRenamed: _repository_renamed,
    happened.RepositoryArchived: _repository_archived,
    happened.DefaultBranchRenamed: _default_branch_renamed,
    happened.BranchCreated: _branch_created,
    happened.BranchDeleted: _branch_deleted,
    happened.CommitsPushed: _commits_pushed,
    happened.BranchForcePushed: _branch_force_pushed,
}
