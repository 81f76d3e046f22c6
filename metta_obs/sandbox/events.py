"""The kinds of events of the simulated world's log.

Here: what can happen, one small frozen record each, with `at` (aware, UTC, whole seconds) and `repo` (full name).
Not here: what follows from it (`fold`), how GitHub serves it (`github`). Actors are `state.Actor`; None is a deleted
account. A branch given as `DEFAULT_BRANCH` is the one that is the default at that moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .state import Actor, ChangedFile

DEFAULT_BRANCH = "@default"
THIS_REPOSITORY = "@this"


@dataclass(frozen=True, slots=True)
class Signature:
    """A person as a commit names them; `account` is the GitHub account that the e-mail is linked to, if any."""

    name: str
    email: str
    account: Actor | None = None


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit that a push brings. Its parent is the commit below it in the push, the first one's is said there."""

    sha: str
    message: str
    author: Signature
    authored_at: datetime
    committed_at: datetime
    files: tuple[ChangedFile, ...] = ()
    committer: Signature | None = None  # None: the author


@dataclass(frozen=True, slots=True)
class JobRun:
    """A job that an attempt executed."""

    id: int
    name: str
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a repository; `repo` is any full name that it bears or bore."""

    at: datetime
    repo: str


# --- repository and branches


@dataclass(frozen=True, slots=True)
class RepositoryCreated(Event):
    """An empty repository (no branch until the first push)."""

    id: int
    default_branch: str = "main"
    private: bool = False


@dataclass(frozen=True, slots=True)
class RepositoryRenamed(Event):
    new_name: str  # owner/name


@dataclass(frozen=True, slots=True)
class RepositoryArchived(Event):
    archived: bool = True


@dataclass(frozen=True, slots=True)
class DefaultBranchRenamed(Event):
    """Pull requests to the old name move to the new one, merged ones left out."""

    new_name: str


@dataclass(frozen=True, slots=True)
class BranchCreated(Event):
    """At commit `sha` (None: the default branch's tip), with `commits` on top. Nothing where the branch exists."""

    name: str
    sha: str | None = None
    commits: tuple[NewCommit, ...] = ()


@dataclass(frozen=True, slots=True)
class BranchDeleted(Event):
    name: str


@dataclass(frozen=True, slots=True)
class CommitsPushed(Event):
    """New commits, perhaps of old dates, on top of a branch (made at the default branch's tip where there is none)."""

    branch: str
    commits: tuple[NewCommit, ...]


@dataclass(frozen=True, slots=True)
class BranchForcePushed(Event):
    """The branch moves to `sha`, or `drop` commits back (first parents); then `commits` are put on top."""

    name: str
    drop: int = 0
    sha: str | None = None
    commits: tuple[NewCommit, ...] = ()


# --- pull requests


@dataclass(frozen=True, slots=True)
class PullOpened(Event):
    """Opened with its own `commits`, oldest first, the first one on the base's tip.

    Without commits they are those on the existing head branch that the base lacks. `head_repository` is another
    `owner/name` for a fork, None for a fork that is gone.
    """

    number: int
    title: str
    author: Actor | None
    head: str
    commits: tuple[NewCommit, ...] = ()
    base: str = DEFAULT_BRANCH
    body: str = ""
    head_repository: str | None = THIS_REPOSITORY
    draft: bool = False
    labels: tuple[str, ...] = ()
    id: int | None = None  # None: made from the repository's id and the number


@dataclass(frozen=True, slots=True)
class PullPushed(Event):
    """More own commits; with `force` they replace all that it had (on the base's present tip)."""

    number: int
    commits: tuple[NewCommit, ...]
    force: bool = False
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class PullEdited(Event):
    """What is None stays."""

    number: int
    title: str | None = None
    body: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class PullLabeled(Event):
    number: int
    label: str
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class PullUnlabeled(Event):
    number: int
    label: str
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class PullConvertedToDraft(Event):
    number: int
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class PullReadyForReview(Event):
    number: int
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class PullClosed(Event):
    number: int
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class PullReopened(Event):
    number: int
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class PullMerged(Event):
    """Makes commits on the base. squash: one, by the author of the pull request. merge: one with two parents, above
    the own commits. rebase: a copy of each own commit, committed now."""

    number: int
    actor: Actor | None = None
    method: str = "squash"


@dataclass(frozen=True, slots=True)
class ReviewSubmitted(Event):
    number: int
    review_id: int
    author: Actor | None
    state: str  # APPROVED, CHANGES_REQUESTED, COMMENTED
    body: str = ""


@dataclass(frozen=True, slots=True)
class ReviewDismissed(Event):
    number: int
    review_id: int
    actor: Actor | None = None


@dataclass(frozen=True, slots=True)
class ReviewEdited(Event):
    number: int
    review_id: int
    body: str


@dataclass(frozen=True, slots=True)
class ReviewCommentAdded(Event):
    """An inline comment. Without `review_id` it stands alone; the server may show a review of its own for it."""

    number: int
    comment_id: int
    author: Actor | None
    body: str
    path: str
    review_id: int | None = None
    in_reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class ReviewCommentEdited(Event):
    number: int
    comment_id: int
    body: str


@dataclass(frozen=True, slots=True)
class ReviewCommentDeleted(Event):
    number: int
    comment_id: int


@dataclass(frozen=True, slots=True)
class IssueCommentAdded(Event):
    """A comment in the conversation of a pull request."""

    number: int
    comment_id: int
    author: Actor | None
    body: str


@dataclass(frozen=True, slots=True)
class IssueCommentEdited(Event):
    number: int
    comment_id: int
    body: str


@dataclass(frozen=True, slots=True)
class IssueCommentDeleted(Event):
    number: int
    comment_id: int


# --- Actions


@dataclass(frozen=True, slots=True)
class WorkflowCreated(Event):
    workflow_id: int
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class WorkflowStateChanged(Event):
    workflow_id: int
    state: str  # active, disabled_manually, disabled_inactivity, deleted


@dataclass(frozen=True, slots=True)
class RunCreated(Event):
    """A run and its first attempt.

    `pull`: the pull request that it is for, whose head branch, commit and repository it then takes. Otherwise
    `head_sha` None is the tip of `head_branch`.
    """

    run_id: int
    workflow_id: int
    run_number: int
    event: str  # push, pull_request, schedule, workflow_dispatch, …
    head_branch: str | None = DEFAULT_BRANCH
    head_sha: str | None = None
    head_repository: str | None = THIS_REPOSITORY
    pull: int | None = None
    actor: Actor | None = None
    status: str = "queued"


@dataclass(frozen=True, slots=True)
class RunStatusChanged(Event):
    """The last attempt is now in_progress, waiting, … (not completed: that is `AttemptCompleted`)."""

    run_id: int
    status: str


@dataclass(frozen=True, slots=True)
class RunAttemptStarted(Event):
    """A re-run. Of the failed jobs only: the other jobs are carried along with their old times and new ids."""

    run_id: int
    actor: Actor | None = None
    failed_only: bool = False


@dataclass(frozen=True, slots=True)
class JobCompleted(Event):
    """One job of the last attempt ended while the attempt goes on."""

    run_id: int
    job: JobRun


@dataclass(frozen=True, slots=True)
class AttemptCompleted(Event):
    """The last attempt ended; `jobs` are those that it executed, as far as no `JobCompleted` told of them."""

    run_id: int
    conclusion: str
    jobs: tuple[JobRun, ...] = ()


@dataclass(frozen=True, slots=True)
class RunDeleted(Event):
    run_id: int
