"""The repository itself, and its branches with the dates of their tips.

Here: the two tables. GitHub lists all branches in one answer, whose tag says whether any of them changed; the dates of
tips not met before come from GraphQL.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from metta_obs.github.conditional import read_list
from metta_obs.github.context import BEGINNING, Pull
from metta_obs.github.documents import document, repeated
from metta_obs.github.errors import EmptyRepository, GitHubError, TooHeavy, truncated
from metta_obs.github.values import moment, records
from metta_obs.lake.store import Row

Tips = dict[str, tuple[str, datetime]]  # name of a branch -> sha and committer date of its tip
Memory = dict[str, Any]
TABLES = ("repositories", "branches")
PREFIX = "refs/heads/"
FEW = 50  # tips asked for by name in one query; with more of them, whole pages of branches are cheaper


def pull(context: Pull) -> None:
    """Bring the two tables up to date."""
    facts = _repository(context)
    base = context.base("repositories")
    if base is None or not base.undisturbed or base.state != facts:
        context.store("repositories", [facts])
    context.cover("repositories", BEGINNING, facts)
    stored = context.lake.current("branches", context.key)
    known: Tips = {row["name"]: (row["sha"], row["committed_at"]) for row in records(stored)}
    shas, memory = _listed(context, {name: sha for name, (sha, _) in known.items()}, _memory(context, stored))
    tips = _with_dates(context, shas, known)
    if any(shas[name] != sha for name, (sha, _) in tips.items()) or len(tips) < len(shas):
        memory = {}  # something moved since the list was made: it must be read again, even if it looks the same then
    _store(context, stored, tips)
    context.cover("branches", BEGINNING, {"refs": memory} if memory else {})


def _repository(context: Pull) -> Row:
    return {
        "repository_id": context.probe.repository_id,
        "full_name": context.probe.full_name,
        "default_branch": context.probe.default_branch,
        "head_sha": context.probe.head,
        "archived": context.probe.archived,
    }


def _memory(context: Pull, stored: pd.DataFrame) -> Memory | None:
    """The tag of the list that the stored rows were made of; None where another pull disturbed them."""
    base = context.base("branches")
    if base is None or not base.undisturbed or (stored["seen_at"] > base.started_at).any():
        return None
    return base.state.get("refs")


def _listed(context: Pull, known: dict[str, str], memory: Memory | None) -> tuple[dict[str, str], Memory]:
    """Name -> sha of every branch, and the list's tag. Raises GitHubError where there are fewer than GitHub counts."""
    if context.probe.branches == 0:
        return {}, {}
    found, tag = _read(context, known, memory)
    if len(found) < context.probe.branches and len(found) < context.probe_again().branches:
        found, tag = _read(context, known, None)
        if len(found) < context.probe.branches:
            raise truncated(f"GET /repos/{context.name}/git/matching-refs/heads/", len(found), context.probe.branches)
    return found, tag


def _read(context: Pull, known: dict[str, str], memory: Memory | None) -> tuple[dict[str, str], Memory]:
    try:
        found = read_list(context.github, f"/repos/{context.name}/git/matching-refs/heads/", {}, memory, holds="")
    except EmptyRepository:
        return {}, {}
    if found.pages is None:
        return known, found.memory
    refs = [ref for page in found.pages for ref in page.body if ref["ref"].startswith(PREFIX)]
    return {ref["ref"].removeprefix(PREFIX): ref["object"]["sha"] for ref in refs}, found.memory


def _with_dates(context: Pull, shas: dict[str, str], known: Tips) -> Tips:
    """The branches with the dates of their tips; those that are gone by the time they are asked for are left out."""
    dates = dict(known.values())
    missing = [name for name, sha in shas.items() if sha not in dates]
    if missing:
        dates.update(_known_commits(context))
        missing = [name for name in missing if shas[name] not in dates]
    if len(missing) > FEW:
        dates.update(_all_dates(context))
        missing = [name for name in missing if shas[name] not in dates]
    found = _named(context, missing)
    tips: Tips = {name: (sha, dates[sha]) for name, sha in shas.items() if sha in dates}
    return tips | {name: tip for name, tip in found.items() if tip is not None}


def _known_commits(context: Pull) -> dict[str, datetime]:
    """Sha -> committer date of the commits in the lake, on the default branch or in pull requests."""
    commits = context.lake.current("commits", context.key)
    dates = dict(zip(commits["sha"], commits["committed_at"], strict=True))
    for own in context.lake.current("pull_requests", context.key)["commits"]:
        dates.update((commit["sha"], commit["committed_at"]) for commit in own)
    return dates


def _all_dates(context: Pull) -> dict[str, datetime]:
    """Sha -> committer date of the tips of all branches, 100 per answer. Raises GitHubError."""
    owner, _, name = context.name.partition("/")
    names: set[str] = set()
    dates: dict[str, datetime] = {}
    cursor: str | None = None
    while True:
        answer = context.github.graphql(document("branch_tips"), {"owner": owner, "name": name, "after": cursor})
        page = (answer.whole()["repository"] or {}).get("refs")
        if page is None:
            raise GitHubError("partial", f"{answer.request}: GitHub shows no branches of {context.name}")
        for ref in page["nodes"]:
            names.add(ref["name"])
            dates[ref["target"]["oid"]] = moment(ref["target"]["committedDate"])
        context.report("branches dated", len(names), page["totalCount"])
        if not page["pageInfo"]["hasNextPage"] or page["pageInfo"]["endCursor"] == cursor:
            break
        cursor = page["pageInfo"]["endCursor"]
    if len(names) < page["totalCount"]:
        raise truncated(f"{answer.request}, the branches of {context.name}", len(names), page["totalCount"])
    return dates


def _named(context: Pull, names: list[str]) -> dict[str, tuple[str, datetime] | None]:
    """The tips of these branches, None for one that is gone. Raises GitHubError."""
    owner, _, repository = context.name.partition("/")
    found: dict[str, tuple[str, datetime] | None] = {}
    size = FEW
    while len(found) < len(names):
        batch = names[len(found) : len(found) + size]
        refs = {f"ref{index}": PREFIX + name for index, name in enumerate(batch)}
        variables = {"owner": owner, "name": repository, **refs}
        try:
            answer = context.github.graphql(
                repeated("branch_tip", len(batch)), variables, heavy="raise" if len(batch) > 1 else "retry"
            )
        except TooHeavy:
            if len(batch) == 1:
                raise
            size = len(batch) // 2
            continue
        tips = answer.whole()["repository"] or {}
        for index, name in enumerate(batch):
            tip = tips[f"branch{index}"]
            found[name] = (tip["target"]["oid"], moment(tip["target"]["committedDate"])) if tip else None
    return found


def _store(context: Pull, stored: pd.DataFrame, tips: Tips) -> None:
    rows = [
        {"name": name, "sha": sha, "committed_at": at, "is_default": name == context.probe.default_branch}
        for name, (sha, at) in tips.items()
    ]
    columns = ["name", "sha", "committed_at", "is_default"]
    before = {tuple(row[column] for column in columns) for row in records(stored[columns])}
    news = [row for row in rows if tuple(row[column] for column in columns) not in before]
    context.store("branches", news, stored[~stored["name"].isin(list(tips))])
