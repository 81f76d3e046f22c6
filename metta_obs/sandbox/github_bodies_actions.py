"""REST bodies of workflows, workflow runs, run attempts and jobs.

Here: one function per body. Not here: which of them a route lists (`github_routes_actions`).
"""

from __future__ import annotations

from metta_obs.sandbox.github_bodies import HTML, Body, Site, iso, iso_or_none, serve
from metta_obs.sandbox.github_bodies_git import simple_commit
from metta_obs.sandbox.github_bodies_pulls import minimal_pull
from metta_obs.sandbox.github_views import RepositoryView
from metta_obs.sandbox.state import Attempt, Job, Run, Workflow

STATED = {  # what the state alone says, whatever a dataset's row said when it was taken
    "pull_requests",
    "repository",
    "run_attempt",
    "status",
    "conclusion",
    "created_at",
    "updated_at",
    "run_started_at",
}


def workflow(site: Site, repo: RepositoryView, record: Workflow) -> Body:
    """A workflow."""
    html = f"{HTML}/{repo.record.full_name}"
    body = {
        "id": record.id,
        "node_id": repo.node_id("Workflow", record, record.id),
        "name": record.name,
        "path": record.path,
        "state": record.state,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
        "url": site.url(repo, f"/actions/workflows/{record.id}"),
        "html_url": f"{html}/blob/{repo.record.default_branch}/{record.path}",
        "badge_url": f"{html}/workflows/{record.name.replace(' ', '%20')}/badge.svg",
    }
    return serve(body, record.extra)


def run(
    site: Site, repo: RepositoryView, record: Run, attempt: Attempt | None = None, *, with_pulls: bool = True
) -> Body:
    """A workflow-run: as it is listed (its last attempt, created when the run was), or as one attempt shows itself
    under /attempts/{n}, with that attempt's own created_at."""
    shown = attempt or record.attempts[-1]
    url = site.url(repo, f"/actions/runs/{record.id}")
    html = f"{HTML}/{repo.record.full_name}/actions/runs/{record.id}"
    definition = repo.record.workflows.get(record.workflow_id)
    head = None
    if record.head_repository and repo.universe:
        head = repo.universe.stranger(record.head_repository)
    attempt_url = f"{url}/attempts/{attempt.number}" if attempt else url
    pulls = [repo.record.pulls[number] for number in record.pull_numbers if number in repo.record.pulls]
    body = {
        "id": record.id,
        "name": record.name,
        "node_id": repo.node_id("WorkflowRun", record, record.id),
        "head_branch": record.head_branch,
        "head_sha": record.head_sha,
        "path": definition.path if definition else f"dynamic/{record.name}",
        "display_title": record.name,
        "run_number": record.run_number,
        "event": record.event,
        "status": shown.status,
        "conclusion": shown.conclusion,
        "workflow_id": record.workflow_id,
        "check_suite_id": repo.check_suite_id(record),
        "check_suite_node_id": repo.check_suite_node_id(record),
        "url": url,
        "html_url": f"{html}/attempts/{attempt.number}" if attempt else html,
        "pull_requests": [minimal_pull(site, repo, pull) for pull in pulls] if with_pulls else [],
        "created_at": iso(attempt.created_at if attempt else record.created_at),
        "updated_at": iso(shown.updated_at),
        "actor": site.user_or_ghost(record.actor),
        "run_attempt": shown.number,
        "referenced_workflows": [],
        "run_started_at": iso(shown.run_started_at),
        "triggering_actor": site.user_or_ghost(record.actor),
        "jobs_url": f"{attempt_url}/jobs",
        "logs_url": f"{attempt_url}/logs",
        "check_suite_url": site.url(repo, f"/check-suites/{repo.check_suite_id(record)}"),
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{shown.number - 1}" if shown.number > 1 else None,
        "workflow_url": site.url(repo, f"/actions/workflows/{record.workflow_id}"),
        "head_commit": simple_commit(repo, record.head_sha),
        "repository": site.minimal_repository(repo),
        "head_repository": site.minimal_repository(head) if head else None,
    }
    extra = record.extra | shown.extra
    return serve(body, {key: extra[key] for key in extra if key not in STATED})


def job(site: Site, repo: RepositoryView, parent: Run, attempt: Attempt, record: Job) -> Body:
    """A job. One that has not started has its creation as `started_at`, as on GitHub."""
    html = f"{HTML}/{repo.record.full_name}/actions/runs/{parent.id}/job/{record.id}"
    body = {
        "id": record.id,
        "run_id": parent.id,
        "workflow_name": parent.name,
        "head_branch": parent.head_branch,
        "run_url": site.url(repo, f"/actions/runs/{parent.id}"),
        "run_attempt": attempt.number,
        "node_id": repo.node_id("CheckRun", record, parent.id, record.id),
        "head_sha": parent.head_sha,
        "url": site.url(repo, f"/actions/jobs/{record.id}"),
        "html_url": html,
        "status": record.status,
        "conclusion": record.conclusion,
        "created_at": iso(record.created_at),
        "started_at": iso(record.started_at or record.created_at),
        "completed_at": iso_or_none(record.completed_at),
        "name": record.name,
        "steps": [],
        "check_run_url": site.url(repo, f"/check-runs/{record.id}"),
        "labels": ["ubuntu-latest"],
        "runner_id": None,
        "runner_name": None,
        "runner_group_id": None,
        "runner_group_name": None,
    }
    return serve(body, record.extra)
