"""Worlds to be judged: made up by the sandbox's generator, or thrown together on a grid of times.

Here: `lively` (a month as the generator tells it, every oddity often), `busy` (samples large enough for a p99) and
`on_a_grid` (few things, but all at the same few instants, so that everything meets the edge of every window, comes
before, in and after the same second as everything else, and carries every text and account that a rule speaks of).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha1
from random import Random
from typing import Any

from metta_obs.sandbox import events as happened
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.events import JobRun, NewCommit, Signature
from metta_obs.sandbox.generator import default_world
from metta_obs.sandbox.generator_spec import WorldSpec, tiny
from metta_obs.sandbox.state import Actor, ChangedFile
from metta_obs.sandbox.world import World

NOW = datetime(2025, 11, 3, tzinfo=UTC)
BUSY = datetime(2025, 11, 8, 12, tzinfo=UTC)
REPO = "acme/capsule"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SLOT = timedelta(hours=6)
SLOTS = 170  # of the grid, until NOW
START = NOW - SLOTS * SLOT
NUDGES = (0, 0, 0, 0, -1, 1, 450)  # seconds off the grid

PEOPLE = [Actor(f"person-{name}", 100 + number) for number, name in enumerate(("ada", "Bo", "cleo", "dai"))]
ROBO = Actor("Robo-Clerk", 200)  # a bot by the configured list only
GHOST = Actor("ghost", 10137)
DEPENDABOT = Actor("dependabot[bot]", 49699333, "Bot")
PLAIN_BOT = Actor("copilot", 198982749, "Bot")  # a bot by its type only
ACTORS: list[Actor | None] = [*PEOPLE, *PEOPLE, ROBO, GHOST, None, DEPENDABOT, PLAIN_BOT]
BOTS = ("robo-clerk[bot]", "Unlinked-Robo")

SUBJECTS = (
    "Add the valve driver", "Fix the fuel gauge", "Hot-Fix the star tracker", "hotfix: thrust curve", "prehotfixed",
    "hot fix it", "A hotfix, at last", 'Revert "Add the valve driver"', 'Revert "Revert "Fix the fuel gauge""',
    'Reapply "Fix the fuel gauge"', "Revert the fuel gauge", "Reapplying paint", "Form\x0cfeed hotfix",
    "Split lines\u2028hotfix is behind a line separator",
)  # fmt: skip
BODIES = (
    "", "", "\n\nThe hotfix of yesterday, may need a revert.", "\n\n  \nThis reverts commit 0123456789abcdef.",
    "\nThis reverts commit 0123456.", "\n\nThis reverts commit 012345.", "\n\nWell.\nThis reverts commit 0123456789.",
    "\n\nThis reverts commit ABCDEF0123456789abcdef0123456789abcdef01.",
    "\n\nThis reverts commit fedcba9876543210, and more.",
)  # fmt: skip
HEADS = (
    "feature/valve",
    "hotfix/valve",
    "Hotfix-gauge",
    "hotfixes",
    "revert-12-feature",
    "revert-12-revert-10-feature",
    "main",
)
LABELS = ("hotfix", "hotfix", "HotFix", "hotfix-later", "bug")
TEXTS = ("", "  \n\t", "Looks right.", "Please test.")
STATES = ("APPROVED", "CHANGES_REQUESTED", "COMMENTED", "COMMENTED")
CONCLUSIONS = (
    "success", "success", "success", "failure", "failure", "timed_out", "startup_failure", "cancelled", "skipped",
    "action_required", "neutral", "stale",
)  # fmt: skip
RUN_EVENTS = ("push", "push", "schedule", "workflow_dispatch", "pull_request", "pull_request_target")
SIGNATURES = [
    *(Signature(actor.login.title(), f"{actor.login}@acme.example", actor) for actor in PEOPLE),
    Signature("Ada", "ada@home.example", Actor("ada-as-renamed", PEOPLE[0].id)),
    Signature("Robo", "robo@acme.example", ROBO),
    Signature("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com", DEPENDABOT),
    Signature("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
    Signature("Ada", "100+person-ada@users.noreply.github.com"),
    Signature("Ada", "Person-Ada@users.noreply.github.com"),
    Signature("Ada", "100+ada-before-her-renaming@users.noreply.github.com"),
    Signature("Bo", "101+person-bo@users.noreply.github.com"),
    Signature("Somebody", "stranger@users.noreply.github.com"),
    Signature("Robo", "unlinked-robo@users.noreply.github.com"),
    Signature("Con Tractor", "Con@Tractor.example"),
    Signature("Con T.", "con@tractor.EXAMPLE"),
    Signature("Nameless", ""),
    Signature("Nameless", ""),
    Signature("Other", ""),
]


def lively(seed: int, pollable: bool = False) -> World:
    """A month and a half as the generator tells it, up to NOW, and what is larger than GitHub's lists; the default
    branch is renamed on the way. The clock stands still.

    pollable: no run is deleted, which only reading all runs anew could find.
    """
    spec = tiny(
        default_branch_force_pushes_per_day=0.15,
        runs_deleted=0.0 if pollable else 0.06,
        default_branch_renamed=(date(2025, 10, 24), "trunk"),
    )
    world = default_world(WorldClock(NOW, running=False), seed, WorldSpec((spec,), history_days=45))
    world.add(*oversized())
    return world


def oversized() -> list[happened.Event]:
    """What is larger than GitHub's lists, in the last week before NOW, and a commit older than any look-back."""
    ada, who = SIGNATURES[0], PEOPLE[1]
    opened, number = NOW - 6 * DAY, 900_001

    def commit(key: str, at: datetime, authored: datetime, files: int = 1) -> NewCommit:
        changed = tuple(ChangedFile(f"{key}/{position}.py", "added", 1) for position in range(files))
        return NewCommit(sha1(key.encode()).hexdigest(), f"Add {key}", ada, authored, at, changed)

    own = [
        commit(f"own {position}", opened - HOUR, opened - (30 if position == 254 else 2) * DAY)
        for position in range(260)
    ]
    return [
        happened.PullOpened(opened, REPO, number, "Too much at once", PEOPLE[0], "too-much", tuple(own)),
        happened.ReviewSubmitted(NOW - 5 * DAY - HOUR, REPO, number, 999_000_001, who, "APPROVED"),
        happened.PullMerged(NOW - 5 * DAY, REPO, number, who),
        happened.CommitsPushed(
            NOW - 4 * DAY, REPO, happened.DEFAULT_BRANCH, (commit("many", NOW - 4 * DAY, NOW - 4 * DAY, 310),)
        ),
        happened.CommitsPushed(
            NOW - 3 * DAY, REPO, happened.DEFAULT_BRANCH, (commit("late", NOW - 70 * DAY, NOW - 71 * DAY),)
        ),
        happened.CommitsPushed(
            NOW - HOUR, REPO, happened.DEFAULT_BRANCH, (commit("everything", NOW - HOUR, NOW - HOUR, 3_001),)
        ),
    ]  # fmt: skip


def busy(seed: int) -> World:
    """The first eight days of a month, until BUSY, with more than a hundred merges, reviews and runs in a week."""
    spec = tiny(merged_per_weekday=30.0, merged_per_weekend_day=8.0)
    return default_world(WorldClock(BUSY, running=False), seed, WorldSpec((spec,), history_days=7))


def on_a_grid(seed: int, pollable: bool = False) -> World:
    """Things at the slots of the grid from START to NOW, or a second beside them; the clock stands still.

    pollable: no run that succeeded is deleted or run again, which only reading all runs anew could find.
    """
    return World(WorldClock(NOW, running=False), events=Grid(seed, pollable).events())


class Grid:
    """Throws events together. What cannot happen (closing what is closed) changes nothing in the world."""

    def __init__(self, seed: int, pollable: bool) -> None:
        self.rng = Random(f"grid {seed}")
        self.pollable = pollable
        self.messages = [*SUBJECTS, *(f"Tidy up{body}" for body in BODIES)]
        self.rng.shuffle(self.messages)
        self.serial = 0

    def events(self) -> list[happened.Event]:
        """The whole log, in order."""
        rng, log = self.rng, list[happened.Event]()
        log.append(happened.RepositoryCreated(START - 90 * SLOT, REPO, 403_303))
        log.append(
            happened.CommitsPushed(START - 80 * SLOT, REPO, happened.DEFAULT_BRANCH, (self.commit(START - 80 * SLOT),))
        )
        for number, name in enumerate(("CI", "CI", "Nightly", "Idle"), 1):
            log.append(
                happened.WorkflowCreated(START - 70 * SLOT, REPO, number, name, f".github/workflows/{number}.yml")
            )
        log.append(happened.WorkflowStateChanged(self.slot(), REPO, rng.randint(1, 3), "disabled_manually"))
        for _ in range(14):
            log += self.push()
        for number in range(1, 31):
            log += self.pull(number)
        log += self.undecided(31) + self.relabelled(32) + self.relabelled(33)
        for number in range(1, 9):
            log += self.branch(f"loose-{number}")
        for number in range(1, 61):
            log += self.run(number)
        log += self.long_ago(61)
        if rng.random() < 0.5:
            log.append(happened.DefaultBranchRenamed(self.slot(60), REPO, "trunk"))
        if rng.random() < 0.5:
            log.append(happened.RepositoryRenamed(self.slot(60), REPO, "acme/vessel"))
        log.sort(key=lambda event: event.at)
        return log

    def slot(self, first: int = 0, last: int = SLOTS) -> datetime:
        """A time on the grid, or a little off it."""
        return START + self.rng.randint(min(first, last), last) * SLOT + self.rng.choice(NUDGES) * SECOND

    def slots(self, number: int, first: datetime) -> list[datetime]:
        """Some times from `first` on, mostly soon, many of them equal."""
        found = [first]
        for _ in range(number):
            step = self.rng.choice((0, 0, 1, 1, 2, 4, 28, 56)) * SLOT + self.rng.choice(NUDGES) * SECOND
            found.append(max(found[-1], found[-1] + step))
        return found[1:]

    def id(self) -> int:
        self.serial += 1
        return self.serial

    def commit(self, at: datetime, message: str | None = None) -> NewCommit:
        """A commit made at `at` or earlier, sometimes long before, by anyone."""
        rng = self.rng
        committed = at - rng.choice((0, 0, 0, 1, 4, 28, 40)) * SLOT
        authored = committed - rng.choice((0, 0, 2, 12)) * SLOT
        if message is None:  # each of them in each world, and then whatever comes
            message = self.messages.pop() if self.messages else rng.choice(SUBJECTS) + rng.choice(BODIES)
        files = tuple(
            ChangedFile(f"part/{rng.randint(1, 12)}.py", "modified", rng.randint(0, 9), rng.randint(0, 9))
            if rng.random() < 0.8
            else ChangedFile(f"part/new_{rng.randint(1, 5)}.py", "renamed", 1, 0, "part/1.py")
            for _ in range(rng.randint(0, 3))
        )
        files = tuple({file.path: file for file in files}.values())
        sha = sha1(f"{rng.random()}".encode()).hexdigest()
        return NewCommit(sha, message, rng.choice(SIGNATURES), authored, committed, files)

    def commits(self, at: datetime, most: int = 3) -> tuple[NewCommit, ...]:
        return tuple(self.commit(at) for _ in range(self.rng.randint(0, most)))

    def push(self) -> list[happened.Event]:
        """A push to the default branch, sometimes one that drops commits."""
        at = self.slot()
        if self.rng.random() < 0.2:
            drop = self.rng.randint(0, 3)
            return [happened.BranchForcePushed(at, REPO, happened.DEFAULT_BRANCH, drop, None, self.commits(at))]
        return [happened.CommitsPushed(at, REPO, happened.DEFAULT_BRANCH, (self.commit(at), *self.commits(at, 2)))]

    def branch(self, name: str) -> list[happened.Event]:
        """A branch that is made, pushed to, deleted and made again."""
        first = self.slot()
        made, pushed, gone, again = [first, *self.slots(3, first)]
        return [
            happened.BranchCreated(made, REPO, name, None, self.commits(made)),
            happened.CommitsPushed(pushed, REPO, name, self.commits(pushed)),
            happened.BranchDeleted(gone, REPO, name),
            happened.BranchCreated(again, REPO, name, None, self.commits(again)),
        ]

    def pull(self, number: int) -> list[happened.Event]:
        """A pull request with up to twelve things that happen to it."""
        rng, opened = self.rng, self.slot(0, SLOTS - 4)
        fork = rng.choice((happened.THIS_REPOSITORY,) * 4 + ("outsider/capsule", None))
        own_heads = HEADS[:-1]
        head = rng.choice(HEADS) if fork == "outsider/capsule" else f"{own_heads[number % len(own_heads)]}-{number}"
        log: list[happened.Event] = [
            happened.PullOpened(
                opened, REPO, number, rng.choice(SUBJECTS), rng.choice(ACTORS), head, self.commits(opened),
                rng.choice((happened.DEFAULT_BRANCH, happened.DEFAULT_BRANCH, "release")), rng.choice(TEXTS), fork,
                rng.random() < 0.35, (label,) if (label := rng.choice(("", "", *LABELS))) else (),
            )
        ]  # fmt: skip
        known: dict[str, list[Any]] = {"review": [0], "comment": [0], "inline": [0], "label": ["hotfix", label]}
        return log + [self.turn(number, at, known) for at in self.slots(rng.randint(2, 12), opened)]

    def undecided(self, number: int) -> list[happened.Event]:
        """A pull request that is reopened and closed, then closed and reopened, and marked ready and put back to draft
        within one second each: the order in which GitHub lists the events decides."""
        first, second = self.slot(60, 100), self.slot(110, 140)
        place, who = (REPO, number), PEOPLE[0]
        return [
            happened.PullOpened(self.slot(0, 40), *place, "Now or never", who, "never", (), draft=True),
            happened.PullReadyForReview(first - SLOT, *place, who),
            happened.PullConvertedToDraft(first - SLOT, *place, who),
            happened.PullClosed(first - SLOT, *place, who),
            happened.PullReopened(first, *place, who),
            happened.PullClosed(first, *place, who),
            happened.PullReopened(second - SLOT, *place, who),
            happened.PullClosed(second, *place, who),
            happened.PullReopened(second, *place, who),
        ]

    def relabelled(self, number: int) -> list[happened.Event]:
        """A pull request that gets or loses the label of a hotfix, and of which all that was said is taken back."""
        at, who, other = self.slot(100, 150), PEOPLE[0], PEOPLE[1]
        labels, change = (("hotfix",), happened.PullUnlabeled) if number % 2 else ((), happened.PullLabeled)
        return [
            happened.PullOpened(at, REPO, number, "Tidy up", who, f"tidy-{number}", (), labels=labels),
            happened.ReviewSubmitted(at + MINUTE, REPO, number, self.id(), other, "COMMENTED", "Why?"),
            happened.PullMerged(at + SLOT, REPO, number, other),
            change(at + 4 * SLOT, REPO, number, "hotfix", other),
            happened.ReviewEdited(at + 5 * SLOT, REPO, number, self.serial, " "),
            happened.IssueCommentAdded(at + MINUTE, REPO, number, self.id(), other, "Why?"),
            happened.IssueCommentDeleted(at + 6 * SLOT, REPO, number, self.serial),
            happened.ReviewCommentAdded(at + MINUTE, REPO, number, self.id(), other, "Why?", "part/1.py"),
            happened.ReviewCommentDeleted(at + 7 * SLOT, REPO, number, self.serial),
        ]

    def turn(self, number: int, at: datetime, known: dict[str, list[Any]]) -> happened.Event:
        """Something that happens to a pull request; `known` are its reviews, comments and labels so far, the last of
        which are the likeliest to be changed."""
        rng, who, place = self.rng, self.rng.choice(ACTORS), (at, REPO, number)

        def one(kind: str) -> Any:
            return rng.choice((known[kind][-1], rng.choice(known[kind])))

        def new(kind: str) -> int:
            known[kind].append(self.id())
            return int(known[kind][-1])

        drawn = rng.randrange(26)
        if drawn < 3:
            return happened.PullMerged(*place, who, rng.choice(("squash", "merge", "rebase")))
        if drawn < 5:
            return happened.PullClosed(*place, who)
        if drawn < 7:
            return happened.PullReopened(*place, who)
        if drawn < 8:
            return happened.PullConvertedToDraft(*place, who)
        if drawn < 10:
            return happened.PullReadyForReview(*place, who)
        if drawn < 11:
            return happened.PullPushed(*place, (self.commit(at), *self.commits(at)), rng.random() < 0.3, who)
        if drawn < 12:
            known["label"].append(rng.choice(LABELS))
            return happened.PullLabeled(*place, known["label"][-1], who)
        if drawn < 13:
            return happened.PullUnlabeled(*place, one("label"), who)
        if drawn < 16:
            return happened.ReviewSubmitted(*place, new("review"), who, rng.choice(STATES), rng.choice(TEXTS))
        if drawn < 18:
            return happened.IssueCommentAdded(*place, new("comment"), who, "Why?")
        if drawn < 19:
            return happened.ReviewCommentAdded(*place, new("inline"), who, "Why?", "part/1.py")
        if drawn < 22:
            return happened.ReviewEdited(*place, one("review"), rng.choice(TEXTS))
        if drawn < 24:
            return happened.IssueCommentDeleted(*place, one("comment"))
        if drawn < 25:
            return happened.ReviewCommentDeleted(*place, one("inline"))
        return happened.ReviewDismissed(*place, one("review"))

    def long_ago(self, number: int) -> list[happened.Event]:
        """The only run of a workflow that counts, a month before some instant that is looked at; others, which end the
        other way, are for a pull request or on a branch of the same name elsewhere."""
        first, sha = START + self.rng.randint(15, 40) * SLOT, sha1(f"{number}".encode()).hexdigest()
        ends = self.rng.sample(("success", "failure"), 2)
        log: list[happened.Event] = []
        for position, (event, branch, source) in enumerate(
            (
                ("push", happened.DEFAULT_BRANCH, happened.THIS_REPOSITORY),
                ("pull_request", happened.DEFAULT_BRANCH, happened.THIS_REPOSITORY),
                ("pull_request_target", happened.DEFAULT_BRANCH, happened.THIS_REPOSITORY),
                ("push", happened.DEFAULT_BRANCH, "outsider/capsule"),
                ("push", "feature/valve", happened.THIS_REPOSITORY),
            )
        ):
            at, run = first + position * SLOT, number + position
            job = JobRun(run * 100, "job", ends[min(position, 1)], at, at + MINUTE)
            log += [
                happened.RunCreated(at, REPO, run, 4, run, event, branch, sha, source),
                happened.AttemptCompleted(at + MINUTE, REPO, run, str(job.conclusion), (job,)),
            ]
        return log

    def run(self, number: int) -> list[happened.Event]:
        """A workflow run with up to three attempts, which may still go on at the end, or be deleted."""
        rng, created = self.rng, self.slot()
        branch = rng.choice((happened.DEFAULT_BRANCH,) * 5 + ("feature/valve", "main", None))
        source = rng.choice((happened.THIS_REPOSITORY,) * 5 + ("outsider/capsule", None))
        sha = sha1(f"{number}".encode()).hexdigest()
        log: list[happened.Event] = [
            happened.RunCreated(
                created, REPO, number, rng.randint(1, 3), number, rng.choice(RUN_EVENTS), branch, sha, source
            )
        ]
        at, conclusion = created, ""
        for attempt in range(rng.choice((1, 1, 1, 2, 2, 3))):
            if self.pollable and conclusion == "success":
                break
            if attempt:
                at += rng.choice((0, 0, 1, 8, 28)) * SLOT + rng.choice((1, 60, 450)) * SECOND
                log.append(happened.RunAttemptStarted(at, REPO, number, None, rng.random() < 0.5))
            if rng.random() < 0.12:
                break  # it goes on and on
            took = rng.choice((MINUTE, 450 * SECOND, SLOT, 2 * SLOT))
            conclusion = rng.choice(CONCLUSIONS)
            jobs = []
            for position in range(rng.choice((0, 1, 2, 2)) if conclusion != "startup_failure" else 0):
                ended = at + took * (position + 1) / 2
                jobs.append(
                    JobRun(
                        number * 100 + attempt * 10 + position,
                        f"job {position}",
                        conclusion if position else "success",
                        at,
                        ended,
                    )
                )
            at += took + rng.choice((0, 2)) * SECOND
            log.append(happened.AttemptCompleted(at, REPO, number, conclusion, tuple(jobs)))
        if rng.random() < 0.1 and not (self.pollable and conclusion == "success"):
            log.append(happened.RunDeleted(at + rng.choice((0, 4, 30)) * SLOT + SECOND, REPO, number))
        return log
