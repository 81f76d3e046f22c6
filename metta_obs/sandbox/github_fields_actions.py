"""GraphQL fields of workflows, workflow runs, check suites and check runs.

Here: those types. A run has one check suite for all its attempts, a job is a check run, and nothing here knows of
attempts: only `checkType: LATEST` leaves those of earlier ones out. Not here: REST (`github_bodies_actions`).
"""

from __future__ import annotations

from typing import Any

from metta_obs.sandbox.github_bodies import iso, iso_or_none
from metta_obs.sandbox.github_connections import Listing
from metta_obs.sandbox.github_fields import (
    Arguments,
    Context,
    commit,
    connections,
    html,
    locatable,
    plain,
    ref,
    repository,
    seconds,
)
from metta_obs.sandbox.github_views import Item, RepositoryView, item_or_none
from metta_obs.sandbox.state import Attempt, Job, Run


def run(repo: RepositoryView, record: Run) -> Item:
    """The source of a WorkflowRun."""
    return Item("WorkflowRun", repo, record)


def suite(repo: RepositoryView, record: Run) -> Item:
    """The source of a run's CheckSuite."""
    return Item("CheckSuite", repo, record)


def check_run(repo: RepositoryView, parent: Run, job: Job) -> Item:
    """The source of a job's CheckRun."""
    return Item("CheckRun", repo, job, suite(repo, parent))


def _last(item: Item) -> Attempt:
    attempt: Attempt = item.record.attempts[-1]
    return attempt


def _upper(value: str | None) -> str | None:
    return value.upper() if value else None


def _runs(item: Item, context: Context, arguments: Arguments) -> Listing:
    down = arguments["orderBy"]["direction"] == "DESC"
    rows = [record for record in item.repo.runs if record.workflow_id == item.record.id]
    return Listing(
        rows if down else rows[::-1],
        lambda row: run(item.repo, row),
        descending=down,
        key=lambda row: [seconds(row.created_at), row.id],
    )


plain(
    "Workflow",
    createdAt=lambda item: iso(item.record.created_at),
    databaseId=lambda item: item.record.id,
    id=lambda item: item.repo.node_id("Workflow", item.record, item.record.id),
    name=lambda item: item.record.name,
    state=lambda item: item.record.state.upper(),
    updatedAt=lambda item: iso(item.record.updated_at),
)
locatable("Workflow", lambda item: f"/actions/workflows/{item.record.path.rsplit('/', 1)[-1]}")
connections("Workflow", runs=_runs)


def _workflow(item: Item) -> Item | None:
    record = item.repo.record.workflows.get(item.record.workflow_id)
    return item_or_none("Workflow", item.repo, record)


plain(
    "WorkflowRun",
    checkSuite=lambda item: suite(item.repo, item.record),
    createdAt=lambda item: iso(item.record.created_at),
    databaseId=lambda item: item.record.id,
    event=lambda item: item.record.event,
    id=lambda item: item.repo.node_id("WorkflowRun", item.record, item.record.id),
    runNumber=lambda item: item.record.run_number,
    updatedAt=lambda item: iso(_last(item).updated_at),
    workflow=_workflow,
)
locatable("WorkflowRun", lambda item: f"/actions/runs/{item.record.id}")


def _check_runs(item: Item, context: Context, arguments: Arguments) -> Listing:
    chosen = arguments.get("filterBy") or {}
    if chosen.get("checkType") == "ALL":
        rows = [job for _, job in item.repo.all_jobs(item.record)]
    else:
        rows = sorted(_last(item).jobs, key=lambda job: job.id)
    tests: dict[str, Any] = {
        "checkName": lambda job: job.name == chosen["checkName"],
        "status": lambda job: _upper(job.status) == chosen["status"],
        "statuses": lambda job: _upper(job.status) in chosen["statuses"],
        "conclusions": lambda job: _upper(job.conclusion) in chosen["conclusions"],
    }
    for name, test in tests.items():
        if chosen.get(name):
            rows = [job for job in rows if test(job)]
    return Listing(rows, lambda job: check_run(item.repo, item.record, job), key=lambda job: [job.id])


plain(
    "CheckSuite",
    branch=lambda item: ref(item, item.record.head_branch),
    commit=lambda item: commit(item, item.record.head_sha),
    conclusion=lambda item: _upper(_last(item).conclusion),
    createdAt=lambda item: iso(item.record.created_at),
    databaseId=lambda item: item.repo.check_suite_id(item.record),
    id=lambda item: item.repo.check_suite_node_id(item.record),
    repository=lambda item: repository(item.repo),
    resourcePath=lambda item: f"/{item.repo.record.full_name}/actions/runs/{item.record.id}",
    status=lambda item: _upper(_last(item).status),
    updatedAt=lambda item: iso(_last(item).updated_at),
    url=lambda item: html(item, f"/actions/runs/{item.record.id}"),
    workflowRun=lambda item: run(item.repo, item.record),
)
connections("CheckSuite", checkRuns=_check_runs)
connections(
    "Commit",
    checkSuites=lambda item, context, arguments: Listing(
        [record for record in reversed(item.repo.runs) if record.head_sha == item.record.sha],
        lambda record: suite(item.repo, record),
        key=lambda record: [seconds(record.created_at), record.id],
    ),
)


plain(
    "CheckRun",
    checkSuite=lambda item: item.parent,
    completedAt=lambda item: iso_or_none(item.record.completed_at),
    conclusion=lambda item: _upper(item.record.conclusion),
    databaseId=lambda item: item.record.id,
    detailsUrl=lambda item: html(item, f"/actions/runs/{item.parent.record.id}/job/{item.record.id}"),
    id=lambda item: item.repo.node_id("CheckRun", item.record, item.parent.record.id, item.record.id),
    name=lambda item: item.record.name,
    permalink=lambda item: html(item, f"/actions/runs/{item.parent.record.id}/job/{item.record.id}"),
    repository=lambda item: repository(item.repo),
    startedAt=lambda item: iso_or_none(item.record.started_at),
    status=lambda item: _upper(item.record.status),
)
locatable("CheckRun", lambda item: f"/actions/runs/{item.parent.record.id}/job/{item.record.id}")
