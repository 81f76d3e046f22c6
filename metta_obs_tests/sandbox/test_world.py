"""The fold: what each event leaves behind, snapshots, going back and adding events."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metta_obs.sandbox import events as e
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.fold import WrongEvent
from metta_obs.sandbox.fold_git import ancestry
from metta_obs.sandbox.state import Actor, ChangedFile, PullRequest, Repository
from metta_obs.sandbox.world import World

REPO = "acme/pad"
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANN, BOB = Actor("ann", 11), Actor("bob", 12)
ANN_SIGNS = e.Signature("Ann", "ann@acme.example", ANN)


def at(minutes: float) -> datetime:
    """`minutes` after the start of the test's world."""
    return T0 + timedelta(minutes=minutes)


def commit(sha: str, when: datetime, *paths: str) -> e.NewCommit:
    files = tuple(ChangedFile(path, "modified", 3, 1) for path in paths or ("a.py",))
    return e.NewCommit(sha, f"Change {sha}", ANN_SIGNS, when, when, files)


def beginning() -> list[e.Event]:
    return [
        e.RepositoryCreated(at(0), REPO, 7),
        e.CommitsPushed(at(1), REPO, e.DEFAULT_BRANCH, (commit("c0", at(1)), commit("c1", at(1)))),
    ]


def world(*events: e.Event, now: float = 10_000) -> World:
    return World(WorldClock(at(now), running=False), events=[*beginning(), *events])


def repository(*events: e.Event) -> Repository:
    return world(*events).state()[REPO]


def opened(number: int = 5, minute: float = 10, **more: Any) -> e.PullOpened:
    commits = more.pop("commits", (commit(f"p{number}a", at(2)), commit(f"p{number}b", at(3), "a.py", "b.py")))
    return e.PullOpened(at(minute), REPO, number, f"Title {number}", ANN, f"ann/{number}", commits, **more)


def pull(*events: e.Event) -> PullRequest:
    return repository(opened(), *events).pulls[5]


def history(repo: Repository) -> set[str]:
    return ancestry(repo.commits, repo.branches[repo.default_branch].sha)


def test_empty_repository_has_no_branch_until_the_first_push() -> None:
    state = World(WorldClock(at(5), running=False), events=[e.RepositoryCreated(at(0), "Acme/Pad", 7)]).state()
    assert state["acme/pad"].full_name == "Acme/Pad"
    assert state["acme/pad"].branches == {}


def test_pull_request_brings_its_commits_and_its_branch() -> None:
    repo = repository(opened(labels=("bug",)))
    found = repo.pulls[5]
    assert (found.state, found.base, found.head_repository, found.labels) == ("open", "main", REPO, ["bug"])
    assert found.commit_shas == ["p5a", "p5b"]
    assert repo.branches["ann/5"].sha == found.head_sha == "p5b"
    assert repo.commits["p5b"].parents == ["p5a"]
    assert repo.commits["p5a"].parents == ["c1"]
    assert (repo.commits["p5b"].additions, repo.commits["p5b"].deletions) == (6, 2)
    assert history(repo) == {"c0", "c1"}


def test_fork_leaves_no_branch_here() -> None:
    repo = repository(opened(head_repository="mel/pad"))
    assert list(repo.branches) == ["main"]
    assert repo.pulls[5].head_repository == "mel/pad"


def test_pull_request_from_an_existing_branch_owns_what_the_base_lacks() -> None:
    made = e.BranchCreated(at(2), REPO, "ann/5", None, (commit("w1", at(2)), commit("w2", at(2))))
    assert repository(made, opened(commits=())).pulls[5].commit_shas == ["w1", "w2"]


def test_squash_puts_one_commit_of_the_author_on_the_base() -> None:
    repo = repository(opened(), e.PullMerged(at(60), REPO, 5, BOB))
    found, tip = repo.pulls[5], repo.commits[repo.branches["main"].sha]
    assert found.merge_commit_sha == tip.sha
    assert found.merged_by == BOB
    assert found.merged_at == found.closed_at == at(60)
    assert tip.message.splitlines()[0] == "Title 5 (#5)"
    assert tip.parents == ["c1"]
    assert tip.author == ANN
    assert tip.author_email == "ann@acme.example"
    assert {file.path: file.additions for file in tip.files} == {"a.py": 6, "b.py": 3}
    assert (tip.additions, tip.deletions) == (9, 3)
    assert history(repo) == {"c0", "c1", tip.sha}


def test_merge_commit_reaches_the_own_commits() -> None:
    repo = repository(opened(), e.PullMerged(at(60), REPO, 5, BOB, "merge"))
    tip = repo.commits[repo.branches["main"].sha]
    assert tip.parents == ["c1", "p5b"]
    assert tip.message.startswith("Merge pull request #5 from acme/ann/5")
    assert history(repo) == {"c0", "c1", "p5a", "p5b", tip.sha}


def test_rebase_copies_each_own_commit_with_the_time_of_the_merge() -> None:
    repo = repository(opened(), e.PullMerged(at(60), REPO, 5, BOB, "rebase"))
    copies = [repo.commits[sha] for sha in history(repo) - {"c0", "c1"}]
    assert {copy.message for copy in copies} == {"Change p5a", "Change p5b"}
    assert all(copy.committed_at == at(60) and copy.associated_pulls == [5] for copy in copies)
    assert {copy.authored_at for copy in copies} == {at(2), at(3)}
    assert {"p5a", "p5b"}.isdisjoint(history(repo))
    assert repo.pulls[5].merge_commit_sha == repo.branches["main"].sha


def test_merge_of_a_closed_or_draft_pull_request_is_refused() -> None:
    assert pull(e.PullClosed(at(20), REPO, 5, ANN), e.PullMerged(at(30), REPO, 5)).merged_at is None
    draft = repository(opened(draft=True), e.PullMerged(at(30), REPO, 5))
    assert draft.pulls[5].merged_at is None
    assert draft.branches["main"].sha == "c1"


def test_force_push_replaces_the_own_commits() -> None:
    found = repository(
        opened(),
        e.CommitsPushed(at(20), REPO, "main", (commit("c2", at(20)),)),
        e.PullPushed(at(30), REPO, 5, (commit("n1", at(30)),), True, ANN),
        e.PullPushed(at(40), REPO, 5, (commit("n2", at(40)),)),
    )
    assert found.pulls[5].commit_shas == ["n1", "n2"]
    assert found.commits["n1"].parents == ["c2"]
    assert found.commits["n2"].parents == ["n1"]
    assert [event.event for event in found.pulls[5].timeline] == ["head_ref_force_pushed"]


def test_timeline_tells_every_turn_with_its_actor() -> None:
    found = pull(
        e.PullConvertedToDraft(at(20), REPO, 5, ANN),
        e.PullReadyForReview(at(21), REPO, 5, ANN),
        e.PullLabeled(at(22), REPO, 5, "hotfix", BOB),
        e.PullUnlabeled(at(23), REPO, 5, "hotfix", BOB),
        e.PullClosed(at(24), REPO, 5, BOB),
        e.PullClosed(at(25), REPO, 5, BOB),
        e.PullReopened(at(26), REPO, 5, None),
        e.PullMerged(at(27), REPO, 5, BOB),
        e.PullReopened(at(28), REPO, 5, ANN),
    )
    told = [(event.event, event.actor) for event in found.timeline]
    assert told == [
        ("convert_to_draft", ANN),
        ("ready_for_review", ANN),
        ("labeled", BOB),
        ("unlabeled", BOB),
        ("closed", BOB),
        ("reopened", None),
        ("merged", BOB),
        ("closed", BOB),
    ]
    assert len({event.id for event in found.timeline}) == len(told)
    assert found.labels == []
    assert found.closed_at == at(27)


def test_comment_edits_and_deletions_do_not_move_updated_at() -> None:
    """A collector that pages by updated_at must not learn of them in this way, as on GitHub."""
    events: list[e.Event] = [
        e.ReviewSubmitted(at(20), REPO, 5, 100, BOB, "CHANGES_REQUESTED", "No"),
        e.ReviewCommentAdded(at(21), REPO, 5, 200, BOB, "Why?", "a.py", 100),
        e.IssueCommentAdded(at(22), REPO, 5, 300, BOB, "Hm"),
        e.IssueCommentAdded(at(23), REPO, 5, 301, BOB, "Hm"),
        e.IssueCommentEdited(at(30), REPO, 5, 300, "Hm!"),
        e.ReviewCommentEdited(at(31), REPO, 5, 200, "Why not?"),
        e.ReviewEdited(at(32), REPO, 5, 100, ""),
        e.IssueCommentDeleted(at(33), REPO, 5, 301),
    ]
    found = pull(*events)
    assert found.updated_at == at(23)
    assert (found.reviews[100].body, found.review_comments[200].body) == ("", "Why not?")
    assert found.issue_comments[300].updated_at == at(30)
    assert list(found.issue_comments) == [300]
    dismissed = pull(*events, e.ReviewDismissed(at(40), REPO, 5, 100, ANN))
    assert dismissed.updated_at == at(40)
    assert dismissed.reviews[100].state == "DISMISSED"
    assert dismissed.timeline[-1].extra["dismissed_review"]["state"] == "changes_requested"


@pytest.mark.parametrize(
    "event",
    [
        e.PullPushed(at(50), REPO, 5, (commit("x", at(50)),)),
        e.PullLabeled(at(50), REPO, 5, "x"),
        e.PullClosed(at(50), REPO, 5),
        e.PullMerged(at(50), REPO, 5),
        e.ReviewSubmitted(at(50), REPO, 5, 1, BOB, "APPROVED"),
        e.IssueCommentAdded(at(50), REPO, 5, 1, BOB, "x"),
        e.PullEdited(at(50), REPO, 5, "New title"),
    ],
)
def test_everything_else_moves_updated_at(event: e.Event) -> None:
    assert pull(event).updated_at == at(50)


def test_late_push_reaches_the_default_branch_with_its_old_date() -> None:
    repo = repository(e.CommitsPushed(at(500), REPO, "main", (commit("old", at(1)),)))
    assert "old" in history(repo)
    assert repo.commits["old"].committed_at == at(1)
    assert repo.pushed_at == at(500)


def test_force_push_drops_commits_from_the_default_branch() -> None:
    repo = repository(opened(), e.PullMerged(at(60), REPO, 5), e.BranchForcePushed(at(70), REPO, "main", 1))
    assert history(repo) == {"c0", "c1"}
    assert repo.pulls[5].merge_commit_sha in repo.commits  # GitHub keeps it


def test_branch_deleted_and_made_again_points_elsewhere() -> None:
    first = e.BranchCreated(at(2), REPO, "x", None, (commit("x1", at(2)),))
    again = e.BranchCreated(at(4), REPO, "x", "c0", (commit("x2", at(4)),))
    repo = repository(first, e.BranchDeleted(at(3), REPO, "x"), again)
    assert repo.branches["x"].sha == "x2"
    assert repo.commits["x2"].parents == ["c0"]
    assert "x" not in repository(first, e.BranchDeleted(at(3), REPO, "x")).branches


def test_renamed_default_branch_takes_open_pull_requests_along() -> None:
    repo = repository(opened(), opened(6), e.PullMerged(at(60), REPO, 6), e.DefaultBranchRenamed(at(70), REPO, "trunk"))
    assert repo.default_branch == "trunk"
    assert "main" not in repo.branches
    assert (repo.pulls[5].base, repo.pulls[6].base) == ("trunk", "main")


def test_renamed_repository_is_found_under_its_new_name_and_goes_on_under_either() -> None:
    some = world(e.RepositoryRenamed(at(5), REPO, "Acme/Deck"), opened(), opened(6))
    some.add(e.PullClosed(at(70), "acme/deck", 5))
    state = some.state()
    assert list(state) == ["acme/deck"]
    assert state["acme/deck"].former_names == [REPO]
    assert state["acme/deck"].pulls[5].closed_at == at(70)


def job(number: int, name: str, conclusion: str, start: float, end: float) -> e.JobRun:
    return e.JobRun(number, name, conclusion, at(start), at(end))


def runs() -> Iterator[e.Event]:
    yield e.WorkflowCreated(at(2), REPO, 70, "Tests", ".github/workflows/tests.yml")
    yield e.RunCreated(at(10), REPO, 900, 70, 1, "push", actor=ANN)
    yield e.RunStatusChanged(at(11), REPO, 900, "in_progress")
    jobs = (job(1, "unit", "success", 11, 14), job(2, "lint", "failure", 11, 15))
    yield e.AttemptCompleted(at(15.5), REPO, 900, "failure", jobs)
    yield e.RunAttemptStarted(at(3_000), REPO, 900, BOB, failed_only=True)
    yield e.AttemptCompleted(at(3_004), REPO, 900, "success", (job(9, "lint", "success", 3_001, 3_003),))


def test_run_goes_from_queued_to_completed_and_its_rerun_carries_old_jobs_along() -> None:
    some = world(*runs())
    at_first = some.state(at(10))[REPO].runs[900]
    assert at_first.attempts[-1].status == "queued"
    assert at_first.head_sha == "c1"
    assert at_first.head_branch == "main"
    assert some.state(at(12))[REPO].runs[900].attempts[-1].status == "in_progress"
    done = some.state(at(16))[REPO].runs[900].attempts[-1]
    assert (done.status, done.conclusion, done.updated_at) == ("completed", "failure", at(15.5))
    again = some.state(at(3_001))[REPO].runs[900]
    assert again.created_at == at(10)
    assert [attempt.status for attempt in again.attempts] == ["completed", "queued"]
    last = some.state()[REPO].runs[900].attempts
    assert last[0].updated_at == at(3_000)
    assert last[0].conclusion == "failure"
    assert last[1].run_started_at == at(3_000)
    assert last[1].conclusion == "success"
    assert {found.name: found.completed_at for found in last[1].jobs} == {"unit": at(14), "lint": at(3_003)}
    assert len({found.id for attempt in last for found in attempt.jobs}) == 4


def test_run_of_a_pull_request_takes_its_head() -> None:
    workflow = e.WorkflowCreated(at(2), REPO, 70, "Tests", ".github/workflows/tests.yml")
    run = e.RunCreated(at(20), REPO, 901, 70, 2, "pull_request", pull=5)
    fork = repository(workflow, opened(head_repository="mel/pad"), run).runs[901]
    assert (fork.head_branch, fork.head_sha, fork.head_repository, fork.pull_numbers) == ("ann/5", "p5b", "mel/pad", [])
    assert repository(workflow, opened(), run).runs[901].pull_numbers == [5]


def test_deleted_run_is_gone_and_later_news_of_it_changes_nothing() -> None:
    assert repository(*runs(), e.RunDeleted(at(20), REPO, 900)).runs == {}


def test_event_about_what_never_was_is_an_error_that_names_it() -> None:
    with pytest.raises(WrongEvent, match=r"PullClosed of acme/pad at 2026-03-02T09:50.*no pull request #99"):
        world(e.PullClosed(at(50), REPO, 99)).state()
    with pytest.raises(WrongEvent, match="no such repository"):
        world(e.PullClosed(at(50), "acme/other", 5)).state()
    broken = world(opened(), e.RunDeleted(at(50), REPO, 1))
    for _ in range(2):  # and it stays that error
        with pytest.raises(WrongEvent, match="there is no run 1 yet"):
            broken.state()
    assert broken.state(at(49))[REPO].pulls[5].number == 5


def test_snapshot_never_changes_and_nothing_new_is_the_same_object() -> None:
    some = world(opened(), *runs(), now=12)
    before = some.state()
    version, kept = some.version, before[REPO]
    assert some.state() is before
    assert some.version == version
    some.clock.advance(timedelta(minutes=5_000))
    some.add(e.PullLabeled(at(20), REPO, 5, "late"), e.PullMerged(at(30), REPO, 5))
    after = some.state()
    assert some.version != version
    assert after[REPO].pulls[5].labels == ["late"]
    assert after[REPO].runs[900].attempts[-1].status == "completed"
    assert before[REPO] is kept
    assert kept.pulls[5].labels == []
    assert kept.pulls[5].state == "open"
    assert kept.runs[900].attempts[-1].status == "in_progress"
    assert kept.branches["main"].sha == "c1"


def test_asking_for_the_past_leaves_the_present_alone() -> None:
    some = world(opened(), e.PullClosed(at(100), REPO, 5))
    now = some.state()
    assert some.state(at(99))[REPO].pulls[5].state == "open"
    assert some.state(at(100))[REPO].pulls[5].state == "closed"
    assert some.state() is now


def test_event_added_to_the_past_counts_from_then_on() -> None:
    some = world(opened(), e.PullClosed(at(100), REPO, 5))
    assert some.state()[REPO].pulls[5].closed_at == at(100)
    some.add(e.PullMerged(at(50) + timedelta(microseconds=700_000), REPO, 5))
    assert some.state()[REPO].pulls[5].merged_at == at(50)
    assert some.state(at(49))[REPO].pulls[5].state == "open"
    assert [type(event).__name__ for event in some.events_until(at(50))][-1] == "PullMerged"


def test_clock_set_back_shows_the_earlier_state_again() -> None:
    some = world(opened(), now=20)
    assert 5 in some.state()[REPO].pulls
    some.clock.set(at(5))
    assert 5 not in some.state()[REPO].pulls
    assert len(some.events) == 2


def test_refolding_over_many_events_from_any_point_gives_the_same_state() -> None:
    labels = [e.PullLabeled(at(10 + n), REPO, 5, f"l{n % 7}") for n in range(1, 2_700)]
    taken = [e.PullUnlabeled(at(10.5 + n), REPO, 5, f"l{n % 5}") for n in range(1, 2_700)]
    some = world(opened(), *sorted([*labels, *taken], key=lambda event: event.at), now=4_000)
    straight = some.state()
    for minute in (2_600, 200, 2_699, 1_300):
        fresh = World(WorldClock(at(minute), running=False), events=some.events)
        assert some.state(at(minute)) == fresh.state()
    assert some.state() == straight


def test_threads_may_ask_and_add_at_once() -> None:
    some = world(opened(), now=100)
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(200):
                sum(len(found.labels) for found in some.state()[REPO].pulls.values())
        except BaseException as problem:
            errors.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(200):
        some.add(opened(100 + number, 20, commits=(commit(f"t{number}", at(15)),)))
    for thread in threads:
        thread.join()
    assert not errors
    assert len(some.state()[REPO].pulls) == 201


def test_clock_stands_still_or_runs_from_where_it_was_set() -> None:
    clock = WorldClock(T0, running=False)
    assert clock.now() == T0 == clock.now()
    clock.advance(timedelta(hours=1))
    assert clock.now() == at(60)
    running = WorldClock(T0)
    assert timedelta(0) <= running.now() - T0 < timedelta(seconds=5)
    assert abs(WorldClock().now() - datetime.now(UTC)) < timedelta(seconds=5)
    with pytest.raises(ValueError, match="zone"):
        clock.set(datetime(2026, 1, 1))  # noqa: DTZ001  (what it must refuse)
