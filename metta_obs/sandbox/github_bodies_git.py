"""REST bodies of commits, files, branches and refs.

Here: one function per body. Not here: which of them a route lists (`github_routes_git`).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import quote

from metta_obs.sandbox.github_bodies import HTML, Body, Site, iso, serve
from metta_obs.sandbox.github_ids import node_id
from metta_obs.sandbox.github_views import RepositoryView
from metta_obs.sandbox.state import Branch, ChangedFile, Commit

UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def fake_sha(text: str) -> str:
    """A made-up sha that is always the same for `text`."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def commit(site: Site, repo: RepositoryView, record: Commit) -> Body:
    """A commit as lists have it, without stats and files."""
    url = site.url(repo, f"/commits/{record.sha}")
    tree = fake_sha(f"tree:{record.sha}")
    body = {
        "sha": record.sha,
        "node_id": repo.node_id("Commit", record, record.sha),
        "commit": {
            "author": _person(record.author_name, record.author_email, record.authored_at),
            "committer": _person(record.committer_name, record.committer_email, record.committed_at),
            "message": record.message,
            "tree": {"sha": tree, "url": site.url(repo, f"/git/trees/{tree}")},
            "url": site.url(repo, f"/git/commits/{record.sha}"),
            "comment_count": 0,
            "verification": UNSIGNED,
        },
        "url": url,
        "html_url": _html(repo, record.sha),
        "comments_url": f"{url}/comments",
        "author": site.user_or_none(record.author),
        "committer": site.user_or_none(record.committer),
        "parents": [_parent(site, repo, sha, "commits") for sha in record.parents],
    }
    return serve(body, {key: value for key, value in record.extra.items() if key not in ("stats", "files")})


def full_commit(site: Site, repo: RepositoryView, record: Commit, files: list[ChangedFile]) -> Body:
    """A commit as GET /commits/{sha} has it, with one page of its files."""
    total = record.additions + record.deletions
    return commit(site, repo, record) | {
        "stats": {"total": total, "additions": record.additions, "deletions": record.deletions},
        "files": [changed_file(site, repo, record, file) for file in files],
    }


def git_commit(site: Site, repo: RepositoryView, record: Commit) -> Body:
    """A Git commit object, as timelines have it."""
    body = commit(site, repo, record)
    return {
        "sha": record.sha,
        "node_id": body["node_id"],
        "url": site.url(repo, f"/git/commits/{record.sha}"),
        "html_url": body["html_url"],
        "author": body["commit"]["author"],
        "committer": body["commit"]["committer"],
        "tree": body["commit"]["tree"],
        "message": record.message,
        "parents": [_parent(site, repo, sha, "git/commits") for sha in record.parents],
        "verification": UNSIGNED,
    }


def simple_commit(repo: RepositoryView, sha: str) -> Body | None:
    """A simple-commit, the `head_commit` of a workflow run; null where the commit is not stored."""
    record = repo.record.commits.get(sha)
    if record is None:
        return None
    return {
        "id": sha,
        "tree_id": fake_sha(f"tree:{sha}"),
        "message": record.message,
        "timestamp": iso(record.committed_at),
        "author": {"name": record.author_name, "email": record.author_email},
        "committer": {"name": record.committer_name, "email": record.committer_email},
    }


def changed_file(site: Site, repo: RepositoryView, record: Commit, file: ChangedFile) -> Body:
    """A diff-entry."""
    path = quote(file.path)
    html = f"{HTML}/{repo.record.full_name}"
    body: Body = {
        "sha": fake_sha(f"{record.sha}:{file.path}"),
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{html}/blob/{record.sha}/{path}",
        "raw_url": f"{html}/raw/{record.sha}/{path}",
        "contents_url": site.url(repo, f"/contents/{path}?ref={record.sha}"),
    }
    if file.previous_path is not None:
        body["previous_filename"] = file.previous_path
    return serve(body, file.extra)


def branch(site: Site, repo: RepositoryView, record: Branch) -> Body:
    """A short-branch."""
    return {
        "name": record.name,
        "commit": {"sha": record.sha, "url": site.url(repo, f"/commits/{record.sha}")},
        "protected": False,
    }


def full_branch(site: Site, repo: RepositoryView, record: Branch) -> Body:
    """A branch-with-protection, the answer to GET /branches/{branch}."""
    url = site.url(repo, f"/branches/{quote(record.name, safe='')}")
    tip = repo.record.commits.get(record.sha)
    return {
        "name": record.name,
        "commit": commit(site, repo, tip) if tip else branch(site, repo, record)["commit"],
        "_links": {"self": url, "html": f"{HTML}/{repo.record.full_name}/tree/{quote(record.name)}"},
        "protected": False,
        "protection": {
            "enabled": False,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{url}/protection",
    }


def ref(site: Site, repo: RepositoryView, record: Branch) -> Body:
    """A git-ref."""
    return {
        "ref": f"refs/heads/{record.name}",
        "node_id": ref_node_id(repo, record.name),
        "url": site.url(repo, f"/git/refs/heads/{quote(record.name)}"),
        "object": {"sha": record.sha, "type": "commit", "url": site.url(repo, f"/git/commits/{record.sha}")},
    }


def ref_node_id(repo: RepositoryView, name: str) -> str:
    """The node id of a branch's ref."""
    return node_id("Ref", repo.record.id, f"refs/heads/{name}")


def _person(name: str, email: str, when: datetime) -> Body:
    return {"name": name, "email": email, "date": iso(when)}


def _parent(site: Site, repo: RepositoryView, sha: str, family: str) -> dict[str, Any]:
    return {"sha": sha, "url": site.url(repo, f"/{family}/{sha}"), "html_url": _html(repo, sha)}


def _html(repo: RepositoryView, sha: str) -> str:
    return f"{HTML}/{repo.record.full_name}/commit/{sha}"
