"""REST lists that are asked for with their entity tags: an unchanged list costs nothing.

Here: asking and remembering. Not here: what is in the lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from metta_obs.github.answers import Answer
from metta_obs.github.api import GitHub


@dataclass(frozen=True)
class PagedList:
    """All pages of a list and what to remember for the next time; `pages` is None where nothing changed."""

    pages: list[Answer] | None
    memory: dict[str, Any]


def read_list(
    github: GitHub,
    path: str,
    params: Mapping[str, Any],
    memory: Mapping[str, Any] | None,
    *,
    holds: str,
    too_long: Callable[[Answer], bool] = lambda first: False,
) -> PagedList:
    """Read a list, if it changed since `memory` was made for the same address. Raises GitHubError.

    Every page has a tag of its own: the first may stay the same while a later one changes. Of a list that its first
    page shows to be `too_long` only that page is read, and nothing is remembered. `holds`: as for `GitHub.get`.
    """
    address = {"path": path, "params": {name: str(value) for name, value in params.items()}}
    first: Answer | None = None
    if memory and memory.get("address") == address:
        unchanged, first = _unchanged(github, path, params, holds, memory["pages"])
        if unchanged:
            return PagedList(None, dict(memory))
    first = first or github.get(path, params, holds=holds)
    if too_long(first):
        return PagedList([first], {})
    pages = list(github.pages(path, params, first=first, holds=holds))
    urls = [None, *(page.next_page for page in pages[:-1])]
    tags = [{"url": url, "etag": page.etag} for url, page in zip(urls, pages, strict=True)]
    return PagedList(pages, {"address": address, "pages": tags})


def _unchanged(
    github: GitHub, path: str, params: Mapping[str, Any], holds: str, tags: list[dict[str, Any]]
) -> tuple[bool, Answer | None]:
    """Whether every page is as remembered; if the first one is not, that page."""
    for number, tag in enumerate(tags):
        if not tag["etag"]:
            return False, None
        answer = github.get(tag["url"] or path, None if tag["url"] else params, etag=tag["etag"], holds=holds)
        if not answer.not_modified:
            return False, answer if number == 0 else None
    return True, None
