"""The command line against a small sandbox, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from metta_obs.cli.main import app
from metta_obs.sandbox.generator_spec import WorldSpec, tiny
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.settings import SETTINGS

NOW = datetime(2025, 11, 20, 15, 0, 5, tzinfo=UTC)
Metta = Callable[..., Result]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    spec = WorldSpec((tiny(),), history_days=40)
    with Sandbox(
        spec=spec, now=NOW, running=False, tokens=["right-token"], api_keys=["right-key"], app_keys=["right-app-key"]
    ) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("working")


@pytest.fixture
def metta(sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Metta:
    """Run `metta datadog …` with the settings of the sandbox; `_env` changes some (None removes one)."""
    for name in [*SETTINGS, "DAGSTER_HOME"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(folder)
    settings = {
        "METTA_OBS_REPOS": "Acme/Capsule",
        "GITHUB_TOKEN": "right-token",
        "GITHUB_API_URL": sandbox.github_url,
        "DD_API_KEY": "right-key",
        "DD_APP_KEY": "right-app-key",
        "DD_URL": sandbox.datadog_url,
    }

    def call(*words: str, **changes: str | None) -> Result:
        chosen = {name: value for name, value in {**settings, **changes}.items() if value is not None}
        sandbox.requests.clear()
        sandbox.datadog.requests.clear()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in chosen.items():
                patch.setitem(os.environ, name, value)
            return CliRunner().invoke(app, ["datadog", *words])

    return call
