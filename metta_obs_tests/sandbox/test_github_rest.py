"""REST answers of the simulated GitHub over a real socket: lists, pages, filters, errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests

from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.sandbox.world import World
from metta_obs_tests.sandbox import github_world as world


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with world.sandbox() as running:
        yield running


class Client:
    def __init__(self, sandbox: Sandbox, repo: str = "acme/engine") -> None:
        self.session = requests.Session()
        self.session.headers["Authorization"] = "Bearer secret"
        self.root = sandbox.github_url
        self.base = f"{self.root}/repos/{repo}"

    def get(self, path: str, /, **query: Any) -> requests.Response:
        return self.session.get(self.base + path, params=query, allow_redirects=False)

    def ok(self, path: str, /, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def walk(self, path: str, /, **query: Any) -> list[list[Any]]:
        """The pages of a list, as Link leads through them."""
        address: str | None = self.base + path
        pages = []
        while address:
            answer = self.session.get(address, params=query if address == self.base + path else None)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            pages.append(body if isinstance(body, list) else next(v for v in body.values() if isinstance(v, list)))
            address = answer.links.get("next", {}).get("url")
        return pages


@pytest.fixture(scope="module")
def engine(sandbox: Sandbox) -> Client:
    return Client(sandbox)


@pytest.mark.parametrize(
    ("path", "query", "rows"),
    [
        ("/pulls", {"state": "all"}, 141),
        ("/pulls", {}, 99),
        ("/pulls", {"state": "closed"}, 42),
        ("/pulls", {"head": "acme:topic-7"}, 1),
        ("/pulls/151/commits", {}, 3),
        ("/pulls/151/reviews", {}, 35),
        ("/pulls/151/comments", {}, 35),
        ("/pulls/comments", {}, 35),
        ("/pulls/comments", {"since": "2025-10-03T07:00:00Z"}, 1),
        ("/issues/comments", {"since": "2025-10-03T03:30:00Z"}, 5),
        ("/issues/151/comments", {}, 35),
        ("/issues/151/events", {}, 11),
        ("/issues/151/timeline", {}, 84),
        ("/commits", {}, world.COMMITS + 1),
        ("/commits", {"since": "2025-10-05T00:00:00Z"}, 25),
        ("/commits", {"until": "2025-10-01T09:00:00Z"}, 10),
        ("/commits", {"sha": "feature/é#1"}, 54),
        ("/commits", {"author": "dependabot[bot]"}, 1),
        ("/commits", {"path": "new.py"}, 1),
        ("/branches", {}, 132),
        ("/actions/workflows", {}, 1),
        ("/actions/runs", {}, world.RUNS),
        ("/actions/workflows/ci.yml/runs", {}, world.RUNS),
        ("/actions/runs", {"event": "push"}, 602),
        ("/actions/runs", {"branch": "trunk"}, 1_000),
        ("/actions/runs", {"status": "in_progress"}, 1),
        ("/actions/runs", {"actor": "ada", "created": ">=2025-10-17"}, 52),
        ("/actions/runs", {"created": "2025-10-02T00:00:00Z..2025-10-02T01:00:00Z"}, 4),
        ("/actions/runs", {"created": "2025-10-02"}, 72),
        ("/actions/runs", {"created": ">2025-10-17T17:00:00Z"}, 1),
        ("/actions/runs", {"created": "<=2025-10-01T00:20:00+00:00"}, 2),
        ("/actions/runs", {"created": "*..2025-10-01T00:19:59Z"}, 1),
    ],
)
def test_a_list_can_be_read_whole_page_by_page(engine: Client, path: str, query: dict[str, Any], rows: int) -> None:
    size = 100 if rows > 500 else 30
    pages = engine.walk(path, per_page=size, **query)
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    keys = [row.get("id") or row.get("sha") or row.get("name") for page in pages for row in page]
    assert len(keys) == rows
    if "timeline" not in path:
        assert len(set(keys)) == rows


def test_a_filtered_run_list_tells_its_true_size_and_shows_a_thousand(engine: Client) -> None:
    first = engine.get("/actions/runs", branch="trunk", per_page=100)
    assert first.json()["total_count"] == world.RUNS
    assert first.links["last"]["url"].endswith("page=10")
    beyond = engine.ok("/actions/runs", branch="trunk", per_page=100, page=11)
    assert (beyond["total_count"], beyond["workflow_runs"]) == (world.RUNS, [])


def test_link_names_the_pages_around(engine: Client) -> None:
    links = engine.get("/pulls", state="all", per_page=50, page=2).links
    assert {name: link["url"].rsplit("=", 1)[1] for name, link in links.items()} == {
        "prev": "1",
        "next": "3",
        "last": "3",
        "first": "1",
    }
    assert set(engine.get("/pulls", state="all", per_page=50).links) == {"next", "last"}
    assert set(engine.get("/pulls", state="all", per_page=50, page=3).links) == {"prev", "first"}
    assert engine.get("/actions/workflows").links == {}
    assert all(link["url"].startswith(engine.base) for link in links.values())


def test_pulls_come_in_the_order_that_is_asked_for(engine: Client) -> None:
    def numbers(**query: str) -> list[int]:
        return [row["number"] for row in engine.ok("/pulls", state="all", per_page=100, **query)[:3]]

    assert numbers() == [140, 139, 138]
    assert numbers(direction="asc") == [1, 2, 3]
    assert numbers(sort="updated") == [1, 2, 3]
    assert numbers(sort="updated", direction="desc") == [140, 139, 138]


def test_comments_can_be_read_since_their_last_edit(engine: Client) -> None:
    rows = engine.ok("/pulls/comments", sort="updated", direction="desc", per_page=2)
    assert rows[0]["id"] == 6_000_000_003
    assert rows[0]["updated_at"] == "2025-10-03T11:23:00Z"
    assert "in_reply_to_id" not in rows[0]
    assert rows[1]["in_reply_to_id"] == 6_000_000_033


def test_a_commit_lists_its_files_three_hundred_a_page(engine: Client) -> None:
    address = f"/commits/{world.sha('c10')}"
    sizes, first = [], engine.get(address)
    answer = first
    while True:
        sizes.append(len(answer.json()["files"]))
        if "next" not in answer.links:
            break
        answer = engine.session.get(answer.links["next"]["url"])
    assert sizes == [300, 300, 50]
    assert first.json()["stats"] == {"total": 4, "additions": 3, "deletions": 1}
    assert first.json()["files"][0]["previous_filename"] == "old.py"


def test_a_commit_lists_at_most_three_thousand_files() -> None:
    state = world.repositories()
    files = state["acme/engine"].commits[world.sha("c10")].files
    files += [type(files[0])(f"more/{i}") for i in range(2_500)]
    with Sandbox(world=World(WorldClock(world.NOW, False), repositories=state)) as big:
        client = Client(big)
        seen = 0
        answer = client.get(f"/commits/{world.sha('c10')}")
        while "next" in answer.links:
            seen += len(answer.json()["files"])
            answer = client.session.get(answer.links["next"]["url"])
        assert seen + len(answer.json()["files"]) == 3_000


def test_history_follows_parents_and_not_other_branches(engine: Client) -> None:
    shas = [row["sha"] for page in engine.walk("/commits", per_page=100) for row in page]
    assert shas[0] == world.sha(f"c{world.COMMITS}")
    assert world.sha("side") in shas
    assert world.sha("own1") not in shas
    assert shas.index(world.sha("side")) == shas.index(world.sha("c8")) + 1


def test_associated_pulls_of_a_merge_commit_and_of_own_commits(engine: Client) -> None:
    for name in ("c60", "own2"):
        assert [row["number"] for row in engine.ok(f"/commits/{world.sha(name)}/pulls")] == [151]
    assert engine.ok(f"/commits/{world.sha('c61')}/pulls") == []


def test_matching_refs_are_not_paged_and_go_by_prefix(engine: Client) -> None:
    assert len(engine.ok("/git/matching-refs/heads/", per_page=1)) == 132
    assert len(engine.ok("/git/matching-refs/heads")) == 132
    assert [row["ref"] for row in engine.ok("/git/matching-refs/heads/topic-13")] == [
        "refs/heads/topic-13",
        "refs/heads/topic-130",
    ]


def test_a_branch_name_with_slash_and_odd_letters_is_found(engine: Client) -> None:
    quoted = quote("feature/é#1", safe="")
    assert engine.ok(f"/branches/{quoted}")["commit"]["sha"] == world.sha("own3")
    assert engine.ok(f"/git/ref/heads/{quoted}")["object"]["sha"] == world.sha("own3")


def test_compare_counts_both_sides_since_the_merge_base(engine: Client) -> None:
    body = engine.ok(f"/compare/trunk...{world.sha('own3')}")
    assert (body["status"], body["ahead_by"], body["behind_by"]) == ("diverged", 3, world.COMMITS - 50)
    assert body["merge_base_commit"]["sha"] == world.sha("c50")
    assert [row["sha"] for row in body["commits"]] == [world.sha(f"own{k}") for k in (1, 2, 3)]
    assert engine.ok("/compare/trunk...trunk")["status"] == "identical"
    assert engine.get("/compare/trunk...nowhere").status_code == 404


def test_a_run_shows_its_last_attempt_and_each_attempt_itself(engine: Client) -> None:
    run = 17_000_000_007
    listed = engine.ok(f"/actions/runs/{run}")
    assert (listed["run_attempt"], listed["conclusion"]) == (2, "success")
    first = engine.ok(f"/actions/runs/{run}/attempts/1")
    assert (first["run_attempt"], first["conclusion"]) == (1, "failure")
    assert first["created_at"] > first["run_started_at"] == listed["created_at"]
    assert listed["run_started_at"] > listed["created_at"]
    assert engine.get(f"/actions/runs/{run}/attempts/3").status_code == 404


def test_jobs_of_the_last_attempt_of_all_and_of_one(engine: Client) -> None:
    base = "/actions/runs/17000000007"
    assert [row["id"] for row in engine.ok(f"{base}/jobs")["jobs"]] == [40_000_000_071, 41_000_000_000]
    assert [row["id"] for row in engine.ok(f"{base}/jobs", filter="all")["jobs"]] == [
        40_000_000_070,
        40_000_000_071,
        41_000_000_000,
    ]
    first = engine.ok(f"{base}/attempts/1/jobs")
    assert [(row["id"], row["run_attempt"]) for row in first["jobs"]] == [(40_000_000_070, 1), (40_000_000_071, 1)]
    assert first["total_count"] == 2


def test_pull_requests_of_runs_can_be_left_out(engine: Client) -> None:
    with_pulls = engine.ok("/actions/runs", event="pull_request", per_page=1)["workflow_runs"][0]
    assert with_pulls["pull_requests"][0]["number"] == 151
    without = engine.ok("/actions/runs", event="pull_request", per_page=1, exclude_pull_requests="true")
    assert without["workflow_runs"][0]["pull_requests"] == []


def test_deleted_accounts_and_forks(engine: Client) -> None:
    assert engine.ok("/pulls/2")["user"]["login"] == "ghost"
    assert engine.ok("/pulls/3")["user"]["type"] == "Bot"
    assert engine.ok("/pulls/4")["head"]["repo"] is None
    assert engine.ok("/pulls/5")["head"]["repo"]["full_name"] == "mallory/engine"
    assert engine.ok(f"/commits/{world.sha('side')}")["author"] is None
    assert engine.ok("/pulls/151/reviews")[3]["user"] is None


def test_an_empty_repository_says_so(sandbox: Sandbox) -> None:
    blank = Client(sandbox, "acme/blank")
    for path in ("/commits", "/git/matching-refs/heads/", "/git/ref/heads/main", "/commits/main"):
        answer = blank.get(path)
        assert (answer.status_code, answer.json()["message"]) == (409, "Git Repository is empty."), path
    assert blank.ok("/branches") == blank.ok("/pulls") == []
    assert blank.ok("/actions/runs") == {"total_count": 0, "workflow_runs": []}


def test_a_renamed_repository_is_found_by_its_id(sandbox: Sandbox) -> None:
    old = Client(sandbox, "acme/motor")
    answer = old.get("/pulls", state="all", per_page=1)
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"{sandbox.github_url}/repositories/500001/pulls?state=all&per_page=1"
    followed = old.session.get(answer.headers["Location"])
    assert len(followed.json()) == 1
    assert followed.links["next"]["url"].startswith(f"{sandbox.github_url}/repositories/500001/pulls?")
    assert old.session.get(old.base).json()["full_name"] == "acme/engine"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/pulls/9999", 404),
        ("/nothing", 404),
        ("/commits/main", 422),
        ("/branches/gone", 404),
        ("/actions/runs/1", 404),
        ("/actions/workflows/none.yml/runs", 404),
        ("/issues/9999/timeline", 404),
        ("/pulls?per_page=none", 422),
        ("/pulls?page=0", 422),
        ("/pulls?state=odd", 422),
        ("/actions/runs?created=yesterday", 422),
        ("/actions/runs?page=500&per_page=100", 422),
        ("/commits?since=soon", 422),
    ],
)
def test_what_does_not_exist_or_makes_no_sense_is_refused(engine: Client, path: str, status: int) -> None:
    answer = engine.get(path)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]
    assert answer.json()["documentation_url"]


def test_more_than_a_hundred_rows_are_a_hundred(engine: Client) -> None:
    assert len(engine.ok("/pulls", state="all", per_page=1_000)) == 100


def test_unknown_repositories_and_spelling(sandbox: Sandbox) -> None:
    assert Client(sandbox, "acme/nothing").get("").json()["message"] == "Not Found"
    assert Client(sandbox, "ACME/Engine").ok("")["full_name"] == "acme/engine"


def test_an_enterprise_client_may_put_its_prefix_before_the_path(sandbox: Sandbox, engine: Client) -> None:
    root = f"{sandbox.github_url}/api/v3/repos/acme/engine/pulls"
    answer = engine.session.get(root, params={"per_page": 5})
    assert len(answer.json()) == 5
    assert answer.links["next"]["url"].startswith(root)
    query = {"query": "{ viewer { login } }"}
    assert engine.session.post(f"{sandbox.github_url}/api/graphql", json=query).json()["data"]["viewer"]["login"]
