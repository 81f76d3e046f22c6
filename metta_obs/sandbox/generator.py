"""The made-up world: a log of events that is the same for the same seed and grows as the calendar does.

Here: telling the days one after the other and putting what they brought in order. What a day brings depends only on
(seed, repository, day), never on the present, so every start sees the same past. Days before the history's start are
told only as far as something of them is still there at its start: pull requests that live on and branches that were
not deleted (their runs, and the merges of that time, are left out). The history starts with a month, at least
`WorldSpec.history_days` before the clock's time, so that starts some days apart mostly share it.

The lives of pull requests are planned on the day when they are opened (`generator_plans`, `generator_pulls`), the rest
by `generator_branches` and `generator_runs`; the numbers are in `generator_spec`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil

from .clock import WorldClock
from .events import BranchCreated, BranchDeleted, Event
from .generator_branches import Branches
from .generator_cast import DAY, EPOCH, Cast, moment, seconds_of
from .generator_plans import Plans, PullPlan, month_starts
from .generator_pulls import Item, Life
from .generator_runs import Runs, Step
from .generator_spec import DEFAULT_WORLD, RepositorySpec, WorldSpec
from .world import World

AFTERMATH = 10  # days after its end in which something may still happen to a pull request (comments, labels, runs)


def day_of(at: datetime) -> int:
    """The day after 1970 that `at` lies in, in UTC."""
    return (at - EPOCH).days


class Story:
    """One repository's events, told day by day; a `world.Source`."""

    def __init__(self, seed: int, spec: RepositorySpec, history_start: datetime) -> None:
        self.spec = spec
        cast = Cast(seed, spec)
        self.plans = Plans(seed, spec, cast)
        self.runs = Runs(spec, self.plans.first_day)
        self.branches = Branches(seed, spec, cast, self.plans, self.runs)
        self.start = max(day_of(history_start), self.plans.first_day)
        self._next = self.plans.first_day  # the first day that is not told yet
        self._days: defaultdict[int, list[Item]] = defaultdict(list)  # what is planned, by the day when it happens

    def until(self, end: datetime) -> list[Event]:
        """All further events dated before `end` (a midnight), in order."""
        last = day_of(end) - 1
        if last < self._next:
            return []
        if self._next == self.plans.first_day:
            self._plan(self.branches.beginning())
        for day in month_starts(self._next, last):
            self._plan(self.branches.month(day))
        self._plan_past(min(last, self.start - 1))
        for day in range(max(self._next, self.start), last + 1):
            self._plan_day(day)
        self._next = last + 1
        events: list[Event] = []
        for day in sorted(day for day in self._days if day <= last):
            items = sorted(self._days.pop(day), key=lambda item: item[0])
            steps = iter(self.runs.tell([thing for _, thing in items if isinstance(thing, Step)], day))
            events += [next(steps) if isinstance(thing, Step) else thing for _, thing in items]
        return events

    def _plan(self, items: Sequence[Item]) -> None:
        for item in items:
            self._days[item[0] // DAY].append(item)

    def _plan_day(self, day: int) -> None:
        """A day that is told in full."""
        for rank in range(len(self.plans.day(day).pulls)):
            self._plan(self._life(self.plans.pull(day, rank)))
        self._plan(self.branches.day(day))

    def _plan_past(self, last: int) -> None:
        """The days before the history, as far as something of them is left at its start."""
        if self._next >= self.start:
            return
        start, spec = seconds_of(self.start), self.spec
        oldest = ceil(max(spec.long_life_days[1], spec.longest_days + spec.branch_life_days[1])) + AFTERMATH
        for day in range(max(self.start - oldest, self.plans.first_day), last + 1):
            for rank, (opened, kind, kept) in enumerate(self.plans.day(day).pulls):
                life = self.plans.life(day) if kind.startswith("long") else spec.longest_days
                if opened + (life + max(kept, AFTERMATH)) * DAY < start:
                    continue
                plan = self.plans.pull(day, rank)
                if plan.ended + AFTERMATH * DAY >= start:
                    self._plan(self._life(plan))
                elif plan.branch_gone is not None and plan.branch_gone >= start:
                    self._plan(self._left_branch(plan))
            self._plan(self.branches.loose(day, start))

    def _life(self, plan: PullPlan) -> list[Item]:
        return Life(self.plans, self.runs, plan, seconds_of(self.start)).tell()

    def _left_branch(self, plan: PullPlan) -> list[Item]:
        """The branch that a pull request left behind, with the last commit alone."""
        assert plan.branch_gone is not None
        at = plan.pushes[-1].at
        commits = plan.new_commits(plan.pushes[-1])[-1:]
        return [
            (at, BranchCreated(moment(at), self.spec.name, plan.branch, None, commits)),
            (plan.branch_gone, BranchDeleted(moment(plan.branch_gone), self.spec.name, plan.branch)),
        ]


def history_start(now: datetime, days: int) -> datetime:
    """The first of the month that `days` before `now` lies in."""
    least = (now - timedelta(days=days)).astimezone(UTC)
    return least.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def generate(seed: int, spec: RepositorySpec, start: datetime, end: datetime) -> Iterator[Event]:
    """The events of one repository up to the day of `end` (left out), told in full from the day of `start` on."""
    yield from Story(seed, spec, start).until(moment(seconds_of(day_of(end))))


def default_world(clock: WorldClock, seed: int = 0, spec: WorldSpec = DEFAULT_WORLD) -> World:
    """A world that goes on as `clock` does; it is whole from three years after the repositories' creation (2016) on."""
    start = history_start(clock.now(), spec.history_days)
    return World(clock, [Story(seed, repository, start) for repository in spec.repositories])
