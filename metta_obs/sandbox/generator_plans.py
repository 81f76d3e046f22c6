"""Which pull requests a day brings, and what will become of each.

Here: the outline of a pull request (who, when, its branch and commits, its end), drawn from (seed, repository, day,
rank) alone, so that a day of years ago can be told without the days between. Not here: the talk about it
(`generator_pulls`), runs, other branches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, exp
from random import Random
from statistics import NormalDist

from .events import DEFAULT_BRANCH, NewCommit, Signature
from .generator_cast import (
    DAY,
    DEPENDABOT,
    EPOCH,
    HOUR,
    THINGS,
    Cast,
    Person,
    between,
    commit,
    commit_id,
    count,
    drawn_from,
    lognormal,
    message_of,
    moment,
    pick,
    second_of_day,
    seconds_of,
    slug,
    title,
)
from .generator_spec import RepositorySpec

GOLDEN = 0.6180339887  # its multiples modulo 1 spread evenly, so that lives vary but their sums hardly do
NORMAL = NormalDist()


@dataclass(slots=True)
class Push:
    """Commits (id, authored, committed) put on the head branch at `at`; the first push is the opening's."""

    at: int
    force: bool
    commits: list[tuple[str, int, int]]


@dataclass(slots=True)
class PullPlan:
    """The outline of one pull request; times in seconds after 1970."""

    number: int
    kind: str  # merged, closed, bot, long, long-draft, long-bot
    opened: int
    author: Person
    title: str
    subject: str  # of its first commit
    body: str
    branch: str
    fork: str | None
    base: str
    labels: list[str]
    draft: bool
    ready: int  # when it is ready for review: the opening, unless it is opened as a draft
    ended: int  # merged, or closed for good
    merged: bool
    method: str
    pushes: list[Push]
    branch_gone: int | None  # when the head branch is deleted; None for a fork's
    rng: Random  # goes on where the outline ends
    wants: str  # revert, reapply: to be, as soon as there is something to revert
    settled: bool = False

    def new_commits(self, push: Push) -> tuple[NewCommit, ...]:
        """The commits of `push`, some signed on a laptop whose e-mail is linked to no account.

        The first one of all bears the title, or says what is reverted.
        """
        usual, laptop = self.author.signature, self.author.laptop or self.author.signature
        first = self.pushes[0].commits[0][0]
        return tuple(
            commit(sha, self.subject if sha == first else message_of(sha), laptop if sha < "3" else usual, *times)
            for sha, *times in push.commits
        )


@dataclass(slots=True)
class DayPlan:
    """What a day brings: (opened at, kind, days that the branch is kept after the end or 0) by rank."""

    day: int
    pulls: list[tuple[int, str, float]] = field(default_factory=list)


class Plans:
    """The outlines of a repository's pull requests, each made when first asked for."""

    def __init__(self, seed: int, spec: RepositorySpec, cast: Cast) -> None:
        self.seed, self.spec, self.cast = seed, spec, cast
        self.first_day = (spec.created - EPOCH.date()).days
        self._days: dict[int, DayPlan] = {}
        self._outlines: dict[tuple[int, int], PullPlan] = {}

    def rng(self, *parts: object) -> Random:
        """A source of chance of its own for whatever `parts` name."""
        return Random(f"{self.seed}:{self.spec.name}:{':'.join(map(str, parts))}")

    def weekend(self, day: int) -> bool:
        """1970-01-01 was a Thursday."""
        return (day + 3) % 7 > 4

    def day(self, day: int) -> DayPlan:
        """What `day` (after 1970) brings."""
        if day not in self._days:
            self._days[day] = self._plan_day(day)
        return self._days[day]

    def _plan_day(self, day: int) -> DayPlan:
        spec, rng, free = self.spec, self.rng("day", day), self.weekend(day)
        slow = 0.3 if free else 1.25
        kinds = ["merged"] * count(rng, spec.merged_per_weekend_day if free else spec.merged_per_weekday)
        kinds += ["closed"] * count(rng, spec.closed_per_day * slow)
        kinds += ["bot"] * count(rng, spec.bots_per_day * slow)
        since, every = day - self.first_day, spec.long_lived_every_days
        for serial in range(ceil(since / every), ceil((since + 1) / every)):
            kinds.append("long-draft" if serial % 10 == 3 else "long-bot" if serial % 8 == 6 else "long")
        rng.shuffle(kinds)
        if len(kinds) > spec.numbers_per_day:
            raise ValueError(f"{spec.name}: {len(kinds)} pull requests in a day, more than numbers_per_day")
        times = sorted(seconds_of(day) + second_of_day(rng) for _ in kinds)
        keep = [between(rng, *spec.branch_life_days) if rng.random() < spec.kept_branches else 0.0 for _ in kinds]
        keep = [0.0 if kind.startswith("long") else days for kind, days in zip(kinds, keep, strict=True)]
        return DayPlan(day, list(zip(times, kinds, keep, strict=True)))

    def number(self, day: int, rank: int) -> int:
        """The number of the pull request that is `rank`-th on `day`."""
        return (day - self.first_day) * self.spec.numbers_per_day + rank + 1

    def life(self, day: int) -> float:
        """Days that a long-lived pull request opened on `day` stays open."""
        serial = ceil((day - self.first_day) / self.spec.long_lived_every_days)
        low, high = self.spec.long_life_days
        return float(low * (high / low) ** (serial * GOLDEN % 1))

    def pull(self, day: int, rank: int) -> PullPlan:
        """The outline of one pull request; a revert names what it reverts."""
        plan = self._outline(day, rank)
        if not plan.settled and plan.wants:
            self._settle(day, plan)
        plan.settled = True
        return plan

    def _outline(self, day: int, rank: int) -> PullPlan:
        if (day, rank) not in self._outlines:
            self._outlines[day, rank] = self._plan_pull(day, rank)
        return self._outlines[day, rank]

    def _merged_lately(self, day: int, before: int, wants: str) -> list[PullPlan]:
        """Pull requests with these wishes, merged into the default branch a while before: those of the last day, of
        the last week, that brought any."""
        for past in range(day, max(day - 7, self.first_day - 1), -1):
            found = []
            for rank, (_, kind, _) in enumerate(self.day(past).pulls):
                if kind == "merged":
                    plan = self._outline(past, rank)
                    if plan.wants == wants and plan.base == DEFAULT_BRANCH and plan.ended < before - 900:
                        plan = self.pull(past, rank)
                        if not wants or plan.title.startswith('Revert "'):
                            found.append(plan)
            if found:
                return found
        return []

    def _settle(self, day: int, plan: PullPlan) -> None:
        """Make `plan` the revert, or the revert of a revert, that it wants to be; it stays as it is if none can be."""
        again = plan.wants == "reapply"
        victims = self._merged_lately(day, plan.opened, "revert" if again else "")
        if not victims:
            return
        victim = victims[plan.number % len(victims)]
        plan.title = f'Revert "{victim.title}"'
        if again and plan.number % 2:
            plan.title = "Reapply" + victim.title.removeprefix("Revert")
        plan.branch = f"revert-{victim.number}-{victim.branch}-{plan.number % 100}"
        plan.body = f"Reverts {self.spec.name}#{victim.number}"
        plan.subject = f'Revert "{victim.title} (#{victim.number})"'
        plan.pushes[0].commits = plan.pushes[0].commits[-1:]

    def _plan_pull(self, day: int, rank: int) -> PullPlan:
        spec, rng = self.spec, self.rng("pull", day, rank)
        opened, kind, kept = self.day(day).pulls[rank]
        number, chance = self.number(day, rank), rng.random
        author = self.cast.anyone(rng)
        name, body, labels, base, fork, wants = title(rng), "", [], DEFAULT_BRANCH, None, ""
        branch = f"{author.signature.name.split()[0].lower()}/{slug(name)}-{number % 1000}"
        draft = chance() < spec.drafts
        if kind in ("bot", "long-bot"):
            package = slug(pick(rng, THINGS))
            author, draft = BOT, False
            old = int(chance() * 9) + 1
            name, labels = f"Bump {package} from {old}.{number % 7} to {old + 1}.0", ["dependencies"]
            branch = f"dependabot/pip/{package}-{old + 1}.0-{number % 1000}"
        elif kind == "merged":
            shares = (spec.reverts, spec.reapplies, spec.forks, spec.to_release, spec.hotfixes)
            wants = drawn_from(rng, ("revert", "reapply", "fork", "release", "hotfix"), shares, "")
        elif kind == "closed" and chance() < spec.forks * 3:
            wants = "fork"
        if wants == "fork":
            author = pick(rng, self.cast.outsiders)
            assert author.actor is not None
            fork = f"{author.actor.login}/{spec.name.split('/')[1]}"
            branch = spec.default_branch if chance() < 0.5 else f"patch-{number % 9 + 1}"
        elif wants == "release":
            base = release_branch(opened - 3 * DAY)
        elif wants == "hotfix":
            way = chance()
            if way < 0.35:
                labels = ["hotfix"]
            elif way < 0.7:
                branch = f"{'hotfix/' if chance() < 0.6 else 'hotfix-'}{slug(name)}-{number % 1000}"
            else:
                name = f"{pick(rng, ('Hotfix', 'hot-fix', 'HOTFIX'))}: {name[0].lower()}{name[1:]}"
        if chance() < 0.35 and kind in LABELS_OF:
            labels = [*labels, pick(rng, LABELS_OF[kind])]
        wants = wants if wants in ("revert", "reapply") else ""
        if chance() < spec.ghosts and kind in ("merged", "closed"):
            author = self.cast.ghost
        if chance() < 0.8:
            body = f"Seen on the stand last week: {pick(rng, THINGS)} again.\n\nPlease test."
            if chance() < spec.hotfix_mentions:
                body += "\n\nFollow-up to the hotfix of yesterday; may need a revert."
        ready, ended, merged = self._fate(rng, number, kind, opened, draft)
        draft = kind == "long-draft" or (draft and ready > opened)
        pushes = self._pushes(rng, number, opened, ended, kind)
        method = drawn_from(rng, ("merge", "rebase"), (spec.merged_by_merge, spec.merged_by_rebase), "squash")
        stays = int(kept * DAY) if kept else 3 if chance() < 0.8 else int(chance() * 2 * DAY) + 60
        return PullPlan(
            number=number,
            kind=kind,
            opened=opened,
            author=author,
            title=name,
            subject=name,
            body=body,
            branch=branch,
            fork=fork,
            base=base,
            labels=labels,
            draft=draft,
            ready=ready,
            ended=ended,
            merged=merged,
            method="squash" if wants else method,
            pushes=pushes,
            branch_gone=None if fork else ended + stays,
            rng=rng,
            wants=wants,
        )

    def _fate(self, rng: Random, number: int, kind: str, opened: int, draft: bool) -> tuple[int, int, bool]:
        """When it is ready for review, when it ends, and whether merged."""
        spec, chance = self.spec, rng.random
        longest = int(spec.longest_days * DAY)
        if kind.startswith("long"):
            return opened, opened + int(self.life(opened // DAY) * DAY), kind == "long" and chance() < 0.15
        if kind == "bot":
            quick = chance() < 0.5
            hours = lognormal(rng, 10, 1.0) if quick else between(rng, 8 * 24, 25 * 24)
            return opened, opened + min(int(hours * HOUR), longest), quick or chance() < 0.4
        ready = opened
        if draft:
            ready = min(opened + int(lognormal(rng, 7.5, 1.2) * HOUR) + 60, opened + longest // 2)
        if kind == "closed":
            return ready, min(ready + int(lognormal(rng, 75, 1.1) * HOUR), opened + longest), False
        middle, sigma = spec.merge_hours
        evenly = NORMAL.inv_cdf(min(max(number * GOLDEN % 1, 0.001), 0.999))  # so that each week brings as many merges
        ended = ready + max(int(middle * exp(sigma * evenly) * HOUR), 90)
        hour = ended % DAY // HOUR
        if hour < 6 and chance() < 0.8:  # most wait for the morning
            ended += int((7 - hour + 3 * chance()) * HOUR)
        if self.weekend(ended // DAY) and chance() < 0.6:
            ended += 2 * DAY if not self.weekend(ended // DAY + 2) else DAY
        return ready, min(ended, opened + longest), True

    def _pushes(self, rng: Random, number: int, opened: int, ended: int, kind: str) -> list[Push]:
        """The opening's commits and later pushes; a force-push brings copies of all commits that there are by then."""
        spec, chance = self.spec, rng.random
        serial = 0

        def made(authored: int, committed: int) -> tuple[str, int, int]:
            nonlocal serial
            serial += 1
            return commit_id(self.seed, spec.name, number, serial), authored, committed

        if kind in ("bot", "long-bot"):
            return [Push(opened, False, [made(opened - 5, opened - 5)])]
        lead = int(min(lognormal(rng, 5, 1.3), 20 * 24) * HOUR) + 60
        wrote = sorted([opened - lead, *(opened - int(lead * chance()) for _ in range(int(rng.expovariate(1))))])
        late = [int(chance() * (opened - at)) if chance() < 0.1 else 0 for at in wrote]  # rebased before the opening
        current = [made(at, at + later) for at, later in zip(wrote, late, strict=True)]
        pushes, until = [Push(opened, False, current)], min(ended, opened + 20 * DAY)
        number_of_pushes = min(int(rng.expovariate(0.75)), 6)
        for at in sorted(opened + int((until - opened) * chance() ** 1.5) for _ in range(number_of_pushes)):
            if at <= opened + 60 or at >= ended - 60:
                continue
            if chance() < spec.force_pushed:
                anew = chance() < 0.2  # so that no commit is older than the opening
                current = [made(at - 50 if anew else authored, at - 40) for _, authored, _ in current]
                pushes.append(Push(at, True, current))
            else:
                committed = at - int(chance() * min(2 * HOUR, at - opened))
                pushes.append(Push(at, False, [made(committed, committed)]))
                current = current + pushes[-1].commits
        return pushes


BOT = Person(DEPENDABOT, Signature(DEPENDABOT.login, "support@dependabot.example", DEPENDABOT))
LABELS_OF = {
    "merged": ("bug", "enhancement", "documentation", "tests", "performance"),
    "closed": ("enhancement", "question"),
    "long": ("needs-review", "enhancement"),
    "long-draft": ("experiment",),
}


def release_branch(at: int) -> str:
    """The release branch of the month of `at`."""
    return f"release/{moment(at):%Y.%m}"


def month_starts(first: int, last: int) -> list[int]:
    """The days from `first` to `last`, both included, with which a month begins."""
    found, here = [], moment(seconds_of(first)).replace(day=1)
    while here <= moment(seconds_of(last)):
        if here >= moment(seconds_of(first)):
            found.append((here - moment(0)).days)
        here = (here + timedelta(days=32)).replace(day=1)
    return found
