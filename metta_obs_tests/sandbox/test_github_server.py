"""What all answers of the simulated GitHub share: credentials, ETags, quotas, time, faults, control over HTTP."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from metta_obs.sandbox.faults import BadFault
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.sandbox.server import PortInUse
from metta_obs_tests.sandbox import github_world as world

PULLS = "/repos/acme/engine/pulls"
RUNS = "/repos/acme/engine/actions/runs"
PROBE = """query Probe { rateLimit { cost } repository(owner: "acme", name: "engine") {
    pullRequests(first: 10) { totalCount pageInfo { hasNextPage endCursor } nodes { number } } } }"""


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with world.sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.faults.clear()
    running.requests.clear()
    running.clock.set(world.NOW)


def get(sandbox: Sandbox, path: str, token: str = "secret", timeout: float = 5, **headers: str) -> requests.Response:
    sent = {"Authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(sandbox.github_url + path, headers=sent, timeout=timeout)


def ask(sandbox: Sandbox, query: str = PROBE, token: str = "secret") -> requests.Response:
    return requests.post(
        f"{sandbox.github_url}/graphql", json={"query": query}, headers={"Authorization": f"bearer {token}"}, timeout=5
    )


# --- credentials


@pytest.mark.parametrize("path", ["/rate_limit", "/user", PULLS, "/repos/acme/nothing"])
def test_without_a_token_nothing_is_told(sandbox: Sandbox, path: str) -> None:
    answer = requests.get(sandbox.github_url + path, timeout=5)
    assert (answer.status_code, answer.json()["message"]) == (401, "Requires authentication")


def test_only_the_given_tokens_are_accepted() -> None:
    with world.sandbox(tokens=["right"]) as strict:
        assert get(strict, "/user", "right").json()["login"] == "sandbox-user"
        assert get(strict, "/user", "wrong").json()["message"] == "Bad credentials"
        assert ask(strict, token="wrong").status_code == 401
        header = {"Authorization": "token right"}
        assert requests.get(f"{strict.github_url}/user", headers=header, timeout=5).status_code == 200


# --- time, ETags and quotas


def test_the_date_is_the_worlds_now(sandbox: Sandbox) -> None:
    assert get(sandbox, "/rate_limit").headers["Date"] == "Thu, 23 Oct 2025 18:30:00 GMT"
    sandbox.clock.advance(timedelta(minutes=15))
    assert get(sandbox, PULLS).headers["Date"] == "Thu, 23 Oct 2025 18:45:00 GMT"


def test_a_304_costs_nothing_and_any_change_is_a_200(sandbox: Sandbox) -> None:
    first = get(sandbox, PULLS)
    left = int(first.headers["X-RateLimit-Remaining"])
    again = get(sandbox, PULLS, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert int(again.headers["X-RateLimit-Remaining"]) == left
    assert get(sandbox, f"{PULLS}?per_page=5", If_None_Match=first.headers["ETag"]).status_code == 200
    assert get(sandbox, PULLS, "another", If_None_Match=first.headers["ETag"]).status_code == 200
    assert [entry.points for entry in sandbox.requests] == [1, 0, 1, 1]


def test_each_bucket_counts_for_itself_and_fills_again_after_an_hour(sandbox: Sandbox) -> None:
    token = "fresh"
    for _ in range(3):
        answer = get(sandbox, PULLS, token)
    assert {name: answer.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "used", "resource")} == {
        "limit": "5000",
        "remaining": "4997",
        "used": "3",
        "resource": "core",
    }
    assert ask(sandbox, token=token).headers["x-ratelimit-remaining"] == "4999"
    told = get(sandbox, "/rate_limit", token).json()["resources"]
    assert (told["core"]["used"], told["graphql"]["used"]) == (3, 1)
    assert told["core"]["reset"] == int((world.NOW + timedelta(hours=1)).timestamp())
    sandbox.clock.advance(timedelta(hours=1))
    assert get(sandbox, PULLS, token).headers["x-ratelimit-remaining"] == "4999"


def test_a_used_up_quota_refuses_until_the_hour_is_over() -> None:
    with world.sandbox(limits={"core": 2, "graphql": 1}) as small:
        assert [get(small, PULLS).status_code for _ in range(3)] == [200, 200, 403]
        refused = get(small, PULLS)
        assert "API rate limit exceeded" in refused.json()["message"]
        assert refused.headers["x-ratelimit-remaining"] == "0"
        ask(small)
        body = ask(small)
        assert (body.status_code, body.json()["errors"][0]["type"]) == (200, "RATE_LIMIT")
        small.clock.advance(timedelta(hours=1))
        assert get(small, PULLS).status_code == 200
        assert "data" in ask(small).json()


def test_the_log_says_what_was_asked_and_what_it_cost(sandbox: Sandbox) -> None:
    get(sandbox, "/rate_limit")
    get(sandbox, f"{PULLS}?per_page=1")
    ask(sandbox)
    log = sandbox.requests.all()
    assert [(e.method, e.path, e.query, e.status, e.bucket, e.points, e.operation) for e in log] == [
        ("GET", "/rate_limit", "", 200, "core", 0, None),
        ("GET", PULLS, "per_page=1", 200, "core", 1, None),
        ("POST", "/graphql", "", 200, "graphql", 1, "Probe"),
    ]
    assert log[0].at == world.NOW
    assert len(sandbox.requests.select(counted=True)) == 2


# --- faults


def test_a_status_fault_strikes_as_often_as_it_says(sandbox: Sandbox) -> None:
    sandbox.faults.add("status", "*/pulls", times=2, status=502)
    assert [get(sandbox, PULLS).status_code for _ in range(3)] == [502, 502, 200]
    sandbox.faults.add("status", "*/pulls", status=401)
    assert get(sandbox, PULLS).json()["message"] == "Bad credentials"
    assert get(sandbox, RUNS).status_code == 200
    sandbox.faults.clear()
    sandbox.faults.add("status", "re:/pulls$", status=503, body={"message": "no"}, headers={"Retry-After": "7"})
    answer = get(sandbox, PULLS)
    assert (answer.json(), answer.headers["Retry-After"]) == ({"message": "no"}, "7")


def test_a_fault_can_be_meant_for_one_page_or_one_operation(sandbox: Sandbox) -> None:
    sandbox.faults.add("status", "*/pulls", page=2, status=500)
    sandbox.faults.add("status", operation="Pro*", status=502)
    assert [get(sandbox, f"{PULLS}?page={n}").status_code for n in (1, 2, 3)] == [200, 500, 200]
    assert ask(sandbox).status_code == 502
    assert ask(sandbox, "query Other { viewer { login } }").status_code == 200


@pytest.mark.parametrize("where", ["before", "middle"])
def test_a_cut_connection_is_no_answer(sandbox: Sandbox, where: str) -> None:
    sandbox.faults.add("cut", "*/pulls", where=where, times=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(sandbox, PULLS)
    assert get(sandbox, PULLS).status_code == 200


def test_a_slow_answer_comes_in_the_end(sandbox: Sandbox) -> None:
    sandbox.faults.add("slow", "*/pulls", seconds=0.3, times=2)
    start = time.perf_counter()
    assert get(sandbox, PULLS).status_code == 200
    assert time.perf_counter() - start > 0.3
    with pytest.raises(requests.Timeout):
        get(sandbox, PULLS, timeout=0.1)


@pytest.mark.parametrize(
    ("kind", "settings", "rows"),
    [
        ("truncate", {}, [90, 89, 88, 87, 86]),
        ("truncate", {"rows": 2}, [90, 89]),
        ("drop_page", {}, []),
        ("duplicate_page", {}, list(range(100, 90, -1))),
    ],
)
def test_a_short_page_of_a_rest_list_does_not_betray_itself(
    sandbox: Sandbox, kind: Any, settings: dict[str, Any], rows: list[int]
) -> None:
    path = f"{PULLS}?state=all&per_page=10&page=6"
    whole = get(sandbox, path)
    sandbox.faults.add(kind, "*/pulls", page=6, **settings)
    short = get(sandbox, path)
    assert [row["number"] for row in short.json()] == rows
    assert short.headers["Link"] == whole.headers["Link"]
    assert [row["number"] for row in get(sandbox, f"{PULLS}?state=all&per_page=10&page=5").json()][:2] == [100, 99]


def test_a_truncated_run_list_and_a_truncated_list_without_pages(sandbox: Sandbox) -> None:
    sandbox.faults.add("truncate", "*/actions/runs", rows=1)
    sandbox.faults.add("truncate", "*/matching-refs/*", rows=100)
    runs = get(sandbox, RUNS).json()
    assert (runs["total_count"], len(runs["workflow_runs"])) == (world.RUNS, 1)
    assert len(get(sandbox, "/repos/acme/engine/git/matching-refs/heads/").json()) == 100
    sandbox.faults.add("drop_page", "*/commits/*", page=2)
    pages = [
        len(get(sandbox, f"/repos/acme/engine/commits/{world.sha('c10')}?page={n}").json()["files"]) for n in (1, 2, 3)
    ]
    assert pages == [300, 0, 50]


@pytest.mark.parametrize(
    ("kind", "rows"), [("truncate", [1, 2, 3]), ("drop_page", []), ("duplicate_page", list(range(11, 21)))]
)
def test_a_short_page_of_a_connection_does_not_betray_itself(sandbox: Sandbox, kind: Any, rows: list[int]) -> None:
    whole = ask(sandbox).json()["data"]["repository"]["pullRequests"]
    sandbox.faults.add(kind, connection="Repository.pullRequests", page=1, rows=3)
    short = ask(sandbox).json()["data"]["repository"]["pullRequests"]
    assert [node["number"] for node in short["nodes"]] == rows
    assert (short["totalCount"], short["pageInfo"]) == (whole["totalCount"], whole["pageInfo"])


def test_a_fault_for_pages_leaves_connections_alone_unless_it_names_them(sandbox: Sandbox) -> None:
    sandbox.faults.add("drop_page")
    assert len(ask(sandbox).json()["data"]["repository"]["pullRequests"]["nodes"]) == 10
    assert get(sandbox, PULLS).json() == []


def test_partial_graphql_data_is_null_with_an_error(sandbox: Sandbox) -> None:
    sandbox.faults.add("partial", operation="Probe", data_path="repository.pullRequests.nodes.[23]", times=1)
    body = ask(sandbox).json()
    nodes = body["data"]["repository"]["pullRequests"]["nodes"]
    assert [node and node["number"] for node in nodes[:5]] == [1, 2, None, None, 5]
    assert [error["path"] for error in body["errors"]] == [["repository", "pullRequests", "nodes", n] for n in (2, 3)]
    assert body["errors"][0]["type"] == "RESOURCE_LIMITS_EXCEEDED"
    sandbox.faults.add("partial", operation="Probe")
    body = ask(sandbox).json()
    assert body["data"]["repository"] is None
    assert body["data"]["rateLimit"]


def test_limits_as_github_tells_them(sandbox: Sandbox) -> None:
    sandbox.faults.add("rate_limit", times=2)
    rest, graphql = get(sandbox, PULLS), ask(sandbox)
    assert (rest.status_code, rest.headers["x-ratelimit-remaining"]) == (403, "0")
    assert (graphql.status_code, graphql.json()["errors"][0]["type"]) == (200, "RATE_LIMIT")
    sandbox.faults.add("secondary_limit", status=429, retry_after="60")
    answer = get(sandbox, PULLS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "secondary rate limit" in answer.json()["message"]
    assert int(answer.headers["x-ratelimit-remaining"]) > 0
    sandbox.faults.clear()
    sandbox.faults.add("secondary_limit", retry_after=None)
    answer = ask(sandbox)
    assert answer.status_code == 403
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    "settings", [{"kind": "odd"}, {"kind": "cut", "where": "end"}, {"kind": "cut", "wher": "middle"}]
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    with pytest.raises(BadFault):
        sandbox.faults.add(**settings)


# --- control over HTTP


def test_faults_requests_and_clock_can_be_steered_over_http(sandbox: Sandbox) -> None:
    control = f"{sandbox.github_url}/_sandbox"
    made = requests.post(f"{control}/faults", json={"kind": "status", "path": "*/pulls", "status": 500}, timeout=5)
    assert made.status_code == 201
    assert get(sandbox, PULLS).status_code == 500
    assert requests.get(f"{control}/faults", timeout=5).json()[0]["struck"] == 1
    assert requests.delete(f"{control}/faults/{made.json()['id']}", timeout=5).status_code == 204
    assert get(sandbox, PULLS).status_code == 200
    assert requests.post(f"{control}/faults", json={"kind": "odd"}, timeout=5).status_code == 400
    assert requests.delete(f"{control}/faults", timeout=5).status_code == 204
    log = requests.get(f"{control}/requests", timeout=5).json()
    assert [entry["status"] for entry in log] == [500, 200]
    requests.delete(f"{control}/requests", timeout=5)
    assert requests.get(f"{control}/requests", timeout=5).json() == []
    now = requests.post(f"{control}/clock", json={"advance": 900}, timeout=5).json()["now"]
    assert now == requests.get(f"{control}/clock", timeout=5).json()["now"] == "2025-10-23T18:45:00+00:00"
    requests.post(f"{control}/clock", json={"set": "2025-11-01T00:00:00Z"}, timeout=5)
    assert get(sandbox, PULLS).headers["Date"] == "Sat, 01 Nov 2025 00:00:00 GMT"
    assert requests.post(f"{control}/clock", json={"set": "soon"}, timeout=5).status_code == 400
    assert requests.get(f"{control}/nothing", timeout=5).status_code == 404


# --- the socket


def test_a_busy_port_is_named(sandbox: Sandbox) -> None:
    with pytest.raises(PortInUse, match=f"port {sandbox.github.port} is in use"):
        world.sandbox(github_port=sandbox.github.port).start()


def test_a_stopped_server_serves_no_open_connection() -> None:
    sandbox = world.sandbox()
    sandbox.start()
    session = requests.Session()
    session.headers["Authorization"] = "Bearer x"
    session.get(sandbox.github_url + PULLS, timeout=5)
    sandbox.stop()
    with pytest.raises(requests.ConnectionError):
        session.get(sandbox.github_url + PULLS, timeout=5)


def test_one_connection_serves_many_requests(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.github.port, timeout=5)
    connection.connect()
    own_port = connection.sock.getsockname()[1]
    for path in (PULLS, "/rate_limit", "/repos/acme/nothing", PULLS):
        connection.request("GET", path, headers={"Authorization": "Bearer x"})
        assert connection.getresponse().read()
        assert connection.sock.getsockname()[1] == own_port
    connection.close()
