"""GitHub failing at each route in turn: exactly what depends on it is incomplete, until the next healthy pull."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from metta_obs.github.collector import PULLS
from metta_obs.lake.store import Lake
from metta_obs_tests.github.bench import NOW, REPO, Bench, content, incomplete

PR, COMMITS, BRANCHES, RUNS = ("pull_requests", "commits", "branches", "workflow_runs")
ALL_PR, ALL_COMMITS = PULLS[PR], PULLS[COMMITS]
DAYS = 6  # look-back of a first pull in these tests
GRAPHQL = "*graphql"


@dataclass(frozen=True)
class Route:
    """A route of a pull and the tables that depend on it; `first`: only a first pull asks it."""

    pull: str
    tables: tuple[str, ...]
    where: dict[str, Any]
    first: bool = False


def query(operation: str) -> dict[str, Any]:
    return {"path": GRAPHQL, "operation": operation}


ROUTES = {
    "probe": Route(PR, ALL_PR, query("Probe")),
    "open pull requests": Route(PR, ALL_PR, query("OpenPullRequests"), first=True),
    "pull requests": Route(PR, ALL_PR, query("PullRequests")),
    "history": Route(COMMITS, ALL_COMMITS, query("CommitHistory")),
    "commit": Route(COMMITS, ("commits", "commit_files"), {"path": "*/commits/*"}),
    "refs": Route(BRANCHES, ("branches",), {"path": "*/git/matching-refs/*"}),
    "tips": Route(BRANCHES, ("branches",), query("BranchTip*"), first=True),
    "workflows": Route(RUNS, ("workflows",), {"path": "*/actions/workflows"}),
    "runs": Route(RUNS, ("workflow_runs", "jobs"), {"path": "*/actions/runs"}),
    "moved runs": Route(RUNS, ("workflow_runs", "jobs"), query("RunRecheck")),
    "attempts": Route(RUNS, ("workflow_runs", "jobs"), {"path": "re:/attempts/[0-9]+$"}, first=True),
    "jobs": Route(RUNS, ("jobs",), query("*Jobs")),
    "jobs of an attempt": Route(RUNS, ("jobs",), {"path": "*/attempts/*/jobs"}, first=True),
}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "401": ({"kind": "status", "status": 401}, "unauthorized"),
    "503": ({"kind": "status", "status": 503}, "server_error"),
    "cut": ({"kind": "cut", "where": "before"}, "unreachable"),
}
# Every list, and which tables a page that comes back short leaves incomplete.
LISTS = {
    "pull requests by update": Route(PR, ALL_PR, query("Probe") | {"connection": "Repository.pullRequests"}),
    "open pull requests": Route(
        PR, ALL_PR, query("OpenPullRequests") | {"connection": "Repository.pullRequests"}, first=True
    ),
    "labels": Route(PR, ("pull_requests",), query("PullRequests") | {"connection": "PullRequest.labels"}),
    "own commits": Route(PR, ("pull_requests",), query("PullRequests") | {"connection": "PullRequest.commits"}),
    "events": Route(PR, ("pull_requests",), query("PullRequests") | {"connection": "PullRequest.timelineItems"}),
    "reviews": Route(PR, ("reviews",), query("PullRequests") | {"connection": "PullRequest.reviews"}),
    "comments": Route(PR, ("issue_comments",), query("PullRequests") | {"connection": "PullRequest.comments"}),
    "threads": Route(PR, ("review_comments",), query("PullRequests") | {"connection": "PullRequest.reviewThreads"}),
    "thread": Route(
        PR, ("review_comments",), query("PullRequests") | {"connection": "PullRequestReviewThread.comments"}
    ),
    "history": Route(COMMITS, ALL_COMMITS, query("CommitHistory") | {"connection": "Commit.history"}),
    "pull requests of commits": Route(
        COMMITS, ("commit_pull_requests",), query("CommitHistory") | {"connection": "Commit.associatedPullRequests"}
    ),
    "files of a commit": Route(COMMITS, ("commits", "commit_files"), {"path": "*/commits/*"}),
    "refs": Route(BRANCHES, ("branches",), {"path": "*/git/matching-refs/*"}),
    "tips": Route(BRANCHES, ("branches",), query("BranchTips") | {"connection": "Repository.refs"}, first=True),
    "workflows": Route(RUNS, ("workflows",), {"path": "*/actions/workflows"}, first=True),
    "runs": Route(RUNS, ("workflow_runs", "jobs"), {"path": "*/actions/runs"}),
    "jobs": Route(RUNS, ("jobs",), query("*Jobs") | {"connection": "CheckSuite.checkRuns"}),
    "jobs of an attempt": Route(RUNS, ("jobs",), {"path": "*/attempts/*/jobs"}, first=True),
}

PARTLY_STORED = ("own commits", "reviews", "thread", "files of a commit", "runs", "jobs")


@pytest.fixture(scope="module")
def healthy(first_pull: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Any]:
    """(pull, whether the first) -> what a healthy pull leaves in the lake; filled as tests ask for it."""
    return {}


@pytest.fixture
def ailing(empty: Bench, first_pull: Path) -> Bench:
    """The small world 40 hours after its first pull, whose faults are cleared afterwards."""
    shutil.copytree(first_pull, empty.folder / "lake")
    empty.advance(hours=40)
    return empty


def expected(bench: Bench, healthy: dict[tuple[str, bool], Any], route: Route) -> dict[str, Any]:
    """Table -> rows after a healthy pull."""
    key = (route.pull, route.first)
    if key not in healthy:
        folder = bench.folder / "healthy"
        if not route.first:
            shutil.copytree(bench.folder / "lake", folder)
        lake = Lake(str(folder))
        assert not incomplete(bench.tick(names=[route.pull], lake=lake, lookback_days=DAYS))
        healthy[key] = {table: content(lake, table) for table in PULLS[route.pull]}
    return healthy[key]  # type: ignore[no-any-return]


def fails(bench: Bench, route: Route, fault: dict[str, Any], reason: str) -> tuple[Lake, dict[str, Any]]:
    """Pull with the fault: exactly the route's tables are incomplete. Returns the lake and the settings of the pull."""
    lake = Lake(str(bench.folder / "empty")) if route.first else bench.lake
    settings: dict[str, Any] = {"names": [route.pull], "lake": lake, "lookback_days": DAYS}
    strike = bench.sandbox.faults.add(**{**route.where, **fault})
    found = incomplete(bench.tick(**settings))
    assert strike.struck, "the fault met no request"
    assert found == dict.fromkeys(route.tables, reason)
    return lake, settings


def check(bench: Bench, healthy: dict[tuple[str, bool], Any], route: Route, fault: dict[str, Any], reason: str) -> None:
    """Pull with the fault; then with one that passes at once, which must be as good as none."""
    goal = expected(bench, healthy, route)
    lake, settings = fails(bench, route, fault, reason)
    bench.sandbox.faults.clear()
    bench.advance(seconds=40)
    whole_answer = {name: value for name, value in route.where.items() if name != "connection"}
    passing = bench.sandbox.faults.add(**whole_answer, kind="status", status=503, times=1)
    assert not incomplete(bench.tick(**settings))
    assert passing.struck
    for table, rows in goal.items():
        assert content(lake, table).equals(rows), table


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_failing_route_makes_its_tables_incomplete_until_it_heals(
    ailing: Bench, healthy: dict[tuple[str, bool], Any], route: str, fault: str
) -> None:
    if fault == "503":
        check(ailing, healthy, ROUTES[route], *FAULTS[fault])
    else:  # what is left behind is the same
        fails(ailing, ROUTES[route], *FAULTS[fault])


@pytest.mark.parametrize("name", LISTS)
def test_a_page_that_comes_back_short_is_never_a_whole_list(
    ailing: Bench, healthy: dict[tuple[str, bool], Any], name: str
) -> None:
    if name in PARTLY_STORED:
        check(ailing, healthy, LISTS[name], {"kind": "truncate"}, "truncated")
    else:
        fails(ailing, LISTS[name], {"kind": "truncate"}, "truncated")


@pytest.mark.parametrize("name", ["events", "reviews", "history", "runs", "refs"])
def test_a_page_that_comes_back_empty_is_never_a_whole_list(ailing: Bench, name: str) -> None:
    fails(ailing, LISTS[name], {"kind": "drop_page"}, "truncated")


@pytest.mark.parametrize(
    ("pull", "operation", "path", "tables"),
    [
        (PR, "PullRequests", "nodes.1", ALL_PR),
        (PR, "PullRequests", "nodes.1.reviews", ("reviews",)),
        (PR, "PullRequests", "nodes.0.author", ("pull_requests",)),
        (PR, "PullRequests", "nodes.*.comments.nodes.0.author", ("issue_comments",)),
        (COMMITS, "CommitHistory", "repository.defaultBranchRef.target.history.nodes.0.associatedPullRequests",
         ("commit_pull_requests",)),
        (COMMITS, "CommitHistory", "repository.defaultBranchRef.target.history.nodes.0.author", ALL_COMMITS),
        (RUNS, "RunRecheck", "runs0.0", ("workflow_runs", "jobs")),
        (RUNS, "RerunJobs", "nodes.0", ("jobs",)),
    ],
)  # fmt: skip
def test_a_hole_in_an_answer_is_neither_a_deletion_nor_a_deleted_account(
    ailing: Bench, healthy: dict[tuple[str, bool], Any], pull: str, operation: str, path: str, tables: tuple[str, ...]
) -> None:
    hole = {"kind": "partial", "data_path": path, "error_type": "SERVICE", "message": "Cannot see this"}
    route = Route(pull, tables, query(operation))
    before = {table: ailing.lake.read(table, REPO) for table in PULLS[pull]}
    check(ailing, healthy, route, hole, "partial")
    for table in PULLS[pull]:
        versions = ailing.lake.read(table, REPO)
        deleted = versions[versions["deleted"] & (versions["seen_at"] > NOW)]
        assert len(before[table]) == 0 or len(deleted) <= len(before[table]) // 10, table


def test_a_query_that_is_too_heavy_is_asked_for_less_at_a_time(ailing: Bench) -> None:
    for status in (502, 504):
        ailing.sandbox.faults.add("status", status=status, times=1, **query("PullRequests"))
    ailing.sandbox.faults.add("partial", data_path="nodes.*", times=1, **query("PullRequests"))
    ailing.sandbox.faults.add("status", status=502, times=2, **query("CommitHistory"))
    ailing.sandbox.faults.add("status", status=502, times=1, **query("RerunJobs"))
    assert not incomplete(ailing.tick())
    assert ailing.asked()["PullRequests 200"] > 2
    assert ailing.clock.slept == []  # less is asked for at once, not the same again after a while


def test_parents_that_are_not_named_are_asked_for_otherwise(
    ailing: Bench, healthy: dict[tuple[str, bool], Any]
) -> None:
    route = Route(COMMITS, (), query("CommitHistory"))
    goal = expected(ailing, healthy, route)
    strike = ailing.sandbox.faults.add("drop_page", **query("CommitHistory"), connection="Commit.parents")
    assert not incomplete(ailing.tick(names=[COMMITS], lookback_days=DAYS))
    assert strike.struck
    for table, rows in goal.items():
        assert content(ailing.lake, table).equals(rows), table


@pytest.mark.parametrize("message", ["Resource limits for this query exceeded.", "Something went wrong"])
def test_a_query_that_stays_too_heavy_is_taken_with_its_holes(ailing: Bench, message: str) -> None:
    hole = {"data_path": "nodes.*.reviews", "message": message}
    ailing.sandbox.faults.add("partial", **hole, **query("PullRequests"))
    assert incomplete(ailing.tick(names=[PR])) == {"reviews": "partial"}
    assert len(ailing.sandbox.requests) < 30


def test_a_polite_page_of_a_proxy_is_no_empty_list(ailing: Bench) -> None:
    ailing.sandbox.faults.add("status", path="*/actions/runs", status=200, body={"message": "Maintenance"})
    assert incomplete(ailing.tick(names=[RUNS])) == {"workflow_runs": "bad_answer", "jobs": "bad_answer"}


def test_a_github_that_is_down_leaves_everything_as_it_was_known(ailing: Bench) -> None:
    before = {table: content(ailing.lake, table) for tables in PULLS.values() for table in tables}
    ailing.sandbox.faults.add("cut")
    rows = ailing.tick()
    assert incomplete(rows) == dict.fromkeys(before, "unreachable")
    assert all(content(ailing.lake, table).equals(rows) for table, rows in before.items())
    assert all(row["started_at"] >= ailing.sandbox.clock.now() for row in rows.values())  # nobody told the time


def test_a_limit_in_the_middle_keeps_what_arrived_and_says_when_to_go_on(empty: Bench) -> None:
    empty.sandbox.faults.add("rate_limit", path="*/commits/*", page=1)
    empty.sandbox.faults.add("status", path="*/commits/*", status=200, body="", times=0)
    rows = empty.tick(names=[COMMITS], lookback_days=DAYS)
    assert incomplete(rows) == {"commits": "rate_limited", "commit_files": "rate_limited"}
    assert "it can go on at" in rows["commits"]["detail"]
    assert rows["commit_pull_requests"]["complete"]
