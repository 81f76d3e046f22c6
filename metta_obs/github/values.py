"""From GitHub's values to those of the tables: times, people, texts.

Here: what several pulls share. One account has one name, whichever API names it: REST calls a bot `dependabot[bot]`,
GraphQL `dependabot`; the tables hold the login without the suffix and the type Bot. Deleted accounts (null in GraphQL,
`ghost` in REST) have neither login nor type. Only git actors (the author of a commit as GraphQL names it) keep their
login as it is: GraphQL says User of them all, and there the suffix alone tells a bot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pandas as pd

BOT = "[bot]"
NOREPLY_BOT = re.compile(r"^(?:\d+\+)?(?P<login>[^@+]+\[bot\])@users\.noreply\.", re.IGNORECASE)


def when(text: str | None) -> datetime | None:
    """A time of GitHub's (with any offset, as dates of commits may have one) in UTC; None for null."""
    return None if not text else datetime.fromisoformat(text).astimezone(UTC)


def moment(text: str) -> datetime:
    """A time of GitHub's that is never null, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def account(login: str | None, kind: str | None) -> tuple[str | None, str | None]:
    """(login, type) of an account as the tables hold them."""
    if not login or login == "ghost":
        return None, None
    if login.endswith(BOT):
        return login.removesuffix(BOT), "Bot"
    return login, kind


def actor(node: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """(login, type) of a GraphQL actor with `__typename` and `login`."""
    return account(node.get("login"), node.get("__typename")) if node else (None, None)


def user(body: Mapping[str, Any] | None) -> tuple[int | None, str | None, str | None]:
    """(id, login, type) of a REST user; REST gives null or {} for a commit without a linked account."""
    if not body or not body.get("login"):
        return None, None, None
    login, kind = account(body["login"], body.get("type"))
    return (None if login is None else body.get("id")), login, kind


def git_login(node: Mapping[str, Any]) -> str | None:
    """Login of a GraphQL git actor, `[bot]` kept; where none is linked, the one in a bot's noreply e-mail."""
    login = (node.get("user") or {}).get("login")
    if login:
        return None if login == "ghost" else str(login)
    found = NOREPLY_BOT.match(node.get("email") or "")
    return found["login"] if found else None


def characters(body: str | None) -> int:
    """Length of a text without the white space around it."""
    return len((body or "").strip())


def subject_and_body_start(message: str) -> tuple[str, str | None]:
    """The first line of a commit's message, and the first non-blank line of the rest (None where there is none)."""
    subject, *rest = message.split("\n")
    return subject.rstrip("\r"), next((line.rstrip("\r") for line in rest if line.strip()), None)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame of the lake, each by column name."""
    return cast(list[dict[str, Any]], frame.to_dict("records"))


def lower(text: str | None) -> str | None:
    """GraphQL's enumerations as REST writes them: lower case; None for null."""
    return None if text is None else text.lower()
