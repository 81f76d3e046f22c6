"""From Jsonnet to dashboards: every source in one evaluation.

Most of the time goes into reading files: the interpreter reads its standard library anew for each import, about
50 ms, whether the import is large or small, and a file that several dashboards import is read once.
Here: evaluating, stable JSON. Not here: whether the result makes sense (`check`), the sources themselves
(`jsonnet/`). A source sees the environment that it is built for, as the tag has it, as `std.extVar('env')`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _jsonnet

from metta_obs.datadog.series import tag

FOLDER = Path(__file__).resolve().parents[2] / "jsonnet"  # the sources stand beside the package


class CompileError(Exception):
    """A source does not evaluate; the message has its file and line."""


@dataclass(frozen=True)
class Built:
    """A dashboard as its source makes it; `source` is the file, such as jsonnet/dashboards/github_health.jsonnet."""

    source: str
    dashboard: dict[str, Any]

    @property
    def name(self) -> str:
        """The source's name without folder and ending, such as github_health."""
        return Path(self.source).stem

    @property
    def json(self) -> str:
        """The dashboard as text: sorted keys, the same bytes for the same dashboard."""
        return json.dumps(self.dashboard, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def sources(folder: Path = FOLDER) -> list[Path]:
    """The dashboards' sources, sorted: `dashboards/*.jsonnet` under the Jsonnet folder."""
    return sorted((folder / "dashboards").glob("*.jsonnet"))


def compile(env: str, folder: Path = FOLDER, only: Sequence[Path] | None = None) -> list[Built]:
    """Evaluate all sources (or `only` these, which must lie in `folder`) for an environment (DD_ENV), all or nothing.

    Imports are looked up in `folder`. Raises CompileError: no sources, a source that does not evaluate (with the
    trace, file and line), or one that does not make an object.
    """
    files = sources(folder) if only is None else list(only)
    if not files:
        raise CompileError(f"there are no dashboards in {folder / 'dashboards'}")
    paths = sorted(_inside(file, folder) for file in files)
    parts = (f"{json.dumps(f'{folder.resolve().name}/{path}')}: import {json.dumps(path)}" for path in paths)
    program = "{" + ",".join(parts) + "}"
    variables = {"env": tag("env", env).removeprefix("env:")}
    try:
        text = _jsonnet.evaluate_snippet("dashboards", program, jpathdir=str(folder), ext_vars=variables)
    except RuntimeError as error:
        raise CompileError(_readable(str(error), folder)) from error
    dashboards = json.loads(text)
    for name, dashboard in dashboards.items():
        if not isinstance(dashboard, dict):
            raise CompileError(f"{name}: a dashboard must be an object, not {type(dashboard).__name__}")
    return [Built(name, dashboards[name]) for name in sorted(dashboards)]


def write(built: Sequence[Built], folder: Path) -> list[Path]:
    """Write each dashboard to `folder`/<name>.json and return the files; one that is right already is not touched."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for one in built:
        file = folder / f"{one.name}.json"
        if not file.exists() or file.read_text(encoding="utf-8") != one.json:
            file.write_text(one.json, encoding="utf-8")
        files.append(file)
    return files


def _inside(file: Path, folder: Path) -> str:
    """The source's path in the Jsonnet folder; with the folder's own name it is the same on every machine."""
    try:
        return file.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError as error:
        raise CompileError(f"{file} does not lie in {folder}") from error


def _readable(trace: str, folder: Path) -> str:
    """The interpreter's trace with files named as people know them, and without our own wrapper."""
    for prefix in (f"{folder.resolve()}/", f"{folder}/"):
        trace = trace.replace(prefix, f"{folder.name}/")
    ours = re.compile(r"\s*(dashboards:\d|During (evaluation|manifestation))")
    return "\n".join(line for line in trace.splitlines() if line.strip() and not ours.match(line))
