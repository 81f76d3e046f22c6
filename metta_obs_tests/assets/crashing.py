"""A process that forks runs of the main job and lets them die: `python -m metta_obs_tests.assets.crashing`.

It reads a JSON object per line: `folder` (a lake is in `lake/` below), and one of `step` (die at this one), `seconds`
(die after so long), `bytes` (no file may grow beyond them), `obedient` (root too may not write what is read-only) or
nothing; `count` runs at once. It answers with the exit status of each run and the number of its steps. A run's steps
are its requests, its commits to the lake and its end: to die right before a step is to die right after the one before,
for nothing that outlives the process happens between them.

It forks, rather than starts, each run, so that Dagster is imported once; it has one thread and has not used the lake.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3

from metta_obs.definitions import build_defs
from metta_obs.lake.store import Lake

STEPS = "steps"  # the file in which a run counts them
MODULES = "modules"  # and the one in which it lists what it imported: the parent does so too, for the runs after it
JOB = build_defs().resolve_job_def("everything")


class Steps:
    """Counts the steps of this process, and ends it at one of them."""

    def __init__(self, last: int | None) -> None:
        self.done = 0
        self.last = last

    def step(self) -> None:
        self.done += 1
        if self.done == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a step before it."""

        def stepping(*arguments: Any, **named: Any) -> Any:
            self.step()
            return function(*arguments, **named)

        return stepping


def obey_permissions() -> None:
    """Take from root the right to write where the permissions forbid it (Linux: CAP_DAC_OVERRIDE, number 1)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    sets[0] &= ~(1 << 1)  # of the effective ones
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


def run(order: dict[str, Any], number: int) -> int:
    """The main job in this process; 0 where it succeeds."""
    os.chdir(order["folder"])
    steps = Steps(order.get("step"))
    urllib3.HTTPConnectionPool.urlopen = steps.before(urllib3.HTTPConnectionPool.urlopen)  # type: ignore[method-assign]
    Lake._commit = steps.before(Lake._commit)  # type: ignore[method-assign]
    if "bytes" in order:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["bytes"], order["bytes"]))
    if order.get("obedient"):
        obey_permissions()
    config = {
        "resources": {"instants": {"config": {"as_of": order["as_of"]}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    result = JOB.execute_in_process(run_config=config, raise_on_error=False)
    steps.step()
    if "bytes" not in order and not order.get("obedient"):
        Path(f"{STEPS}-{number}").write_text(str(steps.done))
        Path(MODULES).write_text("\n".join(sorted(sys.modules)))
    return 0 if result.success else 1


def forked(order: dict[str, Any], number: int) -> int:
    """The process id of a run."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        os.environ.update(order["environment"])
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        if not os.environ.get("CRASHING_ALOUD"):
            os.dup2(quiet, 2)
        code = run(order, number)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    """Answer orders until there are no more."""
    for line in sys.stdin:
        order = json.loads(line)
        children = [forked(order, number) for number in range(order.get("count", 1))]
        if "seconds" in order:
            time.sleep(order["seconds"])
            for child in children:
                os.kill(child, signal.SIGKILL)  # one that has ended meanwhile is not waited for yet
        ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        counts = [Path(order["folder"], f"{STEPS}-{number}") for number in range(len(children))]
        steps = [int(file.read_text()) if file.exists() else None for file in counts]
        imported = Path(order["folder"], MODULES)
        for name in imported.read_text().split() if imported.exists() else ():
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        print(json.dumps({"ended": ended, "steps": steps}), flush=True)


if __name__ == "__main__":
    main()
