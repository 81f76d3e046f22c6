"""What the fields of the simulated GitHub's GraphQL say, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.sandbox import github_world as world
from metta_obs_tests.sandbox.github_client import PAGED, GraphQLClient


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with world.sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def github(sandbox: Sandbox) -> GraphQLClient:
    return GraphQLClient(sandbox)


def test_a_repository_and_its_default_branch(github: GraphQLClient) -> None:
    assert github.engine(
        "databaseId nameWithOwner isArchived isEmpty defaultBranchRef { name prefix target { __typename oid } }"
    ) == {
        "databaseId": 500_001,
        "nameWithOwner": "acme/engine",
        "isArchived": False,
        "isEmpty": False,
        "defaultBranchRef": {
            "name": "trunk",
            "prefix": "refs/heads/",
            "target": {"__typename": "Commit", "oid": world.sha(f"c{world.COMMITS}")},
        },
    }


def test_an_empty_repository_has_no_default_branch(github: GraphQLClient) -> None:
    fields = 'isEmpty defaultBranchRef { name } refs(refPrefix: "refs/heads/", first: 1) { totalCount }'
    assert github.ok(f'{{ repository(owner: "acme", name: "blank") {{ {fields} }} }}')["repository"] == {
        "isEmpty": True,
        "defaultBranchRef": None,
        "refs": {"totalCount": 0},
    }


def test_people_bots_and_deleted_accounts(github: GraphQLClient) -> None:
    actor = "__typename login ... on User { databaseId id } ... on Bot { databaseId id }"
    authors = [github.pull(n, f"author {{ {actor} }}")["author"] for n in (1, 2, 3)]
    assert (authors[0]["__typename"], authors[0]["login"]) == ("User", "ada")
    assert authors[1] is None
    assert (authors[2]["__typename"], authors[2]["login"]) == ("Bot", "dependabot")
    commit = (
        f'object(oid: "{world.sha("c12")}") {{ ... on Commit {{ author {{ name user {{ __typename login }} }} }} }}'
    )
    assert github.engine(commit)["object"]["author"]["user"] == {"__typename": "User", "login": "dependabot[bot]"}
    user = github.engine("pullRequest(number: 1) { author { ... on User { id } } }")["pullRequest"]["author"]["id"]
    assert github.ok(f'{{ node(id: "{user}") {{ ... on User {{ login }} }} }}')["node"]["login"] == "ada"


def test_a_pull_request_in_full(github: GraphQLClient) -> None:
    row = github.pull(
        151,
        """
        state isDraft merged mergedBy { login } mergeCommit { oid } headRefName headRefOid isCrossRepository
        fullDatabaseId databaseId totalCommentsCount reviewDecision
        labels(first: 5) { totalCount nodes { name } } commits(first: 2) { totalCount nodes { commit { oid } } }
        reviews(first: 100) { totalCount } approvals: reviews(first: 9, states: [APPROVED]) { totalCount }
        comments(first: 100) { totalCount }
        reviewThreads(first: 100) { totalCount nodes { comments(first: 10) { totalCount } } }
    """,
    )
    assert (row["state"], row["merged"], row["mergedBy"]["login"]) == ("MERGED", True, "bob")
    assert (row["mergeCommit"]["oid"], row["headRefName"]) == (world.sha("c60"), "hotfix/governor")
    assert (row["fullDatabaseId"], row["databaseId"]) == ("3000000151", 3_000_000_151)
    assert row["labels"]["nodes"] == [{"name": "hotfix"}, {"name": "engine room"}]
    assert (row["commits"]["totalCount"], len(row["commits"]["nodes"])) == (3, 2)
    assert (row["reviews"]["totalCount"], row["approvals"]["totalCount"]) == (35, 1)
    threads = row["reviewThreads"]
    assert (row["comments"]["totalCount"], threads["totalCount"]) == (35, 12)
    assert sum(thread["comments"]["totalCount"] for thread in threads["nodes"]) == 35
    assert [github.pull(n, "isCrossRepository")["isCrossRepository"] for n in (1, 4, 5)] == [False, True, True]
    assert github.pull(4, "headRepository { id }")["headRepository"] is None
    assert github.pull(5, "headRepository { nameWithOwner }")["headRepository"]["nameWithOwner"] == "mallory/engine"


def test_timeline_items_are_filtered_and_their_total_is_not(github: GraphQLClient) -> None:
    events = "[CLOSED_EVENT, REOPENED_EVENT, READY_FOR_REVIEW_EVENT, CONVERT_TO_DRAFT_EVENT, MERGED_EVENT]"
    page = github.pull(
        151,
        f"""
        timelineItems(first: 50, itemTypes: {events}) {{
          totalCount filteredCount pageInfo {{ hasNextPage }}
          nodes {{ __typename ... on ReopenedEvent {{ createdAt actor {{ login }} }} }}
        }}
        labelled: timelineItems(first: 5, itemTypes: [LABELED_EVENT]) {{
          nodes {{ ... on LabeledEvent {{ label {{ name }} }} }}
        }}
        asked: timelineItems(first: 5, itemTypes: [REVIEW_REQUESTED_EVENT]) {{
          nodes {{ ... on ReviewRequestedEvent {{ requestedReviewer {{ ... on User {{ login }} }} }} }}
        }}
        late: timelineItems(first: 100, since: "2025-10-03T12:00:00Z") {{ nodes {{ __typename }} }}
    """,
    )
    items = page["timelineItems"]
    assert [node["__typename"] for node in items["nodes"]] == [
        "ReadyForReviewEvent",
        "ClosedEvent",
        "ReopenedEvent",
        "ConvertToDraftEvent",
        "ReadyForReviewEvent",
        "MergedEvent",
        "ClosedEvent",
    ]
    assert items["nodes"][2]["actor"] is None
    assert (items["totalCount"], items["filteredCount"]) == (84, 7)
    assert page["labelled"]["nodes"] == [{"label": {"name": "hotfix"}}]
    assert page["asked"]["nodes"] == [{"requestedReviewer": {"login": "bob"}}]
    assert [n["__typename"] for n in page["late"]["nodes"]] == ["MergedEvent", "ClosedEvent", "HeadRefDeletedEvent"]


def test_history_from_a_time_on_with_parents_and_associated_pull_requests(github: GraphQLClient) -> None:
    fields = """
        defaultBranchRef { target { ... on Commit {
          history(first: 100, since: "2025-10-03T12:00:00Z") { totalCount pageInfo { hasNextPage }
            nodes { oid committedDate changedFilesIfAvailable message messageHeadline messageBody
              parents(first: 10) { nodes { oid committedDate } }
              authors(first: 5) { nodes { email } }
              associatedPullRequests(first: 10) { totalCount nodes { number mergedAt headRefName } } } } } } }
    """
    history = github.engine(fields)["defaultBranchRef"]["target"]["history"]
    assert history["totalCount"] == len(history["nodes"]) == world.COMMITS - 59
    last = history["nodes"][-1]
    assert last["oid"] == world.sha("c60")
    assert last["changedFilesIfAvailable"] == 1
    assert last["parents"]["nodes"] == [{"oid": world.sha("c59"), "committedDate": "2025-10-03T11:00:00Z"}]
    assert last["associatedPullRequests"]["nodes"][0]["number"] == 151


def test_history_pages_go_on_from_the_commit_where_the_walk_began(github: GraphQLClient) -> None:
    def page(revision: str, after: str) -> Any:
        history = f"history(first: 50{after}) {{ {PAGED} nodes {{ oid }} }}"
        return github.engine(f'object(expression: "{revision}") {{ ... on Commit {{ {history} }} }}')["object"][
            "history"
        ]

    first = page("trunk", "")
    second = page(world.sha("c119"), f', after: "{first["pageInfo"]["endCursor"]}"')
    oids = [node["oid"] for node in first["nodes"] + second["nodes"]]
    assert len(set(oids)) == 100
    assert oids[50] == world.sha("c70")
    assert first["totalCount"] == world.COMMITS + 1


def test_a_long_subject_is_cut_in_the_headline_and_whole_in_the_message(github: GraphQLClient) -> None:
    fields = "message messageHeadline messageBody"
    row = github.engine(f'object(oid: "{world.sha("c11")}") {{ ... on Commit {{ {fields} }} }}')["object"]
    assert row["message"] == world.LONG_SUBJECT + "\n\nBody"
    assert row["messageHeadline"] == world.LONG_SUBJECT[:71] + "…"
    assert row["messageBody"].startswith("…" + world.LONG_SUBJECT[71:])
    assert row["messageBody"].endswith("\n\nBody")


def test_co_authors_are_authors(github: GraphQLClient) -> None:
    row = github.engine(
        f'object(oid: "{world.sha("own1")}") {{ ... on Commit {{ authors(first: 5) {{ nodes {{ email }} }} }} }}'
    )
    assert [author["email"] for author in row["object"]["authors"]["nodes"]] == ["ada@acme.test", "bob@acme.test"]


def test_check_suites_hold_the_jobs_of_all_attempts_or_of_the_last(sandbox: Sandbox, github: GraphQLClient) -> None:
    run = github.session.get(f"{sandbox.github_url}/repos/acme/engine/actions/runs/17000000007").json()
    query = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on CheckSuite { status conclusion
        workflowRun { id databaseId updatedAt }
        every: checkRuns(first: 50, filterBy: {checkType: ALL}) { totalCount nodes { databaseId conclusion startedAt } }
        last: checkRuns(first: 50, filterBy: {checkType: LATEST}) { nodes { databaseId } } } } }"""
    row = github.ok(query, ids=[run["check_suite_node_id"]])["nodes"][0]
    assert (row["status"], row["conclusion"]) == ("COMPLETED", "SUCCESS")
    assert (row["workflowRun"]["id"], row["workflowRun"]["databaseId"]) == (run["node_id"], run["id"])
    assert row["workflowRun"]["updatedAt"] == run["updated_at"]
    assert [(job["databaseId"], job["conclusion"]) for job in row["every"]["nodes"]] == [
        (40_000_000_070, "FAILURE"),
        (40_000_000_071, "SUCCESS"),
        (41_000_000_000, "SUCCESS"),
    ]
    assert [job["databaseId"] for job in row["last"]["nodes"]] == [40_000_000_071, 41_000_000_000]


def test_every_node_id_leads_back_to_its_node(sandbox: Sandbox, github: GraphQLClient) -> None:
    base = f"{sandbox.github_url}/repos/acme/engine"
    listed = [
        "/pulls/7",
        "/pulls/151/reviews",
        "/pulls/comments",
        "/issues/comments",
        "/actions/workflows",
        "/actions/runs",
        "/actions/runs/17000000007/jobs",
        "/commits",
        "/git/matching-refs/heads/trunk",
        "",
        "/issues/151/events",
    ]
    ids = []
    for path in listed:
        body = github.session.get(base + path).json()
        rows = body if isinstance(body, list) else next((v for v in body.values() if isinstance(v, list) and v), [body])
        ids.append((rows[0] if isinstance(rows[0], dict) and "node_id" in rows[0] else body)["node_id"])
    threads = github.pull(
        151,
        "reviewThreads(first: 1) { nodes { id } } commits(first: 1) { nodes { id } } labels(first: 1) { nodes { id } }",
    )
    ids += [threads[name]["nodes"][0]["id"] for name in ("reviewThreads", "commits", "labels")]
    found = github.ok("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids)["nodes"]
    assert [node["id"] for node in found] == ids
    assert [node["__typename"] for node in found] == [
        "PullRequest",
        "PullRequestReview",
        "PullRequestReviewComment",
        "IssueComment",
        "Workflow",
        "WorkflowRun",
        "CheckRun",
        "Commit",
        "Ref",
        "Repository",
        "ReadyForReviewEvent",
        "PullRequestReviewThread",
        "PullRequestCommit",
        "Label",
    ]
