"""The workflows, runs, attempts and jobs of a dataset, as they stood at an instant.

Here: what each row says, less what is dated later: a later run or attempt is absent, one that ended later is under
way. An attempt ends with the last of its jobs; without a job that was completed after its start, with its
`updated_at`; at the latest when the next attempt began.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from .dataset_pulls import head_repository
from .dataset_rows import Row
from .state import Attempt, Job, Run, Workflow

WORKFLOW = ("id", "name", "path", "state", "created_at", "updated_at")
RUN = (
    "id", "workflow_id", "name", "run_number", "event", "head_branch", "head_sha", "head_repository", "created_at",
    "actor", "pull_requests", "run_attempt", "status", "conclusion", "run_started_at", "updated_at", "repository",
)  # fmt: skip
JOB = (
    "id", "run_id", "run_attempt", "name", "status", "conclusion", "created_at", "started_at", "completed_at",
)  # fmt: skip


def read_workflows(rows: Iterable[Row], now: datetime) -> dict[int, Workflow]:
    """The workflows that were there at `now`; one without a date always was."""
    found = {}
    for row in rows:
        number, created = row.integer("id"), row.optional_time("created_at") or datetime.fromtimestamp(0, now.tzinfo)
        if created <= now:
            updated = row.optional_time("updated_at") or created
            found[number] = Workflow(
                number,
                row.text("name", f"workflow {number}"),
                row.text("path", f".github/workflows/{number}.yml"),
                row.text("state", "active"),
                created,
                updated if updated <= now else created,
                row.rest(WORKFLOW),
            )
    return found


def read_runs(
    runs: list[Row], attempts: list[Row], jobs: list[Row], full_name: str, repository_id: int, now: datetime
) -> dict[int, Run]:
    """The runs that were there at `now`. Attempts and jobs of unknown runs are left out."""
    told: defaultdict[int, dict[int, Row]] = defaultdict(dict)
    for row in attempts:
        told[row.integer("id")][row.integer("run_attempt", 1)] = row
    worked: defaultdict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in jobs:
        worked[row.integer("run_id"), row.integer("run_attempt", 1)].append(row)
    found = {}
    for row in runs:
        if row.time("created_at") <= now:
            run = _run(row, full_name, repository_id)
            rows = told[run.id]
            last = row.integer("run_attempt", 1)
            run.attempts = _attempts(row, {**rows, last: row}, rows.get(last), worked, now)
            found[run.id] = run
    return found


def _run(row: Row, full_name: str, repository_id: int) -> Run:
    number = row.integer("id")
    pulls = [Row(f"{row.where}: a pull request", pull).integer("number") for pull in row.objects("pull_requests")]
    return Run(
        number,
        row.integer("workflow_id"),
        row.text("name", ""),
        row.integer("run_number", 1),
        row.text("event", "push"),
        row.optional_text("head_branch"),
        row.text("head_sha", ""),
        head_repository(row, "head_repository", full_name, repository_id),
        row.time("created_at"),
        [],
        row.actor("actor", "triggering_actor"),
        pulls,
        row.rest(RUN),
    )


def _attempts(
    run: Row,
    rows: dict[int, Row],
    own: Row | None,
    worked: dict[tuple[int, int], list[Row]],
    now: datetime,
) -> list[Attempt]:
    """The attempts begun up to `now`, in order. `own`: how the attempts file tells the last one.

    Where none of those that the rows tell had begun, there was one of which nothing is known: it is under way.
    """
    created = run.time("created_at")
    begun = {number: row.optional_time("run_started_at") or created for number, row in rows.items()}
    numbers = sorted(number for number in rows if begun[number] <= now)
    found = []
    for number in numbers:
        row = rows[number]
        first = created if number == 1 else begun[number]
        at = (own if own is not None and row is run else row).optional_time("created_at") or first
        at = first if row is run and own is None else at
        attempt = Attempt(number, "queued", None, begun[number], begun[number], at, extra=row.rest(RUN))
        _show(attempt, row, worked.get((run.integer("id"), number), []), now, followed=number < numbers[-1])
        found.append(attempt)
    return found or [Attempt(1, "in_progress" if 1 not in rows else "queued", None, created, created, created)]


def _show(attempt: Attempt, row: Row, jobs: list[Row], now: datetime, followed: bool) -> None:
    """Fill in how the attempt stood at `now`."""
    started, conclusion = attempt.run_started_at, row.optional_text("conclusion")
    status = row.text("status", "completed" if conclusion else "queued")
    updated = row.optional_time("updated_at") or started
    ends = [end for job in jobs if (end := job.optional_time("completed_at")) is not None and end >= started]
    end = max(ends) if ends else updated
    over = status == "completed" and (followed or end <= now)
    attempt.jobs = [shown for job in jobs if (shown := _job(job, started, now)) is not None]
    if over:
        attempt.status, attempt.conclusion = "completed", conclusion
        attempt.updated_at = updated if updated <= now else min(end, now)
    else:
        times = [moment for job in attempt.jobs for moment in (job.started_at, job.completed_at) if moment is not None]
        attempt.status = "in_progress" if status == "completed" else status
        attempt.updated_at = updated if updated <= now else max([started, *times])


def _job(row: Row, attempt_started: datetime, now: datetime) -> Job | None:
    started, completed = row.optional_time("started_at"), row.optional_time("completed_at")
    created = row.optional_time("created_at") or min(started or attempt_started, attempt_started)
    if created > now:
        return None
    number, name, extra = row.integer("id"), row.text("name", ""), row.rest(JOB)
    if completed is not None and completed <= now:
        return Job(number, name, "completed", row.optional_text("conclusion"), created, started, completed, extra)
    if started is not None and started <= now:
        return Job(number, name, "in_progress", None, created, started, None, extra)
    return Job(number, name, "queued", None, created, None, None, extra)
