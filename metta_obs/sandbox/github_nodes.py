"""`node(id:)`: from a global id back to the record.

Here: one finder per type. Not here: how ids are made (`github_ids`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metta_obs.sandbox.github_fields import repository
from metta_obs.sandbox.github_fields_actions import check_run, suite
from metta_obs.sandbox.github_fields_reviews import threads
from metta_obs.sandbox.github_fields_timeline import EVENTS, event_type
from metta_obs.sandbox.github_ids import read_node_id
from metta_obs.sandbox.github_views import Item, RepositoryView, Snapshot, item_or_none
from metta_obs.sandbox.state import Actor

ACCOUNTS = ("User", "Bot", "Mannequin", "Organization")


def find_node(snapshot: Snapshot, node: str) -> Item | None:
    """The source object for a global node id; None where there is no such node."""
    own = read_node_id(node)
    if own and own[0] in ACCOUNTS:
        number, _, login = own[1].partition(":")
        return Item(own[0], None, Actor(login, int(number), own[0]))  # type: ignore[arg-type]
    place = snapshot.locate(node)
    if place is None:
        return None
    repo, type_name, rest = place
    return _FINDERS[type_name](repo, rest) if type_name in _FINDERS else None


def _pull(repo: RepositoryView, rest: str) -> Item | None:
    record = repo.record.pulls.get(_number(rest))
    return item_or_none("PullRequest", repo, record)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else -1


def _inside_pull(find: Callable[[Item, str], Any]) -> Callable[[RepositoryView, str], Item | None]:
    def finder(repo: RepositoryView, rest: str) -> Item | None:
        number, _, key = rest.partition(":")
        pull = _pull(repo, number)
        return find(pull, key) if pull else None

    return finder


def _child(type_name: str, attribute: str) -> Callable[[RepositoryView, str], Item | None]:
    def find(pull: Item, key: str) -> Item | None:
        record = getattr(pull.record, attribute).get(_number(key))
        return item_or_none(type_name, pull.repo, record, pull)

    return _inside_pull(find)


def _thread(pull: Item, key: str) -> Item | None:
    for row in threads(pull.record):
        if str(row[0]) == key:
            return Item("PullRequestReviewThread", pull.repo, row, pull)
    return None


def _event(pull: Item, key: str) -> Item | None:
    for event in pull.record.timeline:
        if str(event.id) == key and event_type(event.event) in EVENTS:
            return Item(event_type(event.event), pull.repo, event, pull)
    return None


def _own_commit(pull: Item, key: str) -> Item | None:
    record = pull.repo.record.commits.get(key) if key in pull.record.commit_shas else None
    return item_or_none("PullRequestCommit", pull.repo, record, pull)


def _commit(repo: RepositoryView, rest: str) -> Item | None:
    record = repo.record.commits.get(rest)
    return item_or_none("Commit", repo, record)


def _ref(repo: RepositoryView, rest: str) -> Item | None:
    branch = repo.record.branches.get(rest.removeprefix("refs/heads/"))
    return item_or_none("Ref", repo, branch, "refs/heads/")


def _run(type_name: str) -> Callable[[RepositoryView, str], Item | None]:
    def finder(repo: RepositoryView, rest: str) -> Item | None:
        record = repo.record.runs.get(_number(rest))
        if record is None:
            return None
        return suite(repo, record) if type_name == "CheckSuite" else Item(type_name, repo, record)

    return finder


def _check_run(repo: RepositoryView, rest: str) -> Item | None:
    run_id, _, job_id = rest.partition(":")
    run = repo.record.runs.get(_number(run_id))
    for _, job in repo.all_jobs(run) if run else ():
        if str(job.id) == job_id and run:
            return check_run(repo, run, job)
    return None


def _workflow(repo: RepositoryView, rest: str) -> Item | None:
    record = repo.record.workflows.get(_number(rest))
    return item_or_none("Workflow", repo, record)


_FINDERS: dict[str, Callable[[RepositoryView, str], Item | None]] = {
    "Repository": lambda repo, rest: repository(repo),
    "PullRequest": _pull,
    "PullRequestReview": _child("PullRequestReview", "reviews"),
    "PullRequestReviewComment": _child("PullRequestReviewComment", "review_comments"),
    "IssueComment": _child("IssueComment", "issue_comments"),
    "PullRequestReviewThread": _inside_pull(_thread),
    "PullRequestCommit": _inside_pull(_own_commit),
    "TimelineEvent": _inside_pull(_event),
    "Commit": _commit,
    "Ref": _ref,
    "Label": lambda repo, rest: Item("Label", repo, rest),
    "Workflow": _workflow,
    "WorkflowRun": _run("WorkflowRun"),
    "CheckSuite": _run("CheckSuite"),
    "CheckRun": _check_run,
}
