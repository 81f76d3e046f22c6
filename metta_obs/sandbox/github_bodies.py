"""REST bodies of people and repositories, and what all bodies share.

Here: `Site` (the address that URLs in bodies bear), times, accounts, repositories, labels. Not here: pull requests
(`github_bodies_pulls`), Git (`github_bodies_git`), Actions (`github_bodies_actions`). The shapes are those of GitHub's
OpenAPI description, version 2022-11-28; `html_url`s lead to github.com, everything else to this server.

A record's `extra` is served as given and wins over what is made up here, except for addresses: those of a dataset
would lead a client away from this server.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from metta_obs.sandbox.github_ids import node_id
from metta_obs.sandbox.github_views import RepositoryView
from metta_obs.sandbox.state import Actor

Body = dict[str, Any]

HTML = "https://github.com"
GHOST = Actor("ghost", 10137)  # GitHub's stand-in for deleted accounts, where REST does not say null

_REPOSITORY_LINKS = {  # name of the field before `_url` -> what follows the repository's own address
    "archive": "/{archive_format}{/ref}",
    "assignees": "/assignees{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "/branches{/branch}",
    "collaborators": "/collaborators{/collaborator}",
    "comments": "/comments{/number}",
    "commits": "/commits{/sha}",
    "compare": "/compare/{base}...{head}",
    "contents": "/contents/{+path}",
    "contributors": "/contributors",
    "deployments": "/deployments",
    "downloads": "/downloads",
    "events": "/events",
    "forks": "/forks",
    "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "hooks": "/hooks",
    "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}",
    "issues": "/issues{/number}",
    "keys": "/keys{/key_id}",
    "labels": "/labels{/name}",
    "languages": "/languages",
    "merges": "/merges",
    "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "pulls": "/pulls{/number}",
    "releases": "/releases{/id}",
    "stargazers": "/stargazers",
    "statuses": "/statuses/{sha}",
    "subscribers": "/subscribers",
    "subscription": "/subscription",
    "tags": "/tags",
    "teams": "/teams",
    "trees": "/git/trees{/sha}",
}


def iso(moment: datetime) -> str:
    """A time as GitHub writes it, such as 2025-10-23T18:30:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(moment: datetime | None) -> str | None:
    """The same, and None for None."""
    return None if moment is None else iso(moment)


def serve(body: Body, extra: Mapping[str, Any]) -> Body:
    """`body` with a record's `extra` over it, addresses left as they are."""
    if extra:
        for key, value in extra.items():
            if key not in body or not (key == "url" or key.endswith("_url") or key == "_links"):
                body[key] = value
    return body


def stable_number(text: str, base: int = 0) -> int:
    """A made-up id that is the same in every process."""
    return base + zlib.crc32(text.encode())


class Site:
    """Makes bodies for the server at `api`, such as http://127.0.0.1:8081."""

    def __init__(self, api: str) -> None:
        self.api = api
        self._users: dict[Actor, Body] = {}

    def url(self, repo: RepositoryView, path: str = "") -> str:
        """The address of something in a repository."""
        return f"{self.api}/repos/{repo.record.full_name}{path}"

    def user(self, actor: Actor) -> Body:
        """A simple-user."""
        if actor not in self._users:
            self._users[actor] = self._user(actor)
        return self._users[actor]

    def user_or_none(self, actor: Actor | None) -> Body | None:
        """A simple-user; null for a deleted account."""
        return None if actor is None else self.user(actor)

    def user_or_ghost(self, actor: Actor | None) -> Body:
        """A simple-user; the account `ghost` for a deleted one."""
        return self.user(actor or GHOST)

    def _user(self, actor: Actor) -> Body:
        url = f"{self.api}/users/{actor.login.replace('[', '%5B').replace(']', '%5D')}"
        bot = actor.type == "Bot"
        return {
            "login": actor.login,
            "id": actor.id,
            "node_id": actor_node_id(actor),
            "avatar_url": f"https://avatars.githubusercontent.com/u/{actor.id}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{HTML}/apps/{actor.login.removesuffix('[bot]')}" if bot else f"{HTML}/{actor.login}",
            "followers_url": f"{url}/followers",
            "following_url": f"{url}/following{{/other_user}}",
            "gists_url": f"{url}/gists{{/gist_id}}",
            "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
            "subscriptions_url": f"{url}/subscriptions",
            "organizations_url": f"{url}/orgs",
            "repos_url": f"{url}/repos",
            "events_url": f"{url}/events{{/privacy}}",
            "received_events_url": f"{url}/received_events",
            "type": actor.type,
            "user_view_type": "public",
            "site_admin": False,
        }

    def owner(self, repo: RepositoryView) -> Actor:
        """The account that owns a repository: as given, else an organization of that name."""
        given = repo.record.extra.get("owner")
        if isinstance(given, dict) and "id" in given:
            return Actor(repo.owner, given["id"], given.get("type", "Organization"))
        return Actor(repo.owner, stable_number(repo.owner.lower(), 1_000_000), "Organization")

    def minimal_repository(self, repo: RepositoryView) -> Body:
        """A minimal-repository, as workflow runs bear it."""
        body: Body = repo.remember(("minimal", self.api), lambda: self._minimal(repo))
        return body

    def repository(self, repo: RepositoryView) -> Body:
        """A repository, as the head and base of pull requests bear it."""
        body: Body = repo.remember(("repository", self.api), lambda: self._repository(repo))
        return body

    def full_repository(self, repo: RepositoryView) -> Body:
        """A full-repository, the answer to GET /repos/{owner}/{repo}."""
        body = self._repository(repo) | {"network_count": 0, "subscribers_count": 0}
        if body["owner"]["type"] == "Organization":
            body["organization"] = body["owner"]
        return body

    def _minimal(self, repo: RepositoryView) -> Body:
        record = repo.record
        url = self.url(repo)
        return {
            "id": record.id,
            "node_id": repo.node_id("Repository", record),
            "name": repo.name,
            "full_name": record.full_name,
            "private": record.private,
            "owner": self.user(self.owner(repo)),
            "html_url": f"{HTML}/{record.full_name}",
            "description": record.extra.get("description"),
            "fork": bool(record.extra.get("fork", False)),
            "url": url,
            **{f"{name}_url": url + rest for name, rest in _REPOSITORY_LINKS.items()},
        }

    def _repository(self, repo: RepositoryView) -> Body:
        record = repo.record
        html = f"{HTML}/{record.full_name}"
        open_pulls = sum(1 for pull in record.pulls.values() if not pull.closed_at)
        body = self._minimal(repo) | {
            "git_url": f"git://github.com/{record.full_name}.git",
            "ssh_url": f"git@github.com:{record.full_name}.git",
            "clone_url": f"{html}.git",
            "svn_url": html,
            "mirror_url": None,
            "homepage": None,
            "created_at": iso(record.created_at),
            "updated_at": iso(record.updated_at),
            "pushed_at": iso(record.pushed_at),
            "size": 0,
            "stargazers_count": 0,
            "watchers_count": 0,
            "watchers": 0,
            "language": None,
            "has_issues": True,
            "has_projects": True,
            "has_downloads": True,
            "has_wiki": True,
            "has_pages": False,
            "has_discussions": False,
            "forks_count": 0,
            "forks": 0,
            "archived": record.archived,
            "disabled": False,
            "open_issues_count": open_pulls,
            "open_issues": open_pulls,
            "license": None,
            "allow_forking": True,
            "is_template": False,
            "topics": [],
            "visibility": "private" if record.private else "public",
            "default_branch": record.default_branch,
            "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
        }
        taken = {"owner": body["owner"], "node_id": body["node_id"]}
        return serve(body, record.extra) | taken

    def label(self, repo: RepositoryView, name: str) -> Body:
        """A label; GitHub keeps labels by repository, the state only knows names."""
        return {
            "id": label_id(repo, name),
            "node_id": node_id("Label", repo.record.id, name),
            "url": self.url(repo, f"/labels/{name.replace(' ', '%20')}"),
            "name": name,
            "color": "ededed",
            "default": False,
            "description": "",
        }


def label_id(repo: RepositoryView, name: str) -> int:
    """The made-up id of a repository's label."""
    return stable_number(f"{repo.record.id}:{name.lower()}", 3_000_000_000)


def actor_node_id(actor: Actor) -> str:
    """The node id of an account."""
    kind = actor.type if actor.type in ("User", "Bot", "Mannequin", "Organization") else "User"
    return node_id(kind, actor.id, actor.login)


def association(extra: Mapping[str, Any], actor: Actor | None) -> str:
    """A comment's author_association: as given, else made up from the kind of account."""
    if "author_association" in extra:
        return str(extra["author_association"])
    return "NONE" if actor is None or actor.type == "Bot" else "MEMBER"
