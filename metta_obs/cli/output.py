"""What a run is printed as: a table for people, one JSON object for programs."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from metta_obs.cli.execute import Report
from metta_obs.clock import iso
from metta_obs.datadog.series import tags_of
from metta_obs.metrics.registry import SERIES


def as_json(report: Report, as_of: str, env: str) -> str:
    """The run as one JSON object, on one line."""
    has = report.points["value"].notna()
    return json.dumps(
        {
            "as_of": as_of,
            "points": [
                {
                    "metric": row["metric"],
                    "repo": row["name"],
                    "as_of": iso(row["as_of"]),
                    "value": row["value"],
                    "n": int(row["n"]),
                    "tags": list(tags_of(row["repo"], env)),
                }
                for row in report.points[has].to_dict("records")
            ],
            "missing": [
                {
                    "metric": row["metric"],
                    "repo": row["name"],
                    "as_of": iso(row["as_of"]),
                    "reason": row["reason"],
                    "detail": row["detail"] if isinstance(row["detail"], str) else "",
                }
                for row in report.points[~has].to_dict("records")
            ],
            "api": report.api,
            "delivered": report.delivered,
        },
        allow_nan=False,
    )


WIDE = 150  # characters, where the output is no terminal that has a width of its own


def output_console() -> Console:
    """Standard output, wide enough for the tables where it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def print_points(report: Report, console: Console) -> None:
    """One table per repository: the newest instant of each metric, its percentiles beside it.

    Long explanations stand below the table, each once and with a number.
    """
    for name, rows in report.points.groupby("name", sort=False):
        newest = {
            row["metric"]: row for row in rows.to_dict("records")
        }  # in order of their instants: the last one stays
        table = Table(title=f"{name} at {iso(rows['as_of'].max())}", title_justify="left", header_style="bold")
        table.add_column("metric", no_wrap=True)
        for column in ("value", "p50", "p90", "p99", "n"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("unit")
        table.add_column("why there is no point", overflow="fold")
        group = None
        details: dict[str, int] = {}
        for metric in dict.fromkeys(metric for _, metric in SERIES.values()):
            if metric.name not in newest:
                continue
            own = newest[metric.name]
            others = {series.statistic: newest[series.name] for series in metric.series[1:] if series.name in newest}
            if group not in (None, metric.group):
                table.add_section()
            group = metric.group
            table.add_row(
                metric.name,
                number(own),
                *(number(others[p]) if p in others else "" for p in ("p50", "p90", "p99")),
                str(own["n"]),
                metric.unit,
                _why(own, others, details),
            )
        console.print(table)
        for detail, mark in details.items():
            console.print(f"[{mark}] {detail}", markup=False, highlight=False)


def print_summary(report: Report, console: Console) -> None:
    """What was asked of GitHub, what was delivered, and what went wrong."""
    api = report.api
    console.print(
        f"GitHub: {api['rest_calls']} REST requests, {api['rest_not_modified']} not modified, "
        f"{api['graphql_calls']} GraphQL requests ({api['graphql_points']} points). "
        f"Delivered to Datadog: {report.delivered} points"
        + (f", dashboards: {report.dashboards} created or updated." if report.dashboards else ".")
    )
    for remark in report.remarks:
        console.print(remark, style="red" if not report.success else "yellow", markup=False, highlight=False)


def number(row: dict[Any, Any]) -> str:
    """The value of a row of `metric_points` as people read it."""
    if pd.isna(row["value"]):
        return "–"
    value = float(row["value"])
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _why(own: dict[Any, Any], others: dict[str, dict[Any, Any]], details: dict[str, int]) -> str:
    """Why the value and its percentiles are missing; `details` numbers the explanations and grows by new ones."""
    whose: dict[str, list[str]] = {}
    for statistic, row in {"": own, **others}.items():
        if isinstance(row["reason"], str):
            detail = row["detail"] if isinstance(row["detail"], str) else ""
            note = f" [{details.setdefault(detail, len(details) + 1)}]" if detail else ""
            whose.setdefault(row["reason"] + note, []).append(statistic)
    return "; ".join(reason if "" in named else f"{', '.join(named)}: {reason}" for reason, named in whose.items())
