"""Changes that collectors have missed before: each is in the tables after the next tick, at the price of a tick."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

from metta_obs.github.collector import PULLS
from metta_obs.lake.schemas import TABLES as SCHEMAS
from metta_obs.sandbox import events as e
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.sandbox.state import Actor, ChangedFile
from metta_obs.sandbox.world import World
from metta_obs_tests.github import truth
from metta_obs_tests.github.bench import NOW, Bench, incomplete

REPO = "acme/kit"
ADA, BOB, BOT = Actor("ada", 11), Actor("bob", 12), Actor("dependabot[bot]", 49699333, "Bot")
BORN = NOW - timedelta(days=20)
SINCE = datetime.fromisoformat("2025-10-21T15:00:00Z")
LATER = NOW + timedelta(minutes=5)


def commit(name: str, at: datetime, **more: Any) -> e.NewCommit:
    files = more.pop("files", (ChangedFile(f"{name}.py", "modified", 3, 1),))
    author = more.pop("author", e.Signature("Ada", "ada@example.org", ADA))
    committed = more.pop("committed_at", at)
    message = more.pop("message", f"{name}\n\nwhy")
    return e.NewCommit(sha1(name.encode()).hexdigest(), message, author, at, committed, files, **more)


def job(number: int, at: datetime, conclusion: str = "success", name: str = "test") -> e.JobRun:
    return e.JobRun(number, name, conclusion, at + timedelta(seconds=5), at + timedelta(seconds=50))


def beginning() -> list[e.Event]:
    """A repository with three commits, two pull requests, a review, comments, a workflow, and two runs of it."""
    hour = timedelta(hours=1)
    return [
        e.RepositoryCreated(BORN, REPO, 5150),
        e.CommitsPushed(BORN + hour, REPO, e.DEFAULT_BRANCH, tuple(commit(f"c{n}", BORN + n * hour) for n in range(3))),
        e.WorkflowCreated(BORN + 2 * hour, REPO, 900, "Tests", ".github/workflows/tests.yml"),
        e.PullOpened(BORN + 3 * hour, REPO, 1, "One", ADA, "one",
                     (commit("own1", BORN), commit("own2", BORN + 2 * hour))),
        e.PullOpened(BORN + 4 * hour, REPO, 2, "Two", BOT, "two", (commit("own3", BORN),), draft=True,
                     labels=("deps",)),
        e.ReviewSubmitted(BORN + 5 * hour, REPO, 1, 70, BOB, "COMMENTED", "hm"),
        e.IssueCommentAdded(BORN + 6 * hour, REPO, 1, 80, BOB, "please"),
        e.ReviewCommentAdded(BORN + 7 * hour, REPO, 1, 90, BOB, "here", "one.py", 70),
        e.RunCreated(BORN + 8 * hour, REPO, 600, 900, 1, "push"),
        e.AttemptCompleted(BORN + 9 * hour, REPO, 600, "failure",
                           (job(1, BORN + 8 * hour, "failure", "a"), job(2, BORN + 8 * hour, name="b"))),
        e.RunCreated(NOW - hour, REPO, 601, 900, 2, "push"),
        e.RunStatusChanged(NOW - hour, REPO, 601, "in_progress"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """One server for all of these tests; each gets a world of its own."""
    with Sandbox(world=World(WorldClock(NOW, running=False), events=beginning())) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def known(server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a lake that knows the beginning."""
    bench = Bench(server, tmp_path_factory.mktemp("known"), REPO)
    assert not incomplete(bench.tick())
    return bench.folder / "lake"


@pytest.fixture
def bench(server: Sandbox, known: Path, tmp_path: Path) -> Bench:
    """The beginning, and a lake that knows it."""
    shutil.copytree(known, tmp_path / "lake")
    return begin(server, tmp_path, beginning())


def begin(server: Sandbox, folder: Path, events: Sequence[e.Event]) -> Bench:
    """A bench over a new world at NOW."""
    server.clock.set(NOW)
    server.world = server.github.world = World(server.clock, events=events)
    return Bench(server, folder, REPO)


def then(bench: Bench, *happened: e.Event, names: Sequence[str] = tuple(PULLS)) -> None:
    """Let this happen five minutes after the last tick, and do the pulls `names` ten minutes later."""
    now = bench.sandbox.clock.now()
    bench.sandbox.world.add(*(replace(event, at=now + timedelta(minutes=5)) for event in happened))
    bench.advance(minutes=15)
    assert not incomplete(bench.tick(names=names))


def assert_true(bench: Bench, names: Sequence[str] = tuple(PULLS)) -> None:
    """The tables of these pulls hold what is true now."""
    expected = truth.tables(bench.sandbox.world.state()[bench.repo], SINCE)
    for table in {table for name in names for table in PULLS[name]} & expected.keys():
        found = bench.lake.current(table, bench.repo).to_dict("records")
        assert not truth.differences(found, expected[table], SCHEMAS[table].key), table  # type: ignore[arg-type]


PR, GIT, CI = ("pull_requests",), ("commits", "branches"), ("workflow_runs",)


def pushed(*commits: e.NewCommit) -> tuple[e.Event, ...]:
    return (e.CommitsPushed(LATER, REPO, e.DEFAULT_BRANCH, commits),)


CHANGES: dict[str, tuple[tuple[str, ...], tuple[e.Event, ...]]] = {
    "review": (PR, (e.ReviewSubmitted(LATER, REPO, 1, 71, BOB, "APPROVED"),)),
    "comments": (
        PR,
        (
            e.IssueCommentAdded(LATER, REPO, 1, 81, None, " \n"),
            e.ReviewCommentAdded(LATER, REPO, 1, 91, BOT, "there", "one.py", in_reply_to=90),
        ),
    ),
    "retitled and relabelled": (PR, (e.PullEdited(LATER, REPO, 1, "Uno"), e.PullLabeled(LATER, REPO, 1, "hotfix"))),
    "closed": (PR, (e.PullClosed(LATER, REPO, 1, ADA),)),
    "closed and reopened": (PR, (e.PullClosed(LATER, REPO, 1, ADA), e.PullReopened(LATER, REPO, 1, BOB))),
    "to draft": (PR, (e.PullConvertedToDraft(LATER, REPO, 1, ADA),)),
    "ready": (PR, (e.PullReadyForReview(LATER, REPO, 2, BOB),)),
    "comment deleted": (PR, (e.IssueCommentDeleted(LATER, REPO, 1, 80), e.PullLabeled(LATER, REPO, 1, "x"))),
    "squash merge": (PR + GIT, (e.PullMerged(LATER, REPO, 1, BOB, "squash"),)),
    "merge commit": (PR + GIT, (e.PullMerged(LATER, REPO, 1, BOB, "merge"),)),
    "rebase merge": (PR + GIT, (e.PullMerged(LATER, REPO, 1, BOB, "rebase"),)),
    "commit by a bot": (GIT, pushed(commit("bump", LATER, author=e.Signature("dependabot[bot]", "x@y", BOT)))),
    "late push of old commits": (
        GIT,
        pushed(commit("old1", BORN - timedelta(days=40)), commit("old2", BORN + timedelta(hours=1))),
    ),
    "more than 300 files": (
        GIT,
        pushed(commit("sweep", LATER, files=tuple(ChangedFile(f"f{n}", "added", 1) for n in range(650)))),
    ),
    "force push": (GIT, (e.BranchForcePushed(LATER, REPO, e.DEFAULT_BRANCH, 2, commits=(commit("new", LATER),)),)),
    "default branch renamed": (PR + GIT, (e.DefaultBranchRenamed(LATER, REPO, "trunk"),)),
    "branches": (GIT, (e.BranchDeleted(LATER, REPO, "two"), e.BranchCreated(LATER, REPO, "three"))),
    "branch made again": (
        GIT,
        (e.BranchDeleted(LATER, REPO, "one"), e.BranchCreated(LATER, REPO, "one", None, (commit("again", LATER),))),
    ),
    "run ended": (CI, (e.AttemptCompleted(LATER, REPO, 601, "success", (job(5, LATER),)),)),
    "run deleted": (CI, (e.RunDeleted(LATER, REPO, 601),)),
    "workflow disabled": (CI, (e.WorkflowStateChanged(LATER, REPO, 900, "disabled_manually"),)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_next_tick_sees(bench: Bench, change: str) -> None:
    names, happened = CHANGES[change]
    then(bench, *happened, names=names)
    assert_true(bench, names)


@pytest.mark.parametrize("failed_only", [False, True])
@pytest.mark.parametrize("days", [0, 5])
def test_a_rerun_keeps_its_attempts_apart(bench: Bench, failed_only: bool, days: int) -> None:
    bench.advance(days=days)
    then(bench, e.RunAttemptStarted(LATER, REPO, 600, ADA, failed_only), names=CI)
    assert_true(bench, CI)
    at = bench.sandbox.clock.now()
    again = (job(11, at, "failure", "a"),) if failed_only else (job(11, at, "failure", "a"), job(12, at, name="b"))
    then(bench, e.AttemptCompleted(LATER, REPO, 600, "failure", again), names=CI)
    assert_true(bench, CI)
    begun = e.RunAttemptStarted(LATER, REPO, 600, ADA, failed_only)
    then(bench, begun, e.AttemptCompleted(LATER, REPO, 600, "success", (job(21, at, name="a"),)), names=CI)
    assert bench.lake.current("workflow_runs", REPO)["attempt"].max() == 3
    assert_true(bench, CI)
    fresh = bench.fresh(names=CI)
    stored = fresh.current("jobs", REPO).drop(columns="seen_at").sort_values(["run_id", "attempt", "job_id"])
    mine = bench.lake.current("jobs", REPO).drop(columns="seen_at").sort_values(["run_id", "attempt", "job_id"])
    assert stored.reset_index(drop=True).equals(mine.reset_index(drop=True))


def test_when_an_attempt_was_first_seen_completed_stays(bench: Bench) -> None:
    before = bench.lake.current("workflow_runs", REPO).set_index("run_id")["first_completed_at"]
    then(bench, e.RunAttemptStarted(LATER, REPO, 600, ADA), names=CI)
    then(bench, e.AttemptCompleted(LATER, REPO, 600, "failure", ()), names=CI)
    after = bench.lake.current("workflow_runs", REPO).set_index(["run_id", "attempt"])["first_completed_at"]
    assert after[600, 1] == before[600]
    assert after[600, 2] > before[600]


def test_an_old_run_that_waits_for_an_approval_is_followed_without_widening_a_list(bench: Bench) -> None:
    waiting: list[e.Event] = [
        e.RunCreated(LATER, REPO, 700, 900, 3, "push"),
        e.RunStatusChanged(LATER, REPO, 700, "waiting"),
    ]
    flood: list[e.Event] = [e.RunCreated(LATER, REPO, 1000 + n, 900, 10 + n, "push") for n in range(80)]
    flood += [e.AttemptCompleted(LATER, REPO, 1000 + n, "success", (job(5000 + n, LATER),)) for n in range(80)]
    then(bench, *waiting, names=CI)
    bench.advance(days=2)
    then(bench, *flood, names=CI)
    then(bench, names=CI)
    assert bench.usage.rest_calls == 0
    then(bench, e.AttemptCompleted(LATER, REPO, 700, "success", (job(4000, LATER),)), names=CI)
    assert_true(bench, CI)
    assert bench.asked().get(f"/repos/{REPO}/actions/runs/* 200") == 1
    assert f"/repos/{REPO}/actions/runs 200" not in bench.asked()


def test_lists_past_their_first_page_are_read_to_the_end(bench: Bench) -> None:
    many: list[e.Event] = [e.IssueCommentAdded(LATER, REPO, 1, 2000 + n, BOB, "x") for n in range(130)]
    many += [e.ReviewCommentAdded(LATER, REPO, 1, 3000 + n, BOB, "x", "one.py", 70) for n in range(115)]
    many += [e.ReviewCommentAdded(LATER, REPO, 1, 4000 + n, ADA, "x", "one.py", in_reply_to=90) for n in range(140)]
    many += [e.ReviewSubmitted(LATER, REPO, 1, 5000 + n, BOB, "COMMENTED") for n in range(105)]
    many += [e.PullPushed(LATER, REPO, 1, tuple(commit(f"p{n}", LATER) for n in range(260)))]
    many += [
        e.AttemptCompleted(LATER, REPO, 601, "success", tuple(job(9000 + n, LATER, name=f"j{n}") for n in range(120)))
    ]
    then(bench, *many)
    assert_true(bench)
    assert bench.usage.rest_calls <= 4


def test_a_thousand_runs_in_a_minute_are_listed_and_in_a_second_refused(server: Sandbox, tmp_path: Path) -> None:
    start = NOW - timedelta(hours=2)
    born = [
        event for event in beginning() if not isinstance(event, e.RunCreated | e.AttemptCompleted | e.RunStatusChanged)
    ]
    runs: list[e.Event] = [
        e.RunCreated(start + timedelta(seconds=n % 60), REPO, 10_000 + n, 900, n, "push") for n in range(1_100)
    ]
    bench = begin(server, tmp_path, born + runs)
    rows = bench.tick(names=CI)
    assert not incomplete(rows)
    assert len(bench.lake.current("workflow_runs", REPO)) == 1_100
    server.world.add(*(e.RunCreated(NOW, REPO, 20_000 + n, 900, n, "push") for n in range(1_001)))
    bench.advance(minutes=15)
    rows = bench.tick(names=CI)
    assert incomplete(rows) == {"workflow_runs": "truncated", "jobs": "truncated"}
    assert "1001 runs in one second" in rows["workflow_runs"]["detail"]


@pytest.mark.parametrize("hidden", [1, 2])
def test_a_pull_request_that_github_hides_leaves_the_count_of_open_ones(bench: Bench, hidden: int) -> None:
    del bench.sandbox.world.state()[REPO].pulls[hidden]  # as when its author is taken for a spammer
    then(bench, names=PR)
    assert bench.lake.current("pull_requests", REPO)["number"].tolist() == [3 - hidden]
    assert set(bench.lake.current("reviews", REPO)["number"]) <= {3 - hidden}


def test_nothing_that_happened_before_a_removal_is_forgotten(bench: Bench) -> None:
    then(bench, *CHANGES["force push"][1], names=GIT)
    versions = bench.lake.read("commits", REPO)
    dropped = set(versions["sha"][versions["deleted"]])
    assert len(dropped) == 2
    assert all((versions["sha"] == sha).sum() == 2 for sha in dropped)
