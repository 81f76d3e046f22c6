"""`make run`: the whole job for real, or one line that says which setting is wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from metta_obs.cli import once
from metta_obs.metrics.registry import CATALOGUE
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
Once = Callable[..., int]


@pytest.fixture
def run_once(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Once:
    """`make run` in an empty folder with Dagster's configuration; arguments change settings (None removes one)."""
    for name in [*SETTINGS, "DAGSTER_HOME"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(ROOT / "dagster.yaml", tmp_path / "dagster.yaml")
    sandbox.datadog.intake.clear()
    sandbox.datadog.store.clear()
    settings = {
        "METTA_OBS_REPOS": "acme/capsule",
        "GITHUB_TOKEN": "right-token",
        "GITHUB_API_URL": sandbox.github_url,
        "DD_API_KEY": "right-key",
        "DD_APP_KEY": "right-app-key",
        "DD_URL": sandbox.datadog_url,
    }

    def call(**changes: str | None) -> int:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**settings, **changes}.items():
                if value is not None:
                    patch.setitem(os.environ, name, value)
            return once.main()

    return call


def test_the_whole_job_runs_and_the_web_interface_will_show_it(
    run_once: Once, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_once() == 0
    said = capsys.readouterr().out
    assert all(key in said for key in CATALOGUE)
    delivered = f"Delivered to Datadog: {len(sandbox.datadog.series)} points, dashboards: 1 of 1 created or updated."
    assert delivered in " ".join(said.split())
    assert len(sandbox.datadog.series) > len(CATALOGUE)
    assert len(sandbox.datadog.dashboards) == 1
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        runs = instance.get_runs()
    assert [(run.job_name, run.status) for run in runs] == [("everything", dg.DagsterRunStatus.SUCCESS)]
    assert sorted(path.name for path in (tmp_path / ".metta_obs").iterdir()) == ["dagster", "lake"]


def test_with_github_alone_everything_but_sending_works_and_says_what_was_not_sent(
    run_once: Once, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_once(DD_API_KEY=None, DD_APP_KEY=None) == 0
    said = capsys.readouterr().out
    assert all(key in said for key in CATALOGUE)
    assert "Delivered to Datadog: 0 points" in said
    assert "DD_API_KEY is not set" in said
    assert "DD_APP_KEY is not set" in said
    assert not sandbox.datadog.series


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"METTA_OBS_REPOS": None}, "METTA_OBS_REPOS"),
        ({"METTA_OBS_REPOS": "capsule"}, "METTA_OBS_REPOS"),
        ({"GITHUB_TOKEN": None}, "GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": "wrong"}, "GITHUB_TOKEN"),
        ({"GITHUB_API_URL": "api.github.example"}, "GITHUB_API_URL"),
        ({"GITHUB_API_URL": "http://127.0.0.1:1"}, "GITHUB_API_URL"),
        ({"DD_API_KEY": "wrong"}, "DD_API_KEY"),
        ({"DD_APP_KEY": "wrong"}, "DD_APP_KEY"),
        ({"METTA_OBS_LOOKBACK_DAYS": "soon"}, "METTA_OBS_LOOKBACK_DAYS"),
        ({"METTA_OBS_LAKE": "dagster.yaml/lake"}, "METTA_OBS_LAKE"),
        ({"METTA_OBS_LAKE": "gs://bucket/prefix"}, "METTA_OBS_LAKE"),
        ({"METTA_OBS_LAKE": "s3://bucket/prefix", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "METTA_OBS_LAKE"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_missing_or_wrong_setting_is_one_line_that_names_it_before_any_work(
    run_once: Once, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str | None], named: str
) -> None:
    assert run_once(**changes) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.count("\n") == 1
    assert named in said.err
    assert not (tmp_path / ".metta_obs").exists()
