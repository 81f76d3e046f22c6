"""Finding mistakes in dashboards before anything leaves the machine.

Here: the rules, one function each, named in what they find. Not here: the schema (`schema`), reading queries
(`queries`). A rule takes a dashboard and yields (path, message); `RULES` is the list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, cast

from metta_obs.dashboards.compile import FOLDER, Built, compile
from metta_obs.dashboards.queries import PROSE, Path, metric_queries, metric_texts, variables, walk
from metta_obs.dashboards.schema import dashboard_validator
from metta_obs.datadog.series import TAGS

PREFIX = "github."

Mistakes = Iterator[tuple[str, Path, str]]
Rule = Callable[[dict[str, Any], Collection[str]], Mistakes]


@dataclass(frozen=True)
class Finding:
    """One mistake: the rule that found it, the source, where in the dashboard (titles and fields), and what it is."""

    rule: str
    source: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.where}: {self.message} [{self.rule}]"


class CheckError(Exception):
    """Dashboards with mistakes in them; `findings` has each."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = list(findings)


def check(built: Sequence[Built], series: Mapping[str, Any] | Collection[str]) -> list[Finding]:
    """Every mistake in the dashboards, [] for none.

    `series`: the names, prefix included, of the series that we send: the keys of `metta_obs.metrics`' `series_of()`.
    """
    return [
        Finding(name, one.source, where(one.dashboard, path), message)
        for one in built
        for rule in RULES
        for name, path, message in rule(one.dashboard, series)
    ]


def build(
    env: str, series: Mapping[str, Any] | Collection[str], folder: File = FOLDER, only: Sequence[File] | None = None
) -> list[Built]:
    """Compile and check, all or nothing. Raises CompileError or CheckError; arguments as for `compile` and `check`."""
    built = compile(env, folder, only)
    if findings := check(built, series):
        raise CheckError(findings)
    return built


def where(dashboard: dict[str, Any], path: Path) -> str:
    """A path in words: `CI/CD > Duration > requests[0].queries[1].query`; an untitled widget by type and place."""
    words: list[str] = []
    fields, node = "", cast(Any, dashboard)
    for step in path:
        node = node[step]
        fields += f"[{step}]" if isinstance(step, int) else f".{step}"
        if isinstance(step, int) and isinstance(node, dict) and isinstance(node.get("definition"), dict):
            definition = node["definition"]
            words.append(str(definition.get("title") or f"{definition.get('type', 'widget')} {step + 1}"))
            fields = ""
    fields = fields.removeprefix(".definition").removeprefix(".")
    return " > ".join([*words, *([fields] if fields else [])]) or "dashboard"


def _schema(dashboard: dict[str, Any], series: Collection[str]) -> Mistakes:
    for error in dashboard_validator().iter_errors(dashboard):
        path = tuple(error.instance_path)
        if path[-2:] == ("definition", "type"):
            yield "unknown_widget", path, f"the installed client knows no widget of this type: {error.message}"
        else:
            yield "schema", path, error.message


def _metrics(dashboard: dict[str, Any], series: Collection[str]) -> Mistakes:
    prefixes: dict[str, str] = {one["name"]: one.get("prefix") or "" for one in _template_variables(dashboard)}
    for path, text in metric_texts(dashboard):
        for query in metric_queries(text):
            if not query.metric.startswith(PREFIX):
                continue
            if query.metric not in series:
                yield "unknown_metric", path, f"{query.metric} is not in the catalogue of metrics"
            meant = {prefixes[name] for name in query.variables if prefixes.get(name)}
            for key in sorted((query.tags | meant) - set(TAGS)):
                yield "unknown_tag", path, f"{query.metric} has no tag {key}; it has {', '.join(TAGS)}"


def _variables(dashboard: dict[str, Any], series: Collection[str]) -> Mistakes:
    defined = {one["name"] for one in _template_variables(dashboard)}
    for path, node in walk(dashboard.get("widgets"), ("widgets",)):
        if isinstance(node, str) and not PROSE.intersection(path):
            for name in sorted(variables(node) - defined):
                yield "undefined_variable", path, f"${name} is not a template variable of this dashboard"


def _template_variables(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    given = dashboard.get("template_variables")
    return [one for one in given if isinstance(one, dict) and "name" in one] if isinstance(given, list) else []


RULES: tuple[Rule, ...] = (_schema, _metrics, _variables)
