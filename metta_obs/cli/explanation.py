"""What `explain` prints: the facts behind one number, then the rows, each linked to its page on GitHub."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from metta_obs.cli.output import number
from metta_obs.clock import iso
from metta_obs.metrics.catalogue import REASONS
from metta_obs.metrics.explain import Explanation

# Where under the repository's address GitHub shows what a column names.
PAGES = {"number": "pull/{}", "sha": "commit/{}", "run_id": "actions/runs/{}"}
STORED = ("origin", "value", "n", "reason", "known_at", "code_version", "computed_at")
DELIVERED = ("site", "env", "value", "delivered_at")
BRIEF = 12  # characters of a commit's id on a terminal


def explanation_as_json(found: Explanation, name: str, page: str, link: str | None) -> str:
    """The explanation as one JSON object, on one line; null where there is nothing."""
    start, end = found.window
    point = found.point
    rows = [
        {**{column: _plain(value) for column, value in row.items()}, "url": _url(page, row)}
        for row in found.rows.to_dict("records")
    ]
    return json.dumps(
        {
            "metric": found.series.name,
            "repo": name,
            "as_of": iso(end),
            **{key: _plain(point[key]) for key in ("value", "n", "reason", "detail", "known_at", "code_version")},
            "unit": found.series.unit,
            "statistic": found.series.statistic,
            "definition": found.metric.definition,
            "window": {"from": iso(start), "to": iso(end)},
            "verify": link,
            "tables": _records(found.tables),
            "stored": _records(found.stored),
            "delivered": _records(found.delivered),
            "rows": rows,
        },
        allow_nan=False,
    )


def print_explanation(found: Explanation, name: str, page: str, link: str | None, console: Console) -> None:
    """Facts, then pulls, then what was stored and sent, then the rows."""
    point, (start, end) = found.point, found.window
    facts = Table(title=f"{found.series.name} of {name} at {iso(end)}", title_justify="left", show_header=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("value", f"{number(point)} {found.series.unit} (n = {point['n']})")
    if isinstance(point["reason"], str):
        facts.add_row("no point", f"{point['reason']}: {REASONS[point['reason']]}")
    if isinstance(point["detail"], str):
        facts.add_row("note", Text(point["detail"]))
    facts.add_row("definition", f"{found.metric.definition} This series: {found.series.statistic}.")
    facts.add_row("window", f"{iso(start)} ≤ date < {iso(end)}" if start < end else f"the state at {iso(end)}")
    facts.add_row("k(t)", _text(point["known_at"]) or "no complete pull at or after t")
    facts.add_row("code version", point["code_version"])
    facts.add_row("verify", link or "GitHub has no page that shows the same")
    console.print(facts)
    _print_table("Tables, and the pull that counts", found.tables, console)
    _print_table("Stored points", [{column: row[column] for column in STORED} for row in found.stored], console)
    _print_table("Delivered", [{column: row[column] for column in DELIVERED} for row in found.delivered], console)
    _print_table(f"Rows ({len(found.rows)})", found.rows.to_dict("records"), console, page)


def _print_table(title: str, records: list[dict[Any, Any]], console: Console, page: str = "") -> None:
    if not records:
        console.print(f"{title}: none", highlight=False)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in records[0]:
        table.add_column(column, overflow="fold", no_wrap=column in PAGES)
    for row in records:
        table.add_row(*(_cell(column, value, page) for column, value in row.items()))
    console.print(table)


def _cell(column: str, value: Any, page: str) -> Text:
    """A value; what GitHub has a page for is a link to it."""
    text = _text(value)
    if page and column in PAGES:
        return Text(text[:BRIEF], style=f"link {page}/{PAGES[column].format(text)}")
    return Text(text)


def _url(page: str, row: dict[Any, Any]) -> str | None:
    return next((f"{page}/{path.format(row[column])}" for column, path in PAGES.items() if column in row), None)


def _records(records: list[dict[Any, Any]]) -> list[dict[str, Any]]:
    return [{key: _plain(value) for key, value in row.items()} for row in records]


def _plain(value: Any) -> Any:
    """A cell as JSON has it: times in ISO form, null for what is missing."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return iso(value)
    return value.item() if hasattr(value, "item") else value


def _text(value: Any) -> str:
    plain = _plain(value)
    return "" if plain is None else f"{plain:,.2f}" if isinstance(plain, float) else str(plain)
