"""A pull goes on from the last complete one: an earlier one would ask for too much, a later one would lack rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from metta_obs.github.coverage import covered
from metta_obs.lake.schemas import TABLES
from metta_obs.lake.store import Lake

REPO = "acme/rockets"
NOON = datetime(2025, 10, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def pull(step: int, table: str = "reviews", repo: str = REPO, complete: bool = True) -> dict[str, Any]:
    """A row of `pulls` that started so many quarter-hours after noon."""
    at = NOON + step * QUARTER
    state = f'{{"mark": {step}}}' if complete else None
    row = dict.fromkeys(TABLES["pulls"].arrow.names)
    row |= {"repo": repo, "table": table, "pull_id": str(step), "complete": complete, "state": state}
    return row | {"started_at": at, "ended_at": at, "window_start": NOON - timedelta(days=30)}


def test_the_last_complete_pull_is_the_newest_that_is_complete(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert covered(lake, REPO, ["reviews"], {}, "now") == {"reviews": None}
    lake.append("pulls", [pull(0), pull(2, complete=False)])
    lake.append("pulls", [pull(1), pull(-1), pull(3, "jobs"), pull(3, repo="acme/other")])
    found = covered(lake, REPO, ["reviews", "jobs", "commits"], {}, "now")
    reviews, jobs = found["reviews"], found["jobs"]
    assert reviews is not None
    assert jobs is not None
    assert (reviews.started_at, reviews.state, reviews.undisturbed) == (NOON + QUARTER, {"mark": 1}, False)
    assert (jobs.started_at, jobs.undisturbed) == (NOON + 3 * QUARTER, True)
    assert found["commits"] is None
