"""Reading metric queries: which metrics, tag keys and template variables they name.

Here: enough of Datadog's query language for checks and lineage, that is for queries like
`max:github.ci.duration_p90_minutes{$repo,env:production} by {repo}.rollup(max, 900)`. Not here: the rules (`check`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

_QUERY = re.compile(
    r"(?:(?P<aggregator>[a-z][a-z0-9]*):)?(?P<metric>[A-Za-z][A-Za-z0-9_.]*)"
    r"\s*\{(?P<scope>[^{}]*)\}(?:\s*by\s*\{(?P<by>[^{}]*)\})?"
)
_KEY = re.compile(r"(?:^|[\s,(!-])(?P<key>[A-Za-z][\w./-]*)(?=:|\s+(?:NOT\s+)?IN\s*\()", re.IGNORECASE)
_VARIABLE = re.compile(r"\$([A-Za-z_][\w-]*)")
PROSE = frozenset({"content", "title", "text", "description", "alias", "label", "url", "link", "image_url"})


@dataclass(frozen=True)
class MetricQuery:
    """One metric in a query: its space aggregation (None: Datadog's default), name, and what it is cut by.

    `tags` are tag keys that are written out, `variables` the names of template variables.
    """

    aggregator: str | None
    metric: str
    tags: frozenset[str]
    variables: frozenset[str]


def metric_queries(query: str) -> list[MetricQuery]:
    """The metrics that a query's text names, in order."""
    found = []
    for match in _QUERY.finditer(query):
        by = {key.strip() for key in (match["by"] or "").split(",")}
        tags = {key["key"] for key in _KEY.finditer(match["scope"])} | {key for key in by if key and key[0] != "$"}
        used = variables(f"{match['scope']},{match['by'] or ''}")
        found.append(MetricQuery(match["aggregator"], match["metric"], frozenset(tags), frozenset(used)))
    return found


def variables(text: str) -> set[str]:
    """Names of the template variables that a text uses, without `$` and `.value`."""
    return set(_VARIABLE.findall(text))


def metric_texts(dashboard: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Every metric query of a dashboard with its path: `q`, and `query` where the data source is metrics."""
    for path, node in walk(dashboard):
        if isinstance(node, dict):
            if isinstance(node.get("q"), str):
                yield (*path, "q"), node["q"]
            if isinstance(node.get("query"), str) and node.get("data_source") == "metrics":
                yield (*path, "query"), node["query"]


def metrics_of(dashboard: dict[str, Any]) -> list[str]:
    """Names of the metrics that a dashboard queries, sorted."""
    return sorted({query.metric for _, text in metric_texts(dashboard) for query in metric_queries(text)})


def walk(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every node of a JSON value with its path, parents first."""
    yield path, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from walk(value, (*path, key))
