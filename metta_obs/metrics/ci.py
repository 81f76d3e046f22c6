"""CI metrics over workflow runs and their attempts: volume, failures, verdict of the default branch, durations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metta_obs.metrics.catalogue import DAY, WEEK, Options, Values, averaged, counted, distributed, metric, share
from metta_obs.metrics.spans import (
    Distribution,
    Times,
    count,
    distinct,
    distribution,
    meet,
    minus,
    narrow,
    shared,
    stretches,
    union,
    within,
)

Tables = Mapping[str, pd.DataFrame]
RUNS = ("workflow_runs",)
ATTEMPTS = ("workflow_runs", "jobs")
VERDICT = ("workflow_runs", "jobs", "workflows", "repositories")
FAILED = ("failure", "timed_out", "startup_failure")
DECIDED = ("success", *FAILED)
TIMED = ("success", "failure")
PULL_REQUEST_EVENTS = ("pull_request", "pull_request_target")
MONTH = pd.Timedelta(30, "D")
RUNS_THIS_WEEK = "actions?query=created%3A{week}"
ATTEMPT = ["run_id", "attempt"]
RUN = ["run_id", "name", "event", "head_branch", "created_at"]
ENDED = [*ATTEMPT, "name", "conclusion", "created_at", "started_at", "completed_at"]
DURATION = (
    "Over the attempts of runs created in the 7 days before t that completed before t with success or failure: "
    "completion minus start of the attempt. Completion is the last end of its jobs (those that a re-run carried along "
    "from before its start left out), or the run's update time where GitHub lists no such job."
)


@shared
def ended(runs: pd.DataFrame, jobs: pd.DataFrame, t: Times) -> pd.DataFrame:
    """Attempts at the instants at which they had ended, with `completed_at`.

    That is the greatest completion among the attempt's jobs that is not before its start (a re-run of failed jobs
    carries older ones along); for an attempt for which GitHub lists no such job, `updated_at` as first seen completed.
    """
    attempts = runs[runs["status"].eq("completed").fillna(False).astype(bool)]
    attempts = attempts.assign(version=np.arange(len(attempts)))
    jobs = jobs[[*ATTEMPT, "completed_at", "lo", "hi"]]
    pairs = meet(attempts[[*ATTEMPT, "version", "started_at", "lo", "hi"]], jobs, ATTEMPT)
    pairs = pairs[(pairs["completed_at"] >= pairs["started_at"]).fillna(False).astype(bool)]
    nothing = pd.Series(pd.NaT, attempts.index, dtype="datetime64[us, UTC]")
    columns = ["version", "completed_at", "lo", "hi"]
    known = stretches(
        pd.concat([attempts.assign(completed_at=nothing)[columns], pairs[columns]], ignore_index=True), "version"
    )
    last = known.groupby(["version", "lo", "hi"], as_index=False)["completed_at"].max()
    result = attempts.drop(columns=["lo", "hi"]).merge(last, on="version")
    result["completed_at"] = result["completed_at"].fillna(result["first_completed_at"])
    return narrow(result, t, result["completed_at"])


def ended_in_week(tables: Tables, t: Times) -> pd.DataFrame:
    """Ended attempts of the runs created in W7."""
    return within(ended(tables["workflow_runs"], tables["jobs"], t), t, "created_at", WEEK)


def last_begun(attempts: pd.DataFrame, tables: Tables, t: Times) -> pd.DataFrame:
    """`attempts` at the instants at which no later attempt of their run had begun."""
    later = meet(
        attempts[[*ATTEMPT, "lo", "hi"]], tables["workflow_runs"][[*ATTEMPT, "started_at", "lo", "hi"]], "run_id"
    )
    later = later[later["attempt_other"] > later["attempt"]]
    return minus(attempts, narrow(later, t, later["started_at"]), ATTEMPT)


@shared
def timed(runs: pd.DataFrame, jobs: pd.DataFrame, t: Times) -> tuple[Distribution, pd.DataFrame]:
    """Ended attempts of the runs created in W7 with the `minutes` that they took, and the distribution of these."""
    attempts = within(ended(runs, jobs, t), t, "created_at", WEEK)
    attempts = attempts[attempts["conclusion"].isin(TIMED)]
    attempts = attempts.assign(minutes=attempt_minutes(attempts))
    return distribution(attempts, attempts["minutes"].to_numpy(), t), attempts


def attempt_minutes(attempts: pd.DataFrame) -> np.ndarray:
    """Minutes from the start of each attempt to its completion."""
    spent = (attempts["completed_at"] - attempts["started_at"]).to_numpy(dtype="timedelta64[us]")
    return spent.astype(np.int64) / 60e6


@metric(
    "ci.workflow_runs_7d",
    title="Workflow runs",
    unit="run",
    tables=RUNS,
    reach=7 * DAY,
    definition="Workflow runs created in the 7 days before t, all of them.",
    link=RUNS_THIS_WEEK,
)
def workflow_runs(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    runs = within(tables["workflow_runs"], t, "created_at", WEEK)
    return counted(distinct(runs, "run_id", t), lambda: runs[RUN].drop_duplicates("run_id"))


@metric(
    "ci.failed_workflows_7d",
    title="Failed workflow runs",
    unit="run",
    tables=ATTEMPTS,
    reach=7 * DAY,
    definition=(
        "Of the runs created in the 7 days before t: those whose last attempt begun before t also ended before t, as "
        "failure, timed_out or startup_failure."
    ),
    link=RUNS_THIS_WEEK + "+is%3Afailure",
)
def failed_workflows(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    attempts = ended_in_week(tables, t)
    failed = last_begun(attempts[attempts["conclusion"].isin(FAILED)], tables, t)
    return counted(distinct(failed, "run_id", t), lambda: failed[ENDED])


@metric(
    "ci.tests_passing_on_main",
    title="Default branch passes",
    unit="boolean",
    tables=VERDICT,
    reach=30 * DAY,
    statistic="verdict",
    definition=(
        "1 when the newest decided run on the default branch of every required workflow succeeded, else 0. A run "
        "counts when it was created in the 30 days before t on the repository's own default branch (not for a pull "
        "request) and its last attempt begun before t ended before t as success, failure, timed_out or "
        "startup_failure. Required are the configured workflows, by default every active one with a push run on the "
        "default branch in those 30 days; one without such a run is left out and named."
    ),
    link="actions?query=branch%3A{branch}",
)
def tests_passing(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    runs = _on_default_branch(tables["workflow_runs"], tables["repositories"])
    required = _required(tables["workflows"], runs, t, options)
    attempts = within(ended(tables["workflow_runs"], tables["jobs"], t), t, "created_at", MONTH)
    attempts = _on_default_branch(attempts[attempts["conclusion"].isin(DECIDED)], tables["repositories"])
    decided = last_begun(attempts, tables, t).sort_values(["created_at", "run_id"], kind="stable")
    decided["passed"] = decided["conclusion"].eq("success").astype(np.int8)
    workflows = sorted(required)
    needed = np.zeros((len(workflows), len(t)), dtype=bool)
    verdict = np.full((len(workflows), len(t)), -1, dtype=np.int8)
    of = dict(list(decided.groupby("workflow_id")))
    for row, workflow in enumerate(workflows):
        for lo, hi in required[workflow]:
            needed[row, lo:hi] = True
        if workflow in of:
            for lo, hi, passed in of[workflow][["lo", "hi", "passed"]].itertuples(index=False):
                verdict[row, lo:hi] = passed  # newer runs come later and paint over older ones
    judged = needed & (verdict >= 0)
    n = judged.sum(axis=0).astype(np.int64)
    passes = np.where((judged & (verdict == 0)).any(axis=0), 0.0, 1.0)
    values = averaged(
        passes,
        n,
        lambda: decided[decided["workflow_id"].isin(required)].drop_duplicates("workflow_id", keep="last")[ENDED],
    )
    names = tables["workflows"].drop_duplicates("workflow_id", keep="last").set_index("workflow_id")["name"].to_dict()
    _name_left_out(values, needed & (verdict < 0), [names[w] for w in workflows], options)
    return {"verdict": values}


def _on_default_branch(runs: pd.DataFrame, repositories: pd.DataFrame) -> pd.DataFrame:
    """Runs on the repository's own default branch, at the instants at which that was the default branch."""
    runs = runs[~runs["event"].isin(PULL_REQUEST_EVENTS)]
    own = repositories[["default_branch", "repository_id", "lo", "hi"]].rename(
        columns={"default_branch": "head_branch"}
    )
    pairs = meet(runs, own, "head_branch")
    return pairs[(pairs["head_repository_id"] == pairs["repository_id"]).fillna(False).astype(bool)]


def _required(
    workflows: pd.DataFrame, runs: pd.DataFrame, t: Times, options: Options
) -> dict[int, list[tuple[int, int]]]:
    """Spans of instants at which each workflow is required, by workflow id."""
    if options.required_workflows:
        spans = workflows[workflows["name"].isin(options.required_workflows)]
    else:
        pushed = within(runs[runs["event"].eq("push").fillna(False).astype(bool)], t, "created_at", MONTH)
        active = workflows[workflows["state"].eq("active").fillna(False).astype(bool)]
        spans = meet(union(active, "workflow_id"), union(pushed, "workflow_id"), "workflow_id")
    spans = union(spans, "workflow_id")
    required: dict[int, list[tuple[int, int]]] = {}
    for workflow, lo, hi in spans[["workflow_id", "lo", "hi"]].itertuples(index=False, name=None):
        required.setdefault(int(workflow), []).append((lo, hi))
    return required


def _name_left_out(values: Values, without: np.ndarray, names: list[str], options: Options) -> None:
    """Write the names of required workflows without a decided run into the evidence."""
    patterns, which = np.unique(without, axis=1, return_inverse=True)
    unknown = sorted(set(options.required_workflows) - set(names))
    for i in range(patterns.shape[1]):
        missing = sorted({name for name, out in zip(names, patterns[:, i], strict=True) if out}) + unknown
        if missing:
            values.detail[which.ravel() == i] = "left out, without a decided run: " + ", ".join(missing)


# Decorators apply from the bottom up, so the catalogue lists the mean first.
@metric(
    "ci.duration_p99_minutes",
    title="Workflow duration, p99",
    unit="minute",
    tables=ATTEMPTS,
    reach=7 * DAY,
    statistic="p99",
    definition=DURATION + " The 99th percentile, of at least 100 attempts.",
    link=RUNS_THIS_WEEK,
)
@metric(
    "ci.duration_p90_minutes",
    title="Workflow duration, p90",
    unit="minute",
    tables=ATTEMPTS,
    reach=7 * DAY,
    statistic="p90",
    definition=DURATION + " The 90th percentile, of at least 10 attempts.",
    link=RUNS_THIS_WEEK,
)
@metric(
    "ci.duration_p50_minutes",
    title="Workflow duration, p50",
    unit="minute",
    tables=ATTEMPTS,
    reach=7 * DAY,
    statistic="p50",
    definition=DURATION + " The median.",
    link=RUNS_THIS_WEEK,
)
@metric(
    "ci.avg_workflow_duration_minutes",
    title="Workflow duration",
    unit="minute",
    tables=ATTEMPTS,
    reach=7 * DAY,
    statistic="mean",
    definition=DURATION + " The mean.",
    link=RUNS_THIS_WEEK,
)
def workflow_duration(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    sample, attempts = timed(tables["workflow_runs"], tables["jobs"], t)
    return distributed(sample, lambda: attempts[[*ENDED, "minutes"]])


@metric(
    "ci.success_rate_pct",
    title="Success rate",
    unit="percent",
    tables=ATTEMPTS,
    reach=7 * DAY,
    statistic="share",
    extra=True,
    definition=(
        "Over the attempts of runs created in the 7 days before t that completed before t as success, failure, "
        "timed_out or startup_failure: the share that succeeded."
    ),
    link=RUNS_THIS_WEEK,
)
def success_rate(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    attempts = ended_in_week(tables, t)
    attempts = attempts[attempts["conclusion"].isin(DECIDED)]
    passed = attempts[attempts["conclusion"] == "success"]
    return share(count(passed, t), count(attempts, t), lambda: attempts[ENDED])


@metric(
    "ci.flaky_runs_7d",
    title="Flaky runs",
    unit="run",
    tables=ATTEMPTS,
    reach=7 * DAY,
    extra=True,
    definition=(
        "Of the runs created in the 7 days before t: those of which an attempt failed (failure, timed_out or "
        "startup_failure) and a later one succeeded, both completed before t."
    ),
    link=RUNS_THIS_WEEK,
)
def flaky_runs(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    attempts = ended_in_week(tables, t)
    passed = attempts.loc[attempts["conclusion"] == "success", [*ATTEMPT, "lo", "hi"]]
    pairs = meet(attempts[attempts["conclusion"].isin(FAILED)], passed, "run_id")
    flaky = pairs[pairs["attempt_other"] > pairs["attempt"]]
    return counted(distinct(flaky, "run_id", t), lambda: flaky[ENDED].drop_duplicates("run_id"))
