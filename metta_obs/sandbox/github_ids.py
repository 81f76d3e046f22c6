"""GitHub's global node ids and GraphQL cursors: opaque to clients, readable to this server.

Here: making and reading them. A node id is a prefix for the type and the base64 of what finds the record again
(repository id and number, sha …), so that `node(id:)` needs no table. Where a dataset brings its own `node_id`,
that one is served, and `RepositoryView.given` finds it.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

PREFIXES = {
    "Repository": "R",
    "PullRequest": "PR",
    "PullRequestReview": "PRR",
    "PullRequestReviewComment": "PRRC",
    "PullRequestReviewThread": "PRRT",
    "PullRequestCommit": "PURC",
    "IssueComment": "IC",
    "TimelineEvent": "EV",
    "Commit": "C",
    "Ref": "REF",
    "Label": "LA",
    "Workflow": "W",
    "WorkflowRun": "WFR",
    "CheckSuite": "CS",
    "CheckRun": "CR",
    "User": "U",
    "Bot": "BOT",
    "Mannequin": "M",
    "Organization": "O",
}
_TYPES = {prefix: name for name, prefix in PREFIXES.items()}


def node_id(type_name: str, *parts: object) -> str:
    """The global id of a record, such as `PR_kwDO…`; the parts hold no colon except the last one."""
    return f"{PREFIXES[type_name]}_kwDO{_encode(':'.join(map(str, parts)))}"


def read_node_id(value: str) -> tuple[str, str] | None:
    """(type name, the parts joined by colons) of an id that `node_id` made, else None."""
    prefix, separator, payload = value.partition("_kwDO")
    if not separator or prefix not in _TYPES:
        return None
    text = _decode(payload)
    return None if text is None else (_TYPES[prefix], text)


def cursor(key: Any) -> str:
    """An opaque cursor that bears the JSON value `key`."""
    return _encode("cursor:" + json.dumps(key, separators=(",", ":")))


def read_cursor(value: str) -> Any:
    """The key of a cursor; ValueError where `cursor` did not make it."""
    text = _decode(value)
    if text is None or not text.startswith("cursor:"):
        raise ValueError(value)
    return json.loads(text.removeprefix("cursor:"))


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(payload: str) -> str | None:
    try:
        return base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
