"""Which pull requests may have changed: the lists by update and of the open ones.

Here: walking and checking the lists. Not here: reading a pull request (`pull_request_reading`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from metta_obs.github.context import Pull
from metta_obs.github.documents import document
from metta_obs.github.errors import GitHubError, truncated
from metta_obs.github.probe import Listed, Page, page_of

ROWS = 100
LATEST = datetime.max.replace(tzinfo=UTC)


def updated_since(context: Pull, cutoff: datetime) -> dict[int, Listed]:
    """The pull requests updated at or after `cutoff`, by number, and whatever else the pages read on the way hold.

    Raises GitHubError.
    """
    first = context.probe.page
    if len(first.pulls) < min(ROWS, first.total):
        raise truncated("the first page of the pull requests by update", len(first.pulls), min(ROWS, first.total))
    found = {listed.number: listed for listed in first.pulls}
    page, pages, oldest = first, 1, _oldest(first)
    while page.next_cursor and oldest >= cutoff:
        page = _page(context, "pull_request_list", page.next_cursor)
        pages += 1
        if page.next_cursor and len(page.pulls) < ROWS:
            raise truncated(f"page {pages} of the pull requests by update", len(page.pulls), ROWS)
        for listed in page.pulls:
            found.setdefault(listed.number, listed)
        oldest = min(oldest, _oldest(page))
        context.report("pull requests listed", len(found), None)
    if pages > 1:
        _look_again(context, found)
    if not page.next_cursor and len(found) < page.total:
        raise truncated("the list of pull requests", len(found), page.total)
    return found


def open_now(context: Pull) -> dict[int, Listed]:
    """All open pull requests, by number. Raises GitHubError."""
    found: dict[int, Listed] = {}
    total = 0
    for page in _open_pages(context):
        found.update((listed.number, listed) for listed in page.pulls)
        total = page.total
        context.report("open pull requests listed", len(found), total)
    if len(found) < total:
        raise truncated("the list of open pull requests", len(found), total)
    return found


def _look_again(context: Pull, found: dict[int, Listed]) -> None:
    """Read the beginning of the list anew.

    A pull request that is updated while the pages are read jumps from a page not yet read to one that is read.
    """
    cursor: str | None = None
    while True:
        page = _page(context, "pull_request_list", cursor)
        found.update((listed.number, listed) for listed in page.pulls if listed.updated_at >= context.started_at)
        cursor = page.next_cursor
        if cursor is None or _oldest(page) < context.started_at:
            return


def _open_pages(context: Pull) -> Iterator[Page]:
    cursor: str | None = None
    while True:
        page = _page(context, "open_pull_requests", cursor)
        yield page
        if page.next_cursor in (None, cursor):
            return
        cursor = page.next_cursor


def _page(context: Pull, name: str, cursor: str | None) -> Page:
    owner, _, repository = context.name.partition("/")
    answer = context.github.graphql(document(name), {"owner": owner, "name": repository, "after": cursor})
    found = answer.whole()["repository"]
    if found is None:
        raise GitHubError("not_found", f"{answer.request}: the repository {context.name} is gone since the run began")
    return page_of(found["pullRequests"])


def _oldest(page: Page) -> datetime:
    return min((listed.updated_at for listed in page.pulls), default=LATEST)
