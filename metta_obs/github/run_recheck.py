"""Whether workflow runs that are not listed any more have moved: run again, approved, or ended at last.

Here: one query over their ids, 1,000 at a time for one point. Not here: reading those that moved (`workflow_runs`).
GitHub allows a run to be run again for 30 days. A run that succeeded is not asked about: few are run again, and the
nightly sweep finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from metta_obs.github.batches import Node, of_answer
from metta_obs.github.context import Pull
from metta_obs.github.documents import repeated
from metta_obs.github.errors import GitHubError, TooHeavy
from metta_obs.github.values import lower, moment, records
from metta_obs.lake.store import Row

RERUN_WITHIN = timedelta(days=30)
STUCK = timedelta(days=35)  # GitHub ends what waits for longer
IDS = 100  # per list of ids
LISTS = 10  # per query


@dataclass(frozen=True)
class Moved:
    """A run that GitHub shows other than it is stored; `skip`: and it did so the last time, when nothing came of it."""

    run_id: int
    stored: Row
    signature: list[str | None]
    skip: bool

    def is_like(self, run: dict[str, Any]) -> bool:
        """Whether `run`, as REST shows it, is what is stored."""
        same_attempt = bool((run.get("run_attempt") or 1) == self.stored["attempt"])
        same_status = bool(run["status"] == self.stored["status"])
        return same_attempt and same_status and bool(moment(run["updated_at"]) == self.stored["updated_at"])


def moved(context: Pull, last_attempts: pd.DataFrame, odd: dict[str, Any]) -> Iterator[Moved]:
    """Of these runs (rows of their last attempts) those that may have moved. Raises GitHubError.

    `odd`: signatures, by run, of those for which GraphQL and REST did not agree before.
    """
    now = context.started_at
    last_attempts = last_attempts[last_attempts["node_id"].notna()]
    completed = (last_attempts["status"] == "completed").fillna(False).astype(bool)
    failed = completed & (last_attempts["conclusion"] != "success").fillna(True).astype(bool)
    asked = last_attempts[
        (failed & (last_attempts["created_at"] >= now - RERUN_WITHIN))
        | (~completed & (last_attempts["created_at"] >= now - STUCK))
    ]
    rows = {row["node_id"]: row for row in records(asked.sort_values("created_at", ascending=False))}
    holes: GitHubError | None = None
    for node in _ask(context, list(rows)):
        row = rows[node.id]
        if node.body is None or node.errors:
            if not node.unknown:
                said = "; ".join(str(error.get("message")) for error in node.errors) or "null"
                holes = GitHubError(
                    "partial", f"workflow run {row['run_id']}: GitHub answered {said}; the next pull asks again"
                )
                continue
            signature: list[str | None] = ["NOT_FOUND"]
        else:
            suite = node.body["checkSuite"] or {}
            signature = [node.body["updatedAt"], suite.get("status"), suite.get("conclusion")]
            if _as_stored(row, signature):
                continue
        yield Moved(row["run_id"], row, signature, skip=odd.get(str(row["run_id"])) == signature)
    if holes:
        raise holes


def _as_stored(row: Row, signature: Sequence[str | None]) -> bool:
    updated_at, status, conclusion = signature
    if moment(updated_at or "") != row["updated_at"] or (status == "COMPLETED") != (row["status"] == "completed"):
        return False
    return status != "COMPLETED" or bool(lower(conclusion) == row["conclusion"])


def _ask(context: Pull, ids: list[str]) -> Iterator[Node]:
    lists = LISTS
    while ids:
        batch = [ids[at : at + IDS] for at in range(0, min(len(ids), lists * IDS), IDS)]
        variables = {f"ids{index}": part for index, part in enumerate(batch)}
        try:
            document = repeated("run_recheck", len(batch))
            answer = context.github.graphql(document, variables, heavy="raise" if len(batch) > 1 else "accept")
        except TooHeavy:
            if len(batch) == 1:
                raise
            lists = len(batch) // 2
            continue
        for index, part in enumerate(batch):
            yield from of_answer(answer, f"runs{index}", part)
        ids = ids[sum(len(part) for part in batch) :]
