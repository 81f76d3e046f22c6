"""GraphQL on the simulated GitHub over a real socket: connections, prices, errors, speed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.sandbox.world import World
from metta_obs_tests.sandbox import github_world as world
from metta_obs_tests.sandbox.github_client import ENGINE, PAGED, GraphQLClient


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with world.sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def github(sandbox: Sandbox) -> GraphQLClient:
    return GraphQLClient(sandbox)


def test_a_former_name_is_followed_unless_told_not_to(github: GraphQLClient) -> None:
    query = '{ repository(owner: "acme", name: "motor"%s) { nameWithOwner } }'
    assert github.ok(query % "")["repository"]["nameWithOwner"] == "acme/engine"
    assert github.post(query % ", followRenames: false")["errors"][0]["type"] == "NOT_FOUND"


def test_what_is_not_found_is_null_beside_the_rest(github: GraphQLClient) -> None:
    body = github.post('{ a: repository(owner: "acme", name: "no") { id } b: viewer { login } }')
    assert body["data"] == {"a": None, "b": {"login": "sandbox-user"}}
    assert body["errors"] == [
        {
            "type": "NOT_FOUND",
            "path": ["a"],
            "locations": [{"line": 1, "column": 3}],
            "message": "Could not resolve to a Repository with the name 'acme/no'.",
        }
    ]


def test_nodes_keep_their_places_when_one_is_gone(github: GraphQLClient) -> None:
    found = github.engine("pullRequest(number: 7) { id }")["pullRequest"]["id"]
    body = github.post("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["PR_gone", found])
    assert body["data"]["nodes"] == [None, {"id": found}]
    assert body["errors"][0]["path"] == ["nodes", 0]


@pytest.mark.parametrize(
    ("connection", "row", "total"),
    [
        ("pullRequests(first: $first, after: $after)", "number", 141),
        ("pullRequests(states: [OPEN], first: $first, after: $after)", "number", 99),
        ("pullRequests(first: $first, after: $after, orderBy: {field: UPDATED_AT, direction: DESC})", "number", 141),
        ('pullRequests(first: $first, after: $after, baseRefName: "trunk", labels: ["Hotfix"])', "number", 1),
        ('refs(refPrefix: "refs/heads/", first: $first, after: $after)', "name", 132),
        ('refs(refPrefix: "refs/heads/topic-", query: "3", first: $first, after: $after)', "name", 23),
    ],
)
def test_a_connection_can_be_read_whole_page_by_page(
    github: GraphQLClient, connection: str, row: str, total: int
) -> None:
    seen, after = [], None
    while True:
        query = (
            f"query($first: Int, $after: String) {{ {ENGINE} {{ it: {connection} {{ {PAGED} nodes {{ {row} }} }} }} }}"
        )
        page = github.ok(query, first=40, after=after)["repository"]["it"]
        assert page["totalCount"] == total
        seen += [node[row] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert len(seen) == len(set(seen)) == total


def test_paging_goes_on_behind_the_same_pull_request_when_the_list_has_moved() -> None:
    state = world.repositories()
    order = "orderBy: {field: UPDATED_AT, direction: DESC}"
    with Sandbox(world=World(WorldClock(world.NOW, False), repositories=state)) as first:
        client = GraphQLClient(first)
        page = client.engine(f"pullRequests(first: 3, {order}) {{ nodes {{ number }} pageInfo {{ endCursor }} }}")
        assert [n["number"] for n in page["pullRequests"]["nodes"]] == [140, 139, 138]
        cursor = page["pullRequests"]["pageInfo"]["endCursor"]
    state["acme/engine"].pulls[139].updated_at = world.NOW
    with Sandbox(world=World(WorldClock(world.NOW, False), repositories=state)) as second:
        page = GraphQLClient(second).engine(
            f'pullRequests(first: 2, after: "{cursor}", {order}) {{ nodes {{ number }} }}'
        )
        assert [n["number"] for n in page["pullRequests"]["nodes"]] == [137, 136]


def test_the_last_rows_and_those_before_a_cursor(github: GraphQLClient) -> None:
    page = github.engine("pullRequests(last: 2) { edges { cursor node { number } } pageInfo { hasPreviousPage } }")
    edges = page["pullRequests"]["edges"]
    assert [edge["node"]["number"] for edge in edges] == [139, 140]
    assert page["pullRequests"]["pageInfo"]["hasPreviousPage"]
    before = github.engine(f'pullRequests(last: 2, before: "{edges[0]["cursor"]}") {{ nodes {{ number }} }}')
    assert [node["number"] for node in before["pullRequests"]["nodes"]] == [137, 138]


@pytest.mark.parametrize(
    ("connection", "kind"),
    [
        ("pullRequests { nodes { id } }", "MISSING_PAGINATION_BOUNDARIES"),
        ("pullRequests { pageInfo { endCursor } }", "MISSING_PAGINATION_BOUNDARIES"),
        ("pullRequests(first: 101) { nodes { id } }", "EXCESSIVE_PAGINATION"),
        ("pullRequests(first: 0) { nodes { id } }", "EXCESSIVE_PAGINATION"),
        ("pullRequests(first: 1, last: 1) { nodes { id } }", "EXCESSIVE_PAGINATION"),
        ('pullRequests(first: 1, after: "abc") { nodes { id } }', "INVALID_CURSOR_ARGUMENTS"),
        (
            "pullRequests(first: 99) { nodes { reviews(first: 99) { nodes { comments(first: 99) { nodes { id }}}}}}",
            "MAX_NODE_LIMIT_EXCEEDED",
        ),
    ],
)
def test_bad_paging_is_refused_with_githubs_type(github: GraphQLClient, connection: str, kind: str) -> None:
    body = github.post(f"{{ {ENGINE} {{ {connection} }} }}")
    assert body["errors"][0]["type"] == kind
    assert not (body.get("data") or {}).get("repository")


def test_a_count_alone_needs_no_page_size(github: GraphQLClient) -> None:
    assert github.engine("pullRequests(states: OPEN) { totalCount }")["pullRequests"]["totalCount"] == 99


@pytest.mark.parametrize(
    "query", ["{ repository", "{ nothing }", "{ viewer }", "query A { viewer { id } } query B { viewer { id } }"]
)
def test_a_query_that_is_none_is_an_error_in_a_200(github: GraphQLClient, query: str) -> None:
    body = github.post(query)
    assert body["errors"][0]["message"]
    assert "data" not in body


def _of_pulls(fields: str) -> str:
    return f"{{ {ENGINE} {{ pullRequests(first: 100) {{ nodes {{ {fields} }} }} }} }}"


FRAGMENT = """fragment F on PullRequest {
    reviews(first: 9) { totalCount } comments(first: 9) @skip(if: true) { totalCount } }"""
SUITES = ", ".join('"x"' for _ in range(100))
PRICES = [
    # the worked example of GitHub's documentation: 1 + 100 + 5,000 requests are 51 points
    (_of_pulls("reviews(first: 50) { nodes { comments(first: 60) { nodes { id } } } }"), 5_101, 51),
    (f"{{ {ENGINE} {{ pullRequests(states: OPEN) {{ totalCount }} }} }}", 1, 1),
    ("{ viewer { login } }", 0, 1),
    (f"{{ nodes(ids: [{SUITES}]) {{ ... on CheckSuite {{ checkRuns(first: 50) {{ totalCount }} }} }} }}", 100, 1),
    (_of_pulls("...F") + FRAGMENT, 101, 1),
    (_of_pulls("reviews(first: 9) { totalCount } comments(first: 9) { totalCount }"), 201, 2),
]


@pytest.mark.parametrize(("query", "requests_made", "points"), PRICES)
def test_points_follow_githubs_formula(sandbox: Sandbox, query: str, requests_made: int, points: int) -> None:
    prepared = sandbox.github.graphql.prepare(query, {}, None)
    assert (prepared.cost.requests, prepared.cost.points) == (requests_made, points)


def test_the_rate_limit_says_what_the_query_costs_and_what_is_left(github: GraphQLClient) -> None:
    limit = "rateLimit { cost limit remaining used resetAt nodeCount }"
    query = f"{{ {limit} {ENGINE} {{ pullRequests(first: 7) {{ totalCount }} }} }}"
    before, after = (github.ok(query)["rateLimit"] for _ in range(2))
    assert before["cost"] == 1
    assert before["nodeCount"] == 7
    assert before["limit"] == 5_000
    assert after["remaining"] == before["remaining"] - 1
    assert after["used"] + after["remaining"] == 5_000
    assert before["resetAt"] == "2025-10-23T19:30:00Z"


def test_a_large_answer_comes_quickly(github: GraphQLClient) -> None:
    ids = [node["id"] for node in github.engine("pullRequests(last: 25) { nodes { id } }")["pullRequests"]["nodes"]]
    person = "author { __typename login ... on User { databaseId } }"
    fields = f"""id number title state createdAt updatedAt {person} labels(first: 50) {{ nodes {{ name }} }}
        commits(first: 100) {{ nodes {{ commit {{ oid authoredDate }} }} }}
        reviews(first: 50) {{ totalCount nodes {{ id state submittedAt body {person} }} }}
        comments(first: 50) {{ totalCount nodes {{ id createdAt body {person} }} }}
        reviewThreads(first: 50) {{ nodes {{ comments(first: 50) {{ nodes {{ id createdAt body {person} }} }} }} }}"""
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on PullRequest {{ {fields} }} }} }}"
    github.ok(query, ids=ids)
    spent = []
    for _ in range(3):
        start = time.process_time()  # of client and server; the clock on the wall also counts what else runs here
        github.ok(query, ids=ids)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.2
