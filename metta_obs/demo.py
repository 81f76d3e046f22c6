"""`make demo`: everything against simulated servers, in a folder of its own (`python -m metta_obs.demo [--once]`).

It starts the sandbox, runs the main job once, then serves Dagster with the schedule on until Ctrl-C or SIGTERM. Here:
starting, waiting, stopping. What it starts are the same programs as for real, in another environment and folder: no
setting, key, address, lake or Dagster data of real use comes in. It imports nothing that takes time.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
# Every setting's name begins with one of these, and so do those that boto3, Dagster and Datadog's client read.
FOREIGN = ("METTA_OBS_", "GITHUB_", "GH_", "DD_", "DATADOG_", "AWS_", "DAGSTER_")
STOPPED_WITHIN = 30  # seconds
INTERRUPTED = 130  # the exit code of shells
SIGNAL_WHEN_PARENT_DIES = 1  # Linux: prctl(PR_SET_PDEATHSIG, …)


@dataclass(frozen=True)
class Ports:
    """Where the demo's programs listen."""

    dagster: int = 3000
    github: int = 3081
    datadog: int = 3082


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


class CannotStart(Exception):
    """Something that the demo needs is not there; the message says what."""


class Processes:
    """The programs that the demo started, each with its own process group; stopped in reverse order."""

    def __init__(self, over: threading.Event) -> None:
        self._over = over
        self._started: list[subprocess.Popen[str]] = []
        self._interrupted_whole: list[subprocess.Popen[str]] = []

    def start(
        self, words: list[str], env: Mapping[str, str], folder: Path, *, listen: bool = False, whole: bool = False
    ) -> subprocess.Popen[str]:
        """Start `python WORDS`.

        `listen` gives its standard output to the caller; `whole` has all that it starts interrupted with it.
        """
        process = subprocess.Popen(
            [sys.executable, *words],
            env=dict(env),
            cwd=folder,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if listen else None,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        self._started.append(process)
        if whole:
            self._interrupted_whole.append(process)
        return process

    def wait_for(self, *processes: subprocess.Popen[str]) -> subprocess.Popen[str]:
        """Wait until one of `processes` has ended, and return it. Raises Stopped."""
        while True:
            for process in processes:
                if process.poll() is not None:
                    self._sweep(process)
                    return process
            self.pause()

    def pause(self) -> None:
        """Wait a moment. Raises Stopped."""
        if self._over.wait(0.2):
            raise Stopped

    def stop(self) -> None:
        """End them all, and what they started."""
        for process in self._started[::-1]:
            with contextlib.suppress(ProcessLookupError):
                if process in self._interrupted_whole:
                    os.killpg(process.pid, signal.SIGINT)
                else:
                    process.send_signal(signal.SIGINT)
            try:
                process.wait(STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                print(f"demo: process {process.pid} does not stop: killing it", file=sys.stderr)
            self._sweep(process)
            process.wait()

    def _sweep(self, process: subprocess.Popen[str]) -> None:
        """Kill what is left of its group. At once and only once: later the number may be another program's."""
        self._started.remove(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _end_with_parent() -> None:
    """Have Linux interrupt this process when the demo dies, even by SIGKILL."""
    ctypes.CDLL(None).prctl(SIGNAL_WHEN_PARENT_DIES, signal.SIGINT)


def environment(folder: Path, ports: Ports, repositories: list[str], inherited: Mapping[str, str]) -> dict[str, str]:
    """What the demo's programs see: `inherited` without any setting, and the demo's own settings."""
    kept = {name: value for name, value in inherited.items() if not name.upper().startswith(FOREIGN)}
    return kept | {
        "METTA_OBS_REPOS": ",".join(repositories),
        "METTA_OBS_LAKE": str(folder / "lake"),
        "METTA_OBS_SCHEDULE": "on",
        "GITHUB_API_URL": f"http://{HOST}:{ports.github}",
        "GITHUB_TOKEN": "demo",
        "DD_URL": f"http://{HOST}:{ports.datadog}",
        "DD_API_KEY": "0" * 32,
        "DD_APP_KEY": "0" * 40,
        "DD_ENV": "demo",
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "NO_PROXY": HOST,
        "no_proxy": HOST,
        "PYTHONPATH": str(ROOT),
    }


def check_port(port: int, what: str, option: str) -> None:
    """CannotStart where another program listens on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        busy = probe.connect_ex((HOST, port)) == 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            busy = True
    if busy:
        raise CannotStart(
            f"port {port} ({what}) is in use: stop what listens there, "
            f"or choose another: .venv/bin/python -m metta_obs.demo {option} N"
        )


def start_sandbox(processes: Processes, folder: Path, ports: Ports) -> tuple[subprocess.Popen[str], list[str]]:
    """Start the simulated GitHub and Datadog; the process and, once they answer, the repositories that they have."""
    words = ["-m", "metta_obs.sandbox", "--github-port", str(ports.github), "--datadog-port", str(ports.datadog)]
    process = processes.start(words, environment(folder, ports, [], os.environ), folder, listen=True)
    said: dict[str, list[str]] = {}

    def listen() -> None:
        for line in process.stdout or ():
            name, *values = line.split()
            said[name] = values
            if name == "Now":  # the last line
                break

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    while listener.is_alive():
        processes.pause()
    if "Now" not in said:
        raise CannotStart("the simulated servers did not start")
    return process, said["Repositories"]


def serve(
    processes: Processes, sandbox: subprocess.Popen[str], env: Mapping[str, str], folder: Path, port: int
) -> None:
    """Serve Dagster until it is stopped. Raises Stopped, or CannotStart where it or the sandbox ends by itself."""
    words = ["-W", "ignore", "-m", "dagster", "dev", "--workspace", str(ROOT / "workspace.yaml")]
    words += ["--port", str(port), "--log-level", "error"]
    # Interrupted as a terminal does it: a run that is active is then written down as failed, and the schedule of the
    # next demo does not wait for it.
    dagster = processes.start(words, env, folder, whole=True)
    threading.Thread(target=_announce, args=(dagster, port), daemon=True).start()
    ended = processes.wait_for(dagster, sandbox)
    raise CannotStart("Dagster ended by itself" if ended is dagster else "the simulated servers ended by themselves")


def _announce(dagster: subprocess.Popen[str], port: int) -> None:
    """Say where Dagster is, as soon as it answers."""
    pause = threading.Event()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while dagster.poll() is None:
        try:
            opener.open(f"http://{HOST}:{port}/server_info", timeout=5).close()
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            pause.wait(0.5)
            continue
        print(
            f"demo: Dagster is at http://{HOST}:{port}, the job runs every quarter-hour; Ctrl-C stops it all",
            flush=True,
        )
        return


def demo(processes: Processes, folder: Path, ports: Ports, *, only_once: bool) -> int:
    """The demo in `folder`; the exit code of its first run where it is the only one."""
    check_port(ports.github, "the simulated GitHub", "--github-port")
    check_port(ports.datadog, "the simulated Datadog", "--datadog-port")
    if not only_once:
        check_port(ports.dagster, "Dagster", "--port")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "dagster.yaml", folder / "dagster.yaml")
    print("demo: starting a simulated GitHub and Datadog", flush=True)
    sandbox, repositories = start_sandbox(processes, folder, ports)
    env = environment(folder, ports, repositories, os.environ)
    print("demo: running the main job once", flush=True)
    run = processes.wait_for(processes.start(["-m", "metta_obs.cli.once"], env, folder))
    if only_once:
        return run.returncode
    print("demo: starting Dagster", flush=True)
    serve(processes, sandbox, env, folder, ports.dagster)
    return 1


def main(words: list[str] | None = None) -> int:
    """Run the demo in .metta_obs/demo of the working folder; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m metta_obs.demo", description="Everything against simulated servers."
    )
    parser.add_argument("--once", action="store_true", help="stop after the first run; exit code as of that run")
    for option, name in (("--port", "dagster"), ("--github-port", "github"), ("--datadog-port", "datadog")):
        default = getattr(Ports, name)
        parser.add_argument(option, dest=name, type=int, default=default, metavar="N", help=f"default: {default}")
    arguments = parser.parse_args(words)
    ports = Ports(arguments.dagster, arguments.github, arguments.datadog)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    processes = Processes(over)
    try:
        return demo(processes, Path.cwd() / ".metta_obs" / "demo", ports, only_once=arguments.once)
    except CannotStart as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    except Stopped:
        print("\ndemo: stopping", flush=True)
        return INTERRUPTED if arguments.once else 0
    finally:
        processes.stop()


if __name__ == "__main__":
    sys.exit(main())
