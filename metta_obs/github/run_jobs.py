"""Jobs of completed run attempts.

Here: which attempts need their jobs, and the rows. Not here: which attempt a job belongs to (`run_job_lists`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import pandas as pd

from metta_obs.github.context import Pull
from metta_obs.github.coverage import Covered
from metta_obs.github.run_job_lists import Attempts, Job, read_jobs
from metta_obs.github.values import records
from metta_obs.lake.store import Row

Key = tuple[int, int]  # run id, attempt
STORED_AT_ONCE = 1_000  # runs
UNSETTLED_FOR = timedelta(days=1)  # how long an attempt is read again whose jobs have not all ended though it has


def pull(context: Pull, runs_before: pd.DataFrame, written: Collection[Key], window: datetime) -> None:
    """Fetch the jobs of attempts that have ended since the last complete pull.

    `runs_before` is the table of runs before this pull, which has `written` these attempts.
    """
    base = context.base("jobs")
    if (
        base
        and not written
        and not base.state.get("unsettled")
        and not (runs_before["seen_at"] > base.started_at).any()
    ):
        context.cover("jobs", window)
        return
    stored = context.lake.current("jobs", context.key)
    unsettled = {(run_id, attempt) for run_id, attempt in base.state.get("unsettled", [])} if base else set()
    needed = _needed(context, base, stored, written, unsettled)
    found: dict[Key, list[Job]] = {}
    still: set[Key] = set()
    try:
        for done, (run, jobs) in enumerate(read_jobs(context, needed), 1):
            found |= {(run.run_id, attempt): rows for attempt, rows in jobs.items()}
            if run.created_at > context.started_at - UNSETTLED_FOR:
                still |= {(run.run_id, a) for a, rows in jobs.items() if any(job.completed_at is None for job in rows)}
            if done % STORED_AT_ONCE == 0:
                context.report("workflow runs with their jobs", done, len(needed))
                _store(context, stored, found)
                found = {}
    finally:
        _store(context, stored, found)
    context.cover("jobs", window, {"unsettled": sorted(still)} if still else {})


def _needed(
    context: Pull, base: Covered | None, stored: pd.DataFrame, written: Collection[Key], unsettled: Collection[Key]
) -> list[Attempts]:
    """The runs, newest first, of whose completed attempts some need their jobs fetched.

    That is an attempt whose row is news since the last complete pull of jobs, unless an incomplete one in between got
    as far as to its jobs: those of one attempt are always stored together.
    """
    runs = context.lake.current("workflow_runs", context.key)
    if base is not None:
        kept = {run_id for run_id, _ in {*written, *unsettled}}
        runs = runs[(runs["seen_at"] > base.started_at) | runs["run_id"].isin(kept)]
    last_read: dict[Key, datetime] = {}
    for job in records(stored[["run_id", "attempt", "seen_at"]]):
        key = (job["run_id"], job["attempt"])
        last_read[key] = max(last_read.get(key, job["seen_at"]), job["seen_at"])
    needed: dict[int, Attempts] = {}
    for row in records(runs.sort_values(["run_id", "attempt"])):
        key = (row["run_id"], row["attempt"])
        run = needed.setdefault(key[0], Attempts(key[0], row["check_suite_node_id"], row["created_at"]))
        run.starts[key[1]] = row["started_at"]
        news = (
            base is None
            or row["seen_at"] > base.started_at
            or (key in written and row["seen_at"] == context.started_at)
        )
        fetched = key in last_read and last_read[key] >= row["seen_at"]
        if row["status"] == "completed" and (key in unsettled or (news and not fetched)):
            run.wanted.add(key[1])
    return sorted(
        (run for run in needed.values() if run.wanted), key=lambda run: (run.created_at, run.run_id), reverse=True
    )


def _store(context: Pull, stored: pd.DataFrame, found: dict[Key, list[Job]]) -> None:
    """Append the jobs of these attempts; others that were stored for them are gone."""
    rows: list[Row] = [
        {
            "run_id": run_id,
            "attempt": attempt,
            "job_id": job.job_id,
            "name": job.name,
            "conclusion": job.conclusion,
            "started_at": job.started_at,
            "completed_at": job.completed_at,
        }
        for (run_id, attempt), jobs in found.items()
        for job in jobs
    ]
    listed = {(row["run_id"], row["attempt"], row["job_id"]) for row in rows}
    keys = stored[["run_id", "attempt", "job_id"]].itertuples(index=False, name=None)
    gone = [(run_id, attempt) in found and (run_id, attempt, job_id) not in listed for run_id, attempt, job_id in keys]
    context.store("jobs", rows, stored[pd.Series(gone, stored.index, dtype=bool)])
