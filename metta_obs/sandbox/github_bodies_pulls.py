"""REST bodies of pull requests and what hangs on them: reviews, the two kinds of comments, events.

Here: one function per body. Not here: which of them a route lists (`github_routes_pulls`).
"""

from __future__ import annotations

from typing import Any

from metta_obs.sandbox.github_bodies import HTML, Body, Site, association, iso, iso_or_none, serve
from metta_obs.sandbox.github_bodies_git import fake_sha, git_commit
from metta_obs.sandbox.github_ids import node_id
from metta_obs.sandbox.github_views import RepositoryView
from metta_obs.sandbox.state import Comment, PullRequest, Review, TimelineEvent


def pull(site: Site, repo: RepositoryView, record: PullRequest) -> Body:
    """A pull-request-simple, as lists have it."""
    url = site.url(repo, f"/pulls/{record.number}")
    issue = site.url(repo, f"/issues/{record.number}")
    html = f"{HTML}/{repo.record.full_name}/pull/{record.number}"
    statuses = site.url(repo, f"/statuses/{record.head_sha}")
    body = {
        "url": url,
        "id": record.id,
        "node_id": repo.node_id("PullRequest", record, record.number),
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": issue,
        "number": record.number,
        "state": record.state,
        "locked": False,
        "title": record.title,
        "user": site.user_or_ghost(record.author),
        "body": record.body or None,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
        "closed_at": iso_or_none(record.closed_at),
        "merged_at": iso_or_none(record.merged_at),
        "merge_commit_sha": record.merge_commit_sha,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [site.label(repo, name) for name in record.labels],
        "milestone": None,
        "draft": record.draft,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": site.url(repo, "/pulls/comments{/number}"),
        "comments_url": f"{issue}/comments",
        "statuses_url": statuses,
        "head": _head(site, repo, record),
        "base": _base(site, repo, record),
        "_links": {
            "self": {"href": url},
            "html": {"href": html},
            "issue": {"href": issue},
            "comments": {"href": f"{issue}/comments"},
            "review_comments": {"href": f"{url}/comments"},
            "review_comment": {"href": site.url(repo, "/pulls/comments{/number}")},
            "commits": {"href": f"{url}/commits"},
            "statuses": {"href": statuses},
        },
        "author_association": association(record.extra, record.author),
        "auto_merge": None,
        "active_lock_reason": None,
    }
    return serve(body, {k: v for k, v in record.extra.items() if k not in DETAILS})


DETAILS = (  # what only GET /pulls/{number} says
    "merged",
    "mergeable",
    "rebaseable",
    "mergeable_state",
    "merged_by",
    "comments",
    "review_comments",
    "maintainer_can_modify",
    "commits",
    "additions",
    "deletions",
    "changed_files",
)


def full_pull(site: Site, repo: RepositoryView, record: PullRequest) -> Body:
    """A pull-request, the answer to GET /pulls/{number}."""
    additions, deletions, files = repo.size_of(record)
    closed = record.closed_at is not None
    details = {
        "merged": record.merged_at is not None,
        "mergeable": None if closed else True,
        "rebaseable": None if closed else True,
        "mergeable_state": "unknown" if closed else "clean",
        "merged_by": site.user_or_none(record.merged_by),
        "comments": len(record.issue_comments),
        "review_comments": len(record.review_comments),
        "maintainer_can_modify": False,
        "commits": len(repo.own_commits(record)),
        "additions": additions,
        "deletions": deletions,
        "changed_files": files,
    }
    given = {key: record.extra[key] for key in DETAILS if key in record.extra}
    counted = {key: details[key] for key in ("comments", "review_comments", "commits", "merged_by", "merged")}
    return pull(site, repo, record) | details | given | counted


def minimal_pull(site: Site, repo: RepositoryView, record: PullRequest) -> Body:
    """A pull-request-minimal, as workflow runs bear it."""
    name = record.head_repository
    head = repo.universe.stranger(name) if repo.universe and name else repo
    return {
        "id": record.id,
        "number": record.number,
        "url": site.url(repo, f"/pulls/{record.number}"),
        "head": {"ref": record.head, "sha": record.head_sha, "repo": _minimal(site, head)},
        "base": {"ref": record.base, "sha": base_sha(repo, record), "repo": _minimal(site, repo)},
    }


def base_sha(repo: RepositoryView, record: PullRequest) -> str:
    """The sha of the base branch, made up where the branch is gone."""
    branch = repo.record.branches.get(record.base)
    return branch.sha if branch else fake_sha(f"base:{repo.record.id}:{record.base}")


def _minimal(site: Site, repo: RepositoryView) -> Body:
    return {"id": repo.record.id, "url": site.url(repo), "name": repo.name}


def _head(site: Site, repo: RepositoryView, record: PullRequest) -> Body:
    if record.head_repository is None:
        return {"label": None, "ref": record.head, "sha": record.head_sha, "user": None, "repo": None}
    head = repo if repo.universe is None else repo.universe.stranger(record.head_repository)
    owner = record.head_repository.split("/")[0]
    body = site.repository(head)
    return {
        "label": f"{owner}:{record.head}",
        "ref": record.head,
        "sha": record.head_sha,
        "user": body["owner"],
        "repo": body,
    }


def _base(site: Site, repo: RepositoryView, record: PullRequest) -> Body:
    body = site.repository(repo)
    return {
        "label": f"{repo.owner}:{record.base}",
        "ref": record.base,
        "sha": base_sha(repo, record),
        "user": body["owner"],
        "repo": body,
    }


def review(site: Site, repo: RepositoryView, parent: PullRequest, record: Review) -> Body:
    """A pull-request-review. `submitted_at` is absent while the review is pending."""
    url = site.url(repo, f"/pulls/{parent.number}")
    html = f"{HTML}/{repo.record.full_name}/pull/{parent.number}#pullrequestreview-{record.id}"
    body: Body = {
        "id": record.id,
        "node_id": repo.node_id("PullRequestReview", record, parent.number, record.id),
        "user": site.user_or_none(record.author),
        "body": record.body,
        "state": record.state,
        "html_url": html,
        "pull_request_url": url,
        "author_association": association(record.extra, record.author),
        "_links": {"html": {"href": html}, "pull_request": {"href": url}},
        "commit_id": record.commit_id or parent.head_sha,
    }
    if record.submitted_at is not None:
        body["submitted_at"] = iso(record.submitted_at)
    return serve(body, record.extra)


def review_comment(site: Site, repo: RepositoryView, parent: PullRequest, record: Comment) -> Body:
    """A pull-request-review-comment (inline)."""
    url = site.url(repo, f"/pulls/comments/{record.id}")
    pull_url = site.url(repo, f"/pulls/{parent.number}")
    html = f"{HTML}/{repo.record.full_name}/pull/{parent.number}#discussion_r{record.id}"
    body: Body = {
        "url": url,
        "pull_request_review_id": record.review_id,
        "id": record.id,
        "node_id": repo.node_id("PullRequestReviewComment", record, parent.number, record.id),
        "diff_hunk": "@@ -1 +1 @@",
        "path": record.path or "README.md",
        "commit_id": parent.head_sha,
        "original_commit_id": parent.head_sha,
        "user": site.user_or_none(record.author),
        "body": record.body,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
        "html_url": html,
        "pull_request_url": pull_url,
        "author_association": association(record.extra, record.author),
        "_links": {"self": {"href": url}, "html": {"href": html}, "pull_request": {"href": pull_url}},
        "reactions": _reactions(url),
        "start_line": None,
        "original_start_line": None,
        "start_side": None,
        "line": 1,
        "original_line": 1,
        "side": "RIGHT",
        "original_position": 1,
        "position": 1,
        "subject_type": "line",
    }
    if record.in_reply_to_id is not None:
        body["in_reply_to_id"] = record.in_reply_to_id
    return serve(body, record.extra)


def issue_comment(site: Site, repo: RepositoryView, parent: PullRequest, record: Comment) -> Body:
    """An issue-comment (conversation)."""
    url = site.url(repo, f"/issues/comments/{record.id}")
    body = {
        "url": url,
        "html_url": f"{HTML}/{repo.record.full_name}/pull/{parent.number}#issuecomment-{record.id}",
        "issue_url": site.url(repo, f"/issues/{parent.number}"),
        "id": record.id,
        "node_id": repo.node_id("IssueComment", record, parent.number, record.id),
        "user": site.user_or_ghost(record.author),
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
        "body": record.body,
        "author_association": association(record.extra, record.author),
        "reactions": _reactions(url),
        "performed_via_github_app": None,
    }
    return serve(body, record.extra)


def _reactions(url: str) -> Body:
    kinds = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    return {"url": f"{url}/reactions", "total_count": 0} | dict.fromkeys(kinds, 0)


def event(site: Site, repo: RepositoryView, parent: PullRequest, record: TimelineEvent) -> Body:
    """An event as /issues/{number}/events and …/timeline have it."""
    sha = record.extra.get("commit_id")
    if sha is None and record.event == "merged":
        sha = parent.merge_commit_sha
    body: Body = {
        "id": record.id,
        "node_id": repo.node_id("TimelineEvent", record, parent.number, record.id),
        "url": site.url(repo, f"/issues/events/{record.id}"),
        "actor": site.user_or_none(record.actor),
        "event": record.event,
        "commit_id": sha,
        "commit_url": site.url(repo, f"/commits/{sha}") if sha else None,
        "created_at": iso(record.created_at),
        "performed_via_github_app": None,
    }
    if record.event == "closed":
        body["state_reason"] = None
    if record.event in ("review_requested", "review_request_removed"):
        body["review_requester"] = body["actor"]
    return serve(body, record.extra)


def timeline(site: Site, repo: RepositoryView, record: PullRequest) -> list[Body]:
    """Everything on a pull request's page in the order of time: commits, reviews, comments, events."""
    rows: list[tuple[Any, int, Body]] = []
    for place, commit in enumerate(repo.own_commits(record)):
        rows.append((commit.committed_at, place, git_commit(site, repo, commit) | {"event": "committed"}))
    for item in record.reviews.values():
        if item.submitted_at is not None:
            body = review(site, repo, record, item)
            rows.append((item.submitted_at, item.id, body | {"event": "reviewed", "state": item.state.lower()}))
    for comment in record.issue_comments.values():
        body = issue_comment(site, repo, record, comment)
        rows.append((comment.created_at, comment.id, body | {"event": "commented", "actor": body["user"]}))
    rows += [(row.created_at, row.id, event(site, repo, record, row)) for row in record.timeline]
    rows.sort(key=lambda row: row[:2])
    return [row[2] for row in rows]


def thread_node_id(repo: RepositoryView, parent: PullRequest, root: int) -> str:
    """The node id of the review thread whose first comment is `root`."""
    return node_id("PullRequestReviewThread", repo.record.id, parent.number, root)
