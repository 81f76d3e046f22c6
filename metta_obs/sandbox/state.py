"""What the simulated GitHub holds at one instant: plain records, the common ground of world and server.

Here: the shape of the state. Not here: how events change it (`world`), how it is served (`github`), how a default
world is made up (`generator`) or given rows are read (`dataset`). All times are aware datetimes in UTC. Each record
has `extra`: further REST fields to serve as given (a dataset's unknown fields are kept there).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Actor:
    """An account as REST shows it: a bot's login ends in `[bot]` and its type is Bot."""

    login: str
    id: int
    type: str = "User"


@dataclass
class TimelineEvent:
    """closed, reopened, ready_for_review, convert_to_draft, merged, head_ref_force_pushed, labeled, …"""

    id: int
    event: str
    created_at: datetime
    actor: Actor | None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Review:
    id: int
    author: Actor | None
    state: str  # APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED, PENDING
    submitted_at: datetime | None
    body: str
    commit_id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Comment:
    """An issue comment, or an inline review comment (then with path, review id and the comment it replies to)."""

    id: int
    author: Actor | None
    created_at: datetime
    updated_at: datetime
    body: str
    path: str | None = None
    review_id: int | None = None
    in_reply_to_id: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class PullRequest:
    id: int
    number: int
    title: str
    body: str
    author: Actor | None
    created_at: datetime
    updated_at: datetime
    base: str
    head: str
    head_repository: str | None  # owner/name; null where the fork was deleted
    head_sha: str
    draft: bool = False
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: Actor | None = None
    merge_commit_sha: str | None = None
    labels: list[str] = field(default_factory=list)
    commit_shas: list[str] = field(default_factory=list)  # its own commits, oldest first
    timeline: list[TimelineEvent] = field(default_factory=list)
    reviews: dict[int, Review] = field(default_factory=dict)
    review_comments: dict[int, Comment] = field(default_factory=dict)
    issue_comments: dict[int, Comment] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return "closed" if self.closed_at else "open"


@dataclass
class ChangedFile:
    path: str
    status: str = "modified"
    additions: int = 0
    deletions: int = 0
    previous_path: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Commit:
    """Any commit GitHub stores, on the default branch or not."""

    sha: str
    message: str
    parents: list[str]
    author_name: str
    author_email: str
    authored_at: datetime
    committer_name: str
    committer_email: str
    committed_at: datetime
    author: Actor | None = None  # linked account
    committer: Actor | None = None
    additions: int = 0
    deletions: int = 0
    files: list[ChangedFile] = field(default_factory=list)
    associated_pulls: list[int] = field(default_factory=list)  # beyond merge commits and a PR's own commits
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Workflow:
    id: int
    name: str
    path: str
    state: str
    created_at: datetime
    updated_at: datetime
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Job:
    id: int
    name: str
    status: str
    conclusion: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Attempt:
    """One attempt of a run; `jobs` includes those that a re-run of failed jobs carried along, with their old times."""

    number: int
    status: str  # queued, in_progress, completed, waiting, …
    conclusion: str | None
    run_started_at: datetime
    updated_at: datetime
    created_at: datetime
    jobs: list[Job] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    id: int
    workflow_id: int
    name: str
    run_number: int
    event: str
    head_branch: str | None
    head_sha: str
    head_repository: str | None  # owner/name
    created_at: datetime
    attempts: list[Attempt]  # ordered by number; the last one is what GitHub lists
    actor: Actor | None = None
    pull_numbers: list[int] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Branch:
    name: str
    sha: str


@dataclass
class Repository:
    id: int
    full_name: str
    default_branch: str
    created_at: datetime
    pushed_at: datetime
    updated_at: datetime
    archived: bool = False
    private: bool = False
    former_names: list[str] = field(default_factory=list)  # answered with 301
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, Branch] = field(default_factory=dict)
    workflows: dict[int, Workflow] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
