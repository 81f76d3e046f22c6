"""`make demo`: it works on a machine where the real thing is configured, and leaves the real thing alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from metta_obs import demo
from metta_obs.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 300  # for what takes ten on an idle machine


def free_ports() -> list[str]:
    """Options that have the demo listen where nothing else does."""
    words = []
    for option in ("--port", "--github-port", "--datadog-port"):
        with closing(socket.socket()) as probe:
            probe.bind((demo.HOST, 0))
            words += [option, str(probe.getsockname()[1])]
    return words


def start(folder: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    """`python -m metta_obs.demo` in `folder`, with `more` in its environment."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "metta_obs.demo", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes_in(folder: Path) -> list[int]:
    """The processes whose working folder lies within `folder` (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                inside = Path(os.readlink(entry / "cwd")).is_relative_to(folder)
            except OSError:  # it has just ended
                continue
            if inside:
                found.append(int(entry.name))
    return found


def until(condition: object, seconds: float = SECONDS) -> bool:
    """Wait until `condition()` holds; whether it came to that in time."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


def test_no_real_setting_key_or_address_comes_into_the_demo(tmp_path: Path) -> None:
    real = {
        name: f"real {name}" for name in [*SETTINGS, "AWS_PROFILE", "AWS_ENDPOINT_URL", "DAGSTER_HOME", "GITHUB_APP_ID"]
    }
    env = demo.environment(tmp_path, demo.Ports(), ["acme/rockets"], real | {"HOME": "kept", "dd_site": "real"})
    assert not [name for name, value in env.items() if value.startswith("real")]
    assert env["HOME"] == "kept"
    assert env["GITHUB_API_URL"].startswith(f"http://{demo.HOST}:")
    assert env["DD_URL"].startswith(f"http://{demo.HOST}:")
    assert Path(env["METTA_OBS_LAKE"]).is_relative_to(tmp_path)
    assert Path(env["DAGSTER_HOME"]).is_relative_to(tmp_path)


@pytest.mark.parametrize("option", ["--port", "--github-port", "--datadog-port"])
def test_a_busy_port_is_one_line_that_names_it(tmp_path: Path, option: str) -> None:
    ports = free_ports()
    with closing(socket.socket()) as busy:
        busy.bind((demo.HOST, 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        ports[ports.index(option) + 1] = port
        run = start(tmp_path, *ports)
        said, _ = run.communicate(timeout=SECONDS)
    assert run.returncode == 1
    assert said.count("\n") == 1
    assert f"port {port} " in said
    assert not list(tmp_path.iterdir())


@pytest.mark.heavy
@pytest.mark.xdist_group("demo")
def test_it_runs_once_beside_a_real_configuration_then_again_without_asking_for_everything(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GITHUB_TOKEN=real\nMETTA_OBS_REPOS=real/real\nDD_URL=http://127.0.0.1:1\n")
    real = {"METTA_OBS_LAKE": str(tmp_path / "real"), "DAGSTER_HOME": str(tmp_path / "real"), "DD_API_KEY": "real"}
    for first in (True, False):
        run = start(tmp_path, "--once", *free_ports(), **real)
        said, _ = run.communicate(timeout=SECONDS)
        assert run.returncode == 0, said
        assert "acme/rockets at " in said
        assert "github.developers.active_7d" in said
        if first:
            assert "Delivered to Datadog: 0 points" not in said
        else:
            assert int(said.split("GitHub: ")[1].split(" REST")[0]) < 50
    assert not (tmp_path / "real").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", ".metta_obs"]
    assert [path.name for path in (tmp_path / ".metta_obs").iterdir()] == ["demo"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The demo, once its Dagster answers."""
    ports = free_ports()
    running = start(tmp_path, *ports)
    try:
        address = f"http://{demo.HOST}:{ports[1]}/server_info"
        assert until(lambda: running.poll() is not None or answers(address))
        assert running.poll() is None, running.communicate()[0]
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


def answers(address: str) -> bool:
    """Whether a server is there."""
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


@pytest.mark.heavy
@pytest.mark.xdist_group("demo")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_whatever_ends_the_demo_ends_all_that_it_started(
    served: subprocess.Popen[str], tmp_path: Path, how: signal.Signals
) -> None:
    assert len(processes_in(tmp_path)) >= 5  # the demo, the sandbox, Dagster's
    served.send_signal(how)
    served.wait(timeout=SECONDS)
    assert served.returncode == (-how if how is signal.SIGKILL else 0)
    left = 60 if how is signal.SIGKILL else 0.1  # killed, it cannot wait for the others itself
    assert until(lambda: not processes_in(tmp_path), left)
