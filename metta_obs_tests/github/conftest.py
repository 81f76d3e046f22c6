"""A small world whose first pull is made once; every test goes on from there with a lake of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.github.bench import NOW, SMALL, Bench, incomplete


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=3, now=NOW, running=False, spec=SMALL) as running:
        yield running


@pytest.fixture(scope="session")
def first_pull(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a lake after the first pull at NOW."""
    bench = Bench(sandbox, tmp_path_factory.mktemp("first"))
    assert not incomplete(bench.tick())
    return bench.folder / "lake"


@pytest.fixture
def empty(sandbox: Sandbox, tmp_path: Path) -> Iterator[Bench]:
    """The small world at NOW and an empty lake."""
    sandbox.clock.set(NOW)
    sandbox.requests.clear()
    yield Bench(sandbox, tmp_path)
    sandbox.faults.clear()


@pytest.fixture
def bench(empty: Bench, first_pull: Path) -> Bench:
    """The small world at NOW and a lake that knows it."""
    shutil.copytree(first_pull, empty.folder / "lake")
    return empty
