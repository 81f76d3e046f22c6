"""Every series equals what a person would count by hand, live and replayed, with and without the real collection.

The judge is `brute_force`: plain loops over the simulated world's own records, written from METRICS.md alone.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest

import metta_obs
from metta_obs.clock import Clock
from metta_obs.github.api import GitHub
from metta_obs.github.collector import PULLS, run_pull
from metta_obs.lake.store import Lake
from metta_obs.metrics.catalogue import Options
from metta_obs.metrics.compute import compute
from metta_obs.metrics.registry import CATALOGUE, SERIES
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.events import RepositoryCreated
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.sandbox.world import World
from metta_obs_tests import brute_force
from metta_obs_tests.brute_force_basics import Answer
from metta_obs_tests.metrics import judging, worlds
from metta_obs_tests.metrics.rows import MemoryLake
from metta_obs_tests.metrics.worlds import BOTS, NOW, REPO, SLOT, SLOTS, START

QUARTER = timedelta(minutes=15)
LOOKBACK = timedelta(days=30)
DEEPER = timedelta(days=16)  # the last pull knows so much more of the past
SETTINGS = Options(frozenset(BOTS), ("CI", "No such workflow"))
FAST_SEEDS = (7, 44)
COMPARED = ["metric", "as_of", "value", "n", "reason", "detail", "complete", "known_at"]


@dataclass
class Trial:
    """What became of one world: what differed from the judge, live from replayed, and how much was compared."""

    said: list[str]
    unlike_live: list[str]
    tally: judging.Tally


def at_once(lake: Lake, instants: Iterable[datetime], options: Options, restated: bool = False) -> pd.DataFrame:
    """All metrics at these instants."""
    return compute(lake, list(CATALOGUE.values()), REPO, pd.DatetimeIndex(sorted(instants)), options, restated)


def unlike(live: list[pd.DataFrame], replayed: pd.DataFrame) -> list[str]:
    """Where what each tick computed is not, to the last bit, what the tables give later."""
    if not live:
        return []
    order = ["metric", "as_of"]
    once = pd.concat(live)[COMPARED].sort_values(order, ignore_index=True)
    again = replayed[replayed["as_of"].isin(once["as_of"])][COMPARED].sort_values(order, ignore_index=True)
    same = (once == again) | (once.isna() & again.isna())
    return [f"{once.loc[at, 'metric']} at {once.loc[at, 'as_of']}" for at in same.index[~same.all(axis=1)]]


def the_repository(world: World, at: datetime | None = None) -> Any:
    """The one repository of the world, whatever it is called then."""
    return next(iter(world.state(at).values()))


def from_records(
    world: World, ticks: dict[datetime, datetime], instants: set[datetime], options: Options, live: int
) -> Trial:
    """Judge the metrics over rows made straight from the records. `ticks`: t -> start of its pull; the first `live` of
    them are computed at their time too, like all `instants` at the end. The last pull reaches further back."""
    lake, pulls, computed = MemoryLake(), judging.Pulls(), []
    window = min(ticks) - LOOKBACK
    for number, (t, k) in enumerate(sorted(ticks.items()), 1):
        pulls.note(k, the_repository(world, k), window - (DEEPER if number == len(ticks) > 1 else timedelta(0)))
        lake.pull(pulls.saw[k], REPO, k, pulls.windows[k])
        if number <= live:
            computed.append(at_once(lake, [t], options))
    return decided(lake, pulls, computed, instants | set(ticks), options)


def decided(
    lake: Lake, pulls: judging.Pulls, live: list[pd.DataFrame], instants: set[datetime], options: Options
) -> Trial:
    """Compare all instants, computed at once from the final tables, with the judge and with what was computed live."""
    expected = pulls.judged(instants, options.bots, options.required_workflows)
    replayed = at_once(lake, instants, options)
    tally = judging.Tally()
    tally.note(expected)
    return Trial(judging.differences(replayed, expected), unlike(live, replayed), tally)


@cache
def grid_trial(seed: int, live: int = 0) -> Trial:
    """A world on a grid of times; pulls begin on the second of their instant, soon after, or an hour late."""
    rng = Random(f"trial {seed}")
    slots = sorted(rng.sample(range(SLOTS - 40, SLOTS), 8))
    late = (0, 0, 5, 3_600, 3_601)
    ticks = {at: at + rng.choice(late) * worlds.SECOND for at in (START + slot * SLOT for slot in slots)}
    instants = {START + slot * SLOT for slot in range(slots[0] - 60, slots[-1] + 2)}
    # where the look-back of the first pull and the deeper one of the last begin to suffice, for no window, 7 and 30 d
    edges = [LOOKBACK - reach + deeper for reach in (0 * DEEPER, 7 * worlds.DAY) for deeper in (0 * DEEPER, DEEPER)]
    instants |= {min(ticks) - edge + step * SLOT for edge in (*edges, DEEPER) for step in range(-2, 3)}
    return from_records(worlds.on_a_grid(seed), ticks, instants, SETTINGS if seed % 2 else Options(), live)


@cache
def month_trial(seed: int, number: int, live: int) -> Trial:
    """A lively month with pulls at random ticks of it, judged also between them and before the first one."""
    rng = Random(f"month {seed}")
    moments = sorted({NOW - rng.randint(0, 20 * 96) * QUARTER for _ in range(number - 1)} | {NOW})
    instants = {moments[0] - rng.randint(1, 25 * 96) * QUARTER for _ in range(20)}
    instants |= {moments[0] + rng.randint(1, 20 * 96) * QUARTER for _ in range(20)}
    ticks = {t: t + rng.randint(1, 90) * worlds.SECOND for t in moments}
    return from_records(worlds.lively(seed), ticks, instants, Options(), live)


@cache
def busy_trial(seed: int) -> Trial:
    """Samples of more than a hundred."""
    instants = {worlds.BUSY - hours * worlds.HOUR for hours in range(0, 30, 7)}
    return from_records(worlds.busy(seed), {worlds.BUSY: worlds.BUSY + 3 * worlds.SECOND}, instants, Options(), live=0)


class NoWait(Clock):
    """The world's time; whoever would pause has something to explain."""

    def __init__(self, clock: WorldClock):
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a pause of {seconds} s against a server without faults")


def as_polled(before: Any, k: datetime | None, now: Any) -> Any:
    """What polling can know of `now`: a pull request whose `updated_at` has not moved is the one that was read before,
    at `k` by the last pull.

    An edited or deleted comment does not move it: it shows when something else does, or by the nightly sweep.
    """
    if before is None or k is None:
        return now
    pulls = {number: pull if reads(pull, before, k) else before.pulls[number] for number, pull in now.pulls.items()}
    return replace(now, pulls=pulls)


def reads(pull: Any, before: Any, k: datetime) -> bool:
    """Whether a pull reads a pull request: it is new, its `updated_at` moved, or it changed within five seconds of the
    last pull, which may have read it too soon."""
    known = before.pulls.get(pull.number)
    return known is None or known.updated_at != pull.updated_at or pull.updated_at >= k - 5 * worlds.SECOND


def through_collection(
    world: World, ticks: dict[datetime, datetime], instants: set[datetime], options: Options, live: int
) -> Trial:
    """Judge the whole chain: sandbox, collection over a socket, lake on disk, metrics; the last `live` ticks are
    computed at their time too, like all instants at the end."""
    pulls, computed, before, last_k = judging.Pulls(), [], None, None
    first, last = min(ticks), max(ticks)
    window = first - LOOKBACK
    with TemporaryDirectory() as folder, Sandbox(world=world) as sandbox:
        lake = Lake(folder)
        for number, (t, k) in enumerate(sorted(ticks.items()), 1):
            world.clock.set(k)
            lookback = LOOKBACK
            if t == last > first:  # further back than what is known: all is read anew
                lookback += timedelta(days=(last - first).days) + DEEPER
                window, before = t - lookback, None
            collect(sandbox, lake, t, k, lookback)
            before, last_k = as_polled(before, last_k, the_repository(world)), k
            pulls.note(k, before, window)
            if number > len(ticks) - live:
                computed.append(at_once(lake, [t], options))
        return decided(lake, pulls, computed, instants | set(ticks), options)


def collect(sandbox: Sandbox, lake: Lake, t: datetime, k: datetime, lookback: timedelta) -> None:
    """All pulls for the instant t, at k by the sandbox's clock."""
    github = GitHub(sandbox.github_url, "a token", NoWait(sandbox.clock))
    for name in PULLS:
        rows = run_pull(
            name, github=github, lake=lake, repo=REPO, as_of=t, lookback_days=lookback.days, pull_id=f"pull for {t}"
        )
        assert [row for row in rows if not row["complete"]] == []
        assert {row["started_at"] for row in rows} == {k}
    github.close()


@cache
def collected_month(seed: int, number: int, live: int) -> Trial:
    """A lively month through the whole chain; the last two ticks are two hours apart."""
    rng = Random(f"collected {seed}")
    moments = {NOW, NOW - 2 * worlds.HOUR, *(NOW - rng.randint(96, 22 * 96) * QUARTER for _ in range(number - 2))}
    instants = {min(moments) - rng.randint(1, 25 * 96) * QUARTER for _ in range(20)} | {t + QUARTER for t in moments}
    ticks = {t: t + rng.randint(1, 90) * worlds.SECOND for t in moments}
    return through_collection(worlds.lively(seed, pollable=True), ticks, instants, Options(), live)


@cache
def collected_grid(seed: int, number: int, live: int) -> Trial:
    """A world on a grid through the whole chain."""
    rng = Random(f"collected grid {seed}")
    slots = sorted(rng.sample(range(SLOTS - 50, SLOTS), number))
    late = (0, 0, 5, 3_600, 3_601)
    ticks = {at: at + rng.choice(late) * worlds.SECOND for at in (START + slot * SLOT for slot in slots)}
    instants = {START + slot * SLOT for slot in range(slots[0] - 40, slots[-1] + 2)}
    options = SETTINGS if seed % 2 else Options()
    return through_collection(worlds.on_a_grid(seed, pollable=True), ticks, instants, options, live)


def verify(trial: Trial) -> None:
    assert trial.said == []
    assert trial.unlike_live == []


@pytest.mark.parametrize("seed", FAST_SEEDS)
def test_no_number_is_off_at_the_edge_of_a_window_or_within_one_second(seed: int) -> None:
    verify(grid_trial(seed))


def test_live_replay_and_a_count_by_hand_agree_over_a_lively_month() -> None:
    verify(month_trial(1, 5, live=1))


def test_percentiles_of_large_samples_are_right() -> None:
    verify(busy_trial(1))


def test_the_whole_chain_gives_the_counts_of_a_lively_month() -> None:
    verify(collected_month(3, 3, live=0))


def test_the_whole_chain_gives_the_counts_at_the_edges_with_bots_and_required_workflows_set() -> None:
    verify(collected_grid(5, 4, live=1))


def test_an_empty_repository_counts_zero() -> None:
    world = World(WorldClock(NOW, running=False), events=[RepositoryCreated(NOW - worlds.DAY, REPO, 1)])
    trial = through_collection(world, {NOW: NOW + 3 * worlds.SECOND}, set(), Options(), live=0)
    verify(trial)
    assert trial.tally.points["github.commits.total_7d"] == trial.tally.points["github.branches.total"] == 1


def test_restated_numbers_are_those_of_the_newest_knowledge() -> None:
    world, lake, pulls = worlds.on_a_grid(6), MemoryLake(), judging.Pulls()
    ticks = [START + slot * SLOT for slot in (140, 150, 160)]
    for t in ticks:
        pulls.note(t, the_repository(world, t), ticks[0] - LOOKBACK)
        lake.pull(pulls.saw[t], REPO, t, pulls.windows[t])
    instants = {START + slot * SLOT for slot in range(100, 161)}
    as_first_known = pulls.judged(instants)
    pulls.saw = {ticks[-1]: pulls.saw[ticks[-1]]}
    restated = pulls.judged(instants)
    assert judging.differences(at_once(lake, instants, Options(), restated=True), restated) == []
    assert sum(as_first_known[key] != restated[key] for key in restated) > 20


def test_no_series_went_unjudged() -> None:
    trials = [
        *map(grid_trial, FAST_SEEDS),
        month_trial(1, 5, live=1),
        busy_trial(1),
        collected_month(3, 3, live=0),
        collected_grid(5, 4, live=1),
    ]
    points = sum((trial.tally.points for trial in trials), start=judging.Tally().points)
    reasons = {reason for trial in trials for _, reason in trial.tally.reasons}
    assert set(points) == set(SERIES) == {f"github.{key}" for key in judging.ALL_SERIES}
    assert len(SERIES) == 38
    assert min(points.values()) > 0
    assert reasons == {"no_data", "thin_sample", "not_observed", "not_listed", "incomplete_fetch"}


# What GitHub shows otherwise afterwards but no definition speaks of.
WITHOUT_EFFECT = {"ReviewDismissed", "RepositoryRenamed"}
# Without these nothing else could happen.
BEGINNINGS = {"RepositoryCreated", "WorkflowCreated", "PullOpened", "RunCreated"}


def test_every_kind_of_event_changes_a_number() -> None:
    """A world in which a kind of event changes nothing would not notice a product that misses that kind."""
    influence: dict[str, int] = {}
    for seed in range(12):
        if influence and {kind for kind, answers in influence.items() if not answers} <= WITHOUT_EFFECT:
            break
        log = worlds.Grid(seed, False).events()
        answers = _answers(log)
        for kind in {type(event).__name__ for event in log} - BEGINNINGS:
            if influence.get(kind, 0) == 0:
                without = _answers([event for event in log if type(event).__name__ != kind or event.at < START])
                influence[kind] = sum(answers[key] != without[key] for key in answers)
    print("answers changed by each kind of event:", influence)
    assert {kind for kind, answers in influence.items() if not answers} <= WITHOUT_EFFECT
    assert len(influence) > 20


def _answers(log: list[Any]) -> dict[tuple[str, int], Answer]:
    """The judge's answers at instants two days apart, each as known at once."""
    world, found = World(WorldClock(NOW, running=False), events=log), {}
    for slot in range(40, SLOTS, 8):
        t = START + slot * SLOT
        for series, answer in brute_force.compute(the_repository(world, t), t, t, BOTS).items():
            found[series, slot] = answer
    return found


# --- the long soak


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(100, 112))
def test_soak_on_a_grid(seed: int) -> None:
    verify(grid_trial(seed, live=8))


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(10, 12))
def test_soak_over_a_month(seed: int) -> None:
    verify(month_trial(seed, 40, live=40))


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(10, 12))
def test_soak_of_the_whole_chain_over_a_month(seed: int) -> None:
    verify(collected_month(seed, 14, live=14))


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(20, 26))
def test_soak_of_the_whole_chain_on_a_grid(seed: int) -> None:
    verify(collected_grid(seed, 10, live=10))


# --- the judge's independence


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, relative ones resolved."""
    package = path.relative_to(Path(metta_obs.__file__).parent.parent).with_suffix("").parts
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: -node.level]) + "." if node.level else ""
            found |= {f"{base}{node.module or ''}".strip(".")} | {
                f"{base}{node.module or ''}.{a.name}" for a in node.names
            }
    return found


def test_judge_sandbox_and_product_share_no_code() -> None:
    root = Path(metta_obs.__file__).parent
    judge = sorted(Path(brute_force.__file__).parent.glob("brute_force*.py"))
    assert len(judge) == 5
    for path in judge:
        foreign = {name for name in imported(path) if name.split(".")[0] not in sys.stdlib_module_names}
        assert all(name.startswith("metta_obs_tests.brute_force_") for name in foreign), f"{path} imports {foreign}"
    for path in root.rglob("*.py"):
        ours = {name for name in imported(path) if name.split(".")[0] in ("metta_obs", "metta_obs_tests")}
        of_sandbox = {name for name in ours if name.startswith("metta_obs.sandbox")}
        if path.is_relative_to(root / "sandbox"):
            assert ours - of_sandbox <= {"metta_obs"}, f"{path} imports the product"
        else:
            assert not of_sandbox, f"{path} imports the sandbox"
