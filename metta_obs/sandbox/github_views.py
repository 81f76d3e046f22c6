"""What the servers ask of the world's state, answered once per version of it: sorted lists, histories, look-ups.

Here: `Snapshot` (every repository at one instant) and `RepositoryView` (one of them with its indexes, each made when
first asked for). Not here: the records themselves (`state`) and what they look like as JSON (`github_bodies*`,
`github_fields*`).
"""

from __future__ import annotations

import heapq
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol

from metta_obs.sandbox.github_ids import node_id, read_node_id
from metta_obs.sandbox.state import Attempt, Comment, Commit, Job, PullRequest, Repository, Run

CHECK_SUITE_OFFSET = 20_000_000_000  # made-up check suite ids keep clear of run ids


class World(Protocol):
    """What the GitHub server needs of a world. Its answers are never changed afterwards, and the same repository
    objects come back for as long as nothing happens to them."""

    def state(self) -> dict[str, Repository]: ...


@dataclass(frozen=True, eq=False)
class Item:
    """A record and the repository that it belongs to; `type` is the name of its GraphQL type, `parent` what it is part
    of (the pull request of a review, the check suite of a check run)."""

    type: str
    repo: RepositoryView
    record: Any
    parent: Any = None


def item_or_none(type_name: str, repo: RepositoryView, record: Any, parent: Any = None) -> Item | None:
    """An Item, and None for a record that is not there."""
    return None if record is None else Item(type_name, repo, record, parent)


class RepositoryView:
    """One repository at one instant."""

    def __init__(self, record: Repository, universe: Snapshot | None = None) -> None:
        self.record = record
        self.universe = universe
        self._histories: dict[str, list[Commit]] = {}
        self._ancestors: dict[str, frozenset[str]] = {}
        self._bodies: dict[Any, Any] = {}
        self._pull_lists: dict[tuple[str, bool], list[PullRequest]] = {}

    @property
    def owner(self) -> str:
        return self.record.full_name.split("/")[0]

    @property
    def name(self) -> str:
        return self.record.full_name.split("/")[1]

    @property
    def is_empty(self) -> bool:
        """Whether the Git repository has nothing in it; GitHub answers its Git routes with 409."""
        return not self.record.branches

    @property
    def head(self) -> str | None:
        """The sha of the default branch."""
        branch = self.record.branches.get(self.record.default_branch)
        return branch.sha if branch else None

    def remember(self, key: Any, make: Callable[[], Any]) -> Any:
        """The value of `make()`, made once per key for this view."""
        if key not in self._bodies:
            self._bodies[key] = make()
        return self._bodies[key]

    # --- ids

    def node_id(self, type_name: str, record: Any, *parts: object) -> str:
        """The record's own `node_id` where a dataset gave one, else ours."""
        given = record.extra.get("node_id") if hasattr(record, "extra") else None
        return str(given) if given else node_id(type_name, self.record.id, *parts)

    @cached_property
    def given(self) -> dict[str, tuple[str, str]]:
        """Node ids that came with a dataset -> what `read_node_id` says for one of our own."""
        found: dict[str, tuple[str, str]] = {}

        def note(record: Any, type_name: str, *parts: object, key: str = "node_id") -> None:
            if value := record.extra.get(key):
                found[str(value)] = (type_name, ":".join(map(str, (self.record.id, *parts))))

        note(self.record, "Repository")
        for pull in self.record.pulls.values():
            note(pull, "PullRequest", pull.number)
            for review in pull.reviews.values():
                note(review, "PullRequestReview", pull.number, review.id)
            for comment in pull.review_comments.values():
                note(comment, "PullRequestReviewComment", pull.number, comment.id)
            for comment in pull.issue_comments.values():
                note(comment, "IssueComment", pull.number, comment.id)
            for event in pull.timeline:
                note(event, "TimelineEvent", pull.number, event.id)
        for commit in self.record.commits.values():
            note(commit, "Commit", commit.sha)
        for workflow in self.record.workflows.values():
            note(workflow, "Workflow", workflow.id)
        for run in self.record.runs.values():
            for record in (run, *run.attempts):
                note(record, "WorkflowRun", run.id)
                note(record, "CheckSuite", run.id, key="check_suite_node_id")
            for attempt in run.attempts:
                for job in attempt.jobs:
                    note(job, "CheckRun", run.id, job.id)
        return found

    # --- pull requests

    def pulls(self, sort: str = "created", descending: bool = True) -> list[PullRequest]:
        """Every pull request, by `created` or `updated` time and then by number, or by number of comments."""
        key = (sort, descending)
        if key not in self._pull_lists:
            self._pull_lists[key] = sorted(self.record.pulls.values(), key=PULL_KEYS[sort], reverse=descending)
        return self._pull_lists[key]

    @cached_property
    def _pulls_by_commit(self) -> dict[str, list[PullRequest]]:
        found: dict[str, dict[int, PullRequest]] = defaultdict(dict)
        for pull in self.record.pulls.values():
            if pull.merged_at or not pull.closed_at:
                for sha in pull.commit_shas:
                    found[sha][pull.number] = pull
            if pull.merged_at and pull.merge_commit_sha:
                found[pull.merge_commit_sha][pull.number] = pull
        for commit in self.record.commits.values():
            for number in commit.associated_pulls:
                if number in self.record.pulls:
                    found[commit.sha][number] = self.record.pulls[number]
        return {sha: sorted(pulls.values(), key=PULL_KEYS["created"]) for sha, pulls in found.items()}

    def pulls_of(self, sha: str) -> list[PullRequest]:
        """The pull requests that GitHub associates with a commit, oldest first: merged and open ones of which it is a
        commit or the merge commit, and those that the state names."""
        return self._pulls_by_commit.get(sha, [])

    def own_commits(self, pull: PullRequest) -> list[Commit]:
        """The commits of a pull request, oldest first; those that a dataset names and does not have are left out."""
        return [self.record.commits[sha] for sha in pull.commit_shas if sha in self.record.commits]

    def size_of(self, pull: PullRequest) -> tuple[int, int, int]:
        """(additions, deletions, changed files) of a pull request: as given, else summed over its own commits."""
        if "additions" in pull.extra:
            return pull.extra["additions"], pull.extra.get("deletions", 0), pull.extra.get("changed_files", 0)
        commits = self.own_commits(pull)
        paths = {file.path for commit in commits for file in commit.files}
        return sum(c.additions for c in commits), sum(c.deletions for c in commits), len(paths)

    @cached_property
    def review_comments(self) -> list[tuple[PullRequest, Comment]]:
        """Every inline comment of the repository, oldest first."""
        found = [(pull, c) for pull in self.record.pulls.values() for c in pull.review_comments.values()]
        return sorted(found, key=lambda pair: (pair[1].created_at, pair[1].id))

    @cached_property
    def issue_comments(self) -> list[tuple[PullRequest, Comment]]:
        """Every conversation comment of the repository, oldest first."""
        found = [(pull, c) for pull in self.record.pulls.values() for c in pull.issue_comments.values()]
        return sorted(found, key=lambda pair: (pair[1].created_at, pair[1].id))

    # --- commits

    def resolve(self, revision: str) -> str | None:
        """The sha of a branch, of `refs/heads/…`, or of a sha or its beginning (7 digits or more)."""
        branches = self.record.branches
        for name in (revision, revision.removeprefix("refs/heads/"), revision.removeprefix("heads/")):
            if name in branches:
                return branches[name].sha
        if revision in self.record.commits:
            return revision
        if revision == "HEAD":
            return self.head
        if len(revision) >= 7:
            found = [sha for sha in self.record.commits if sha.startswith(revision.lower())]
            if len(found) == 1:
                return found[0]
        return None

    def history(self, sha: str) -> list[Commit]:
        """The commits that are reachable from `sha`, the one with the newest committer date next, as `git log`."""
        if sha not in self._histories:
            self._histories[sha] = list(_walk(self.record.commits, sha))
        return self._histories[sha]

    def ancestors(self, sha: str) -> frozenset[str]:
        """The shas that are reachable from `sha`, itself included."""
        if sha not in self._ancestors:
            self._ancestors[sha] = frozenset(commit.sha for commit in self.history(sha))
        return self._ancestors[sha]

    # --- workflow runs

    @cached_property
    def runs(self) -> list[Run]:
        """Every workflow run, newest first."""
        return sorted(self.record.runs.values(), key=lambda run: (run.created_at, run.id), reverse=True)

    def check_suite_id(self, run: Run) -> int:
        """The id of a run's check suite."""
        for record in (run.attempts[-1], run):
            if value := record.extra.get("check_suite_id"):
                return int(value)
        return CHECK_SUITE_OFFSET + run.id

    def check_suite_node_id(self, run: Run) -> str:
        """The node id of a run's check suite."""
        for record in (run.attempts[-1], run):
            if value := record.extra.get("check_suite_node_id"):
                return str(value)
        return node_id("CheckSuite", self.record.id, run.id)

    def all_jobs(self, run: Run) -> list[tuple[Attempt, Job]]:
        """The jobs of every attempt, each once (with the attempt that it ran in), by id."""
        found: dict[int, tuple[Attempt, Job]] = {}
        for attempt in run.attempts:
            for job in attempt.jobs:
                found.setdefault(job.id, (attempt, job))
        return [found[key] for key in sorted(found)]

    @cached_property
    def jobs(self) -> dict[int, tuple[Run, Attempt, Job]]:
        """Job id -> its run, the attempt that it ran in, and the job."""
        return {job.id: (run, attempt, job) for run in self.runs for attempt, job in self.all_jobs(run)}


PULL_KEYS: dict[str, Callable[[PullRequest], Any]] = {
    "created": lambda pull: (pull.created_at, pull.number),
    "updated": lambda pull: (pull.updated_at, pull.number),
    "popularity": lambda pull: (len(pull.issue_comments) + len(pull.review_comments), pull.number),
}


class Snapshot:
    """Every repository of the world at one instant; a repository is found by full name in any case, or by id.

    What `before` has worked out about repositories that have not changed since is kept.
    """

    def __init__(self, state: dict[str, Repository], before: Snapshot | None = None) -> None:
        self.views = {name.lower(): RepositoryView(record, self) for name, record in state.items()}
        for name, view in before.views.items() if before else ():
            if name in self.views and self.views[name].record is view.record:
                view.universe = self  # nothing happened to it: keep what it has worked out
                self.views[name] = view
        self.by_id = {view.record.id: view for view in self.views.values()}
        self._former = {name.lower(): view for view in self.views.values() for name in view.record.former_names}
        self._strangers: dict[str, RepositoryView] = {}

    def holds(self, state: dict[str, Repository]) -> bool:
        """Whether this is the snapshot of exactly this state."""
        return len(state) == len(self.views) and all(
            name.lower() in self.views and self.views[name.lower()].record is record for name, record in state.items()
        )

    def find(self, full_name: str) -> tuple[RepositoryView | None, bool]:
        """(the repository or None, whether the name is a former one)."""
        view = self.views.get(full_name.lower())
        return (view, False) if view else (self._former.get(full_name.lower()), full_name.lower() in self._former)

    def stranger(self, full_name: str) -> RepositoryView:
        """The repository of this name, or, where the world has none (a fork), one that is made up."""
        view = self.find(full_name)[0] or self._strangers.get(full_name)
        if view is None:
            epoch = datetime(2020, 1, 1, tzinfo=UTC)
            number = 500_000_000 + zlib.crc32(full_name.lower().encode()) % 500_000_000
            record = Repository(number, full_name, "main", created_at=epoch, pushed_at=epoch, updated_at=epoch)
            view = self._strangers[full_name] = RepositoryView(record, self)
        return view

    def locate(self, node: str) -> tuple[RepositoryView, str, str] | None:
        """(repository, type name, the rest of the parts) for the node id of anything inside a repository."""
        own = read_node_id(node)
        if own:
            number, _, rest = own[1].partition(":")
            view = self.by_id.get(int(number)) if number.isdigit() else None
            if view:
                return view, own[0], rest
        for view in self.views.values():
            if node in view.given:
                type_name, text = view.given[node]
                return view, type_name, text.partition(":")[2]
        return None


def _walk(commits: dict[str, Commit], start: str) -> Iterator[Commit]:
    if start not in commits:
        return
    seen = {start}
    heap = [(-commits[start].committed_at.timestamp(), 0, start)]
    count = 0
    while heap:
        _, _, sha = heapq.heappop(heap)
        commit = commits[sha]
        yield commit
        for parent in commit.parents:
            if parent in commits and parent not in seen:
                seen.add(parent)
                count += 1
                heapq.heappush(heap, (-commits[parent].committed_at.timestamp(), count, parent))
