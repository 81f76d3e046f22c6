"""Small dashboards for the tests."""

from __future__ import annotations

from typing import Any

from metta_obs.dashboards.compile import Built

Json = dict[str, Any]
SOURCE = "jsonnet/dashboards/example.jsonnet"


def number(title: str, query: str = "sum:github.prs.open{$repo,$env}.rollup(avg, 900)", **layout: int) -> Json:
    """A query_value widget."""
    request = {
        "response_format": "scalar",
        "queries": [{"data_source": "metrics", "name": "q0", "query": query, "aggregator": "last"}],
        "formulas": [{"formula": "q0"}],
    }
    widget: Json = {"definition": {"type": "query_value", "title": title, "requests": [request]}}
    return widget | ({"layout": layout} if layout else {})


def note(content: str) -> Json:
    """A note widget."""
    return {"definition": {"type": "note", "content": content}}


def group(title: str, *widgets: Json) -> Json:
    """A group of widgets."""
    return {"definition": {"type": "group", "layout_type": "ordered", "title": title, "widgets": list(widgets)}}


def dashboard(*widgets: Json, title: str = "Example", **more: Any) -> Json:
    """A dashboard with $repo and $env."""
    return {
        "title": title,
        "description": "What it is for.",
        "layout_type": "ordered",
        "template_variables": [
            {"name": "repo", "prefix": "repo", "defaults": ["*"]},
            {"name": "env", "prefix": "env", "defaults": ["test"]},
        ],
        "widgets": list(widgets or [note("Hello"), group("Flow", number("Open"), number("Merged"))]),
    } | more


def built(*widgets: Json, source: str = SOURCE, **more: Any) -> Built:
    """The same as its source would make it."""
    return Built(source, dashboard(*widgets, **more))
