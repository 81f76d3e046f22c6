"""The judge's ground: arithmetic, windows, and who is human; see `brute_force`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

Answer = tuple[float | None, int, str | None]  # value, n, reason
Answers = dict[str, Answer]
Completions = Mapping[tuple[int, int], datetime]  # (run id, attempt) -> updated_at as first seen completed


def percentile(values: list[float], share: float) -> float:
    """ "linear interpolation (Hyndman-Fan type 7, the default of pandas and numpy)" """
    ordered = sorted(values)
    position = (len(ordered) - 1) * share
    below = int(position)
    if below + 1 == len(ordered):
        return ordered[below]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (position - below)


def mean(values: list[float]) -> Answer:
    """ "A mean, percentile or percentage with n = 0 has no point." """
    if not values:
        return None, 0, "no_data"
    return sum(values) / len(values), len(values), None


def at_percentile(values: list[float], share: float, needed: int) -> Answer:
    """ "p90 needs n >= 10, p99 n >= 100, else `thin_sample`"; "`no_data` (n = 0, for percentiles too)" """
    if not values:
        return None, 0, "no_data"
    if len(values) < needed:
        return None, len(values), "thin_sample"
    return percentile(values, share), len(values), None


def distribution(mean_key: str, percentile_key: str, values: list[float]) -> Answers:
    """ "the mean under the plain key and p50, p90, p99 under `..._p50_unit` ..." """
    return {
        mean_key: mean(values),
        percentile_key.format(50): at_percentile(values, 0.50, 1),
        percentile_key.format(90): at_percentile(values, 0.90, 10),
        percentile_key.format(99): at_percentile(values, 0.99, 100),
    }


def count(things: Iterable[Any]) -> Answer:
    """A count rests on what it counts."""
    number = len(list(things))
    return float(number), number, None


def percentage(part: int, whole: int) -> Answer:
    """ "A mean, percentile or percentage with n = 0 has no point." """
    if whole == 0:
        return None, 0, "no_data"
    return 100.0 * part / whole, whole, None


def plain_login(login: str) -> str:
    """ "REST says `dependabot[bot]`, GraphQL says `dependabot`: one identity." GitHub's logins ignore case."""
    return login.lower().removesuffix("[bot]")


def account(actor: Any) -> tuple[str, object]:
    """ "Deleted accounts (null, or REST's `ghost`) are one human identity." """
    if actor is None or actor.login.lower() == "ghost":
        return "ghost", ""
    return "account", actor.id


def noreply(email: str) -> tuple[int | None, str] | None:
    """ "GitHub's noreply form resolves to its account, by login where it bears no id": (id, login)"""
    found = re.fullmatch(r"(?:([0-9]+)\+)?([^@+]+)@users\.noreply\.github\.com", email.lower())
    if found is None:
        return None
    return int(found[1]) if found[1] else None, found[2]


class Instant:
    """One repository as it stood at `k`, asked about the instant `t`."""

    def __init__(
        self,
        repository: Any,
        t: datetime,
        k: datetime,
        bots: Iterable[str],
        required: Iterable[str],
        completions: Completions,
    ) -> None:
        self.repository, self.t, self.k = repository, t, k
        self.bots = [plain_login(login) for login in bots]
        self.required = list(required)
        self.completions = completions

    def exists(self, at: datetime | None) -> bool:
        """ "an event, run, commit, review or merge dated t or later does not exist yet" """
        return at is not None and at < self.t

    def in_week(self, at: datetime | None) -> bool:
        """ "Windows are half-open: W7 = [t-7 d, t)." """
        return at is not None and self.t - 7 * DAY <= at < self.t

    def human_login(self, login: str) -> bool:
        """ "whose login does not end in `[bot]` and which is not in the configured bot list" """
        return not login.lower().endswith("[bot]") and plain_login(login) not in self.bots

    def human(self, actor: Any) -> bool:
        """ "Human: an actor whose type is not `Bot`, whose login does not end in `[bot]` and which is not in the
        configured bot list. [...] Deleted accounts [...] are one human identity." """
        if account(actor) == ("ghost", ""):
            return True
        return actor.type != "Bot" and self.human_login(actor.login)

    def human_author(self, commit: Any) -> bool:
        """The linked account's say; without one, that of the account that a noreply address resolves to."""
        if commit.author is not None:
            return self.human(commit.author)
        address = noreply(commit.author_email or "")
        return address is None or self.human_login(address[1])
