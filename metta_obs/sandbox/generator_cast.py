"""Who appears in a made-up repository, what they call things and which files they change.

Here: people, bots, words, commit ids and contents. Not here: what they do and when (`generator_pulls`, …).
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1
from itertools import accumulate
from math import exp, log
from random import Random
from statistics import NormalDist
from typing import TypeVar

from .events import NewCommit, Signature
from .generator_spec import RepositorySpec
from .state import Actor, ChangedFile

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")
HOUR = 3_600
DAY = 86_400
DEPENDABOT = Actor("dependabot[bot]", 49699333, "Bot")
ACTIONS = Actor("github-actions[bot]", 41898282, "Bot")
REVIEW_BOT = Actor("gauge-review[bot]", 77012345, "Bot")

_FIRST = "Ada Bo Cleo Dario Edda Faye Goran Hana Ivo Juno Kaya Lior Mina Noor Otis Pia Quin Rosa Sami Tove Uma Vito"
_LAST = "Alder Birk Cruz Dahl Eklund Fabre Grau Holm Ito Jansen Kovac Lund Moreau Nagy Okoye Penn Rao Silva Toth"
_VERBS = "Fix Add Simplify Document Refactor Remove Test Cache Validate Log Retry Rename Split Harden Profile"
_FOLDERS = "guidance engine telemetry ground sim safety power comms ui tools docs tests deploy config"
FIRST, LAST, VERBS, FOLDERS = _FIRST.split(), _LAST.split(), _VERBS.split(), _FOLDERS.split()
_THINGS = (
    "telemetry decoder,fuel gauge,guidance loop,stage separator,valve driver,thrust curve,countdown timer,range safety,"
    "star tracker,flight recorder,ground link,engine controller,abort switch,payload adapter,weather gate,trajectory "
    "planner,battery monitor,antenna pointing,checklist runner,sensor fusion,parachute trigger,launch window search"
)
_TAILS = (
    ",for empty frames,at high rates,when the link drops,on cold start,behind a flag,in the simulator,without locking,"
    "across restarts,for the second stage,with unit checks,after a reset"
)
THINGS, TAILS = _THINGS.split(","), _TAILS.split(",")
REMARKS = (
    "Could this be a named constant?",
    "Nice and short.",
    "What happens when the list is empty?",
    "Please add a test for this.",
    "I would split this function.",
    "Does this need a lock?",
    "Typo in the name.",
    "Looks right to me.",
    "Why not reuse the decoder?",
)
SUFFIXES = (".py", ".py", ".py", ".md", ".yml", ".sql")
PATHS = tuple(
    f"{folder}/{thing.replace(' ', '_')}{'' if copy == 0 else f'_{copy}'}{SUFFIXES[(copy + position) % len(SUFFIXES)]}"
    for folder in FOLDERS
    for position, thing in enumerate(THINGS)
    for copy in range(5)
)
# share of a weekday's work that begins in each hour, UTC: Europe's day, then America's
HOURS = tuple(accumulate((1, 1, 1, 1, 1, 2, 4, 8, 12, 13, 12, 9, 11, 13, 14, 13, 11, 9, 7, 6, 5, 4, 3, 2)))


def moment(seconds: int) -> datetime:
    """The instant `seconds` after 1970, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds_of(day: int) -> int:
    """The midnight at which day `day` after 1970 begins, in seconds."""
    return day * DAY


def count(rng: Random, rate: float) -> int:
    """How many, where `rate` are usual: about a twentieth more or less, so that a week's sum hardly varies."""
    rate *= 0.95 + 0.1 * rng.random()
    return int(rate) + (rng.random() < rate % 1)


def second_of_day(rng: Random) -> int:
    """A plausible time of day to begin some work."""
    return bisect(HOURS, rng.random() * HOURS[-1]) * HOUR + int(
        rng.random() * 3_500
    )  # not in the last minute, so that what follows is the same day


def pick(rng: Random, things: Sequence[T]) -> T:
    """One of `things` (`Random.choice`, in half the time)."""
    return things[int(rng.random() * len(things))]


def lognormal(rng: Random, middle: float, sigma: float) -> float:
    """Lognormal with the median `middle`."""
    return middle * exp(rng.gauss(0, sigma))


def drawn_from(rng: Random, names: Sequence[str], shares: Sequence[float], else_: str) -> str:
    """One of `names` with the probability of its share, else `else_`."""
    drawn = rng.random()
    for name, share in zip(names, shares, strict=True):
        drawn -= share
        if drawn < 0:
            return name
    return else_


def between(rng: Random, low: float, high: float) -> float:
    """Log-uniform between `low` and `high`: as many tens as hundreds."""
    return float(low * (high / low) ** rng.random())


@dataclass(frozen=True, slots=True)
class Person:
    """A human: the account, how their commits are signed, and how else (from a laptop whose e-mail nobody linked)."""

    actor: Actor | None
    signature: Signature
    laptop: Signature | None = None


class Cast:
    """The people of one repository; the same for the same seed and name."""

    def __init__(self, seed: int, spec: RepositorySpec) -> None:
        rng = Random(f"{seed}:{spec.name}:cast")
        names = [f"{first} {last}" for first in FIRST for last in LAST]
        rng.shuffle(names)
        self.people = [self._person(rng, name, "acme.example") for name in names[: spec.people]]
        outsiders = names[spec.people : spec.people + spec.outsiders]
        self.outsiders = [self._person(rng, name, "mail.example") for name in outsiders]
        gone = names[-1]
        self.ghost = Person(None, Signature(gone, f"{gone.split()[0].lower()}@gone.example"))
        contractor = names[-2]  # never linked an e-mail, and spells it in two ways
        mail = f"{contractor.split()[0]}@Contractor.example"
        self.contractors = [Signature(contractor, mail), Signature(contractor, mail.lower())]
        self.weights = list(accumulate(0.4 + rng.random() for _ in self.people))

    @staticmethod
    def _person(rng: Random, name: str, domain: str) -> Person:
        login = name.lower().replace(" ", "-")
        actor = Actor(login, 1_000_000 + int(sha1(name.encode()).hexdigest()[:6], 16))
        kind = rng.random()
        if kind < 0.2:
            mail = f"{actor.id}+{login}@users.noreply.github.com"
        elif kind < 0.25:
            mail = f"{login}@users.noreply.github.com"
        else:
            mail = f"{name.split()[0].lower()}.{name.split()[1].lower()}@{domain}"
        laptop = Signature(name, f"{name.split()[0].lower()}@laptop.local") if rng.random() < 0.15 else None
        return Person(actor, Signature(name, mail, actor), laptop)

    def anyone(self, rng: Random) -> Person:
        """One of the team, the busier ones more often."""
        return self.people[bisect(self.weights, rng.random() * self.weights[-1])]

    def other(self, rng: Random, than: Person) -> Person:
        """One of the team, but not `than`."""
        found = self.anyone(rng)
        while found is than:
            found = self.people[int(rng.random() * len(self.people))]
        return found

    def unlinked(self, rng: Random) -> Signature:
        """A signature that GitHub links to no account: a contractor's, or a noreply address that only we can read."""
        if rng.random() < 0.5:
            return pick(rng, self.contractors)
        actor = self.people[0].actor
        assert actor is not None
        mail = f"{actor.id}+{actor.login}" if rng.random() < 0.5 else actor.login
        return Signature(self.people[0].signature.name, f"{mail}@users.noreply.github.com")


def title(rng: Random) -> str:
    """What a change is called."""
    words = f"{pick(rng, VERBS)} {pick(rng, THINGS)} {pick(rng, TAILS)}"
    return words.strip()


def slug(text: str) -> str:
    """`text`, which is words, as a branch name."""
    return text.lower().replace(" ", "-")[:40].rstrip("-")


def _quantiles(of: Callable[[float], float]) -> tuple[float, ...]:
    """256 values, so that a random byte draws one of them."""
    return tuple(of((byte + 0.5) / 256) for byte in range(256))


FILES = _quantiles(lambda share: 1 + min(int(-log(1 - share) / 0.45), 25))  # per commit
LINES = _quantiles(lambda share: 22 * exp(1.3 * NormalDist().inv_cdf(share)))  # per commit


def files_of(sha: str) -> tuple[ChangedFile, ...]:
    """The files that a commit changes, and by how many lines: drawn from its id alone."""
    drawn = bytes.fromhex(sha)
    number, first = int(FILES[drawn[0]]), drawn[2] * 256 + drawn[3]
    size = LINES[drawn[1]] / number
    files = []
    for position in range(number):
        path = PATHS[(first + 37 * position) % len(PATHS)]
        chance, kind = drawn[4 + position % 13], drawn[5 + position % 15]
        added = int(size * chance / 128) + 1
        if kind < 218:
            files.append(ChangedFile(path, "modified", added, added * drawn[6] // 256))
        elif kind < 241:
            files.append(ChangedFile(path, "added", added + 5, 0))
        elif kind < 248:
            files.append(ChangedFile(path, "removed", 0, added + 5))
        else:
            files.append(ChangedFile(path, "renamed", added, added // 2, f"attic/{path}"))
    return tuple(files)


def message_of(sha: str) -> str:
    """What a commit says that it does: drawn from its id alone."""
    drawn = bytes.fromhex(sha[-10:])
    words = f"{VERBS[drawn[0] % len(VERBS)]} {THINGS[drawn[1] % len(THINGS)]} {TAILS[drawn[2] % len(TAILS)]}".strip()
    return f"{words}\n\nPart of a longer change." if drawn[3] < 50 else words


def commit_id(*parts: object) -> str:
    """The id of a made-up commit."""
    return sha1(":".join(map(str, parts)).encode()).hexdigest()


def commit(sha: str, message: str, author: Signature, authored: int, committed: int) -> NewCommit:
    """A made-up commit; times in seconds after 1970."""
    return NewCommit(sha, message, author, moment(authored), moment(max(authored, committed)), files_of(sha))
