"""What comes back from GitHub, and the count of it.

Here: plain records. Not here: the asking (`api`), what errors mean (`errors`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from metta_obs.github.errors import GitHubError

Body = Any


@dataclass
class Usage:
    """What was asked of GitHub: `rest_calls` are the REST answers but 304s and /rate_limit; quotas per bucket."""

    rest_calls: int = 0
    rest_not_modified: int = 0
    graphql_calls: int = 0
    graphql_points: int = 0
    remaining: dict[str, int] = field(default_factory=dict)
    limit: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Usage:
        """This usage as it stands now."""
        return deepcopy(self)

    def counts_since(self, earlier: Usage) -> dict[str, int]:
        """The four counts, less those of `earlier`."""
        names = ("rest_calls", "rest_not_modified", "graphql_calls", "graphql_points")
        return {name: getattr(self, name) - getattr(earlier, name) for name in names}


@dataclass(frozen=True)
class Answer:
    """A REST answer: its JSON `body` (None for 304), `etag`, and the address of the next page, if any."""

    request: str
    status: int
    headers: Mapping[str, str]
    body: Body

    @property
    def not_modified(self) -> bool:
        return self.status == 304

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")

    @property
    def next_page(self) -> str | None:
        """The address that `Link` calls `next`."""
        found = re.search(r'<([^<>]+)>\s*;[^,]*\brel="?next"?', self.headers.get("link", ""))
        return found.group(1) if found else None


@dataclass(frozen=True)
class GraphQLAnswer:
    """A GraphQL answer: its `data`, and the errors that left holes (nulls) in it."""

    request: str
    headers: Mapping[str, str]
    data: dict[str, Any]
    errors: list[dict[str, Any]]

    def whole(self) -> dict[str, Any]:
        """The data, if nothing is missing from it. Raises GitHubError(partial)."""
        if self.errors:
            said = "; ".join(str(error.get("message") or "") for error in self.errors[:3])
            raise GitHubError("partial", f"{self.request} answered with holes ({said}): the next run tries again")
        return self.data
