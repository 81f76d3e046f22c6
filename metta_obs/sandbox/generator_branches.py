"""What happens in a made-up repository besides pull requests: loose branches, direct pushes, releases, schedules.

Here: the events and run steps that begin on a day without a pull request. Each day depends on (seed, repository, day)
alone. Not here: pull requests and their branches (`generator_plans`, `generator_pulls`).
"""

from __future__ import annotations

from random import Random

from .events import (
    DEFAULT_BRANCH,
    BranchCreated,
    BranchDeleted,
    BranchForcePushed,
    CommitsPushed,
    DefaultBranchRenamed,
    NewCommit,
    RepositoryCreated,
    Signature,
    WorkflowCreated,
    WorkflowStateChanged,
)
from .generator_cast import (
    ACTIONS,
    DAY,
    EPOCH,
    HOUR,
    Cast,
    between,
    commit,
    commit_id,
    count,
    moment,
    second_of_day,
    seconds_of,
    slug,
    title,
)
from .generator_plans import Plans, release_branch
from .generator_pulls import Item
from .generator_runs import Runs, Step
from .generator_spec import RepositorySpec

RELEASE_LIFE = 730 * DAY  # a release branch is deleted two years after its month begins


class Branches:
    """Tells what begins on a day outside of pull requests."""

    def __init__(self, seed: int, spec: RepositorySpec, cast: Cast, plans: Plans, runs: Runs) -> None:
        self.seed, self.spec, self.cast, self.plans, self.runs = seed, spec, cast, plans, runs

    def beginning(self) -> list[Item]:
        """The repository is created, with a first commit and its workflows; its default branch is renamed one day."""
        at, repo, spec = seconds_of(self.plans.first_day), self.spec.name, self.spec
        items: list[Item] = [
            (at, RepositoryCreated(moment(at), repo, spec.id, spec.default_branch)),
            (at + 60, self._push(at + 60, "Initial commit", "initial")),
        ]
        if spec.default_branch_renamed is not None:
            day, name = spec.default_branch_renamed
            renamed = seconds_of((day - EPOCH.date()).days) + 9 * HOUR
            items.append((renamed, DefaultBranchRenamed(moment(renamed), repo, name)))
        for position, workflow in enumerate(spec.workflows):
            number = self.runs.workflow_id(position)
            items.append((at + 90, WorkflowCreated(moment(at + 90), repo, number, workflow.name, workflow.path)))
            if workflow.state != "active":
                items.append((at + 95, WorkflowStateChanged(moment(at + 95), repo, number, workflow.state)))
        return items

    def month(self, day: int) -> list[Item]:
        """The release that a month begins with: a commit on the default branch, and a branch for later fixes."""
        at, repo, name = seconds_of(day) + 300, self.spec.name, release_branch(seconds_of(day))
        gone = at + RELEASE_LIFE
        return [
            (at, self._push(at, f"Prepare {name.replace('/', ' ')}", name)),
            (at + 60, BranchCreated(moment(at + 60), repo, name)),
            (gone, BranchDeleted(moment(gone), repo, name)),
        ]

    def _push(self, at: int, message: str, *key: object) -> CommitsPushed:
        sha = commit_id(self.seed, self.spec.name, *key)
        new = commit(sha, message, self.cast.people[0].signature, at - 20, at - 10)
        return CommitsPushed(moment(at), self.spec.name, DEFAULT_BRANCH, (new,))

    def day(self, day: int) -> list[Item]:
        """All that begins on a day that is told in full."""
        return self.loose(day, 0) + self._direct(day) + self._scheduled(day)

    def loose(self, day: int, since: int) -> list[Item]:
        """Branches without a pull request that begin on `day` and are deleted at `since` or later.

        Some are deleted early and made again.
        """
        spec, rng, repo, items = self.spec, self.plans.rng("loose", day), self.spec.name, list[Item]()
        for rank in range(count(rng, spec.loose_branches_per_day)):
            at, author, name = seconds_of(day) + second_of_day(rng), self.cast.anyone(rng).signature, title(rng)
            branch = f"{author.name.split()[0].lower()}/{slug(name)}-{day % 1000}{'abcdefghij'[rank % 10]}"
            end = at + int(between(rng, *spec.branch_life_days) * DAY)
            pushes = sorted(at + int(rng.random() * 3 * DAY) for _ in range(min(int(rng.expovariate(0.7)), 4)))
            gone, back = at + int((3 + 3 * rng.random()) * DAY), at + int((6.1 + 4 * rng.random()) * DAY)
            again = rng.random() < spec.branches_recreated
            if end < since:
                continue
            own = Random(f"{branch}:{at}")
            items.append((at, BranchCreated(moment(at), repo, branch, None, self._new(own, day, at, author, name))))
            for later in pushes:
                items.append((later, CommitsPushed(moment(later), repo, branch, self._new(own, day, later, author))))
            if again:
                items.append((gone, BranchDeleted(moment(gone), repo, branch)))
                new = self._new(own, day, back, author)
                items.append((back, BranchCreated(moment(back), repo, branch, None, new)))
            items.append((end, BranchDeleted(moment(end), repo, branch)))
        return items

    def _new(self, rng: Random, day: int, at: int, author: Signature, message: str = "") -> tuple[NewCommit, ...]:
        wrote = at - 60 - int(rng.random() * 2 * HOUR)
        sha = commit_id(self.seed, self.spec.name, "pushed", day, at, rng.random())
        return (commit(sha, message or title(rng), author, wrote, wrote),)

    def _direct(self, day: int) -> list[Item]:
        """Pushes straight to the default branch: by people, unlinked addresses and bots, some of old commits."""
        spec, rng, items = self.spec, self.plans.rng("direct", day), list[Item]()
        slow = 0.2 if self.plans.weekend(day) else 1.0
        for _ in range(count(rng, spec.direct_pushes_per_weekday * slow)):
            at, drawn = seconds_of(day) + second_of_day(rng), rng.random()
            author, message = self.cast.anyone(rng).signature, title(rng)
            if drawn < 0.25:
                author = self.cast.unlinked(rng)
            elif drawn < 0.45:
                author, message = Signature(ACTIONS.login, "actions@bots.example", ACTIONS), "Update lock file"
            elif drawn < 0.55:
                undone = commit_id(self.seed, "undone", day, at)
                message = f"Undo {message[0].lower()}{message[1:]}\n\nThis reverts commit {undone}."
            commits = self._new(rng, day, at, author, message)
            items.append((at, CommitsPushed(moment(at), spec.name, DEFAULT_BRANCH, commits)))
            items += self._runs(rng, at)
        for _ in range(count(rng, spec.late_pushes_per_day)):
            at, author = seconds_of(day) + second_of_day(rng), self.cast.anyone(rng).signature
            old = at - int((1 + 11 * rng.random()) * DAY)
            new = [*self._new(rng, day, old, author), *self._new(rng, day, old + 2 * HOUR, author)]
            items.append((at, CommitsPushed(moment(at), spec.name, DEFAULT_BRANCH, tuple(new))))
            items += self._runs(rng, at)
        for _ in range(count(rng, spec.default_branch_force_pushes_per_day)):
            at = seconds_of(day) + second_of_day(rng)
            drop = 1 + int(rng.random() * 3)
            items.append((at, BranchForcePushed(moment(at), spec.name, DEFAULT_BRANCH, drop)))
        return items

    def _runs(self, rng: Random, at: int) -> list[Item]:
        steps: list[Step] = []
        for index, workflow in enumerate(self.spec.workflows):
            if workflow.on_push and workflow.state == "active":
                steps += self.runs.plan(rng, index, "push", at + 2 + index, self.cast.anyone(rng).actor)
        return [(step.at, step) for step in steps]

    def _scheduled(self, day: int) -> list[Item]:
        """Runs by schedule and by hand."""
        steps: list[Step] = []
        for index, workflow in enumerate(self.spec.workflows):
            rng = self.plans.rng("scheduled", day, index)
            if workflow.state != "active":
                continue
            if workflow.every_hours is not None:
                every, first = int(workflow.every_hours * HOUR), seconds_of(day)
                for at in range(first - first % every, first + DAY, every):
                    if at >= first:
                        late = index * 97 + int(rng.random() * 240)  # GitHub starts them some minutes late
                        steps += self.runs.plan(rng, index, "schedule", at + late, self.cast.people[0].actor)
            for _ in range(count(rng, workflow.dispatched_per_day)):
                at = seconds_of(day) + second_of_day(rng)
                steps += self.runs.plan(rng, index, "workflow_dispatch", at, self.cast.anyone(rng).actor)
        return [(step.at, step) for step in steps]
