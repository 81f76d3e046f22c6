"""GraphQL connections: a window of a list by cursors, as GitHub pages.

Here: `Listing` (what a connection is over), `window` (which rows `first`, `after`, `last` and `before` choose) and the
faults that make it come back short. Not here: which lists there are (`github_fields*`), what they cost
(`github_cost`).

A list with a `key` is sorted by it and its cursors bear keys: when the list changes between two pages, the second
begins behind the same row, as on GitHub. The other lists count rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from metta_obs.sandbox.faults import Fault
from metta_obs.sandbox.github_ids import cursor, read_cursor


class BadCursor(ValueError):
    """A cursor that this server did not make."""


@dataclass
class Listing:
    """The rows of a connection: `make` turns one into a node. `total` is its totalCount where that is not the number
    of rows; `more` holds further fields of the connection type; `anchor` goes into the cursors of lists without key."""

    rows: Sequence[Any]
    make: Callable[[Any], Any]
    key: Callable[[Any], list[Any]] | None = None
    descending: bool = False
    total: int | None = None
    anchor: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def cursor(self, index: int) -> str:
        """The cursor of one row."""
        return cursor([self.anchor, index] if self.key is None else self.key(self.rows[index]))

    def behind(self, text: str) -> int:
        """The index of the first row behind a cursor."""
        index, found = self._seek(text)
        return index + 1 if found else index

    def at(self, text: str) -> int:
        """The index of the row of a cursor, or of the first one behind it where that row is gone."""
        return self._seek(text)[0]

    def _seek(self, text: str) -> tuple[int, bool]:
        try:
            wanted = read_cursor(text)
        except ValueError as error:
            raise BadCursor(f"`{text}` does not appear to be a valid cursor.") from error
        if self.key is None:
            index = int(wanted[1])
            return max(0, min(index, len(self.rows))), index < len(self.rows)
        key = self.key
        if self.descending:
            index = bisect_left(self.rows, True, key=lambda row: key(row) <= wanted)
        else:
            index = bisect_left(self.rows, True, key=lambda row: key(row) >= wanted)
        return index, index < len(self.rows) and key(self.rows[index]) == wanted


class Window:
    """The rows that one request sees of a connection; the source object of the connection's fields."""

    def __init__(self, listing: Listing, start: int, end: int, fault: Fault | None = None) -> None:
        self.listing = listing
        self.start = start
        self.end = end
        self.shown = _shown(start, end, fault)
        self.seems_last = fault is not None and fault.kind == "end_early"

    @property
    def total(self) -> int:
        """totalCount."""
        return len(self.listing.rows) if self.listing.total is None else self.listing.total

    def nodes(self) -> list[Any]:
        """nodes."""
        make, rows = self.listing.make, self.listing.rows
        return [make(rows[index]) for index in self.shown if index < len(rows)]

    def edges(self) -> list[tuple[str, Any]]:
        """edges, as (cursor, node)."""
        there = (index for index in self.shown if index < len(self.listing.rows))
        return list(zip((self.listing.cursor(index) for index in there), self.nodes(), strict=True))

    def page_info(self) -> dict[str, Any]:
        """pageInfo, of the window as it should have been: a short page does not betray itself."""
        some = self.end > self.start
        return {
            "hasNextPage": self.end < len(self.listing.rows) and not self.seems_last,
            "hasPreviousPage": self.start > 0,
            "startCursor": self.listing.cursor(self.start) if some else None,
            "endCursor": self.listing.cursor(self.end - 1) if some else None,
        }


def bounds(listing: Listing, arguments: dict[str, Any]) -> tuple[int, int]:
    """The rows that `first`/`last`/`after`/`before` choose, as (start, end). Raises BadCursor."""
    start, end = 0, len(listing.rows)
    if arguments.get("after"):
        start = listing.behind(arguments["after"])
    if arguments.get("before"):
        end = max(start, listing.at(arguments["before"]))
    if arguments.get("first") is not None:
        end = min(end, start + arguments["first"])
    if arguments.get("last") is not None:
        start = max(start, end - arguments["last"])
    return start, end


def _shown(start: int, end: int, fault: Fault | None) -> range:
    size = end - start
    if fault is None or fault.kind == "end_early":
        return range(start, end)
    if fault.kind == "drop_page":
        return range(start, start)
    if fault.kind == "duplicate_page":
        return range(start - size, start) if start >= size > 0 else range(end, end + size)
    return range(start, start + (size // 2 if fault.rows is None else min(size, fault.rows)))
