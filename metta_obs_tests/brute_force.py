"""The judge: every series at one instant, computed from the sandbox's records by plain loops.

Here: METRICS.md as slow, obvious code; each function quotes the sentence that it implements. It imports nothing of the
product and nothing of the sandbox (a test enforces it), so that no mistake can be shared: the records of one
repository come in as they are (attributes as in `metta_obs/sandbox/state.py`), as the world stood at k, the start of
the pull whose knowledge counts at the instant t. Not here: which k belongs to which t, what was fetched completely.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
FAILED = ("failure", "timed_out", "startup_failure")
MOST_FILES = 3000  # of one commit that GitHub lists
MOST_OWN_COMMITS = 250  # of one pull request that GitHub lists

Answer = tuple[float | None, int, str | None]  # value, n, reason
Completions = Mapping[tuple[int, int], datetime]  # (run id, attempt) -> updated_at as first seen completed


def compute(
    repository: Any,
    t: datetime,
    k: datetime,
    bots: Iterable[str] = (),
    required: Iterable[str] = (),
    completions: Completions | None = None,
) -> dict[str, Answer]:
    """All 38 series at `t`, from `repository` as it stood at `k`: series key -> (value, n, reason).

    "Every key below is, for each repository and t, either a point or a missing entry."
    """
    judge = Judge(repository, t, k, bots, required, completions or {})
    return {f"github.{key}": answer for key, answer in judge.everything().items()}


def remember_completions(repository: Any, memory: dict[tuple[int, int], datetime]) -> None:
    """Note what a pull that saw `repository` learns: "its `updated_at` as first seen completed"."""
    for run in repository.runs.values():
        for attempt in run.attempts:
            if attempt.status == "completed" and (run.id, attempt.number) not in memory:
                memory[run.id, attempt.number] = attempt.updated_at


# --- arithmetic


def percentile(values: list[float], share: float) -> float:
    """ "linear interpolation (Hyndman-Fan type 7, the default of pandas and numpy)" """
    ordered = sorted(values)
    position = (len(ordered) - 1) * share
    below = int(position)
    if below + 1 == len(ordered):
        return ordered[below]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (position - below)


def mean(values: list[float]) -> Answer:
    """ "A mean, percentile or percentage with n = 0 has no point." """
    if not values:
        return None, 0, "no_data"
    return sum(values) / len(values), len(values), None


def at_percentile(values: list[float], share: float, needed: int) -> Answer:
    """ "p90 needs n >= 10, p99 n >= 100, else `thin_sample`"; "`no_data` (n = 0, for percentiles too)" """
    if not values:
        return None, 0, "no_data"
    if len(values) < needed:
        return None, len(values), "thin_sample"
    return percentile(values, share), len(values), None


def count(things: Iterable[Any]) -> Answer:
    """A count rests on what it counts."""
    number = len(list(things))
    return float(number), number, None


def percentage(part: int, whole: int) -> Answer:
    """ "A mean, percentile or percentage with n = 0 has no point." """
    if whole == 0:
        return None, 0, "no_data"
    return 100.0 * part / whole, whole, None


# --- people


def plain_login(login: str) -> str:
    """ "REST says `dependabot[bot]`, GraphQL says `dependabot`: one identity." GitHub's logins ignore case."""
    return login.lower().removesuffix("[bot]")


def account(actor: Any) -> tuple[str, object]:
    """ "Deleted accounts (null, or REST's `ghost`) are one human identity." """
    if actor is None or actor.login.lower() == "ghost":
        return "ghost", ""
    return "account", actor.id


def noreply(email: str) -> tuple[int | None, str] | None:
    """ "GitHub's noreply form resolves to its account, by login where it bears no id": (id, login)"""
    found = re.fullmatch(r"(?:([0-9]+)\+)?([^@+]+)@users\.noreply\.github\.com", email.lower())
    if found is None:
        return None
    return int(found[1]) if found[1] else None, found[2]


def subject(commit: Any) -> str:
    """ "the first line of its whole `message`" """
    return str(commit.message).split("\n")[0]


def first_line_of_body(commit: Any) -> str:
    """ "the first non-blank line of the body", the body being "the rest" of the message"""
    for line in commit.message.split("\n")[1:]:
        if line.strip():
            return str(line)
    return ""


class Judge:
    """One repository as it stood at `k`, asked about the instant `t`."""

    def __init__(
        self,
        repository: Any,
        t: datetime,
        k: datetime,
        bots: Iterable[str],
        required: Iterable[str],
        completions: Completions,
    ) -> None:
        self.repository, self.t, self.k = repository, t, k
        self.bots = [plain_login(login) for login in bots]
        self.required = list(required)
        self.completions = completions

    def everything(self) -> dict[str, Answer]:
        """Every series by its key, without the prefix."""
        return self.pull_requests() | self.branches() | self.commits() | self.runs()

    # --- windows

    def exists(self, at: datetime | None) -> bool:
        """ "an event, run, commit, review or merge dated t or later does not exist yet" """
        return at is not None and at < self.t

    def in_week(self, at: datetime | None) -> bool:
        """ "Windows are half-open: W7 = [t-7 d, t)." """
        return at is not None and self.t - 7 * DAY <= at < self.t

    # --- who is human

    def human_login(self, login: str) -> bool:
        """ "whose login does not end in `[bot]` and which is not in the configured bot list" """
        return not login.lower().endswith("[bot]") and plain_login(login) not in self.bots

    def human(self, actor: Any) -> bool:
        """ "an actor whose type is not `Bot`, whose login does not end in `[bot]` and which is not in the configured bot
        list"; deleted accounts are human"""
        if account(actor) == ("ghost", ""):
            return True
        return actor.type != "Bot" and self.human_login(actor.login)

    def human_author(self, commit: Any) -> bool:
        """The linked account's say; without one, that of the account that a noreply address resolves to."""
        if commit.author is not None:
            return self.human(commit.author)
        address = noreply(commit.author_email or "")
        return address is None or self.human_login(address[1])

    # --- pull requests at t

    def known_pulls(self) -> list[Any]:
        """Opened before t."""
        return [pull for pull in self.repository.pulls.values() if self.exists(pull.created_at)]

    @staticmethod
    def events(pull: Any, *kinds: str) -> list[Any]:
        """Its events of these kinds, oldest first; those of one second stay in GitHub's order."""
        return sorted((event for event in pull.timeline if event.event in kinds), key=lambda event: event.created_at)

    def merged(self, pull: Any) -> bool:
        """Merged before t."""
        return self.exists(pull.merged_at)

    def closings(self, pull: Any) -> list[datetime]:
        """When it was closed before t, each time; "where there are none [no events] from the state as known" """
        events = self.events(pull, "closed", "reopened")
        if events:
            return [event.created_at for event in events if event.event == "closed" and self.exists(event.created_at)]
        return [pull.closed_at] if self.exists(pull.closed_at) else []

    def open(self, pull: Any) -> bool:
        """ "Open, closed and draft at t follow from the PR's dated events [...], and where there are none from the state
        as known." """
        if self.merged(pull):
            return False
        events = self.events(pull, "closed", "reopened")
        if not events:
            return not self.exists(pull.closed_at)
        before = [event for event in events if self.exists(event.created_at)]
        if before:
            return bool(before[-1].event == "reopened")
        return bool(events[0].event == "closed")  # the first one is to come: until then it is what that one ends

    def draft(self, pull: Any) -> bool:
        """The same for drafts."""
        events = self.events(pull, "ready_for_review", "convert_to_draft")
        if not events:
            return bool(pull.draft)
        before = [event for event in events if self.exists(event.created_at)]
        if before:
            return bool(before[-1].event == "convert_to_draft")
        return bool(events[0].event == "ready_for_review")

    def own_commits(self, pull: Any) -> list[Any]:
        """ "the PR's own commits (GitHub lists at most 250)" """
        known = self.repository.commits
        listed = [known[sha] for sha in pull.commit_shas[:MOST_OWN_COMMITS] if sha in known]
        return [commit for commit in listed if self.exists(commit.committed_at)]

    def submitted_reviews(self, pull: Any) -> list[Any]:
        """Reviews that were submitted before t, dismissed ones too; a pending one is seen by its author only."""
        return [
            review
            for review in pull.reviews.values()
            if review.state != "PENDING" and self.exists(review.submitted_at)
        ]

    def comments(self, pull: Any) -> list[Any]:
        """ "conversation comments, inline review comments" written before t"""
        every = [*pull.issue_comments.values(), *pull.review_comments.values()]
        return [comment for comment in every if self.exists(comment.created_at)]

    def responses(self, pull: Any, *, with_blank_reviews: bool) -> list[datetime]:
        """Dates of reviews and comments "by a human other than the author" """
        found = []
        for review in self.submitted_reviews(pull):
            if self.another_human(pull, review.author) and (with_blank_reviews or review.body.strip()):
                found.append(review.submitted_at)
        for comment in self.comments(pull):
            if self.another_human(pull, comment.author):
                found.append(comment.created_at)
        return found

    def another_human(self, pull: Any, actor: Any) -> bool:
        """ "a human other than the author" """
        return self.human(actor) and account(actor) != account(pull.author)

    # --- pull request metrics

    def pull_requests(self) -> dict[str, Answer]:
        """#1 to #8 and time_to_first_review."""
        opened = [pull for pull in self.known_pulls() if self.open(pull)]
        merged = [pull for pull in self.known_pulls() if self.in_week(pull.merged_at)]
        by_humans = [pull for pull in merged if self.human(pull.author)]
        answers = {
            # "created before t and not closed before t; drafts count"
            "prs.open": count(opened),
            # "`merged_at` in W7, any base branch"
            "prs.merged_7d": count(merged),
            "prs.closed_without_merge_7d": count(pull for pull in self.known_pulls() if self.given_up(pull)),
            "prs.stale_count_14d": count(pull for pull in opened if self.stale(pull)),
            "prs.with_review_comments_pct": percentage(
                len([pull for pull in by_humans if self.during(pull, with_blank_reviews=True)]), len(by_humans)
            ),
            # "mean number of conversation comments, inline review comments and reviews with a non-blank body"
            "prs.avg_comments_per_pr": mean(
                [float(len(self.during(pull, with_blank_reviews=False))) for pull in by_humans]
            ),
        }
        # "mean of merged - created over human-authored PRs merged in W7"
        took = [(pull.merged_at - pull.created_at) / HOUR for pull in by_humans]
        answers |= self.distribution("prs.avg_time_to_merge_hours", "prs.time_to_merge_p{}_hours", took)
        # "mean of merged - first commit, same PRs"
        cycle = [(pull.merged_at - self.first_commit(pull)) / HOUR for pull in by_humans]
        answers |= self.distribution("prs.cycle_time_hours", "prs.cycle_time_p{}_hours", cycle)
        waits = [wait for pull in self.known_pulls() for wait in self.first_review(pull)]
        answers |= self.distribution("prs.time_to_first_review_hours", "prs.time_to_first_review_p{}_hours", waits)
        return answers

    @staticmethod
    def distribution(mean_key: str, percentile_key: str, values: list[float]) -> dict[str, Answer]:
        """ "the mean under the plain key and p50, p90, p99 under `..._p50_unit` ..." """
        return {
            mean_key: mean(values),
            percentile_key.format(50): at_percentile(values, 0.50, 1),
            percentile_key.format(90): at_percentile(values, 0.90, 10),
            percentile_key.format(99): at_percentile(values, 0.99, 100),
        }

    def given_up(self, pull: Any) -> bool:
        """ "closed at t, not merged before t, and its last closing is in W7" """
        closings = self.closings(pull)
        return not self.open(pull) and not self.merged(pull) and bool(closings) and self.in_week(closings[-1])

    def first_commit(self, pull: Any) -> datetime:
        """ "the earliest author date among the PR's own commits [...]; later than the PR's creation, or none listed,
        counts as the creation" """
        return min([pull.created_at, *(commit.authored_at for commit in self.own_commits(pull))])

    def stale(self, pull: Any) -> bool:
        """ "open at t, not a draft, and the last human activity is before t-14 d. Activity: the opening (by anyone), a
        human's reopening or marking ready, the newest committer date among its commits by human authors, a human's
        review or comment" """
        if self.draft(pull):
            return False
        activity = [pull.created_at]
        for event in self.events(pull, "reopened", "ready_for_review"):
            if self.exists(event.created_at) and self.human(event.actor):
                activity.append(event.created_at)
        for commit in self.own_commits(pull):
            if self.human_author(commit):
                activity.append(commit.committed_at)
        for review in self.submitted_reviews(pull):
            if self.human(review.author):
                activity.append(review.submitted_at)
        for comment in self.comments(pull):
            if self.human(comment.author):
                activity.append(comment.created_at)
        return bool(max(activity) < self.t - 14 * DAY)

    def during(self, pull: Any, *, with_blank_reviews: bool) -> list[datetime]:
        """Responses "dated from the opening to the merge, both included" """
        responses = self.responses(pull, with_blank_reviews=with_blank_reviews)
        return [at for at in responses if pull.created_at <= at <= pull.merged_at]

    def first_review(self, pull: Any) -> list[float]:
        """ "over human-authored PRs, whatever became of them, whose first response is dated in W7: the first submitted
        review or comment by a human other than the author at or after the start and not after the merge; the start is
        the opening, or for a PR opened as a draft, that is whose first draft event is ready-for-review or which is a
        draft without events, the first time it was marked ready; before that it has none" """
        if not self.human(pull.author):
            return []
        start = pull.created_at
        turns = self.events(pull, "ready_for_review", "convert_to_draft")
        if turns and turns[0].event == "ready_for_review":
            start = turns[0].created_at
        elif not turns and pull.draft:
            return []
        found = [at for at in self.responses(pull, with_blank_reviews=True) if at >= start]
        if self.merged(pull):
            found = [at for at in found if at <= pull.merged_at]
        if not found or not self.in_week(min(found)):
            return []
        return [(min(found) - start) / HOUR]

    # --- branches

    def branches(self) -> dict[str, Answer]:
        """#9 and branches.total: "branches as k(t) saw them, other than the default one, whose tip was committed at or
        after t-14 d. `branches.total` beside it counts all but the default" """
        if self.k - self.t > HOUR:
            # "needs a k(t) within an hour after t, else `not_observed`"
            missing: Answer = (None, 0, "not_observed")
            return {"branches.active": missing, "branches.total": missing}
        others = [
            branch for branch in self.repository.branches.values() if branch.name != self.repository.default_branch
        ]
        tips = [self.repository.commits[branch.sha] for branch in others]
        active = [tip for tip in tips if tip.committed_at >= self.t - 14 * DAY]
        return {"branches.active": count(active), "branches.total": count(others)}

    # --- commits

    def reachable(self) -> list[Any]:
        """ "commits reachable from the default branch as k(t) saw it" """
        branch = self.repository.branches.get(self.repository.default_branch)
        waiting = [branch.sha] if branch is not None else []
        reached: dict[str, Any] = {}
        while waiting:
            sha = waiting.pop()
            if sha in reached or sha not in self.repository.commits:
                continue
            reached[sha] = self.repository.commits[sha]
            waiting.extend(reached[sha].parents)
        return list(reached.values())

    def merged_pulls(self, commit: Any) -> list[Any]:
        """ "any PR that GitHub associates with it and that k(t) knew as merged (its merge commit, one of its own commits,
        or a commit that a rebase made of them)" """
        found = []
        for pull in self.repository.pulls.values():
            associated = (
                pull.merge_commit_sha == commit.sha
                or commit.sha in pull.commit_shas
                or pull.number in commit.associated_pulls
            )
            if associated and pull.merged_at is not None:
                found.append(pull)
        return found

    def commits(self) -> dict[str, Answer]:
        """#10 to #16, #24, #25."""
        # "at most one parent, committer date in W7"
        week = [
            commit for commit in self.reachable() if len(commit.parents) <= 1 and self.in_week(commit.committed_at)
        ]
        by_humans = [commit for commit in week if self.human_author(commit)]
        developers = {self.developer(commit, by_humans) for commit in by_humans}
        # "where GitHub lists no more (3,000), `not_listed`"
        if any(len(commit.files) > MOST_FILES for commit in week):
            files: Answer = (None, len(week), "not_listed")
        else:
            # "distinct paths over #10 (the new path of a rename), all files of a commit, also past 300"
            files = (float(len({file.path for commit in week for file in commit.files})), len(week), None)
        # "human-authored commits of #10 ÷ #24"
        each: Answer = (None, 0, "no_data")
        if developers:
            each = (len(by_humans) / len(developers), len(developers), None)
        return {
            "commits.total_7d": count(week),
            "commits.hotfix": count(commit for commit in week if self.hotfix(commit)),
            "commits.reverts": count(commit for commit in week if self.revert(commit)),
            "code.lines_added_7d": (float(sum(commit.additions for commit in week)), len(week), None),
            "code.lines_deleted_7d": (float(sum(commit.deletions for commit in week)), len(week), None),
            "code.files_changed_7d": files,
            # "of #10: no PR of it"
            "commits.direct_to_main_7d": count(commit for commit in week if not self.merged_pulls(commit)),
            # "distinct human authors of #10"
            "developers.active_7d": count(developers),
            "commits.per_developer_7d": each,
        }

    def hotfix(self, commit: Any) -> bool:
        """ "the subject matches `\\bhot-?fix\\b` in any case, or a PR of it has the label `hotfix` or a head branch that
        begins `hotfix/` or `hotfix-` (all in any case); the body never counts" """
        if re.search(r"\bhot-?fix\b", subject(commit), re.IGNORECASE):
            return True
        for pull in self.merged_pulls(commit):
            if "hotfix" in [label.lower() for label in pull.labels]:
                return True
            if pull.head.lower().startswith(("hotfix/", "hotfix-")):
                return True
        return False

    def revert(self, commit: Any) -> bool:
        """ "the subject starts `Revert "`, or the first non-blank line of the body begins `This reverts commit` and 7 to
        40 hexadecimal digits, or a PR of it has a head branch `revert-<n>-...` (but not `revert-<n>-revert-...`). Not a
        revert, whatever else matches: a subject that starts `Revert "Revert ` or `Reapply `" """
        if subject(commit).startswith(('Revert "Revert ', "Reapply ")):
            return False
        if subject(commit).startswith('Revert "'):
            return True
        if re.match(r"This reverts commit [0-9a-fA-F]{7,40}(?![0-9a-fA-F])", first_line_of_body(commit)):
            return True
        for pull in self.merged_pulls(commit):
            if re.match(r"revert-[0-9]+-", pull.head) and not re.match(r"revert-[0-9]+-revert-", pull.head):
                return True
        return False

    def developer(self, commit: Any, others: list[Any]) -> tuple[str, object]:
        """ "the linked GitHub account, by id; else the e-mail in lower case (GitHub's noreply form resolves to its
        account, by login where it bears no id), else the name" """
        if commit.author is not None:
            return account(commit.author)
        address = noreply(commit.author_email or "")
        if address is not None:
            number, login = address
            if number is not None:
                return "account", number
            for other in others:  # whose login is it?
                if other.author is not None and other.author.login.lower() == login:
                    return "account", other.author.id
                elsewhere = noreply(other.author_email or "")
                if other.author is None and elsewhere is not None and elsewhere[0] and elsewhere[1] == login:
                    return "account", elsewhere[0]
            return "login", login
        if commit.author_email:
            return "e-mail", commit.author_email.lower()
        return "name", commit.author_name

    # --- Actions

    def week_runs(self) -> list[Any]:
        """#17: "runs created in W7, all of them" """
        return [run for run in self.repository.runs.values() if self.in_week(run.created_at)]

    def ended_at(self, run: Any, attempt: Any) -> datetime | None:
        """ "Completion is the greatest `completed_at` among the attempt's jobs that is not before its start (a re-run of
        failed jobs carries older ones along); only for an attempt for which GitHub lists no such job, its `updated_at`
        as first seen completed." None while it goes on, for what k knew."""
        if attempt.status != "completed":
            return None
        executed = [
            job.completed_at for job in attempt.jobs if job.completed_at and job.completed_at >= attempt.run_started_at
        ]
        if executed:
            return max(executed)
        return self.completions.get((run.id, attempt.number), attempt.updated_at)

    def ended_attempts(self, run: Any) -> list[Any]:
        """Attempts that ended before t, oldest first."""
        return [attempt for attempt in run.attempts if self.exists(self.ended_at(run, attempt))]

    def verdict(self, run: Any) -> str | None:
        """ "the last attempt begun before t also ended before t, as [...] (while a re-run is under way the run has no
        verdict, as on its page)": its conclusion"""
        begun = [attempt for attempt in run.attempts if self.exists(attempt.run_started_at)]
        if not begun or not self.exists(self.ended_at(run, begun[-1])):
            return None
        return str(begun[-1].conclusion)

    def runs(self) -> dict[str, Answer]:
        """#17 to #23, success rate and flaky runs."""
        week = self.week_runs()
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
        answers = {
            "ci.workflow_runs_7d": count(week),
            # "as failure, timed_out or startup_failure"
            "ci.failed_workflows_7d": count(run for run in week if self.verdict(run) in FAILED),
            "ci.tests_passing_on_main": self.tests_passing(),
            # "success ÷ those that ended success, failure, timed_out or startup_failure"
            "ci.success_rate_pct": percentage(len(succeeded), len(succeeded) + len(failed)),
            "ci.flaky_runs_7d": count(run for run in week if self.flaky(run)),
        }
        return answers | self.distribution("ci.avg_workflow_duration_minutes", "ci.duration_p{}_minutes", minutes)

    def flaky(self, run: Any) -> bool:
        """ "an attempt failed and a later attempt succeeded, both completed before t" """
        conclusions = [attempt.conclusion for attempt in self.ended_attempts(run)]
        return any(
            earlier in FAILED and "success" in conclusions[position + 1 :]
            for position, earlier in enumerate(conclusions)
        )

    def tests_passing(self) -> Answer:
        """#19: "take each [required workflow]'s newest run (by `created_at`, then id) created in the 30 d before t on the
        repository's own default branch [...] whose last attempt begun before t ended before t as success, failure,
        timed_out or startup_failure [...]. 1 when all succeeded, else 0. A required workflow without such a run is left
        out [...]; without any there is no point." """
        runs = [run for run in self.repository.runs.values() if self.on_default_branch(run)]
        verdicts = []
        for workflow in self.required_workflows(runs):
            judged = [
                run
                for run in runs
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

    def on_default_branch(self, run: Any) -> bool:
        """ "created in the 30 d before t on the repository's own default branch (a fork's branch of the same name is
        another branch)" """
        names = [name.lower() for name in (self.repository.full_name, *self.repository.former_names)]
        own = run.head_repository is not None and run.head_repository.lower() in names
        recent = self.t - 30 * DAY <= run.created_at < self.t
        return bool(own and recent and run.head_branch == self.repository.default_branch)

    def required_workflows(self, runs_on_default_branch: list[Any]) -> list[int]:
        """ "Workflows are told apart by id; the configured names stand for every id that bears them. Required: the
        configured ones; by default every active workflow (as k(t) saw it) with a push run on the default branch in the
        30 d before t" """
        workflows = self.repository.workflows.values()
        if self.required:
            return [workflow.id for workflow in workflows if workflow.name in self.required]
        pushed = {run.workflow_id for run in runs_on_default_branch if run.event == "push"}
        return [workflow.id for workflow in workflows if workflow.state == "active" and workflow.id in pushed]
