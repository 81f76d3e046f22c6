"""Reading the files of a dataset: one REST object per line, with errors that name file, line and field.

Here: lines, fields, and the parts that many objects share (accounts, times). Not here: what the objects become
(`dataset`, `dataset_pulls`, `dataset_runs`).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .state import Actor


class DatasetError(ValueError):
    """A dataset that cannot be read; the text names the file, the line and the field."""


def stable_id(text: str) -> int:
    """An id made from a name, where the dataset gives none; the same in every process."""
    return 900_000_000 + zlib.crc32(text.encode())


class Row:
    """One object of a file. A path such as `commit.author.date` reaches into objects; null is as good as absent."""

    def __init__(self, where: str, data: dict[str, Any]) -> None:
        self.where, self.data = where, data

    def error(self, problem: str) -> DatasetError:
        """The error to raise for this row."""
        return DatasetError(f"{self.where}: {problem}")

    def get(self, path: str) -> Any:
        """The value at `path`, None where it is absent."""
        here: Any = self.data
        for name in path.split("."):
            if not isinstance(here, dict):
                return None
            here = here.get(name)
        return here

    def _is(self, path: str, value: Any, kind: type, called: str) -> Any:
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            raise self.error(f"`{path}` must be {called}, not {json.dumps(value)[:60]}")
        return value

    def _need(self, path: str) -> Any:
        value = self.get(path)
        if value is None:
            raise self.error(f"`{path}` is missing")
        return value

    def text(self, path: str, default: str | None = None) -> str:
        """A string; an error where it is absent and has no default."""
        value = self._need(path) if default is None else self.get(path)
        return default if value is None and default is not None else str(self._is(path, value, str, "a string"))

    def optional_text(self, path: str) -> str | None:
        """A string or None."""
        return None if self.get(path) is None else self.text(path)

    def integer(self, path: str, default: int | None = None) -> int:
        """A whole number; an error where it is absent and has no default."""
        value = self._need(path) if default is None else self.get(path)
        return default if value is None and default is not None else int(self._is(path, value, int, "a whole number"))

    def optional_integer(self, path: str) -> int | None:
        """A whole number or None."""
        return None if self.get(path) is None else self.integer(path)

    def flag(self, path: str, default: bool = False) -> bool:
        """true or false."""
        value = self.get(path)
        return default if value is None else bool(self._is(path, value, bool, "true or false"))

    def objects(self, path: str) -> list[Any]:
        """A list; empty where it is absent."""
        value = self.get(path)
        return [] if value is None else list(self._is(path, value, list, "a list"))

    def time(self, path: str) -> datetime:
        """A time with its zone, such as 2025-10-23T18:30:00Z; in UTC, cut to whole seconds as GitHub shows them."""
        text = self.text(path)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self.error(f"`{path}` must be a time such as 2025-10-23T18:30:00Z, not {text!r}") from None
        if moment.tzinfo is None:
            raise self.error(f"`{path}` must say its time zone, as in 2025-10-23T18:30:00Z, not {text!r}")
        return moment.astimezone(UTC).replace(microsecond=0)

    def optional_time(self, path: str) -> datetime | None:
        """A time or None."""
        return None if self.get(path) is None else self.time(path)

    def actor(self, *paths: str) -> Actor | None:
        """The account at the first of `paths` that has one; None for a deleted or unlinked one (null or {})."""
        for path in paths:
            value = self.get(path)
            if value:
                row = Row(f"{self.where}: `{path}`", self._is(path, value, dict, "an object"))
                login = row.text("login")
                kind = "Bot" if login.endswith("[bot]") else "User"
                return Actor(login, row.integer("id", stable_id(login.lower())), row.text("type", kind))
        return None

    def rest(self, known: Collection[str]) -> dict[str, Any]:
        """The fields beyond `known`, to be served as they are."""
        return {name: value for name, value in self.data.items() if name not in known}


def read_lines(path: Path) -> list[Row]:
    """The objects of a .jsonl file, blank lines left out; none where the file is missing."""
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            rows.append(_parse(f"{path}:{number}", line))
    return rows


def read_object(path: Path) -> Row:
    """The object that a .json file holds; an empty one where the file is missing."""
    return _parse(str(path), _text(path)) if path.exists() else Row(str(path), {})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise DatasetError(f"{path}: cannot be read: {problem}") from problem


def _parse(where: str, text: str) -> Row:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as problem:
        raise DatasetError(f"{where}: not JSON: {problem.msg} (column {problem.colno})") from problem
    if not isinstance(data, dict):
        raise DatasetError(f"{where}: must be an object, not {text.strip()[:40]!r}")
    return Row(where, data)
