"""The client over a real socket: what it counts, what it repeats, what it gives up at once and with which advice."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from metta_obs.github.api import TRIES, GitHub
from metta_obs.github.documents import document
from metta_obs.github.errors import GitHubError
from metta_obs_tests.github.bench import NOW, REPO, Bench

WORKFLOWS = f"/repos/{REPO}/actions/workflows"
PROBE = {"owner": REPO.split("/")[0], "name": REPO.split("/")[1]}


@pytest.fixture
def github(empty: Bench) -> GitHub:
    return empty.client()


def reason(error: pytest.ExceptionInfo[GitHubError]) -> str:
    return error.value.reason


def test_every_answer_is_counted_as_github_counts_it(github: GitHub, empty: Bench) -> None:
    empty.sandbox.faults.add("status", path="*/actions/workflows", status=503, times=1)
    first = github.get(WORKFLOWS)
    again = github.get(WORKFLOWS, etag=first.etag)
    github.graphql(document("probe"), PROBE)
    assert again.not_modified
    assert again.body is None
    usage = github.usage
    assert (usage.rest_calls, usage.rest_not_modified) == (2, 1)  # the 503 too
    assert (usage.graphql_calls, usage.graphql_points) == (1, 1)
    assert set(usage.remaining) == {"core", "graphql"}
    log = empty.sandbox.requests
    assert sum(entry.points for entry in log if entry.bucket == "core") == usage.rest_calls


def test_asking_for_the_time_costs_nothing_and_proves_the_token(github: GitHub, empty: Bench) -> None:
    assert github.now() == NOW
    assert github.usage.rest_calls == 0
    assert github.usage.limit["core"] == 5000
    empty.sandbox.faults.add("status", path="/rate_limit", status=401)
    with pytest.raises(GitHubError) as error:
        github.now()
    assert reason(error) == "unauthorized"
    assert "GITHUB_TOKEN" in error.value.detail
    assert "a token" not in error.value.detail


@pytest.mark.parametrize("address", ["", "/", "/api/v3", "/api/v3/"])
def test_an_enterprise_server_is_asked_at_its_own_addresses(empty: Bench, address: str) -> None:
    github = GitHub(empty.sandbox.github_url + address, "t", empty.clock)
    assert github.get(WORKFLOWS).body["total_count"] == 2
    assert github.graphql(document("probe"), PROBE).data["repository"]["nameWithOwner"] == REPO
    prefix = "/api" if "api" in address else ""
    assert [entry.path for entry in empty.sandbox.requests.select(bucket="graphql")] == [f"{prefix}/graphql"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_passing_trouble_does_not_lose_the_answer(github: GitHub, empty: Bench, status: int) -> None:
    empty.sandbox.faults.add("status", status=status, times=TRIES - 1)
    assert github.get(WORKFLOWS).status == 200
    assert github.usage.rest_calls == TRIES
    assert sum(empty.clock.slept) < 30


@pytest.mark.parametrize("where", ["before", "middle"])
@pytest.mark.parametrize("graphql", [False, True])
def test_a_cut_connection_is_asked_again_but_not_for_ever(
    github: GitHub, empty: Bench, where: str, graphql: bool
) -> None:
    def ask() -> object:
        return github.graphql(document("probe"), PROBE) if graphql else github.get(WORKFLOWS)

    empty.sandbox.faults.add("cut", where=where, times=2)
    assert ask()
    empty.sandbox.faults.clear()
    empty.sandbox.faults.add("cut", where=where)
    empty.sandbox.requests.clear()
    with pytest.raises(GitHubError) as error:
        ask()
    assert reason(error) == "unreachable"
    assert len(empty.sandbox.requests) == TRIES


@pytest.mark.parametrize(
    ("status", "body", "expected", "remedy"),
    [
        (401, None, "unauthorized", "GITHUB_TOKEN"),
        (403, {"message": "Resource not accessible by personal access token"}, "forbidden", "Actions: read"),
        (404, None, "not_found", "METTA_OBS_REPOS"),
        (410, {"message": "Gone"}, "gone", "switched off"),
        (451, {"message": "Unavailable"}, "blocked", "legal"),
        (422, {"message": "Validation Failed"}, "rejected", "Validation Failed"),
    ],
)
def test_what_another_try_cannot_mend_fails_at_once_and_says_what_to_do(
    github: GitHub, empty: Bench, status: int, body: object, expected: str, remedy: str
) -> None:
    empty.sandbox.faults.add("status", status=status, body=body)
    with pytest.raises(GitHubError) as error:
        github.get(WORKFLOWS)
    assert reason(error) == expected
    assert remedy in error.value.detail
    assert f"GET {WORKFLOWS}" in error.value.detail
    assert len(empty.sandbox.requests) == 1


def test_single_sign_on_and_permissions_are_named_as_github_names_them(github: GitHub, empty: Bench) -> None:
    sso = {"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso"}
    empty.sandbox.faults.add("status", status=403, body={"message": "SAML"}, headers=sso, times=1)
    with pytest.raises(GitHubError) as error:
        github.get(WORKFLOWS)
    assert "https://github.com/orgs/acme/sso" in error.value.detail
    accepted = {"X-Accepted-GitHub-Permissions": "actions=read"}
    empty.sandbox.faults.add("status", status=403, body={"message": "no"}, headers=accepted, times=1)
    with pytest.raises(GitHubError) as error:
        github.get(WORKFLOWS)
    assert "actions=read" in error.value.detail


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("retry_after", "least"),
    [("7", 7), (format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9), ("", 60), (None, 60)],
)
def test_a_secondary_limit_is_waited_for_as_long_as_github_says(
    github: GitHub, empty: Bench, status: int, retry_after: str | None, least: float
) -> None:
    empty.sandbox.faults.add("secondary_limit", status=status, retry_after=retry_after, times=1)
    assert github.get(WORKFLOWS).status == 200
    assert least <= sum(empty.clock.slept) < least + 2


def test_a_limit_that_outlasts_the_run_ends_it_and_says_until_when(github: GitHub, empty: Bench) -> None:
    empty.sandbox.faults.add("rate_limit", path="*/actions/*")
    with pytest.raises(GitHubError) as error:
        github.get(WORKFLOWS)
    assert reason(error) == "rate_limited"
    assert "2025-11-20T" in error.value.detail
    empty.sandbox.faults.clear()
    empty.sandbox.requests.clear()
    with pytest.raises(GitHubError):
        github.get(WORKFLOWS)  # not sent at all: the quota is used up
    assert len(empty.sandbox.requests) == 0
    assert github.graphql(document("probe"), PROBE).data  # GraphQL has a quota of its own
    empty.clock.slept.append(3700)
    assert github.get(WORKFLOWS).status == 200


def test_a_used_up_quota_inside_a_200_is_no_data(github: GitHub, empty: Bench) -> None:
    empty.sandbox.faults.add("rate_limit", path="*graphql")
    with pytest.raises(GitHubError) as error:
        github.graphql(document("probe"), PROBE)
    assert reason(error) == "rate_limited"
    empty.clock.slept.append(3700)
    empty.sandbox.faults.clear()
    error_body = {"data": None, "errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    empty.sandbox.faults.add("status", path="*graphql", status=200, body=error_body)
    with pytest.raises(GitHubError) as error:
        github.graphql(document("probe"), PROBE)
    assert reason(error) == "rate_limited"


def test_a_limit_is_not_waited_for_again_and_again(github: GitHub, empty: Bench) -> None:
    empty.sandbox.faults.add("secondary_limit", retry_after=50)
    for _ in range(3):
        with pytest.raises(GitHubError):
            github.get(WORKFLOWS)
    assert sum(empty.clock.slept) < 180


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "[1", '"text"', ""])
def test_a_page_that_is_not_githubs_json_is_no_empty_list(github: GitHub, empty: Bench, body: str) -> None:
    empty.sandbox.faults.add("status", status=200, body=body)
    for ask in (lambda: github.get(WORKFLOWS), lambda: github.graphql(document("probe"), PROBE)):
        with pytest.raises(GitHubError) as error:
            ask()
        assert reason(error) == "bad_answer"
        assert "GITHUB_API_URL" in error.value.detail


def test_a_query_that_github_does_not_know_is_not_repeated(github: GitHub, empty: Bench) -> None:
    with pytest.raises(GitHubError) as error:
        github.graphql('query Odd { repository(owner: "a", name: "b") { nonsense } }', {})
    assert reason(error) in ("query_refused", "rejected")
    assert len(empty.sandbox.requests) == 1


def test_a_mistake_of_ours_does_not_look_like_one_of_githubs(github: GitHub) -> None:
    with pytest.raises(TypeError):
        github.graphql(document("probe"), {"owner": NOW})


def test_a_redirect_keeps_the_query_and_stays_on_the_host(github: GitHub, empty: Bench) -> None:
    target = {"Location": f"https://elsewhere.example{WORKFLOWS}?per_page=1"}
    empty.sandbox.faults.add("status", path="*/former/*", status=301, body={}, headers=target)
    answer = github.get("/repos/acme/former/actions/workflows", {"per_page": 1})
    assert len(answer.body["workflows"]) == 1
    assert github.usage.rest_calls == 2  # GitHub counts the redirect as well


def test_pages_are_followed_to_the_end(github: GitHub) -> None:
    pages = list(github.pages(WORKFLOWS, {"per_page": 1}))
    assert [len(page.body["workflows"]) for page in pages] == [1, 1]
