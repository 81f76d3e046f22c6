"""The line in a dashboard's description that says whose it is.

It names the source, so that a changed title is a rename and not a second dashboard; the environment (DD_ENV), so that
a laptop never touches production's dashboard; and a digest of the content that was pushed, so that the list of
dashboards alone shows what is up to date, and a changed digest of the live one that somebody edited it in Datadog.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"^Managed by metta-obs: (?P<source>.+) \(env (?P<env>.*), content (?P<content>[0-9a-f]+)\)\."
    r" Edit the source, not the dashboard\.$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Mark:
    """Source file, environment and digest of the content (see `compare.fingerprint`)."""

    source: str
    env: str
    content: str

    def __str__(self) -> str:
        return (
            f"Managed by metta-obs: {self.source} (env {self.env}, content {self.content})."
            " Edit the source, not the dashboard."
        )


def read_mark(description: str | None) -> Mark | None:
    """The mark in a description, None where there is none."""
    match = _LINE.search(description or "")
    return Mark(match["source"], match["env"], match["content"]) if match else None


def with_mark(description: str | None, mark: Mark) -> str:
    """A description with the mark as its last paragraph."""
    return f"{without_mark(description)}\n\n{mark}".lstrip("\n")


def without_mark(description: str | None) -> str:
    """A description without the mark, "" for none."""
    return _LINE.sub("", description or "").rstrip()
