"""The judge on workflow runs: #17 to #23, success rate and flaky runs; see `brute_force`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from metta_obs_tests.brute_force_basics import DAY, MINUTE, Answer, Answers, Instant, count, distribution, percentage

FAILED = ("failure", "timed_out", "startup_failure")


class Runs(Instant):
    """The workflow runs of a repository at an instant."""

    def answers(self) -> Answers:
        """Each series by its key."""
        # #17: "runs created in W7, all of them"
        week = [run for run in self.repository.runs.values() if self.in_week(run.created_at)]
        attempts = [(run, attempt) for run in week for attempt in self.ended_attempts(run)]
        # "over the attempts of runs of #17 that completed before t with success or failure: mean of completion -
        # `run_started_at`, per attempt"
        minutes = []
        for run, attempt in attempts:
            ended = self.ended_at(run, attempt)
            if attempt.conclusion in ("success", "failure") and ended is not None:
                minutes.append((ended - attempt.run_started_at) / MINUTE)
        succeeded = [attempt for _, attempt in attempts if attempt.conclusion == "success"]
        failed = [attempt for _, attempt in attempts if attempt.conclusion in FAILED]
        return {
            "ci.workflow_runs_7d": count(week),
            # "as failure, timed_out or startup_failure"
            "ci.failed_workflows_7d": count(run for run in week if self.verdict(run) in FAILED),
            "ci.tests_passing_on_main": self.tests_passing(),
            # "success ÷ those that ended success, failure, timed_out or startup_failure"
            "ci.success_rate_pct": percentage(len(succeeded), len(succeeded) + len(failed)),
            "ci.flaky_runs_7d": count(run for run in week if self.flaky(run)),
            **distribution("ci.avg_workflow_duration_minutes", "ci.duration_p{}_minutes", minutes),
        }

    def ended_at(self, run: Any, attempt: Any) -> datetime | None:
        """ "Completion is the greatest `completed_at` among the attempt's jobs that is not before its start (a re-run
        of failed jobs carries older ones along); only for an attempt for which GitHub lists no such job, its
        `updated_at` as first seen completed." None while it goes on, for what k knew."""
        if attempt.status != "completed":
            return None
        ends = [job.completed_at for job in attempt.jobs if job.completed_at is not None]
        own: list[datetime] = [at for at in ends if at >= attempt.run_started_at]
        if own:
            return max(own)
        seen: datetime = self.completions.get((run.id, attempt.number), attempt.updated_at)
        return seen

    def ended_attempts(self, run: Any) -> list[Any]:
        """Attempts that ended before t, oldest first."""
        return [attempt for attempt in run.attempts if self.exists(self.ended_at(run, attempt))]

    def verdict(self, run: Any) -> str | None:
        """Conclusion of "the last attempt begun before t [that] also ended before t" (while a re-run is under way the
        run has no verdict, as on its page)"""
        begun = [attempt for attempt in run.attempts if self.exists(attempt.run_started_at)]
        if not begun or not self.exists(self.ended_at(run, begun[-1])):
            return None
        return str(begun[-1].conclusion)

    def flaky(self, run: Any) -> bool:
        """ "an attempt failed and a later attempt succeeded, both completed before t" """
        conclusions = [attempt.conclusion for attempt in self.ended_attempts(run)]
        for position, conclusion in enumerate(conclusions):
            if conclusion in FAILED and "success" in conclusions[position + 1 :]:
                return True
        return False

    def tests_passing(self) -> Answer:
        """#19: "take each [required workflow]'s newest run (by `created_at`, then id) created in the 30 d before t on
        the repository's own default branch [...] (pull_request and pull_request_target runs do not count) whose last
        attempt begun before t ended before t as success, failure, timed_out or startup_failure [...]. 1 when all
        succeeded, else 0. A required workflow without such a run is left out [...]; without any there is no point." """
        verdicts = []
        for workflow in self.required_workflows():
            judged = [
                run
                for run in self.on_default_branch()
                if run.workflow_id == workflow
                and run.event not in ("pull_request", "pull_request_target")
                and self.verdict(run) in ("success", *FAILED)
            ]
            if judged:
                newest = max(judged, key=lambda run: (run.created_at, run.id))
                verdicts.append(self.verdict(newest))
        if not verdicts:
            return None, 0, "no_data"
        return float(all(verdict == "success" for verdict in verdicts)), len(verdicts), None

    def on_default_branch(self) -> list[Any]:
        """ "created in the 30 d before t on the repository's own default branch (a fork's branch of the same name is
        another branch)" """
        own_names = [name.lower() for name in (self.repository.full_name, *self.repository.former_names)]
        found = []
        for run in self.repository.runs.values():
            recent = self.t - 30 * DAY <= run.created_at < self.t
            own = run.head_repository is not None and run.head_repository.lower() in own_names
            if recent and own and run.head_branch == self.repository.default_branch:
                found.append(run)
        return found

    def required_workflows(self) -> list[int]:
        """ "Workflows are told apart by id; the configured names stand for every id that bears them. Required: the
        configured ones; by default every active workflow (as k(t) saw it) with a push run on the default branch in the
        30 d before t" """
        workflows = self.repository.workflows.values()
        if self.required:
            return [workflow.id for workflow in workflows if workflow.name in self.required]
        pushed = {run.workflow_id for run in self.on_default_branch() if run.event == "push"}
        return [workflow.id for workflow in workflows if workflow.state == "active" and workflow.id in pushed]
