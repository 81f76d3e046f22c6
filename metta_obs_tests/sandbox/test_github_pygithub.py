"""The real PyGithub against the simulated GitHub: what the collection will do, and how PyGithub takes the errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from github import Auth, BadCredentialsException, Github, GithubException, UnknownObjectException

from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.sandbox import github_world as world


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with world.sandbox(tokens=["right"]) as running:
        yield running


def client(sandbox: Sandbox, token: str = "right") -> Github:
    return Github(
        base_url=sandbox.github_url,
        auth=Auth.Token(token),
        per_page=100,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )


def test_objects_and_paginated_lists(sandbox: Sandbox) -> None:
    repo = client(sandbox).get_repo("acme/engine")
    assert (repo.id, repo.default_branch) == (500_001, "trunk")
    assert repo.get_pulls(state="all").totalCount == 141
    assert len({pull.number for pull in repo.get_pulls(state="all")}) == 141
    pull = repo.get_pull(151)
    assert pull.merged
    assert pull.user.login == "ada"
    assert [label.name for label in pull.labels] == ["hotfix", "engine room"]
    assert (len(list(pull.get_reviews())), len(list(pull.get_review_comments()))) == (35, 35)
    assert len(list(repo.get_branches())) == len(list(repo.get_git_matching_refs("heads/"))) == 132
    runs = repo.get_workflow_runs(created=">=2025-10-17", exclude_pull_requests=True)
    assert runs.totalCount == len(list(runs)) == 53
    assert [job.name for job in repo.get_workflow_run(17_000_000_007).jobs("all")] == ["job 0", "job 1", "job 0"]


def test_a_commits_files_past_the_first_page(sandbox: Sandbox) -> None:
    commit = client(sandbox).get_repo("acme/engine").get_commit(world.sha("c10"))
    assert commit.files.totalCount == len(list(commit.files)) == world.MANY_FILES
    assert commit.stats.additions == 3


def test_conditional_requests_by_request_json(sandbox: Sandbox) -> None:
    requester = client(sandbox).requester
    status, headers, _ = requester.requestJson("GET", "/repos/acme/engine/actions/runs", {"per_page": 100})
    assert status == 200
    assert "next" in headers["link"]
    status, headers, body = requester.requestJson(
        "GET", "/repos/acme/engine/actions/runs", {"per_page": 100}, headers={"If-None-Match": headers["etag"]}
    )
    assert (status, body) == (304, "")
    assert headers["x-ratelimit-resource"] == "core"
    assert headers["date"] == "Thu, 23 Oct 2025 18:30:00 GMT"


def test_a_renamed_repository_is_followed(sandbox: Sandbox) -> None:
    # PyGithub drops the query when it follows, so a list must be asked under the new name.
    repo = client(sandbox).get_repo("acme/motor")
    assert repo.full_name == "acme/engine"
    assert len(list(repo.get_pulls(state="all"))) == 141


def test_graphql_and_its_errors(sandbox: Sandbox) -> None:
    requester = client(sandbox).requester
    query = 'query($n: String!) { viewer { login } repository(owner: "acme", name: $n) { databaseId } }'
    _, data = requester.graphql_query(query, {"n": "engine"})
    assert data["data"] == {"viewer": {"login": "sandbox-user"}, "repository": {"databaseId": 500_001}}
    with pytest.raises(GithubException) as caught:
        requester.graphql_query(query, {"n": "nothing"})
    assert caught.value.data["data"]["viewer"] == {"login": "sandbox-user"}
    sandbox.faults.add("rate_limit", "*graphql", times=1)
    with pytest.raises(GithubException, match="API rate limit already exceeded"):
        requester.graphql_query(query, {"n": "engine"})


def test_errors_become_pygithubs_exceptions(sandbox: Sandbox) -> None:
    with pytest.raises(BadCredentialsException):
        client(sandbox, "wrong").get_repo("acme/engine")
    with pytest.raises(UnknownObjectException):
        client(sandbox).get_repo("acme/nothing")
    with pytest.raises(GithubException) as caught:
        list(client(sandbox).get_repo("acme/blank").get_commits())
    assert (caught.value.status, caught.value.data["message"]) == (409, "Git Repository is empty.")
