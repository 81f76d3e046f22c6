"""What happens to pull requests: opening, pushes, labels, drafts, closing, the merge, reviews and comments.

Here: one handler per kind of event. See `fold` for what an impossible event does. What counts as an update of a pull
request is GitHub's: edits and deletions of comments do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha1
from typing import Any

from . import events as happened
from .events import THIS_REPOSITORY, Signature
from .fold_git import ancestry, branch_name, move, put, tip_of
from .fold_records import Records, wrong
from .state import Actor, ChangedFile, Comment, Commit, PullRequest, Repository, Review, TimelineEvent

GITHUB = Signature("GitHub", "noreply@github.com", Actor("web-flow", 19864447))


GHOST = Signature("ghost", "ghost@users.noreply.github.com")


def merge_sha(repo: str, number: int, at: datetime, copy: int = 0) -> str:
    """Id of the commit that merging pull request `number` makes (`copy`: of which own commit, for a rebase)."""
    return sha1(f"{repo.lower()}#{number}@{at.isoformat()}/{copy}".encode()).hexdigest()


def signature(actor: Actor | None, commits: Sequence[Commit] = ()) -> Signature:
    """How GitHub signs for an account: as in its own `commits`, else with its noreply address."""
    if actor is None:
        own = next(iter(commits), None)
        return Signature(own.author_name, own.author_email) if own else GHOST
    for commit in commits:
        if commit.author is not None and commit.author.id == actor.id:
            return Signature(commit.author_name, commit.author_email, actor)
    return Signature(actor.login, f"{actor.id}+{actor.login}@users.noreply.github.com", actor)


def _note(pull: PullRequest, event: Any, kind: str, actor: Actor | None, **extra: Any) -> None:
    """A timeline event, which counts as an update."""
    pull.timeline.append(
        TimelineEvent(pull.number * 10_000 + len(pull.timeline) + 1, kind, event.at, actor, dict(extra))
    )
    pull.updated_at = event.at


def own_head(repository: Repository, pull: PullRequest) -> bool:
    return pull.head_repository is not None and pull.head_repository.lower() == repository.full_name.lower()


def _pull_opened(records: Records, repository: Repository, event: happened.PullOpened) -> None:
    if event.number in repository.pulls:
        raise wrong(event, f"#{event.number} is there already")
    base = branch_name(repository, event.base)
    source = repository.full_name if event.head_repository == THIS_REPOSITORY else event.head_repository
    own = [commit.sha for commit in event.commits]
    head = put(repository, event.commits, tip_of(repository, base))
    if not own and source == repository.full_name and event.head in repository.branches:
        head = repository.branches[event.head].sha
        below, here = ancestry(repository.commits, tip_of(repository, base)), head
        while here in repository.commits and here not in below:
            own.insert(0, here)
            here = next(iter(repository.commits[here].parents), "")
    pull = PullRequest(
        event.id or repository.id % 1000 * 1_000_000 + event.number,
        event.number,
        event.title,
        event.body,
        event.author,
        event.at,
        event.at,
        base,
        event.head,
        source,
        head or "",
        event.draft,
        labels=list(event.labels),
        commit_shas=own,
    )
    repository.pulls[event.number] = pull
    records.fresh.add((repository.id, "pull", event.number))
    if own_head(repository, pull):
        move(repository, pull.head, head, event.at)


def _pull_pushed(records: Records, repository: Repository, event: happened.PullPushed) -> None:
    pull = records.pull(repository, event)
    before, parent = pull.head_sha, tip_of(repository, pull.base) if event.force else pull.head_sha
    pull.head_sha = put(repository, event.commits, parent) or pull.head_sha
    if event.force:
        pull.commit_shas.clear()
        _note(pull, event, "head_ref_force_pushed", event.actor, commit_id=pull.head_sha, before=before)
    pull.commit_shas += [commit.sha for commit in event.commits]
    pull.updated_at = event.at
    if own_head(repository, pull):
        move(repository, pull.head, pull.head_sha, event.at)


def _pull_edited(records: Records, repository: Repository, event: happened.PullEdited) -> None:
    pull = records.pull(repository, event)
    pull.title = pull.title if event.title is None else event.title
    pull.body = pull.body if event.body is None else event.body
    pull.base = pull.base if event.base is None else branch_name(repository, event.base)
    pull.updated_at = event.at


def _pull_labeled(records: Records, repository: Repository, event: happened.PullLabeled) -> None:
    pull = records.pull(repository, event)
    if event.label not in pull.labels:
        pull.labels.append(event.label)
        _note(pull, event, "labeled", event.actor, label={"name": event.label, "color": "ededed"})


def _pull_unlabeled(records: Records, repository: Repository, event: happened.PullUnlabeled) -> None:
    pull = records.pull(repository, event)
    if event.label in pull.labels:
        pull.labels.remove(event.label)
        _note(pull, event, "unlabeled", event.actor, label={"name": event.label, "color": "ededed"})


def _pull_to_draft(records: Records, repository: Repository, event: happened.PullConvertedToDraft) -> None:
    pull = records.pull(repository, event)
    if pull.closed_at is None and not pull.draft:
        pull.draft = True
        _note(pull, event, "convert_to_draft", event.actor)


def _pull_ready(records: Records, repository: Repository, event: happened.PullReadyForReview) -> None:
    pull = records.pull(repository, event)
    if pull.closed_at is None and pull.draft:
        pull.draft = False
        _note(pull, event, "ready_for_review", event.actor)


def _pull_closed(records: Records, repository: Repository, event: happened.PullClosed) -> None:
    pull = records.pull(repository, event)
    if pull.closed_at is None:
        pull.closed_at = event.at
        _note(pull, event, "closed", event.actor)


def _pull_reopened(records: Records, repository: Repository, event: happened.PullReopened) -> None:
    pull = records.pull(repository, event)
    if pull.closed_at is not None and pull.merged_at is None:
        pull.closed_at = None
        _note(pull, event, "reopened", event.actor)


def _pull_merged(records: Records, repository: Repository, event: happened.PullMerged) -> None:
    pull = records.pull(repository, event)
    if pull.closed_at is not None or pull.draft:
        return
    commits = repository.commits
    own = [commits[sha] for sha in pull.commit_shas if sha in commits]
    tip, at = tip_of(repository, pull.base), event.at
    author = signature(pull.author, own)
    if event.method == "rebase":
        committer = signature(event.actor)
        for position, old in enumerate(own):
            sha = merge_sha(event.repo, pull.number, at, position)
            commits[sha] = replace(
                old,
                sha=sha,
                parents=[tip] if tip else [],
                committer_name=committer.name,
                committer_email=committer.email,
                committed_at=at,
                committer=committer.account,
                associated_pulls=[pull.number],
            )
            tip = sha
    elif event.method == "merge":
        owner, merger = (pull.head_repository or "unknown").split("/")[0], signature(event.actor)
        subject = f"Merge pull request #{pull.number} from {owner}/{pull.head}"
        tip = _store_merge(commits, event, f"{subject}\n\n{pull.title}", [tip or "", pull.head_sha], merger, own)
    else:
        body = "\n\n".join(f"* {old.message}" for old in own) if len(own) > 1 else pull.body
        message = f"{pull.title} (#{pull.number})" + (f"\n\n{body}" if body else "")
        tip = _store_merge(commits, event, message, [tip] if tip else [], author, own)
    pull.merge_commit_sha, pull.merged_at, pull.closed_at, pull.merged_by = tip, at, at, event.actor
    _note(pull, event, "merged", event.actor, commit_id=tip)
    _note(pull, event, "closed", event.actor)
    move(repository, pull.base, tip, at)


def _store_merge(
    commits: dict[str, Commit],
    event: happened.PullMerged,
    message: str,
    parents: list[str],
    author: Signature,
    own: list[Commit],
) -> str:
    """The one commit of a squash or a merge: its files are what the own commits changed together."""
    sha = merge_sha(event.repo, event.number, event.at)
    files: dict[str, ChangedFile] = {}
    for old in own:
        for file in old.files:
            before = files.get(file.path)
            if before is None:
                files[file.path] = file
            else:
                files[file.path] = replace(
                    before,
                    additions=before.additions + file.additions,
                    deletions=before.deletions + file.deletions,
                )
    commits[sha] = Commit(
        sha,
        message,
        [parent for parent in parents if parent],
        author.name,
        author.email,
        event.at,
        GITHUB.name,
        GITHUB.email,
        event.at,
        author.account,
        GITHUB.account,
        sum(file.additions for file in files.values()),
        sum(file.deletions for file in files.values()),
        list(files.values()),
    )
    return sha


# --- reviews and comments


def _review_submitted(records: Records, repository: Repository, event: happened.ReviewSubmitted) -> None:
    pull = records.pull(repository, event)
    pull.reviews[event.review_id] = Review(
        event.review_id, event.author, event.state, event.at, event.body, pull.head_sha
    )
    pull.updated_at = event.at


def _review_dismissed(records: Records, repository: Repository, event: happened.ReviewDismissed) -> None:
    pull = records.pull(repository, event)
    review = pull.reviews.get(event.review_id)
    if review is not None and review.state in ("APPROVED", "CHANGES_REQUESTED"):
        dismissed = {"state": review.state.lower(), "review_id": review.id, "dismissal_message": "Outdated"}
        pull.reviews[review.id] = replace(review, state="DISMISSED")
        _note(pull, event, "review_dismissed", event.actor, dismissed_review=dismissed)


def _review_edited(records: Records, repository: Repository, event: happened.ReviewEdited) -> None:
    pull = records.pull(repository, event)
    if event.review_id in pull.reviews:
        pull.reviews[event.review_id] = replace(pull.reviews[event.review_id], body=event.body)


def _review_comment_added(records: Records, repository: Repository, event: happened.ReviewCommentAdded) -> None:
    pull = records.pull(repository, event)
    pull.review_comments[event.comment_id] = Comment(
        event.comment_id, event.author, event.at, event.at, event.body, event.path, event.review_id, event.in_reply_to
    )
    pull.updated_at = event.at


def _issue_comment_added(records: Records, repository: Repository, event: happened.IssueCommentAdded) -> None:
    pull = records.pull(repository, event)
    pull.issue_comments[event.comment_id] = Comment(event.comment_id, event.author, event.at, event.at, event.body)
    pull.updated_at = event.at


def _edit(comments: dict[int, Comment], event: Any) -> None:
    if event.comment_id in comments:
        comments[event.comment_id] = replace(comments[event.comment_id], body=event.body, updated_at=event.at)


def _review_comment_edited(records: Records, repository: Repository, event: happened.ReviewCommentEdited) -> None:
    _edit(records.pull(repository, event).review_comments, event)


def _issue_comment_edited(records: Records, repository: Repository, event: happened.IssueCommentEdited) -> None:
    _edit(records.pull(repository, event).issue_comments, event)


def _review_comment_deleted(records: Records, repository: Repository, event: happened.ReviewCommentDeleted) -> None:
    records.pull(repository, event).review_comments.pop(event.comment_id, None)


def _issue_comment_deleted(records: Records, repository: Repository, event: happened.IssueCommentDeleted) -> None:
    records.pull(repository, event).issue_comments.pop(event.comment_id, None)


HANDLERS: dict[type[happened.Event], Any] = {
    happened.PullOpened: _pull_opened,
    happened.PullPushed: _pull_pushed,
    happened.PullEdited: _pull_edited,
    happened.PullLabeled: _pull_labeled,
    happened.PullUnlabeled: _pull_unlabeled,
    happened.PullConvertedToDraft: _pull_to_draft,
    happened.PullReadyForReview: _pull_ready,
    happened.PullClosed: _pull_closed,
    happened.PullReopened: _pull_reopened,
    happened.PullMerged: _pull_merged,
    happened.ReviewSubmitted: _review_submitted,
    happened.ReviewDismissed: _review_dismissed,
    happened.ReviewEdited: _review_edited,
    happened.ReviewCommentAdded: _review_comment_added,
    happened.ReviewCommentEdited: _review_comment_edited,
    happened.ReviewCommentDeleted: _review_comment_deleted,
    happened.IssueCommentAdded: _issue_comment_added,
    happened.IssueCommentEdited: _issue_comment_edited,
    happened.IssueCommentDeleted: _issue_comment_deleted,
}
