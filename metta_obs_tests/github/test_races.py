"""The repository changes while it is pulled: nothing dated before the pull's start is missed, nothing is made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from metta_obs.github.answers import Answer, GraphQLAnswer
from metta_obs.github.api import GitHub, WhenHeavy
from metta_obs.lake.schemas import TABLES as SCHEMAS
from metta_obs.sandbox import events as e
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.sandbox.world import World
from metta_obs_tests.github import truth
from metta_obs_tests.github.bench import NOW, Bench, incomplete
from metta_obs_tests.github.test_changes import ADA, BOB, REPO, SINCE, beginning, commit, job

LATER = NOW


class Meddled(GitHub):
    """A client before whose request number `count` for `what` (an operation, a part of a path) something happens."""

    def meddle(self, what: str, count: int, happen: Callable[[], None]) -> None:
        self.what, self.left, self.happen = what, count, happen

    def _see(self, request: str) -> None:
        if self.what in request:
            self.left -= 1
            if self.left == 0:
                self.happen()

    def graphql(self, document: str, variables: Mapping[str, Any], *, heavy: WhenHeavy = "retry") -> GraphQLAnswer:
        self._see(document.split("(")[0].removeprefix("query "))
        return super().graphql(document, variables, heavy=heavy)

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, etag: str | None = None, *, holds: str | None = None
    ) -> Answer:
        self._see(path)
        return super().get(path, params, etag, holds=holds)


def many_pulls() -> list[e.Event]:
    """150 more open pull requests, updated one after the other."""
    return [
        e.PullOpened(NOW.replace(hour=9, minute=n // 60, second=n % 60), REPO, 100 + n, f"P{n}", ADA, f"p{n}",
                     (commit(f"head{n}", NOW.replace(hour=9)),))
        for n in range(150)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Any:
    with Sandbox(world=World(WorldClock(NOW, running=False), events=[])) as sandbox:
        yield sandbox


@pytest.fixture
def bench(server: Sandbox, tmp_path: Path) -> Bench:
    server.clock.set(NOW)
    server.world = server.github.world = World(server.clock, events=beginning())
    return Bench(server, tmp_path, REPO)


def pull_while(bench: Bench, name: str, what: str, count: int, *happened: e.Event) -> None:
    """Do a pull in the middle of which this happens; it must be complete, and the next one true."""
    client = Meddled(bench.sandbox.github_url, "t", bench.clock)
    client.meddle(what, count, lambda: bench.sandbox.world.add(*happened))
    bench.client = lambda: client  # type: ignore[method-assign]
    assert not incomplete(bench.tick(names=[name]))
    assert client.left <= 0, "nothing happened"
    del bench.client


def assert_true(bench: Bench, *tables: str) -> None:
    expected = truth.tables(bench.sandbox.world.state()[REPO], SINCE)
    for table in tables:
        rows = bench.lake.current(table, REPO).to_dict("records")
        assert not truth.differences(rows, expected[table], SCHEMAS[table].key), table  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "count"), [("PullRequestList", 1), ("PullRequestList", 2), ("OpenPullRequests", 2), ("PullRequests", 2)]
)
def test_pull_requests_that_jump_while_they_are_listed_are_all_there(bench: Bench, what: str, count: int) -> None:
    bench.sandbox.world.add(*many_pulls())
    jump = [e.PullLabeled(NOW, REPO, 101, "jumped"), e.PullLabeled(NOW, REPO, 1, "jumped")]
    pull_while(bench, "pull_requests", what, count, *jump)
    found = set(bench.lake.current("pull_requests", REPO)["number"])
    assert found == {1, 2} | set(range(100, 250))
    bench.advance(seconds=90)
    assert not incomplete(bench.tick(names=["pull_requests"]))
    assert_true(bench, "pull_requests")


@pytest.mark.parametrize("change", [e.PullClosed(NOW, REPO, 1, ADA), e.PullMerged(NOW, REPO, 1, ADA)])
def test_a_pull_request_that_closes_while_it_is_read_is_no_contradiction(bench: Bench, change: e.Event) -> None:
    bench.tick(names=["pull_requests"])
    bench.advance(minutes=15)
    now = bench.sandbox.clock.now()
    bench.sandbox.world.add(e.PullLabeled(now, REPO, 1, "first"))
    change = type(change)(now, REPO, 1, ADA)  # type: ignore[call-arg]
    pull_while(bench, "pull_requests", "PullRequests", 1, change)
    assert_true(bench, "pull_requests")


def test_a_pull_request_that_opens_while_others_are_read_comes_with_the_next_tick(bench: Bench) -> None:
    opened = e.PullOpened(NOW, REPO, 9, "Nine", BOB, "nine", (commit("nine", NOW),))
    pull_while(bench, "pull_requests", "PullRequests", 1, opened)
    bench.advance(minutes=15)
    assert not incomplete(bench.tick(names=["pull_requests"]))
    assert_true(bench, "pull_requests")


def test_a_push_between_two_pages_of_the_history_starts_it_again(bench: Bench) -> None:
    old = [commit(f"h{n}", NOW.replace(hour=8, minute=n % 60, second=n // 60)) for n in range(100)]
    bench.sandbox.world.add(e.CommitsPushed(NOW, REPO, e.DEFAULT_BRANCH, tuple(old)))
    pull_while(
        bench, "commits", "CommitHistory", 2, e.CommitsPushed(NOW, REPO, e.DEFAULT_BRANCH, (commit("new", NOW),))
    )
    assert_true(bench, "commits", "commit_files")


@pytest.mark.parametrize(
    "change", [e.BranchCreated(NOW, REPO, "late", None, (commit("late", NOW),)), e.BranchDeleted(NOW, REPO, "two")]
)
@pytest.mark.parametrize("what", ["matching-refs", "BranchTip"])
def test_branches_that_come_and_go_while_they_are_listed_are_no_contradiction(
    bench: Bench, change: e.Event, what: str
) -> None:
    pull_while(bench, "branches", what, 1, change)
    bench.advance(minutes=15)
    assert not incomplete(bench.tick(names=["branches"]))
    assert_true(bench, "branches")


@pytest.mark.parametrize("what", ["RerunJobs", "/actions/runs"])
def test_a_run_that_starts_again_while_its_jobs_are_read_keeps_its_attempts_apart(bench: Bench, what: str) -> None:
    again = [e.RunAttemptStarted(NOW, REPO, 600, ADA), e.JobCompleted(NOW, REPO, 600, job(77, NOW, name="a"))]
    pull_while(bench, "workflow_runs", what, 1, *again)
    assert {1, 2} >= set(bench.lake.current("jobs", REPO)["job_id"])
    bench.advance(minutes=15)
    done = e.AttemptCompleted(bench.sandbox.clock.now(), REPO, 600, "success", (job(78, NOW, name="b"),))
    bench.sandbox.world.add(done)
    assert not incomplete(bench.tick(names=["workflow_runs"]))
    assert_true(bench, "workflow_runs", "jobs")


def test_runs_that_are_created_while_they_are_listed_push_none_out(bench: Bench) -> None:
    start = NOW.replace(hour=10)
    runs = [
        e.RunCreated(start.replace(minute=n // 60, second=n % 60), REPO, 5_000 + n, 900, n, "push") for n in range(250)
    ]
    bench.sandbox.world.add(*runs)
    bench.tick(names=["workflow_runs"])
    bench.advance(minutes=15)
    now = bench.sandbox.clock.now()
    bench.sandbox.world.add(*(e.RunCreated(now, REPO, 6_000 + n, 900, n, "push") for n in range(150)))
    late = [e.RunCreated(now, REPO, 7_000 + n, 900, n, "push") for n in range(5)]
    pull_while(bench, "workflow_runs", "/actions/runs", 2, *late)
    bench.advance(minutes=1)
    assert not incomplete(bench.tick(names=["workflow_runs"]))
    assert_true(bench, "workflow_runs")
