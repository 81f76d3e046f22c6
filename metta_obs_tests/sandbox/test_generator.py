"""The made-up world: the same past at every start, everything that odd repositories have, and believable amounts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from metta_obs.sandbox import events as e
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.fold_git import ancestry
from metta_obs.sandbox.generator import Story, default_world, generate, history_start
from metta_obs.sandbox.generator_spec import WorldSpec, tiny
from metta_obs.sandbox.state import Actor, PullRequest, Repository
from metta_obs.sandbox.world import World

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
DAY = timedelta(days=1)
TINY = WorldSpec((tiny(),), 40)


def world(now: datetime = NOW, spec: WorldSpec = TINY, seed: int = 1) -> World:
    return default_world(WorldClock(now, running=False), seed, spec)


@pytest.fixture(scope="module")
def small() -> World:
    return world()


@pytest.fixture(scope="module")
def big() -> World:
    return default_world(WorldClock(NOW, running=False))


@pytest.fixture(scope="module")
def rockets(big: World) -> Repository:
    return big.state()["acme/rockets"]


def test_second_start_sees_exactly_the_same_past(small: World) -> None:
    """Else the lake of `make demo` would hold what the sandbox no longer knows."""
    for later in (timedelta(minutes=7), DAY, 5 * DAY):
        again = world(NOW + later)
        assert again.events_until(NOW) == small.events
        assert again.state(NOW) == small.state()


def test_start_months_later_differs_only_before_its_own_history(small: World) -> None:
    later = world(NOW + 35 * DAY)
    start = history_start(NOW + 35 * DAY, 40)
    runs = {event.run_id for event in small.events if isinstance(event, e.RunCreated) and event.at < start}
    known = [event for event in small.events if event.at >= start and getattr(event, "run_id", None) not in runs]
    assert known == [event for event in later.events_until(NOW) if event.at >= start]
    old, new = small.state()["acme/capsule"], later.state(NOW)["acme/capsule"]
    still_open = {number: pull for number, pull in old.pulls.items() if pull.state == "open"}
    assert still_open == {number: pull for number, pull in new.pulls.items() if pull.state == "open"}
    assert set(old.branches) == set(new.branches)


def test_world_goes_on_as_the_clock_does(small: World) -> None:
    clock = WorldClock(NOW - 12 * DAY, running=False)
    growing = default_world(clock, 1, TINY)
    growing.state()
    for _ in range(48):
        clock.advance(timedelta(hours=6))
        growing.state()
    assert growing.events == small.events
    assert growing.state() == small.state()


def test_other_seed_is_another_world_and_generate_tells_it_too(small: World) -> None:
    assert world(seed=2).events != small.events
    told = list(generate(1, tiny(), history_start(NOW, 40), NOW.replace(hour=0)))
    assert told == [event for event in small.events if event.at < NOW.replace(hour=0)]


def test_told_in_pieces_is_told_in_order() -> None:
    whole = Story(1, tiny(), NOW - 40 * DAY)
    pieces = Story(1, tiny(), NOW - 40 * DAY)
    midnight = NOW.replace(hour=0)
    told = [event for days in (-30, -29, -3, 0) for event in pieces.until(midnight + days * DAY)]
    assert told == whole.until(midnight)
    assert [event.at for event in told] == sorted(event.at for event in told)


def check_closed(repository: Repository) -> None:
    """Whatever a record names is there."""
    commits = repository.commits
    assert all(parent in commits for commit in commits.values() for parent in commit.parents)
    assert all(branch.sha in commits for branch in repository.branches.values())
    for pull in repository.pulls.values():
        assert {pull.head_sha, *pull.commit_shas} <= set(commits)
        assert pull.merged_at is None or pull.merge_commit_sha in commits
        for comment in pull.review_comments.values():
            assert comment.review_id is None or comment.review_id in pull.reviews
    reached = ancestry(commits, repository.branches[repository.default_branch].sha)
    merged = [pull for pull in repository.pulls.values() if pull.merged_at and pull.base == repository.default_branch]
    assert all(pull.merge_commit_sha in reached for pull in merged)
    for run in repository.runs.values():
        assert run.workflow_id in repository.workflows
        assert run.head_sha in commits
        for attempt in run.attempts:
            if attempt.status == "completed":
                assert all(job.completed_at and job.completed_at <= attempt.updated_at for job in attempt.jobs)


def test_nothing_points_into_the_void(small: World, big: World) -> None:
    for some in (small, big):
        for repository in some.state().values():
            check_closed(repository)


def test_every_planned_merge_happens(small: World, big: World) -> None:
    """A pull request that is closed or a draft when its merge comes would silently stay open."""
    for some in (small, big):
        for event in some.events:
            if isinstance(event, e.PullMerged):
                assert some.state()[event.repo].pulls[event.number].merged_at == event.at


def is_human(actor: Actor | None) -> bool:
    return actor is None or actor.type != "Bot"


def responses(pull: PullRequest) -> Iterator[datetime]:
    for review in pull.reviews.values():
        if review.submitted_at and is_human(review.author) and review.author != pull.author:
            yield review.submitted_at
    for comment in (*pull.review_comments.values(), *pull.issue_comments.values()):
        if is_human(comment.author) and comment.author != pull.author:
            yield comment.created_at


@pytest.mark.parametrize("hours", [0, 40, 250, 700])
def test_big_repository_is_as_busy_as_the_reference(big: World, hours: int) -> None:
    """At any instant of a month, so that every percentile of it has a point."""
    now = NOW - timedelta(hours=hours)
    repository = big.state(now)["acme/rockets"]
    pulls, week = list(repository.pulls.values()), now - 7 * DAY
    merged = [pull for pull in pulls if pull.merged_at and pull.merged_at >= week]
    assert 100 <= sum(pull.state == "open" for pull in pulls) <= 145
    assert 104 <= sum(is_human(pull.author) for pull in merged) <= 140
    assert 3 <= sum(bool(pull.closed_at and not pull.merged_at and pull.closed_at >= week) for pull in pulls) <= 30
    first = [min(responses(pull), default=None) for pull in pulls if is_human(pull.author)]
    assert sum(bool(moment and week <= moment <= now) for moment in first) >= 108
    reached = ancestry(repository.commits, repository.branches["main"].sha)
    commits = [repository.commits[sha] for sha in reached if repository.commits[sha].committed_at >= week]
    commits = [commit for commit in commits if len(commit.parents) < 2]
    assert 85 <= len(commits) <= 150
    assert len({commit.author for commit in commits if commit.author and is_human(commit.author)}) >= 18
    assert 1_000 < sum(run.created_at >= week for run in repository.runs.values()) < 1_500
    assert 1_050 <= len(repository.branches) <= 1_250
    tips = [repository.commits[branch.sha].committed_at for branch in repository.branches.values()]
    assert 70 <= sum(tip >= now - 14 * DAY for tip in tips) <= 150


def test_stale_ones_are_about_half_of_the_open_ones(rockets: Repository) -> None:
    def quiet(pull: PullRequest) -> bool:
        acts = [pull.created_at, *(rockets.commits[sha].committed_at for sha in pull.commit_shas)]
        reviews = [review for review in pull.reviews.values() if is_human(review.author)]
        acts += [review.submitted_at for review in reviews if review.submitted_at]
        comments = (*pull.review_comments.values(), *pull.issue_comments.values())
        acts += [comment.created_at for comment in comments if is_human(comment.author)]
        return not pull.draft and max(acts) < NOW - 14 * DAY

    stale = [pull for pull in rockets.pulls.values() if pull.state == "open" and quiet(pull)]
    assert 45 <= len(stale) <= 80
    assert min(pull.created_at for pull in stale) < NOW - 300 * DAY


def test_history_is_complete_for_a_hundred_days(big: World, rockets: Repository) -> None:
    for days in (99, 60, 30, 1):
        day = [run for run in rockets.runs.values() if abs(run.created_at - (NOW - days * DAY)) < 3 * DAY]
        assert len(day) > 500
        merges = [pull.merged_at for pull in rockets.pulls.values() if pull.merged_at]
        assert sum(abs(merge - (NOW - days * DAY)) < 3 * DAY for merge in merges) > 40


def test_small_repository_has_samples_too_thin_for_percentiles(big: World) -> None:
    repository = big.state()["acme/launchpad"]
    week = NOW - 7 * DAY
    merged = [pull for pull in repository.pulls.values() if pull.merged_at and pull.merged_at >= week]
    runs = [run for run in repository.runs.values() if run.created_at >= week]
    assert 2 <= sum(is_human(pull.author) for pull in merged) < 10
    assert 10 <= len(runs) < 100


def test_default_world_has_every_everyday_oddity(big: World, rockets: Repository) -> None:
    pulls, kinds = list(rockets.pulls.values()), Counter(type(event) for event in big.events)
    wanted: tuple[type[e.Event], ...] = (e.PullReopened, e.PullConvertedToDraft, e.PullReadyForReview)
    wanted += (e.PullUnlabeled, e.PullEdited)
    wanted += (e.ReviewDismissed, e.ReviewEdited, e.ReviewCommentEdited, e.ReviewCommentDeleted)
    wanted += (e.IssueCommentEdited, e.IssueCommentDeleted, e.RunAttemptStarted)
    for kind in wanted:
        assert kinds[kind] >= 10, kind
    assert not kinds.keys() & {e.BranchForcePushed, e.DefaultBranchRenamed, e.RunDeleted}  # only when asked for
    merges = [event for event in big.events if isinstance(event, e.PullMerged)]
    assert Counter(event.method for event in merges).keys() == {"squash", "merge", "rebase"}
    assert any(event.force for event in big.events if isinstance(event, e.PullPushed))
    late = [event for event in big.events if isinstance(event, e.CommitsPushed) and event.branch == e.DEFAULT_BRANCH]
    assert any(event.at - commit.committed_at > DAY for event in late for commit in event.commits)
    gone = Counter(event.name for event in big.events if isinstance(event, e.BranchCreated))
    assert max(gone.values()) >= 2
    assert {"dependabot[bot]"} <= {pull.author.login for pull in pulls if pull.author}
    assert any(pull.author is None for pull in pulls)
    assert any(pull.base != "main" for pull in pulls)
    assert any(pull.head_repository != "acme/rockets" and pull.head == "main" for pull in pulls)
    subjects = [commit.message.splitlines()[0] for commit in rockets.commits.values()]
    for pattern in (r'^Revert "(?!Revert)', r'^(Reapply|Revert "Revert) ?"', r"(?i)\bhot-?fix\b"):
        assert any(re.search(pattern, subject) for subject in subjects), pattern
    assert any("\n\nThis reverts commit " in commit.message for commit in rockets.commits.values())
    assert any(pull.head.startswith(("hotfix/", "hotfix-")) for pull in pulls)
    assert any("hotfix" in pull.labels for pull in pulls)
    assert any("hotfix" in pull.body for pull in pulls)
    assert any(re.match(r"revert-\d+-", pull.head) for pull in pulls)
    unlinked = {commit.author_email for commit in rockets.commits.values() if commit.author is None}
    assert any(mail.endswith("@users.noreply.github.com") for mail in unlinked)
    assert any(mail != mail.lower() for mail in unlinked)
    assert any("laptop" in mail for mail in unlinked)
    merged = [pull for pull in pulls if pull.merged_at]  # auto-merge: the approval and the merge in one second
    assert any(review.submitted_at == pull.merged_at for pull in merged for review in pull.reviews.values())


def test_default_world_has_every_kind_of_run(big: World, rockets: Repository) -> None:
    runs = list(rockets.runs.values())
    ended = {attempt.conclusion for run in runs for attempt in run.attempts}
    wanted = {"success", "failure", "cancelled", "skipped", "timed_out", "startup_failure", "action_required"}
    assert wanted <= ended
    events = {"push", "pull_request", "pull_request_target", "schedule", "workflow_dispatch"}
    assert {run.event for run in runs} >= events
    assert any(isinstance(event, e.RunStatusChanged) and event.status == "waiting" for event in big.events)
    foreign = [run for run in runs if run.head_repository != "acme/rockets" and "pull" not in run.event]
    assert any(run.head_branch == "main" for run in foreign)
    again = [run for run in runs if len(run.attempts) > 1]
    waited = [run.attempts[1].run_started_at - run.attempts[0].run_started_at for run in again]
    assert min(waited) < timedelta(hours=1)
    assert max(waited) > 2 * DAY
    assert all(attempt.conclusion != "success" for run in again for attempt in run.attempts[:-1])
    assert ("failure", "success") in {(run.attempts[0].conclusion, run.attempts[1].conclusion) for run in again}
    second = [run.attempts[1] for run in again]
    assert any(
        job.completed_at and job.completed_at < a.run_started_at for a in second for job in a.jobs
    )  # carried along
    assert {len(run.attempts[0].jobs) for run in runs} >= {0, 1, 2, 3, 5, 6}
    assert len(rockets.workflows) >= 10
    assert any(found.state != "active" for found in rockets.workflows.values())


def test_rare_oddities_come_when_asked_for() -> None:
    spec = tiny(
        default_branch_force_pushes_per_day=0.3, runs_deleted=0.1, default_branch_renamed=(date(2026, 11, 12), "trunk")
    )
    some = world(spec=WorldSpec((spec,), 40))
    repository = some.state()["acme/capsule"]
    kinds = Counter(type(event) for event in some.events)
    assert kinds[e.BranchForcePushed] > 3
    assert kinds[e.RunDeleted] > 3
    assert repository.default_branch == "trunk"
    assert "main" not in repository.branches
    assert any(run.head_branch == "trunk" for run in repository.runs.values())
    left = ancestry(repository.commits, repository.branches["trunk"].sha)
    merged = [pull.merge_commit_sha for pull in repository.pulls.values() if pull.merged_at]
    assert any(sha not in left for sha in merged)  # dropped by a force-push
    assert all(event.at <= NOW for event in some.events)


def test_ids_are_those_of_a_strict_graphql_int(big: World) -> None:
    """GraphQL's databaseId is a 32-bit Int."""
    ids: list[int] = []
    for repository in big.state().values():
        own = [pull.id for pull in repository.pulls.values()]
        reviews = [number for pull in repository.pulls.values() for number in pull.reviews]
        comments = [
            number for pull in repository.pulls.values() for number in (*pull.issue_comments, *pull.review_comments)
        ]
        jobs = [job.id for run in repository.runs.values() for attempt in run.attempts for job in attempt.jobs]
        for numbers in (own, reviews, comments, jobs):
            assert len(set(numbers)) == len(numbers)
            ids += numbers
        created = sorted(repository.runs.values(), key=lambda run: run.id)
        assert [run.created_at for run in created] == sorted(run.created_at for run in created)
    assert max(ids) < 2**31
