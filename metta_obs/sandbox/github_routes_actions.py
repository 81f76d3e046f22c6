"""REST routes of workflows, workflow runs, run attempts and jobs.

Here: what each route lists, and the filters of the run lists. Not here: what a row looks like
(`github_bodies_actions`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from metta_obs.sandbox import github_bodies_actions as bodies
from metta_obs.sandbox.github_routes import Answer, Call, Refusal, route
from metta_obs.sandbox.github_views import RepositoryView
from metta_obs.sandbox.state import Attempt, Job, Run

MOST_FILTERED_RUNS = 1_000  # GitHub pages through no more where one of these narrows the list
SECOND = timedelta(seconds=1)

Between = tuple[datetime | None, datetime | None]  # first and last instant, both included


@route("/actions/workflows")
def workflows(call: Call) -> Answer:
    """GET /actions/workflows"""
    rows = [call.repo.record.workflows[key] for key in sorted(call.repo.record.workflows)]
    return call.counted_page("workflows", rows, lambda workflow: bodies.workflow(call.site, call.repo, workflow))


@route("/actions/workflows/{workflow}")
def workflow(call: Call, workflow: str) -> Answer:
    """GET /actions/workflows/{id or file name}"""
    return Answer(bodies.workflow(call.site, call.repo, call.repo.record.workflows[_workflow_id(call, workflow)]))


@route("/actions/workflows/{workflow}/runs")
def workflow_runs(call: Call, workflow: str) -> Answer:
    """GET /actions/workflows/{id or file name}/runs"""
    wanted = _workflow_id(call, workflow)
    return _run_list(call, [run for run in call.repo.runs if run.workflow_id == wanted])


@route("/actions/runs")
def runs(call: Call) -> Answer:
    """GET /actions/runs: the newest first."""
    return _run_list(call, call.repo.runs)


@route("/actions/runs/{run:int}")
def run(call: Call, run: int) -> Answer:
    """GET /actions/runs/{id}: its last attempt."""
    return Answer(bodies.run(call.site, call.repo, _run(call, run), with_pulls=_with_pulls(call)))


@route("/actions/runs/{run:int}/attempts/{number:int}")
def attempt(call: Call, run: int, number: int) -> Answer:
    """GET /actions/runs/{id}/attempts/{n}"""
    record = _run(call, run)
    shown = _attempt(record, number)
    return Answer(bodies.run(call.site, call.repo, record, shown, with_pulls=_with_pulls(call)))


@route("/actions/runs/{run:int}/jobs")
def jobs(call: Call, run: int) -> Answer:
    """GET /actions/runs/{id}/jobs: of the last attempt, or with `filter=all` of all attempts."""
    record = _run(call, run)
    which = call.query.get("filter", "latest")
    if which not in ("latest", "all"):
        raise Refusal(422, "Validation Failed")
    return _job_list(call, record, call.repo.all_jobs(record) if which == "all" else _jobs_of(record.attempts[-1]))


@route("/actions/runs/{run:int}/attempts/{number:int}/jobs")
def attempt_jobs(call: Call, run: int, number: int) -> Answer:
    """GET /actions/runs/{id}/attempts/{n}/jobs"""
    record = _run(call, run)
    return _job_list(call, record, _jobs_of(_attempt(record, number)))


@route("/actions/jobs/{job:int}")
def job(call: Call, job: int) -> Answer:
    """GET /actions/jobs/{id}"""
    if job not in call.repo.jobs:
        raise Refusal(404, "Not Found")
    return Answer(bodies.job(call.site, call.repo, *call.repo.jobs[job]))


def _run(call: Call, run: int) -> Run:
    if run not in call.repo.record.runs:
        raise Refusal(404, "Not Found")
    return call.repo.record.runs[run]


def _attempt(run: Run, number: int) -> Attempt:
    for attempt in run.attempts:
        if attempt.number == number:
            return attempt
    raise Refusal(404, "Not Found")


def _workflow_id(call: Call, text: str) -> int:
    for workflow in call.repo.record.workflows.values():
        if text in (str(workflow.id), workflow.path.rsplit("/", 1)[-1]):
            return workflow.id
    raise Refusal(404, "Not Found")


def _jobs_of(attempt: Attempt) -> list[tuple[Attempt, Job]]:
    return [(attempt, job) for job in sorted(attempt.jobs, key=lambda job: job.id)]


def _job_list(call: Call, run: Run, rows: list[tuple[Attempt, Job]]) -> Answer:
    return call.counted_page("jobs", rows, lambda row: bodies.job(call.site, call.repo, run, *row))


def _with_pulls(call: Call) -> bool:
    return call.query.get("exclude_pull_requests", "false") != "true"


def _run_list(call: Call, rows: Sequence[Run]) -> Answer:
    """`total_count` is that of all matching runs, but only the first 1,000 can be read where there is a filter."""
    query = call.query
    if created := query.get("created"):
        rows = _between(rows, created)
    if tests := [make(query[name], call.repo) for name, make in _TESTS.items() if query.get(name)]:
        rows = [run for run in rows if all(test(run) for test in tests)]
    reach = MOST_FILTERED_RUNS if created or tests else None
    with_pulls = _with_pulls(call)
    return call.counted_page(
        "workflow_runs", rows, lambda run: bodies.run(call.site, call.repo, run, with_pulls=with_pulls), reach
    )


Test = Callable[[Run], bool]


def _actor(text: str, _: RepositoryView) -> Test:
    return lambda run: run.actor is not None and run.actor.login.lower() == text.lower()


def _suite(text: str, repo: RepositoryView) -> Test:
    return lambda run: str(repo.check_suite_id(run)) == text


def _status(text: str, _: RepositoryView) -> Test:
    return lambda run: text in (run.attempts[-1].status, run.attempts[-1].conclusion)


def _between(rows: Sequence[Run], text: str) -> Sequence[Run]:
    """Those of `rows`, the newest first, that the filter `created` chooses."""
    start, end = created_between(text)
    first = 0 if end is None else bisect_left(rows, True, key=lambda run: run.created_at < end + SECOND)
    last = len(rows) if start is None else bisect_left(rows, True, key=lambda run: run.created_at < start)
    return rows[first:last]


_TESTS: dict[str, Callable[[str, RepositoryView], Test]] = {
    "actor": _actor,
    "branch": lambda text, _: lambda run: run.head_branch == text,
    "check_suite_id": _suite,
    "event": lambda text, _: lambda run: run.event == text,
    "head_sha": lambda text, _: lambda run: run.head_sha == text,
    "status": _status,
}


def created_between(text: str) -> Between:
    """The range of a `created` filter in GitHub's search syntax: `>=X`, `>X`, `<=X`, `<X`, `X..Y`, `X..*`, `*..Y`, or
    a day or an instant alone. Times are whole seconds; a day as an end means all of it. 422 where it is none."""
    if ".." in text:
        low, high = text.split("..", 1)
        return (None if low == "*" else _moment(low)[0], None if high == "*" else _moment(high)[1])
    if text.startswith(">="):
        return _moment(text[2:])[0], None
    if text.startswith("<="):
        return None, _moment(text[2:])[1]
    if text.startswith(">"):
        return _moment(text[1:])[1] + SECOND, None
    if text.startswith("<"):
        return None, _moment(text[1:])[0] - SECOND
    return _moment(text)


def _moment(text: str) -> tuple[datetime, datetime]:
    """(first second, last second) of a day or an instant."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(422, f"Invalid created filter: {text!r}") from error
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(microsecond=0)
    if "T" not in text:
        return moment, moment + timedelta(days=1, seconds=-1)
    return moment, moment
