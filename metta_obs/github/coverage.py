"""What earlier pulls of a repository covered, from the table `pulls`, and what that means for the next one.

Not here: writing that table (`collector`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metta_obs.lake.store import Lake


@dataclass(frozen=True)
class Covered:
    """The last complete pull of a table: all that is dated from `window_start` to `started_at` is known.

    `state` is what it left for the next pull; `undisturbed` says that no incomplete pull of the table came after it, so
    that the stored rows are the ones that it saw.
    """

    started_at: datetime
    window_start: datetime
    state: dict[str, Any]
    undisturbed: bool


def covered(
    lake: Lake, repo: str, tables: Iterable[str], memory: dict[Any, Any], pull_id: str
) -> dict[str, Covered | None]:
    """Per table its last complete pull, or None.

    The pulls of one run read the table `pulls` once (kept in `memory`): none of them speaks of another one's tables.
    """
    key = ("pulls", lake.root, repo, pull_id)
    if key not in memory:
        memory[key] = lake.read_arrow("pulls", repo)
    pulls = memory[key]
    return {table: _last(pulls.filter(pc.equal(pulls["table"], table))) for table in tables}


def together(parts: Iterable[Covered | None]) -> Covered | None:
    """What several tables cover all together, with the state of the first; None where one of them covers nothing."""
    known = list(parts)
    if any(part is None for part in known):
        return None
    some = [part for part in known if part is not None]
    return Covered(
        started_at=min(part.started_at for part in some),
        window_start=max(part.window_start for part in some),
        state=some[0].state,
        undisturbed=all(part.undisturbed for part in some),
    )


def _last(pulls: pa.Table) -> Covered | None:
    complete = pulls.filter(pulls["complete"])
    if not len(complete):
        return None
    order = [("started_at", "descending"), ("ended_at", "descending")]
    newest = complete.sort_by(order).slice(0, 1).to_pylist()[0]
    later = pc.and_(pc.invert(pulls["complete"]), pc.greater_equal(pulls["ended_at"], pa.scalar(newest["ended_at"])))
    undisturbed = not pc.any(later).as_py()
    return Covered(newest["started_at"], newest["window_start"], json.loads(newest["state"] or "{}"), undisturbed)
