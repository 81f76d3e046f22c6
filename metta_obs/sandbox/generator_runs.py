"""Workflow runs of a made-up repository: how each goes, which are re-run, and their numbers.

Here: the plan of a run with its attempts and jobs, and the events that it becomes. A run's id is known only when its
day is told, since it is the rank among all runs of that day: ids grow with time, as GitHub's do. Not here: what sets a
run off (`generator_pulls`, `generator_branches`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from .events import (
    DEFAULT_BRANCH,
    THIS_REPOSITORY,
    AttemptCompleted,
    Event,
    JobRun,
    RunAttemptStarted,
    RunCreated,
    RunDeleted,
    RunStatusChanged,
)
from .generator_cast import DAY, HOUR, lognormal, moment
from .generator_spec import RepositorySpec, WorkflowSpec
from .state import Actor

RUNS_PER_DAY = 1_000
JOBS_PER_RUN = 64  # ids: 16 per attempt, so that those carried along by a re-run find room
OUTCOMES = ("failure", "cancelled", "skipped", "timed_out", "startup_failure")


@dataclass(slots=True)
class AttemptPlan:
    """One attempt: `jobs` are (name, conclusion, started, completed) of those that it executes."""

    started: int
    conclusion: str
    jobs: list[tuple[str, str, int, int]]
    ended: int
    failed_only: bool = False


@dataclass(slots=True)
class RunPlan:
    """One run; times in seconds after 1970."""

    workflow: int  # position in the specification
    event: str
    created: int
    actor: Actor | None
    pull: int | None
    fork: str | None
    attempts: list[AttemptPlan] = field(default_factory=list)
    branch: str = DEFAULT_BRANCH
    id: int = 0


@dataclass(slots=True)
class Step:
    """Something that happens to a run at `at`."""

    at: int
    run: RunPlan
    kind: str  # created, waiting, in_progress, completed, again, deleted
    attempt: int = 0


class Runs:
    """Makes run plans up, and events of their steps."""

    def __init__(self, spec: RepositorySpec, first_day: int) -> None:
        self.spec, self.first_day = spec, first_day

    def plan(
        self,
        rng: Random,
        workflow: int,
        event: str,
        created: int,
        actor: Actor | None,
        pull: int | None = None,
        fork: str | None = None,
        superseded: int | None = None,
    ) -> list[Step]:
        """The steps of one run, which a push at `superseded` cancels if it is still going on."""
        spec, chance = self.spec.workflows[workflow], rng.random
        run = RunPlan(workflow, event, created, actor, pull, fork)
        steps = [Step(created, run, "created")]
        if fork and event == "pull_request" and chance() < 0.3:  # a newcomer's: somebody has to allow it
            run.attempts.append(AttemptPlan(created, "action_required", [], created + 1))
            return [*steps, Step(created + 1, run, "completed")]
        begun = created
        if spec.waits_for_approval and chance() < 0.5:
            begun = created + 60 + int(rng.expovariate(1 / (2 * HOUR)))
            steps.append(Step(created + 2, run, "waiting"))
        conclusion = "success"
        if chance() < spec.failing + 0.047:
            conclusion = rng.choices(OUTCOMES, (spec.failing, 0.02, 0.02, 0.004, 0.003))[0]
        attempt = self._attempt(rng, spec, begun, conclusion)
        if superseded is not None and begun + 5 < superseded < attempt.ended:
            attempt = self._attempt(rng, spec, begun, "cancelled", superseded)
        while True:
            run.attempts.append(attempt)
            number = len(run.attempts) - 1
            if attempt.jobs:
                first = min(started for _, _, started, _ in attempt.jobs)
                steps.append(Step(max(first, begun + 1), run, "in_progress", number))
            steps.append(Step(attempt.ended, run, "completed", number))
            if attempt.conclusion in ("success", "skipped") or number == 3:
                break
            if chance() < self.spec.rerun_at_once:
                begun = attempt.ended + 40 + int(rng.expovariate(1 / 900))
            elif chance() < self.spec.rerun_later:
                begun = attempt.ended + int((1.1 + 7 * chance()) * DAY)
            else:
                break
            failed_only = attempt.conclusion == "failure" and chance() < 0.7
            names = [name for name, ended, _, _ in attempt.jobs if ended not in ("success", "skipped")]
            again = "success" if chance() < 0.6 else "failure"
            attempt = self._attempt(rng, spec, begun, again, jobs=names if failed_only else None)
            attempt.failed_only = failed_only
            steps.append(Step(begun, run, "again", number + 1))
        if chance() < self.spec.runs_deleted:
            steps.append(Step(attempt.ended + int((0.2 + 5 * chance()) * DAY), run, "deleted"))
        return steps

    def _attempt(
        self,
        rng: Random,
        spec: WorkflowSpec,
        begun: int,
        conclusion: str,
        stopped: int | None = None,
        jobs: list[str] | None = None,
    ) -> AttemptPlan:
        chance = rng.random
        if conclusion == "startup_failure":
            return AttemptPlan(begun, conclusion, [], begun + 2)
        if conclusion == "skipped":
            at = begun + 1
            return AttemptPlan(begun, conclusion, [(name, "skipped", at, at) for name in spec.jobs], at + 1)
        longest = lognormal(rng, spec.median_minutes * 60, spec.sigma)
        if conclusion == "timed_out":
            longest = 3_600.0 + chance() * 20
        done, names = [], jobs or spec.jobs
        worst = int(chance() * len(names))
        for position, name in enumerate(names):
            started = begun + 3 + int(chance() * 25)
            lasts = longest if position == worst else longest * (0.15 + 0.8 * chance())
            ended = "success"
            if conclusion == "timed_out" or (conclusion == "failure" and position == worst):
                ended = conclusion if position == worst else "cancelled"
            elif conclusion == "cancelled" and (position == worst or chance() < 0.6):
                ended, lasts = "cancelled", lasts * 0.6
            completed = started + max(int(lasts), 2)
            if stopped is not None and completed > stopped:
                ended, started, completed = "cancelled", min(started, stopped), stopped
            done.append((name, ended, started, completed))
        return AttemptPlan(begun, conclusion, done, max(job[3] for job in done) + 1 + int(chance() * 3))

    def tell(self, steps: list[Step], day: int) -> list[Event]:
        """The events of `steps`, which are all those of `day` in order; gives the runs created that day their ids."""
        ranks: Counter[int] = Counter()
        events: list[Event] = []
        created = 0
        for step in steps:
            run, repo, at = step.run, self.spec.name, moment(step.at)
            if step.kind == "created":
                created += 1
                ranks[run.workflow] += 1
                run.id = (day - self.first_day) * RUNS_PER_DAY + created + self.spec.id % 4 * 8_000_000
                number = (day - self.first_day) * 200 + ranks[run.workflow]
                events.append(
                    RunCreated(at, repo, run.id, self.workflow_id(run.workflow), number, run.event, run.branch, None,
                               run.fork or THIS_REPOSITORY, run.pull, run.actor)
                )  # fmt: skip
            elif step.kind == "again":
                events.append(RunAttemptStarted(at, repo, run.id, run.actor, run.attempts[step.attempt].failed_only))
            elif step.kind == "completed":
                attempt, first = run.attempts[step.attempt], run.id * JOBS_PER_RUN + step.attempt * 16
                jobs = [
                    JobRun(first + position, name, ended, moment(started), moment(completed))
                    for position, (name, ended, started, completed) in enumerate(attempt.jobs)
                ]
                events.append(AttemptCompleted(at, repo, run.id, attempt.conclusion, tuple(jobs)))
            elif step.kind == "deleted":
                events.append(RunDeleted(at, repo, run.id))
            else:
                events.append(RunStatusChanged(at, repo, run.id, step.kind))
        if created >= RUNS_PER_DAY:
            raise ValueError(f"{self.spec.name}: {created} workflow runs in a day, more than their ids have room for")
        return events

    def workflow_id(self, position: int) -> int:
        """GitHub's id of a workflow of the specification."""
        return self.spec.id * 100 + position
