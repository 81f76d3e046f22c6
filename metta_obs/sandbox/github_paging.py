"""Pages of REST lists: which rows, and the Link header.

Here: `page` and `per_page`, the slice, Link, and the faults that make a page come back short. Not here: GraphQL
connections (`github_connections`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from metta_obs.sandbox.faults import Fault

Row = TypeVar("Row")

DEFAULT_ROWS = 30
MOST_ROWS = 100
DEEPEST_ROW = 40_000  # GitHub refuses to page further into an unfiltered list


class BadPaging(ValueError):
    """A page that GitHub refuses with 422; the text is its message."""


@dataclass(frozen=True)
class Page:
    """The rows of one page and the headers that go with it, which a fault may make those of the last one."""

    number: int
    size: int
    total: int
    fault: Fault | None = None

    @property
    def last(self) -> int:
        """The number of the last page, at least 1."""
        if self.fault is not None and self.fault.kind == "end_early":
            return self.number
        return max(1, -(-self.total // self.size))

    def link(self, address: str, raw_query: str) -> dict[str, str]:
        """The Link header for the request at `address` (scheme, host and path), none for a list of one page."""
        if self.last == 1 and self.number == 1:
            return {}
        targets = {}
        if self.number > 1:
            targets["prev"] = min(self.number - 1, self.last)
        if self.number < self.last:
            targets["next"] = self.number + 1
            targets["last"] = self.last
        if self.number > 1:
            targets["first"] = 1
        parameters = [pair for pair in parse_qsl(raw_query, keep_blank_values=True) if pair[0] != "page"]
        links = [
            f'<{address}?{urlencode([*parameters, ("page", number)])}>; rel="{name}"'
            for name, number in targets.items()
        ]
        return {"Link": ", ".join(links)}


def asked(query: dict[str, str], *, size: int = DEFAULT_ROWS, most: int = MOST_ROWS) -> tuple[int, int]:
    """(page number, rows per page) of a query; more than `most` rows are `most`, as on GitHub. Raises BadPaging."""
    number = _whole(query, "page", 1)
    return number, min(_whole(query, "per_page", size), most)


def cut(rows: Sequence[Row], number: int, size: int, fault: Fault | None = None) -> list[Row]:
    """The rows of page `number`, changed by a fault of one of the kinds for pages."""
    if fault is not None and fault.kind == "duplicate_page":
        number = number - 1 if number > 1 else 2
    page = list(rows[(number - 1) * size : number * size])
    if fault is not None and fault.kind == "drop_page":
        return []
    if fault is not None and fault.kind == "truncate":
        return page[: len(page) // 2 if fault.rows is None else fault.rows]
    return page


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise BadPaging(f"Invalid value for {name}: {text!r} is not a positive whole number.")
    return int(text)
