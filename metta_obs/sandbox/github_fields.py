"""How GraphQL fields get their values: the registry, accounts, repositories and refs.

Here: `Context`, the three kinds of field and the types above. Not here: Git (`github_fields_git`), pull requests
(`github_fields_pulls`), Actions (`github_fields_actions`), execution (`github_graphql`).

The source of an object type is an `Item`. A plain field is a function of it; a field with arguments gets the context
and the arguments too; a connection is a function from item, context and arguments to a `Listing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from metta_obs.sandbox.faults import Faults
from metta_obs.sandbox.github_bodies import HTML, Site, actor_node_id, iso, iso_or_none
from metta_obs.sandbox.github_bodies_git import ref_node_id
from metta_obs.sandbox.github_connections import Listing
from metta_obs.sandbox.github_ids import node_id
from metta_obs.sandbox.github_quota import Bucket
from metta_obs.sandbox.github_routes import VIEWER
from metta_obs.sandbox.github_views import Item, RepositoryView, Snapshot, item_or_none
from metta_obs.sandbox.state import Actor, Branch

Arguments = dict[str, Any]
Plain = Callable[[Any], Any]
WithArguments = Callable[[Any, "Context", Arguments], Any]
Lister = Callable[[Any, "Context", Arguments], Listing | None]

PLAIN: dict[str, dict[str, Plain]] = {}
WITH_ARGUMENTS: dict[str, dict[str, WithArguments]] = {}
CONNECTIONS: dict[str, dict[str, Lister]] = {}


@dataclass
class Context:
    """What one GraphQL request is answered from."""

    site: Site
    snapshot: Snapshot
    faults: Faults
    path: str
    operation: str | None
    bucket: Bucket
    points: int
    nodes: int


def plain(type_name: str, **fields: Plain) -> None:
    """Register fields without arguments."""
    PLAIN.setdefault(type_name, {}).update(fields)


def with_arguments(type_name: str, **fields: WithArguments) -> None:
    """Register fields with arguments."""
    WITH_ARGUMENTS.setdefault(type_name, {}).update(fields)


def connections(type_name: str, **fields: Lister) -> None:
    """Register connections."""
    CONNECTIONS.setdefault(type_name, {}).update(fields)


def seconds(moment: datetime) -> float:
    """A time as a cursor bears it."""
    return moment.timestamp()


def html(item: Item, rest: str = "") -> str:
    """The page on github.com of something in the item's repository."""
    return f"{HTML}/{item.repo.record.full_name}{rest}"


def locatable(type_name: str, rest: Callable[[Item], str]) -> None:
    """Register `url` and `resourcePath`; `rest` is what follows the repository's page."""
    plain(
        type_name,
        url=lambda item: html(item, rest(item)),
        resourcePath=lambda item: f"/{item.repo.record.full_name}{rest(item)}",
    )


# --- accounts


def actor(item: Item, account: Actor | None) -> Item | None:
    """The source of an `Actor`; null for a deleted account. A bot is a Bot whose login has no `[bot]`."""
    if account is None or account.login == "ghost":
        return None
    kind = account.type if account.type in ("Bot", "Mannequin", "Organization") else "User"
    if account.login.endswith("[bot]"):
        kind = "Bot"
    return Item(kind, item.repo, account)


def git_user(item: Item, account: Actor | None) -> Item | None:
    """The `user` of a git actor: of type User even for a bot, and then its login keeps `[bot]`."""
    if account is None or account.login == "ghost":
        return None
    return Item("User", item.repo, account)


def _avatar(item: Item, context: Context, arguments: Arguments) -> str:
    return f"https://avatars.githubusercontent.com/u/{item.record.id}?v=4"


for _kind in ("User", "Bot", "Mannequin", "Organization"):
    plain(
        _kind,
        id=lambda item: actor_node_id(item.record),
        databaseId=lambda item: item.record.id,
        login=lambda item: item.record.login,
        name=lambda item: None,
        url=lambda item: f"{HTML}/{item.record.login}",
        resourcePath=lambda item: f"/{item.record.login}",
    )
    with_arguments(_kind, avatarUrl=_avatar)
plain("User", email=lambda item: "")
plain("Mannequin", email=lambda item: None)
plain("Organization", email=lambda item: None)
plain(
    "Bot",
    login=lambda item: item.record.login.removesuffix("[bot]"),
    url=lambda item: f"{HTML}/apps/{item.record.login.removesuffix('[bot]')}",
    resourcePath=lambda item: f"/apps/{item.record.login.removesuffix('[bot]')}",
)


# --- repository and refs


def repository(view: RepositoryView) -> Item:
    """The source of a Repository."""
    return view.remember("item", lambda: Item("Repository", view, view.record))  # type: ignore[no-any-return]


def _owner(item: Item) -> Item:
    account = Site("").owner(item.repo)
    return Item("Organization" if account.type == "Organization" else "User", item.repo, account)


def ref(item: Item, name: str | None) -> Item | None:
    """The source of the Ref of a branch, null where there is no such branch."""
    branch = item.repo.record.branches.get(name) if name else None
    return item_or_none("Ref", item.repo, branch, "refs/heads/")


def commit(item: Item, sha: str | None) -> Item | None:
    """The source of a Commit, null where it is not stored."""
    record = item.repo.record.commits.get(sha) if sha else None
    return item_or_none("Commit", item.repo, record)


def _ref(item: Item, context: Context, arguments: Arguments) -> Item | None:
    return ref(item, arguments["qualifiedName"].removeprefix("refs/heads/"))


def _object(item: Item, context: Context, arguments: Arguments) -> Item | None:
    wanted = arguments.get("oid") or arguments.get("expression")
    return commit(item, item.repo.resolve(wanted)) if wanted else None


def _refs(item: Item, context: Context, arguments: Arguments) -> Listing:
    prefix, query = arguments["refPrefix"], arguments.get("query") or ""
    order = arguments.get("orderBy") or {}
    down = (order.get("direction") or arguments.get("direction")) == "DESC"
    rows: list[Branch] = []
    if "refs/heads/".startswith(prefix) or prefix.startswith("refs/heads/"):
        start = prefix.removeprefix("refs/heads/") if prefix.startswith("refs/heads/") else ""
        names = sorted(name for name in item.repo.record.branches if name.startswith(start) and query in name)
        rows = [item.repo.record.branches[name] for name in (reversed(names) if down else names)]
    return Listing(
        rows, lambda branch: Item("Ref", item.repo, branch, prefix), key=lambda branch: [branch.name], descending=down
    )


def _nothing(item: Item, context: Context, arguments: Arguments) -> Listing:
    return Listing([], lambda row: row)


def _label(item: Item, context: Context, arguments: Arguments) -> Item | None:
    names = {name for pull in item.repo.record.pulls.values() for name in pull.labels}
    return next((Item("Label", item.repo, n) for n in names if n.lower() == arguments["name"].lower()), None)


plain(
    "Repository",
    createdAt=lambda item: iso(item.record.created_at),
    databaseId=lambda item: item.record.id,
    defaultBranchRef=lambda item: ref(item, item.record.default_branch),
    description=lambda item: item.record.extra.get("description"),
    id=lambda item: item.repo.node_id("Repository", item.record),
    isArchived=lambda item: item.record.archived,
    isDisabled=lambda item: False,
    isEmpty=lambda item: item.repo.is_empty,
    isFork=lambda item: bool(item.record.extra.get("fork", False)),
    isPrivate=lambda item: item.record.private,
    name=lambda item: item.repo.name,
    nameWithOwner=lambda item: item.record.full_name,
    owner=_owner,
    pushedAt=lambda item: iso_or_none(item.record.pushed_at),
    updatedAt=lambda item: iso(item.record.updated_at),
)
locatable("Repository", lambda item: "")
with_arguments("Repository", ref=_ref, object=_object, label=_label)
connections("Repository", refs=_refs, deployments=_nothing, releases=_nothing)

plain(
    "Ref",
    id=lambda item: ref_node_id(item.repo, item.record.name),
    name=lambda item: f"refs/heads/{item.record.name}".removeprefix(item.parent),
    prefix=lambda item: item.parent,
    repository=lambda item: repository(item.repo),
    target=lambda item: commit(item, item.record.sha),
)

plain(
    "Label",
    id=lambda item: node_id("Label", item.repo.record.id, item.record),
    name=lambda item: item.record,
    color=lambda item: "ededed",
    description=lambda item: "",
    isDefault=lambda item: False,
    repository=lambda item: repository(item.repo),
)
locatable("Label", lambda item: f"/labels/{quote(item.record)}")

plain("Query", viewer=lambda query: Item("User", None, VIEWER))  # type: ignore[arg-type]
