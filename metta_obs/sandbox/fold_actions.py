"""What happens to workflows, runs, attempts and jobs: one handler per kind of event.

See `fold` for what an impossible event does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from . import events as happened
from .events import THIS_REPOSITORY, JobRun
from .fold_git import branch_name, tip_of
from .fold_pulls import own_head
from .fold_records import Records, wrong
from .state import Attempt, Job, Repository, Run, Workflow


def _workflow_created(records: Records, repository: Repository, event: happened.WorkflowCreated) -> None:
    repository.workflows[event.workflow_id] = Workflow(
        event.workflow_id, event.name, event.path, "active", event.at, event.at
    )


def _workflow_state_changed(records: Records, repository: Repository, event: happened.WorkflowStateChanged) -> None:
    found = repository.workflows.get(event.workflow_id)
    if found is None:
        raise wrong(event, f"there is no workflow {event.workflow_id}")
    repository.workflows[event.workflow_id] = replace(found, state=event.state, updated_at=event.at)


def _run_created(records: Records, repository: Repository, event: happened.RunCreated) -> None:
    if event.run_id in repository.runs:
        raise wrong(event, f"run {event.run_id} is there already")
    workflow = repository.workflows.get(event.workflow_id)
    if workflow is None:
        raise wrong(event, f"there is no workflow {event.workflow_id}")
    if event.pull is not None:
        pull = repository.pulls.get(event.pull)
        if pull is None:
            raise wrong(event, f"no pull request #{event.pull} yet")
        branch: str | None = pull.head
        sha, source = event.head_sha or pull.head_sha, pull.head_repository
        pulls = [event.pull] if own_head(repository, pull) else []  # GitHub does not list a fork's pull requests
    else:
        branch = None if event.head_branch is None else branch_name(repository, event.head_branch)
        sha, pulls = event.head_sha or tip_of(repository, branch or "") or "", []
        source = repository.full_name if event.head_repository == THIS_REPOSITORY else event.head_repository
    attempt = Attempt(1, event.status, None, event.at, event.at, event.at)
    repository.runs[event.run_id] = Run(
        event.run_id,
        event.workflow_id,
        workflow.name,
        event.run_number,
        event.event,
        branch,
        sha,
        source,
        event.at,
        [attempt],
        event.actor,
        pulls,
    )
    records.fresh.add((repository.id, "run", event.run_id))


def _run_status_changed(records: Records, repository: Repository, event: happened.RunStatusChanged) -> None:
    run = records.run(repository, event)
    if run is not None and run.attempts[-1].status != "completed":
        run.attempts[-1].status, run.attempts[-1].updated_at = event.status, event.at


def _run_attempt_started(records: Records, repository: Repository, event: happened.RunAttemptStarted) -> None:
    run = records.run(repository, event)
    if run is None or run.attempts[-1].status != "completed":
        return
    last, carried = run.attempts[-1], []
    if event.failed_only:
        free = max((job.id for attempt in run.attempts for job in attempt.jobs), default=0) + 1
        kept = [job for job in last.jobs if job.conclusion in ("success", "skipped", "neutral")]
        carried = [replace(job, id=free + position) for position, job in enumerate(kept)]
    last.updated_at = event.at  # as GitHub does: an older attempt's updated_at is when the next one was asked for
    created = event.at + timedelta(seconds=2)
    run.attempts.append(Attempt(last.number + 1, "queued", None, event.at, event.at, created, carried))


def _job(job: JobRun, attempt: Attempt) -> Job:
    created = min(job.started_at or attempt.run_started_at, attempt.run_started_at)
    status = "completed" if job.completed_at else "in_progress"
    return Job(job.id, job.name, status, job.conclusion, created, job.started_at, job.completed_at)


def _job_completed(records: Records, repository: Repository, event: happened.JobCompleted) -> None:
    run = records.run(repository, event)
    if run is not None and run.attempts[-1].status != "completed":
        attempt = run.attempts[-1]
        attempt.jobs.append(_job(event.job, attempt))
        attempt.status, attempt.updated_at = "in_progress", event.at


def _attempt_completed(records: Records, repository: Repository, event: happened.AttemptCompleted) -> None:
    run = records.run(repository, event)
    if run is not None and run.attempts[-1].status != "completed":
        attempt = run.attempts[-1]
        attempt.jobs += [_job(job, attempt) for job in event.jobs]
        attempt.status, attempt.conclusion, attempt.updated_at = "completed", event.conclusion, event.at


def _run_deleted(records: Records, repository: Repository, event: happened.RunDeleted) -> None:
    if records.run(repository, event) is not None:
        del repository.runs[event.run_id]
        records.gone_runs.add((repository.id, event.run_id))


HANDLERS: dict[type[happened.Event], Any] = {
    happened.WorkflowCreated: _workflow_created,
    happened.WorkflowStateChanged: _workflow_state_changed,
    happened.RunCreated: _run_created,
    happened.RunStatusChanged: _run_status_changed,
    happened.RunAttemptStarted: _run_attempt_started,
    happened.JobCompleted: _job_completed,
    happened.AttemptCompleted: _attempt_completed,
    happened.RunDeleted: _run_deleted,
}
