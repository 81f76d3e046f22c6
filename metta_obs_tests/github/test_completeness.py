"""Every list of GitHub's, page by page: one that comes back short, empty, twice or ends early never passes for whole.

A world in which every list has several pages; the one pull that reads the list is done with the fault, the others
without. Then each table is either as true as after a healthy pull, or marked incomplete; and each metric has the
healthy value where its tables are complete, and none elsewhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metta_obs.github.collector import PULLS
from metta_obs.lake.store import Lake
from metta_obs.metrics.catalogue import Options
from metta_obs.metrics.compute import compute
from metta_obs.metrics.registry import CATALOGUE, SERIES
from metta_obs.sandbox import events as e
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.sandbox.state import ChangedFile
from metta_obs.sandbox.world import World
from metta_obs_tests.github.bench import NOW, Bench, content, incomplete
from metta_obs_tests.github.test_changes import ADA, BOB, REPO, beginning, commit, job
from metta_obs_tests.github.test_faults import LISTS, Route

KINDS = ("truncate", "drop_page", "duplicate_page", "end_early")
PAGES = (1, 2)
MANY = 120  # more than a page
THEN = NOW + timedelta(minutes=15)
# One answer holds all that there is of these, or more than anyone has.
ONE_PAGE = {"labels", "refs", "pull requests of commits"}


def crowd() -> list[e.Event]:
    """What makes every list longer than a page."""
    at = NOW + timedelta(minutes=5)
    hours = [at - timedelta(hours=1, seconds=n) for n in range(400)]
    one: list[e.Event] = [e.PullLabeled(at, REPO, 1, f"label-{n}") for n in range(40)]
    for _ in range(70):
        one += [e.PullClosed(at, REPO, 1, ADA), e.PullReopened(at, REPO, 1, BOB)]
    one += [e.PullPushed(at, REPO, 1, tuple(commit(f"own-{n}", hours[n]) for n in range(MANY)))]
    one += [e.ReviewSubmitted(at, REPO, 1, 5000 + n, BOB, "COMMENTED", "x") for n in range(MANY)]
    one += [e.IssueCommentAdded(at, REPO, 1, 7000 + n, BOB, "x") for n in range(MANY)]
    one += [e.ReviewCommentAdded(at, REPO, 1, 9000 + n, BOB, "x", f"f{n}.py", 5000 + n) for n in range(25)]
    one += [e.ReviewCommentAdded(at, REPO, 1, 9500 + n, ADA, "x", "one.py", in_reply_to=90) for n in range(MANY)]
    pulls: list[e.Event] = [
        e.PullOpened(at, REPO, 100 + n, f"Pull {n}", ADA, f"branch-{n}", (commit(f"pull-{n}", hours[n]),))
        for n in range(MANY)
    ]
    pulls += [e.PullMerged(at, REPO, 100 + n, BOB) for n in range(5)]
    wide = commit("wide", at, files=tuple(ChangedFile(f"wide/{n}.py", "added", 2) for n in range(650)))
    pushed = e.CommitsPushed(at, REPO, e.DEFAULT_BRANCH, (*(commit(f"main-{n}", hours[n]) for n in range(60)), wide))
    ci: list[e.Event] = [e.WorkflowCreated(at, REPO, 1000 + n, f"Workflow {n}", f"w/{n}.yml") for n in range(MANY)]
    for n in range(MANY):
        jobs = tuple(job(100_000 + 1000 * n + j, at, name=f"job {j}") for j in range(MANY if n == 0 else 1))
        ci += [
            e.RunCreated(at, REPO, 2000 + n, 900, 10 + n, "push"),
            e.AttemptCompleted(at + timedelta(minutes=2), REPO, 2000 + n, "failure" if n % 7 == 0 else "success", jobs),
        ]
    for attempt in (2, 3):
        start = at + timedelta(minutes=3 * attempt - 3)
        jobs = tuple(job(1_000_000 * attempt + n, start, name=f"job {n}") for n in range(MANY))
        ci += [
            e.RunAttemptStarted(start, REPO, 2000),
            e.AttemptCompleted(start + timedelta(minutes=2), REPO, 2000, "success", jobs),
        ]
    return [*one, *pulls, pushed, *ci]


@dataclass(frozen=True)
class Healthy:
    """Lakes without a fault: `before` knows the beginning, `after` the crowd too; `values` are the metrics of it."""

    before: Path
    after: Path
    values: pd.DataFrame


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """The crowded world, a quarter-hour after NOW."""
    with Sandbox(world=World(WorldClock(NOW, running=False), events=beginning() + crowd())) as sandbox:
        yield sandbox


def values(lake: Lake) -> pd.DataFrame:
    """Value and reason of every series at THEN."""
    points = compute(lake, list(CATALOGUE.values()), REPO, pd.DatetimeIndex([THEN]).floor("15min"), Options())
    return points.set_index("metric")[["value", "reason"]]


@pytest.fixture(scope="module")
def healthy(server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Healthy:
    """What pulls without a fault know, in two steps or at once."""
    folder = tmp_path_factory.mktemp("healthy")
    bench = Bench(server, folder, REPO)
    assert not incomplete(bench.tick())
    shutil.copytree(folder / "lake", folder / "before")
    server.clock.set(THEN)
    assert not incomplete(bench.tick())
    known = values(bench.lake)
    assert known["value"].notna().sum() > len(CATALOGUE)
    return Healthy(folder / "before", folder / "lake", known)


def with_fault(bench: Bench, healthy: Healthy, route: Route, fault: dict[str, Any]) -> tuple[Lake, set[str], int]:
    """Everything pulled at THEN, the route's pull with the fault; the lake, what is incomplete, how often it struck."""
    lake = Lake(str(bench.folder / "lake"))
    if not route.first:
        shutil.copytree(healthy.before, bench.folder / "lake")
    strike = bench.sandbox.faults.add(**{**route.where, **fault})
    try:
        found = incomplete(bench.tick(names=[route.pull], lake=lake))
    finally:
        bench.sandbox.faults.clear()
    if strike.struck and found:
        others = [table for name, tables in PULLS.items() if name != route.pull for table in tables]
        for table in others:
            shutil.rmtree(lake.uri(table), ignore_errors=True)
            shutil.copytree(healthy.after / table, lake.uri(table))
        done = Lake(str(healthy.after)).read("pulls")
        lake.append("pulls", done[done["table"].isin(others)])
    return lake, set(found), strike.struck


@pytest.mark.heavy
@pytest.mark.xdist_group("completeness")
@pytest.mark.parametrize("name", LISTS)
def test_no_page_of_a_list_can_be_lost_unnoticed(server: Sandbox, healthy: Healthy, tmp_path: Path, name: str) -> None:
    route, struck, caught = LISTS[name], dict.fromkeys(KINDS, 0), 0
    whole = {table: content(Lake(str(healthy.after)), table, REPO) for table in PULLS[route.pull]}
    for kind in KINDS:
        for page in PAGES:
            bench = Bench(server, tmp_path / f"{kind}-{page}", REPO)
            lake, missing, hits = with_fault(bench, healthy, route, {"kind": kind, "page": page})
            what = f"{kind} of page {page}"
            struck[kind] += hits
            caught += bool(missing)
            assert missing <= set(route.tables), what
            for table in set(whole) - missing:
                assert content(lake, table, REPO).equals(whole[table]), f"{what}: {table} is not what it seems"
            if missing:
                found = values(lake)
                for key, (_, metric) in SERIES.items():
                    if missing & set(metric.tables):
                        assert found.loc[key, "reason"] == "incomplete_fetch", f"{what}: {key}"
                    else:
                        assert found.loc[key].equals(healthy.values.loc[key]), f"{what}: {key}"
    assert all(struck.values()), f"some faults met no request: {struck}"
    assert caught >= (1 if name in ONE_PAGE else 2), struck
