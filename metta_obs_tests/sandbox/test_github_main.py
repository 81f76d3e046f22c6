"""`python -m metta_obs.sandbox` as a person starts and stops it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from metta_obs.sandbox.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "acme" / "wheel"
    folder.mkdir(parents=True)
    (folder / "repository.json").write_text(json.dumps({"default_branch": "main"}))
    return tmp_path


@pytest.mark.heavy
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_addresses_and_ends_cleanly(dataset: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "metta_obs.sandbox", "--dataset", str(dataset), "--now", "2025-10-23T18:30:00Z"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    said = dict(process.stdout.readline().strip().split(maxsplit=1) for _ in range(4))
    answer = requests.get(f"{said['GitHub']}/repos/acme/wheel", headers={"Authorization": "Bearer x"}, timeout=5)
    assert answer.json()["full_name"] == said["Repositories"] == "acme/wheel"
    assert answer.headers["Date"].startswith("Thu, 23 Oct 2025 18:30:")
    assert said["Datadog"].startswith("http://127.0.0.1:")
    assert said["Now"].startswith("2025-10-23T18:30:")
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.fixture
def _same_handlers() -> Iterator[None]:
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.usefixtures("_same_handlers")
def test_a_busy_port_is_one_line(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--dataset", str(dataset), "--datadog-port", str(port)]) == 1
    assert capsys.readouterr() == (
        "",
        f"sandbox: port {port} is in use; choose another one or stop what listens there\n",
    )


@pytest.mark.usefixtures("_same_handlers")
def test_a_bad_dataset_is_one_line(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dataset / "acme" / "wheel" / "pulls.jsonl").write_text('{"number": 1}\n')
    assert main(["--dataset", str(dataset)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("sandbox: ")
    assert "pulls.jsonl" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("words", [["--now", "soon"], ["--github-port", "70000"], ["--seed", "x"]])
def test_an_argument_that_makes_no_sense_is_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert words[0] in capsys.readouterr().err
