"""The jobs of run attempts: a hundred runs in one GraphQL query where that tells the attempts apart, REST elsewhere.

Here: asking, and which attempt a job belongs to. Not here: which attempts need it (`run_jobs`).

GraphQL's check suite lists the jobs of all attempts of a run without saying which is whose, and those of the last
attempt apart. A re-run of failed jobs lists the others again, with their old times and with new ids or the old ones.
So for a run with two attempts or more: the last attempt's are LATEST; the first attempt's are those that started
before the second began, each once; those of attempts in between only REST tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from metta_obs.github import batches
from metta_obs.github.context import Pull
from metta_obs.github.documents import document
from metta_obs.github.errors import GitHubError, NotFound, truncated
from metta_obs.github.values import lower, when

Body = dict[str, Any]
SUITES = 100  # per query, GitHub takes no more ids; one list each makes one point
FEW = 50  # re-run or not, so many suites with two lists each make one point


@dataclass
class Attempts:
    """The attempts of a run whose jobs are `wanted`; `starts`: attempt -> start, as far as known."""

    run_id: int
    suite: str | None
    created_at: datetime
    starts: dict[int, datetime] = field(default_factory=dict)
    wanted: set[int] = field(default_factory=set)

    @property
    def last(self) -> int:
        return max(self.starts)


@dataclass(frozen=True)
class Job:
    """A job as an attempt lists it."""

    job_id: int
    name: str
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None


Found = dict[int, list[Job]]  # attempt -> jobs


def read_jobs(context: Pull, runs: list[Attempts]) -> Iterator[tuple[Attempts, Found]]:
    """The jobs of these runs' wanted attempts. A run whose jobs do not all come makes the table incomplete.

    Raises GitHubError where nothing comes back.
    """
    with_suite = [run for run in runs if run.suite]
    again = with_suite if len(with_suite) <= FEW else [run for run in with_suite if run.last > 1]
    once = [run for run in with_suite if run not in again] if len(again) < len(with_suite) else []
    yield from _by_suite(context, "jobs", once)
    yield from _by_suite(context, "rerun_jobs", again)
    for run in runs:
        if not run.suite:
            yield from _by_attempt(context, run, {})


def _by_suite(context: Pull, name: str, runs: list[Attempts]) -> Iterator[tuple[Attempts, Found]]:
    by_suite = {run.suite: run for run in runs if run.suite}
    for nodes in batches.nodes(context.github, document(name), list(by_suite), SUITES):
        for node in nodes:
            run = by_suite[node.id]
            try:
                found = _of_suite(context, name, run, node)
            except GitHubError as error:
                if error.reason not in ("truncated", "partial"):
                    raise
                context.fail(error, "jobs")
                continue
            yield from _by_attempt(context, run, found)


def _of_suite(context: Pull, name: str, run: Attempts, node: batches.Node) -> Found:
    """The jobs that a check suite tells of; attempts that it does not tell apart are left out. Raises GitHubError."""
    if node.unknown:
        return {}
    if node.body is None or node.errors:
        said = "; ".join(str(error.get("message")) for error in node.errors) or "null"
        raise GitHubError(
            "partial", f"jobs of workflow run {run.run_id}: GitHub answered {said}; the next pull asks again"
        )
    if node.body["status"] != "COMPLETED":
        return {}  # run again since it was listed: the lists hold jobs of an attempt that is not known yet
    lists = _to_the_end(context, name, run, node)
    every = [_from_graphql(job) for job in lists["every"].values()]
    if run.last == 1:
        return {1: every}
    begun = run.starts[run.last]
    carried = [_from_graphql(job) for job in lists["latest"].values()]  # of several jobs with one name, one
    own = [job for job in every if job.started_at and job.started_at >= begun]
    found = {run.last: list({job.job_id: job for job in carried + own}.values())}
    second = run.starts.get(2)
    if second is not None and all(job.started_at for job in every):
        found[1] = _first_attempt(every, second)
    return found


def _first_attempt(every: list[Job], second: datetime) -> list[Job]:
    """The jobs that started before the second attempt began; one that was listed again later counts as it was first."""
    first: dict[tuple[Any, ...], Job] = {}
    for job in sorted(every, key=lambda job: job.job_id):
        if job.started_at is not None and job.started_at < second:
            first.setdefault((job.name, job.started_at, job.completed_at, job.conclusion), job)
    return list(first.values())


def _to_the_end(context: Pull, name: str, run: Attempts, node: batches.Node) -> dict[str, dict[int, Body]]:
    """The lists of a check suite, by name, each as id -> job. Raises GitHubError where some do not come."""
    assert node.body is not None
    cursors = {"every": "after", "latest": "latestAfter"}
    lists: dict[str, dict[int, Body]] = {}
    for key in [key for key in cursors if key in node.body]:
        jobs: dict[int, Body] = {}
        connection, cursor = node.body[key], None
        while True:
            if connection is None or any(job is None or job["databaseId"] is None for job in connection["nodes"]):
                raise GitHubError("partial", f"GitHub left a hole in the jobs of workflow run {run.run_id}")
            jobs.update((job["databaseId"], job) for job in connection["nodes"])
            info = connection["pageInfo"]
            if not info["hasNextPage"] or info["endCursor"] == cursor:
                break
            cursor = info["endCursor"]
            answer = context.github.graphql(document(name), {"ids": [node.id], cursors[key]: cursor})
            connection = (answer.whole()["nodes"][0] or {}).get(key)
        if len(jobs) < connection["totalCount"]:
            raise truncated(f"jobs of workflow run {run.run_id}", len(jobs), connection["totalCount"])
        lists[key] = jobs
    return lists


def _by_attempt(context: Pull, run: Attempts, found: Found) -> Iterator[tuple[Attempts, Found]]:
    """The wanted attempts from `found`, the others from REST. A run that is gone by now yields nothing."""
    wanted: Found = {attempt: jobs for attempt, jobs in found.items() if attempt in run.wanted}
    for attempt in sorted(run.wanted - wanted.keys()):
        path = f"/repos/{context.name}/actions/runs/{run.run_id}/attempts/{attempt}/jobs"
        try:
            pages = list(context.github.pages(path, {"per_page": 100}, holds="jobs"))
        except NotFound as error:
            context.fail(error, "jobs")
            continue
        jobs: Mapping[int, Body] = {job["id"]: job for page in pages for job in page.body["jobs"]}
        if len(jobs) < pages[0].body["total_count"]:
            context.fail(truncated(pages[0].request, len(jobs), pages[0].body["total_count"]), "jobs")
            continue
        wanted[attempt] = [_from_rest(job) for job in jobs.values()]
    yield run, wanted


def _from_graphql(job: Body) -> Job:
    ended = when(job["completedAt"]) if job["status"] == "COMPLETED" else None
    return Job(job["databaseId"], job["name"], lower(job["conclusion"]), when(job["startedAt"]), ended)


def _from_rest(job: Body) -> Job:
    ended = when(job["completed_at"]) if job["status"] == "completed" else None
    return Job(job["id"], job["name"], job["conclusion"], when(job["started_at"]), ended)
