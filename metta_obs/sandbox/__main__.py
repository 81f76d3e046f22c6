"""`python -m metta_obs.sandbox`: a local GitHub and Datadog until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from metta_obs.sandbox.dataset_rows import DatasetError
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.sandbox.server import PortInUse


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2025-10-23T18:30:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m metta_obs.sandbox",
        description="A local GitHub and Datadog over a made-up world, or over the rows of a dataset.",
    )
    parser.add_argument("--github-port", type=_port, default=0, metavar="P", help="default: a free one")
    parser.add_argument("--datadog-port", type=_port, default=0, metavar="P", help="default: a free one")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another made-up world (0)")
    parser.add_argument(
        "--now",
        type=_moment,
        metavar="ISO",
        help="where the world's clock starts, in UTC unless it says so; default: the present",
    )
    parser.add_argument("--dataset", type=Path, metavar="DIR", help="serve DIR/<owner>/<name>/*.jsonl instead")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. 0, or 1 with one line on standard error where it cannot start."""
    arguments = _arguments(words)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        sandbox = Sandbox(
            seed=arguments.seed,
            now=arguments.now,
            dataset=arguments.dataset,
            github_port=arguments.github_port,
            datadog_port=arguments.datadog_port,
        )
        sandbox.start()
    except (PortInUse, DatasetError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    repositories = sorted(repository.full_name for repository in sandbox.world.state().values())
    print(f"GitHub        {sandbox.github_url}")
    print(f"Datadog       {sandbox.datadog_url}")
    print(f"Repositories  {' '.join(repositories)}")
    print(f"Now           {sandbox.clock.now():%Y-%m-%dT%H:%M:%SZ}", flush=True)
    over.wait()
    sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
