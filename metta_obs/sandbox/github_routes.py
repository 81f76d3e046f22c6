"""The table of REST routes: how a path finds its handler, and what a handler gets and gives back.

Here: `Call`, `Answer`, the registration `@route`, and the routes that belong to no family. Not here: the routes of
pull requests, Git and Actions (`github_routes_*`), and what is common to all answers (`github`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from metta_obs.sandbox import github_paging
from metta_obs.sandbox.faults import PAGE_KINDS, Faults
from metta_obs.sandbox.github_bodies import Site
from metta_obs.sandbox.github_views import RepositoryView
from metta_obs.sandbox.server import Request
from metta_obs.sandbox.state import Actor

Row = TypeVar("Row")

DOCS = "https://docs.github.com/rest"
VIEWER = Actor("sandbox-user", 7_000_001)  # whom every token belongs to


class Refusal(Exception):
    """An answer other than 200: `status` and GitHub's `message`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Answer:
    """A 200 with `body` as JSON."""

    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One REST request inside a repository."""

    site: Site
    repo: RepositoryView
    request: Request
    address: str
    faults: Faults

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters."""
        return self.request.query

    def page(
        self,
        rows: Sequence[Row],
        body: Callable[[Row], Any],
        *,
        size: int = github_paging.DEFAULT_ROWS,
        most: int = github_paging.MOST_ROWS,
        reach: int | None = None,
    ) -> Answer:
        """One page of `rows` as bodies, with its Link header; `reach` is how many rows can be paged through at all."""
        number, size = github_paging.asked(self.query, size=size, most=most)
        if reach is None and (number - 1) * size >= github_paging.DEEPEST_ROW:
            raise Refusal(422, "In order to keep the API fast for everyone, pagination is limited for this resource.")
        reachable = rows if reach is None else rows[:reach]
        fault = self.faults.strike(PAGE_KINDS, self.request.method, self.request.path, page=number)
        page = github_paging.Page(number, size, len(reachable), fault)
        shown = github_paging.cut(reachable, number, size, fault)
        return Answer([body(row) for row in shown], page.link(self.address, self.request.raw_query))

    def counted_page(
        self, name: str, rows: Sequence[Row], body: Callable[[Row], Any], reach: int | None = None
    ) -> Answer:
        """The same as an object with `total_count`, as the Actions routes answer."""
        answer = self.page(rows, body, reach=reach)
        answer.body = {"total_count": len(rows), name: answer.body}
        return answer

    def whole(self, rows: Sequence[Row], body: Callable[[Row], Any]) -> Answer:
        """All of `rows`, for a route that does not page."""
        fault = self.faults.strike(PAGE_KINDS, self.request.method, self.request.path, page=1)
        return Answer([body(row) for row in github_paging.cut(rows, 1, max(1, len(rows)), fault)])


Handler = Callable[..., Answer]
_ROUTES: list[tuple[re.Pattern[str], Handler]] = []


def route(pattern: str) -> Callable[[Handler], Handler]:
    """Register a handler for GET of a path inside a repository. `{name}` takes one segment as text, `{name:int}` a
    number, `{name:path}` the rest of the path; the handler gets them after the call, in order."""

    def register(handler: Handler) -> Handler:
        expression = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(pattern))
        expression = re.sub(r"\\{(\w+):int\\}", r"(?P<\1_int>[0-9]+)", expression)
        expression = re.sub(r"\\{(\w+):path\\}", r"(?P<\1>.+)", expression)
        _ROUTES.append((re.compile(expression), handler))
        return handler

    return register


def find(path: str) -> tuple[Handler, list[Any]] | None:
    """The handler for a decoded path inside a repository ("" or "/pulls/3") and its arguments."""
    for pattern, handler in _ROUTES:
        match = pattern.fullmatch(path)
        if match:
            arguments = [int(value) if name.endswith("_int") else value for name, value in match.groupdict().items()]
            return handler, arguments
    return None


@route("")
def repository(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}"""
    return Answer(call.site.full_repository(call.repo))


def viewer(site: Site) -> Answer:
    """GET /user"""
    numbers = (
        "public_repos",
        "public_gists",
        "followers",
        "following",
        "private_gists",
        "total_private_repos",
        "owned_private_repos",
        "disk_usage",
        "collaborators",
    )
    texts = ("name", "company", "blog", "location", "email", "hireable", "bio", "twitter_username")
    body = site.user(VIEWER) | dict.fromkeys(texts) | dict.fromkeys(numbers, 0)
    times = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"}
    return Answer(body | times | {"two_factor_authentication": True, "user_view_type": "private"})
