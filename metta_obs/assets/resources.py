"""What the assets need from outside, as Dagster resources: settings, lake, GitHub, Datadog, and the instants of a run.

Each is made anew for a run and shared by its steps (the executor runs them in one process), so that a run asks GitHub
for its probe once. Nothing is read from the environment before a run starts.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import dagster as dg
import pandas as pd
from pydantic import Field, PrivateAttr

from metta_obs.clock import Clock, floor_quarter_hour, iso
from metta_obs.datadog.client import Datadog, DatadogError
from metta_obs.github.api import GitHub
from metta_obs.github.errors import GitHubError
from metta_obs.lake.store import Lake, LakeError
from metta_obs.metrics.catalogue import Metric
from metta_obs.metrics.compute import newest_covered
from metta_obs.settings import Settings, SettingsError

CLOCK = Clock()
Progress = Callable[[str, int, int | None], None]
PROGRESS: ContextVar[Progress | None] = ContextVar("progress", default=None)
"""Whom a long pull tells how far it is; the command line sets it, a scheduled run has nobody to tell."""


def permanent(error: Exception) -> dg.Failure:
    """A failure that no retry mends, such as a missing setting."""
    return dg.Failure(str(error), allow_retries=False)


class SettingsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The settings from the environment and `.env`; `overrides` beat both."""

    overrides: dict[str, str] = Field(default_factory=dict)
    _loaded: Settings | None = PrivateAttr(None)

    def load(self) -> Settings:
        """The settings, read once per run."""
        if self._loaded is None:
            self._loaded = Settings.load(self.overrides)
        return self._loaded

    def repos(self) -> dict[str, str]:
        """The repositories as configured, by lower-case name; a permanent failure where the setting is unusable."""
        try:
            return self.load().repos
        except SettingsError as error:
            raise permanent(error) from error


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The lake that METTA_OBS_LAKE names. `derived_root`: where points and deliveries go instead (dry runs)."""

    settings: dg.ResourceDependency[SettingsResource]
    derived_root: str = ""

    def open(self) -> Lake:
        lake = Lake(self.settings.load().get("METTA_OBS_LAKE"), self.derived_root or None)
        try:
            lake.check()
        except LakeError as error:
            raise permanent(error) from error
        return lake


class GitHubResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """GitHub as the settings say, one client per run."""

    settings: dg.ResourceDependency[SettingsResource]
    _client: GitHub | None = PrivateAttr(None)

    def client(self) -> GitHub:
        if self._client is None:
            settings = self.settings.load()
            try:
                self._client = GitHub(settings.github_url, settings.github_token, CLOCK)
            except SettingsError as error:
                raise permanent(error) from error
        return self._client


class DatadogResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Datadog as the settings say."""

    settings: dg.ResourceDependency[SettingsResource]

    def client(self) -> Datadog | None:
        """The client, or None where no API key is configured."""
        settings = self.settings.load()
        key = settings.secret("DD_API_KEY")
        if key is None:
            return None
        url = settings.get("DD_URL") or None
        try:
            return Datadog(key, settings.secret("DD_APP_KEY"), site=settings.get("DD_SITE"), url=url, clock=CLOCK)
        except DatadogError as error:
            raise permanent(error) from error


class Instants(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The instants that a run speaks of.

    `as_of`: one instant (another minute is floored to its quarter-hour). `start` and `end` (included): a replay of
    every quarter-hour between them, from the knowledge of the time or, `restated`, from today's. Nothing: when the run
    pulls from GitHub, the last quarter-hour by GitHub's clock; else the newest instant that complete pulls cover.
    """

    as_of: str = ""
    start: str = ""
    end: str = ""
    restated: bool = False
    _pulled_for: datetime | None = PrivateAttr(None)
    _ahead: timedelta = PrivateAttr(timedelta(0))
    _computed: dict[str, pd.Timestamp] = PrivateAttr(default_factory=dict)

    @property
    def origin(self) -> str:
        """What the points of this run are: live ones may be delivered, replayed and restated ones not."""
        if self.restated:
            return "restated"
        return "replay" if self.start else "live"

    def for_pull(self, github: GitHub) -> datetime:
        """The instant that this run's pulls are for."""
        if self._pulled_for is None:
            asked = quarter_hour(self.as_of) if self.as_of else None
            with suppress(GitHubError):  # the pull itself will meet the same trouble, and say so in its coverage
                self._ahead = github.now() - CLOCK.now()
            self._pulled_for = asked or floor_quarter_hour(self.now())
        return self._pulled_for

    def now(self) -> datetime:
        """The present by GitHub's clock where this run asked it (a simulated GitHub has its own time), else by ours."""
        return CLOCK.now() + self._ahead

    def for_metrics(self, lake: Lake, metrics: Sequence[Metric], repo: str) -> pd.DatetimeIndex:
        """The instants to compute for a repository, sorted; none where nothing complete was ever pulled."""
        if self.start or self.end:
            return quarter_hours(self.start, self.end)
        if self.as_of or self._pulled_for:
            instant = pd.Timestamp(self._pulled_for or quarter_hour(self.as_of))
        else:
            newest = newest_covered(lake, metrics, repo)
            instant = newest if newest is not None else pd.Timestamp(floor_quarter_hour(CLOCK.now()))
        self._computed[repo] = instant
        return pd.DatetimeIndex([instant])

    def computed(self, repo: str) -> pd.Timestamp | None:
        """The instant that this run computed for a repository, None where it computed none."""
        return self._computed.get(repo)


def quarter_hour(text: str) -> datetime:
    """An ISO time, floored to its quarter-hour; a permanent failure where it is none. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise permanent(ValueError(f"'{text}' is no time: write one such as 2025-10-23T18:30:00Z")) from error
    return floor_quarter_hour(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def quarter_hours(start: str, end: str) -> pd.DatetimeIndex:
    """Every quarter-hour from `start` to `end`, both included; a permanent failure for half a range or the future."""
    if not (start and end):
        raise permanent(ValueError("a replay needs both a start and an end"))
    first, last = quarter_hour(start), quarter_hour(end)
    if last < first:
        raise permanent(ValueError(f"the replay ends ({iso(last)}) before it starts ({iso(first)})"))
    if last > CLOCK.now() + timedelta(minutes=1):
        raise permanent(ValueError(f"{iso(last)} lies in the future"))
    return pd.date_range(first, last, freq="15min")
