"""The real `dagster dev`, as `make ui` starts it: what a person sees in it is what Datadog got and `collect` prints."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from metta_obs.clock import floor_quarter_hour, iso
from metta_obs.metrics.registry import CATALOGUE, SERIES
from metta_obs.sandbox.generator_spec import WorldSpec, tiny
from metta_obs.sandbox.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[1]
REPO = "acme/capsule"
SECONDS = 300  # for what takes twenty on an idle machine
LOCATION = {"repositoryLocationName": "metta_obs", "repositoryName": "__repository__"}
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status assetMaterializations {
    assetKey { path } metadataEntries { label ... on FloatMetadataEntry { floatValue } } } } } }"""
SCHEDULE = """query($at: RepositorySelector!) { schedulesOrError(repositorySelector: $at) {
    ... on Schedules { results { name scheduleState { status } } } } }"""

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("dagster dev")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(spec=WorldSpec((tiny(),), history_days=45)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def folder(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a clone is: Dagster's configuration as it stands, and a filled-in .env."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copyfile(ROOT / name, folder / name)
    settings = {
        "METTA_OBS_REPOS": REPO,
        "METTA_OBS_SCHEDULE": "on",
        "GITHUB_API_URL": sandbox.github_url,
        "GITHUB_TOKEN": "a-token",
        "DD_URL": sandbox.datadog_url,
        "DD_API_KEY": "an-api-key",
        "DD_APP_KEY": "an-app-key",
        "DD_ENV": "test",
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return folder


def environment(home: Path) -> dict[str, str]:
    """This process's environment without a setting, and with an empty home."""
    foreign = ("METTA_OBS_", "GITHUB_", "DD_", "AWS_", "DAGSTER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"HOME": str(home), "PYTHONPATH": str(ROOT), "DAGSTER_DISABLE_TELEMETRY": "yes", "NO_PROXY": "*"}


class Dagster:
    """A running `dagster dev`, asked over GraphQL as its own pages do."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, query: str, **variables: Any) -> Any:
        """The `data` of a query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found["errors"]
        return found["data"]

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            urllib.request.urlopen(f"{self.url}/server_info", timeout=5).close()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def run(self, run_id: str) -> dict[str, Any]:
        """Status and materialisations of a run."""
        found: dict[str, Any] = self.ask(RUN, id=run_id)["runOrError"]
        return found


@contextmanager
def dagster_dev(folder: Path, home: Path) -> Iterator[Dagster]:
    """`dagster dev` in `folder`, from its first answer until Ctrl-C."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["-m", "dagster", "dev", "-w", "workspace.yaml", "--port", str(port)]
    log = folder.with_suffix(".log")
    interruptible = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child ignores what its parent ignores
    with log.open("a") as said:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            env=environment(home),
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    signal.signal(signal.SIGINT, interruptible)
    try:
        dagster = Dagster(port)
        until(lambda: dagster.ready() or process.poll() is not None, "Dagster answers")
        assert process.poll() is None, log.read_text()
        yield dagster
        process.send_signal(signal.SIGINT)
        process.wait(timeout=SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(condition: Any, what: str) -> None:
    """Wait until `condition()` holds."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"not within {SECONDS} s: {what}"
        time.sleep(0.5)


def shown(run: dict[str, Any]) -> dict[str, float]:
    """The numbers on the pages of a run's metric assets, by series."""
    found = {}
    for event in run["assetMaterializations"]:
        group, key = event["assetKey"]["path"]
        if group == "metrics":
            said = {entry["label"]: entry.get("floatValue") for entry in event["metadataEntries"]}
            for position, series in enumerate(CATALOGUE[key].series):
                label = "value" if position == 0 else series.statistic
                if said.get(label) is not None:
                    found[series.name] = said[label]
    return found


def test_the_ui_datadog_and_the_command_line_show_the_same_numbers_and_a_restart_keeps_them(
    folder: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    t = floor_quarter_hour(datetime.now(UTC))
    with dagster_dev(folder, tmp_path) as dagster:
        schedules = dagster.ask(SCHEDULE, at=LOCATION)["schedulesOrError"]["results"]
        assert [(one["name"], one["scheduleState"]["status"]) for one in schedules] == [
            ("every_quarter_hour", "RUNNING")
        ]

        config = {"resources": {"instants": {"config": {"as_of": iso(t)}}}}
        params = {"selector": {**LOCATION, "jobName": "everything"}, "runConfigData": config}
        launched = dagster.ask(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["run"]["runId"]
        until(lambda: dagster.run(run_id)["status"] in ("SUCCESS", "FAILURE", "CANCELED"), "the run ends")
        run = dagster.run(run_id)
        assert run["status"] == "SUCCESS"

    received = {name: value for (name, _, at), value in sandbox.datadog.series.items() if at == t.timestamp()}
    assert len(received) > len(CATALOGUE)
    assert received.keys() <= SERIES.keys()
    assert shown(run) == received
    assert len(sandbox.datadog.dashboards) == 1

    words = ["-m", "metta_obs.cli.main", "datadog", "collect", "github", "--json", "--as-of", iso(t)]
    printed = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert printed.returncode == 0, printed.stderr
    assert {point["metric"]: point["value"] for point in json.loads(printed.stdout)["points"]} == received

    with dagster_dev(folder, tmp_path) as dagster:
        assert shown(dagster.run(run_id)) == received
    assert sorted(path.name for path in folder.iterdir()) == [".env", ".metta_obs", "dagster.yaml", "workspace.yaml"]
    assert sorted(path.name for path in (folder / ".metta_obs").iterdir()) == ["dagster", "lake"]
    assert not list(tmp_path.iterdir()), "something was written to the home folder"
