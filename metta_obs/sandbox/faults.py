"""Faults that a test switches on: which requests they strike, how often, and what then goes wrong.

Here: the faults and the choice of the one that strikes. Not here: what a server makes of it (`github_faults` for
status codes, cut connections and GraphQL errors, `github_paging` for pages that come back short).

A fault strikes a request when everything that it names fits: `method`; `path` (without the query; a shell pattern
such as `*/actions/runs`, or a regular expression after `re:`); `operation`, a shell pattern for the name of the
GraphQL operation; `page`, the number of the page asked for. What is None or "*" fits everything. `times` counts down
to 0; None is for ever. Where several fit, the one that was added first strikes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

Kind = Literal[
    "status",
    "cut",
    "slow",
    "truncate",
    "drop_page",
    "duplicate_page",
    "end_early",
    "partial",
    "rate_limit",
    "secondary_limit",
]
PAGE_KINDS = ("truncate", "drop_page", "duplicate_page", "end_early")
ANSWER_KINDS = tuple(kind for kind in get_args(Kind) if kind not in PAGE_KINDS)


class BadFault(ValueError):
    """The description of a fault makes no sense."""


@dataclass
class Fault:
    """One fault.

    | kind | what happens | fields |
    |---|---|---|
    | status | this answer instead of the real one | `status`, `body` (JSON value or text), `headers` |
    | cut | the connection closes | `where`: before anything is sent, or in the middle of the body |
    | slow | the right answer, late | `seconds` |
    | truncate | a page comes back with `rows` rows (None: half of them), its Link or pageInfo as if it were whole | |
    | drop_page | the same with no row at all | |
    | duplicate_page | the rows of the page before (of the next one for page 1) instead of its own | |
    | end_early | a whole page, whose Link or pageInfo says that it is the last one | |
    | partial | GraphQL: what has the dotted path `data_path` (a shell pattern) in `data` is null, `errors` says why | |
    | rate_limit | the quota is used up: 403, or RATE_LIMIT inside a 200 for GraphQL | |
    | secondary_limit | `status` 403 or 429, with Retry-After where `retry_after` is given | |

    The four kinds for pages work on every REST list, and on every GraphQL connection whose name fits `connection`
    (a shell pattern for `Type.field` or `field`); without `connection` they leave GraphQL alone.
    """

    kind: Kind
    path: str = "*"
    method: str | None = None
    operation: str | None = None
    page: int | None = None
    times: int | None = None
    status: int = 503
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    where: Literal["before", "middle"] = "before"
    seconds: float = 1.0
    rows: int | None = None
    connection: str | None = None
    data_path: str = "*"
    message: str = "Resource limits for this query exceeded."
    error_type: str = "RESOURCE_LIMITS_EXCEEDED"
    retry_after: str | int | None = 60
    id: int = 0
    struck: int = 0

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Fault:
        """A fault from plain values, such as the body of POST /_sandbox/faults; BadFault says what is wrong."""
        known = {f.name for f in fields(cls)} - {"id", "struck"}
        if unknown := sorted(set(value) - known):
            raise BadFault(f"unknown: {', '.join(unknown)}; a fault has {', '.join(sorted(known))}")
        if value.get("kind") not in get_args(Kind):
            raise BadFault(f"kind must be one of {', '.join(get_args(Kind))}")
        if value.get("where", "before") not in ("before", "middle"):
            raise BadFault("where must be before or middle")
        return cls(**value)

    def as_json(self) -> dict[str, Any]:
        """This fault as plain values."""
        return asdict(self)

    def fits(self, method: str, path: str, operation: str | None, page: int | None) -> bool:
        """Whether the fault names this request."""
        return (
            self.method in (None, "*", method)
            and _fits(self.path, path)
            and (self.operation is None or (operation is not None and fnmatchcase(operation, self.operation)))
            and self.page in (None, page)
        )


class Faults:
    """The faults of a server, oldest first. Safe to use from several threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._next_id = 1
        self._lock = threading.Lock()

    def add(self, kind: Kind, path: str = "*", **settings: Any) -> Fault:
        """Switch on a fault; see `Fault` for the settings. `remove(fault.id)` or `clear()` switches it off."""
        return self.insert(Fault.from_json({"kind": kind, "path": path, **settings}))

    def insert(self, fault: Fault) -> Fault:
        """Switch on `fault` and give it an id."""
        with self._lock:
            fault.id = self._next_id
            self._next_id += 1
            self._faults.append(fault)
        return fault

    def remove(self, fault_id: int) -> bool:
        """Switch off one fault; False where there is none of this id."""
        with self._lock:
            before = len(self._faults)
            self._faults = [fault for fault in self._faults if fault.id != fault_id]
            return len(self._faults) < before

    def clear(self) -> None:
        """Switch off every fault."""
        with self._lock:
            self._faults = []

    def all(self) -> list[Fault]:
        """The faults, also those that have struck as often as they should."""
        with self._lock:
            return list(self._faults)

    def strike(
        self,
        kinds: tuple[str, ...],
        method: str,
        path: str,
        *,
        operation: str | None = None,
        page: int | None = None,
        connection: tuple[str, str] | None = None,
    ) -> Fault | None:
        """The fault among `kinds` that strikes this request, counted, or None.

        `connection` is (type, field) of the GraphQL connection that is being read, None for REST and whole answers.
        """
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.kind not in kinds or (fault.times is not None and fault.struck >= fault.times):
                    continue
                if not fault.fits(method, path, operation, page):
                    continue
                if fault.kind in PAGE_KINDS and not _same_connection(fault.connection, connection):
                    continue
                fault.struck += 1
                return fault
        return None


def _fits(pattern: str, text: str) -> bool:
    if pattern.startswith("re:"):
        return re.search(pattern[3:], text) is not None
    return fnmatchcase(text, pattern)


def _same_connection(pattern: str | None, connection: tuple[str, str] | None) -> bool:
    if pattern is None or connection is None:
        return pattern is None and connection is None
    owner, name = connection
    return fnmatchcase(f"{owner}.{name}" if "." in pattern else name, pattern)
