"""A run may die at any moment: one normal run later everything is as if it had never happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest

from metta_obs.clock import floor_quarter_hour, iso
from metta_obs.lake.schemas import RAW_TABLES, TABLES
from metta_obs.lake.store import Lake
from metta_obs.sandbox.generator_spec import WorldSpec, tiny
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.assets.conftest import NOW, REPO, point_to

pytestmark = [pytest.mark.heavy]
LATER = NOW + timedelta(hours=20)
TICK = iso(floor_quarter_hour(LATER))
PARTS = 4  # the moments of death are spread over so many tests, which may run side by side
RANDOM_DEATHS = 52
IN_A_ROW = 4


class Runner:
    """Runs of the main job in processes of their own, all for the same tick."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "metta_obs_tests.assets.crashing"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, **order: Any) -> dict[str, Any]:
        """Exit statuses (negative: the signal) and counts of steps."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        environment = self.environment | {"METTA_OBS_LAKE": str(folder / "lake")}
        order |= {"folder": str(folder), "environment": environment}
        self.process.stdin.write(json.dumps({"as_of": TICK} | order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@dataclass
class Scene:
    """A world at LATER, a lake that was last filled at NOW, and what a run without trouble makes of it."""

    sandbox: Sandbox
    runner: Runner
    before: Path
    steps: int
    goal: dict[str, Any]

    def folder(self, tmp_path: Path, name: object) -> Path:
        """A folder with a copy of the lake as it was before."""
        folder = tmp_path / str(name)
        shutil.copytree(self.before, folder / "lake")
        self.sandbox.datadog.intake.clear()
        return folder

    def assert_healed(self, folder: Path, what: str) -> None:
        """One normal run makes good what happened."""
        assert self.runner.run(folder)["ended"] == [0], what
        found = known(folder, self.sandbox)
        for name, expected in self.goal.items():
            assert found[name] == expected, f"{what}: {name} is not as after an undisturbed run"


def known(folder: Path, sandbox: Sandbox) -> dict[str, Any]:
    """What a lake and Datadog hold: rows of raw tables, points, deliveries, series received. A row that was stored
    twice is one; times of computing and delivering, runs and table versions do not count."""
    lake = Lake(str(folder / "lake"))
    found: dict[str, Any] = {}
    for table in RAW_TABLES:
        rows = lake.read(table, REPO)[TABLES[table].arrow.names].astype(str)
        found[table] = sorted(set(rows.itertuples(index=False, name=None)))
        current = lake.current(table, REPO).astype(str)
        found[f"current {table}"] = sorted(current.itertuples(index=False, name=None))
    points = lake.read("metric_points", REPO).sort_values("computed_at", kind="stable")
    points = points.drop_duplicates(["metric", "as_of", "origin"], keep="last")
    found["points"] = as_set(points[["metric", "as_of", "origin", "value", "n", "reason", "detail", "known_at"]])
    found["deliveries"] = as_set(lake.read("deliveries")[["metric", "as_of", "value", "site", "env"]])
    found["received"] = dict(sandbox.datadog.series)
    return found


def as_set(rows: pd.DataFrame) -> set[tuple[str, ...]]:
    """The rows as text."""
    return set(rows.astype(str).itertuples(index=False, name=None))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """See `Scene`; the clock stands still at LATER."""
    folder = tmp_path_factory.mktemp("crashes")
    spec = tiny(comments_edited=0.0, comments_deleted=0.0, reviews_dismissed=0.0)
    with (
        Sandbox(spec=WorldSpec((spec,), history_days=45), now=NOW, running=False) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        point_to(sandbox, folder / "lake", patch)
        names = ("METTA_OBS_", "GITHUB_", "DD_", "AWS_")
        runner = Runner({name: value for name, value in os.environ.items() if name.startswith(names)})
        assert runner.run(folder, as_of=iso(floor_quarter_hour(NOW)))["ended"] == [0]
        sandbox.clock.set(LATER)
        scene = Scene(sandbox, runner, folder / "lake", 0, {})
        twin = scene.folder(folder, "twin")
        done = runner.run(twin)
        assert done["ended"] == [0]
        scene.steps, scene.goal = done["steps"][0], known(twin, sandbox)
        assert len(scene.goal["received"]) > 25
        assert scene.steps > 20
        yield scene
        runner.process.stdin.close()  # type: ignore[union-attr]
        runner.process.wait(60)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_run_may_die_before_and_after_each_request_and_each_commit(scene: Scene, tmp_path: Path, part: int) -> None:
    for step in range(1 + part, scene.steps + 1, PARTS):
        folder = scene.folder(tmp_path, step)
        assert scene.runner.run(folder, step=step)["ended"] == [-signal.SIGKILL]
        scene.assert_healed(folder, f"death at step {step} of {scene.steps}")
        shutil.rmtree(folder)


@pytest.mark.parametrize("part", range(PARTS))
def test_run_after_run_may_die_at_any_moment(scene: Scene, tmp_path: Path, part: int) -> None:
    rng, died = Random(part), 0
    for number in range(RANDOM_DEATHS // IN_A_ROW // PARTS + 1):
        folder = scene.folder(tmp_path, number)
        ages = [rng.uniform(0.2, 4) for _ in range(IN_A_ROW)]
        died += sum(scene.runner.run(folder, seconds=age)["ended"] == [-signal.SIGKILL] for age in ages)
        scene.assert_healed(folder, f"deaths after {ages} s")
        shutil.rmtree(folder)
    assert died >= RANDOM_DEATHS // PARTS, "too many runs came to their end"


@pytest.mark.parametrize("most", [0, 2_000, 6_000])
def test_a_full_disk_loses_nothing(scene: Scene, tmp_path: Path, most: int) -> None:
    folder = scene.folder(tmp_path, most)
    assert scene.runner.run(folder, bytes=most)["ended"] == [1]
    scene.assert_healed(folder, f"no file beyond {most} bytes")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="root obeys no permissions elsewhere")
def test_a_folder_that_may_only_be_read_loses_nothing(scene: Scene, tmp_path: Path) -> None:
    folder = scene.folder(tmp_path, "read-only")
    places = [folder / "lake", *(place for place in (folder / "lake").rglob("*") if place.is_dir())]
    for place in places:
        place.chmod(0o555)
    assert scene.runner.run(folder, obedient=True)["ended"] == [1]
    assert not scene.sandbox.datadog.series
    for place in places:
        place.chmod(0o755)
    scene.assert_healed(folder, "a folder that may only be read")


def test_two_runs_at_once_lose_nothing_and_know_nothing_twice(scene: Scene, tmp_path: Path) -> None:
    for attempt in range(2):
        folder = scene.folder(tmp_path, attempt)
        assert scene.runner.run(folder, count=2)["ended"] == [0, 0]
        scene.assert_healed(folder, "two runs at once")


def test_the_scene_has_news_in_every_table_that_can_have_some(scene: Scene) -> None:
    before, after = Lake(str(scene.before)), scene.goal
    changed = {table for table in RAW_TABLES if len(before.read(table, REPO)) < len(after[table])}
    assert changed >= {"pull_requests", "commits", "commit_files", "branches", "workflow_runs", "jobs", "reviews"}
