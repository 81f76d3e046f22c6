"""One question that says what may have changed in a repository, asked once per run and shared by its pulls.

Costs one point. Not here: what follows from it (the pulls).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metta_obs.clock import iso
from metta_obs.github import errors
from metta_obs.github.answers import GraphQLAnswer
from metta_obs.github.api import GitHub
from metta_obs.github.documents import document
from metta_obs.github.errors import GitHubError, NotFound
from metta_obs.github.values import moment

PATIENCE = timedelta(seconds=120)  # how far GitHub's clock may be behind the instant asked for


@dataclass(frozen=True)
class Listed:
    """A pull request as a list names it."""

    node_id: str
    number: int
    updated_at: datetime


@dataclass(frozen=True)
class Page:
    """A page of pull requests, the last updated first; `total` counts those of all pages."""

    pulls: tuple[Listed, ...]
    total: int
    next_cursor: str | None


@dataclass(frozen=True)
class Probe:
    """What GitHub said of a repository at `at`, by its own clock. Empty: no `default_branch`, no `head`."""

    at: datetime
    repository_id: int | None
    full_name: str
    archived: bool
    default_branch: str | None
    head: str | None
    branches: int
    open_pulls: int
    page: Page


def probe(github: GitHub, repo: str, pull_id: str, as_of: datetime, *, again: bool = False) -> Probe:
    """The repository's probe of this run; `again` asks anew. Raises GitHubError.

    A clock of GitHub's that is a little behind `as_of` is waited for: nothing dated before `as_of` may come later.
    """
    key = ("probe", repo.lower(), pull_id, as_of)
    if again or key not in github.memory:
        found = _ask(github, repo)
        for _ in range(3):
            behind = as_of - found.at
            if timedelta(0) < behind <= PATIENCE:
                github.clock.sleep(behind.total_seconds())
                found = _ask(github, repo)
        if found.at < as_of:
            raise GitHubError(
                "future", f"GitHub's clock says {iso(found.at)}, which is before {iso(as_of)}: ask again later"
            )
        github.memory[key] = found
    kept: Probe = github.memory[key]
    return kept


def page_of(connection: Mapping[str, Any]) -> Page:
    """A page from a GraphQL connection of pull requests. Raises GitHubError(partial) where a node is missing."""
    if any(node is None for node in connection["nodes"]):
        raise GitHubError("partial", "the list of pull requests has holes: the next run tries again")
    pulls = tuple(Listed(node["id"], node["number"], moment(node["updatedAt"])) for node in connection["nodes"])
    info = connection["pageInfo"]
    return Page(pulls, connection["totalCount"], info["endCursor"] if info["hasNextPage"] else None)


def _ask(github: GitHub, repo: str) -> Probe:
    answer = _answer(github, repo)
    if answer.data.get("repository") is None:
        answer = _answer(github, _new_name(github, repo, answer))
    if answer.data.get("repository") is None:
        raise errors.of_missing_repository(answer.request, answer.errors)
    found = answer.whole()["repository"]
    branch = found["defaultBranchRef"]
    return Probe(
        at=errors.server_time(answer.headers) or github.clock.now(),
        repository_id=found["databaseId"],
        full_name=found["nameWithOwner"],
        archived=found["isArchived"],
        default_branch=branch["name"] if branch else None,
        head=branch["target"]["oid"] if branch else None,
        branches=(found["branches"] or {"totalCount": 0})["totalCount"],
        open_pulls=found["openPullRequests"]["totalCount"],
        page=page_of(found["pullRequests"]),
    )


def _answer(github: GitHub, repo: str) -> GraphQLAnswer:
    owner, _, name = repo.partition("/")
    return github.graphql(document("probe"), {"owner": owner, "name": name})


def _new_name(github: GitHub, repo: str, answer: GraphQLAnswer) -> str:
    """The present name of a repository that GraphQL does not know by `repo`: REST redirects from a former name."""
    missing = errors.of_missing_repository(answer.request, answer.errors)
    if not isinstance(missing, NotFound):
        raise missing
    name = str(github.get(f"/repos/{repo}", holds="full_name").body["full_name"])
    if name.lower() == repo.lower():
        raise missing
    return name
