"""The commits and branches of a dataset as they stood, and which commits make up the default branch.

Rows rarely tell a repository's whole past: parents are left out (`"parents": []`), or name commits that are not among
the rows. The rule for what the default branch consists of:

1. What its tip reaches through parents that are among the rows.
2. Further commits that nothing explains: no pull request lists them among its own (`commit_shas`, `head.sha`), no
   other branch has them as its tip, and, where the tip's own parents are among the rows, no such commit descends from
   them. The commit that merging a pull request into the default branch made counts as unexplained, whatever lists it.
   Left out are commits that sit on top of the history or of an explained line without being reached: a force-push or
   the deletion of a branch left them behind.
3. Those further commits are put in where a parent is unknown (none given, or not among the rows), the newest line
   first, so that the tip reaches all of them. A missing parent is filled in or replaced; the number of parents of a
   merge commit stays.

Parents that are still not among the rows become bare commits of 1970, so that the ancestry is closed and each commit
keeps its number of parents. So do branch tips of which nothing says a date.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from .dataset_rows import Row
from .fold_git import ancestry
from .state import Branch, ChangedFile, Commit

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
COMMIT = ("sha", "commit", "author", "committer", "parents", "stats", "files", "associated_pulls")
FILE = ("filename", "status", "additions", "deletions", "changes", "previous_filename")


def read_commit(row: Row) -> Commit:
    """A commit as in GET /commits/{sha}; without `stats` its lines are those of its files."""
    files = [_file(Row(f"{row.where}: a file", file)) for file in row.objects("files")]
    committed = row.optional_time("commit.committer.date") or row.time("commit.author.date")
    parents = [
        parent if isinstance(parent, str) else Row(f"{row.where}: a parent", parent).text("sha")
        for parent in row.objects("parents")
    ]
    name = row.text("commit.author.name", "")
    email = row.text("commit.author.email", "")
    return Commit(
        sha=row.text("sha"),
        message=row.text("commit.message", ""),
        parents=parents,
        author_name=name,
        author_email=email,
        authored_at=row.optional_time("commit.author.date") or committed,
        committer_name=row.text("commit.committer.name", name),
        committer_email=row.text("commit.committer.email", email),
        committed_at=committed,
        author=row.actor("author"),
        committer=row.actor("committer"),
        additions=row.integer("stats.additions", sum(file.additions for file in files)),
        deletions=row.integer("stats.deletions", sum(file.deletions for file in files)),
        files=files,
        associated_pulls=[_number(row, number) for number in row.objects("associated_pulls")],
        extra=row.rest(COMMIT),
    )


def _file(row: Row) -> ChangedFile:
    return ChangedFile(
        row.text("filename"),
        row.text("status", "modified"),
        row.integer("additions", 0),
        row.integer("deletions", 0),
        row.optional_text("previous_filename"),
        row.rest(FILE),
    )


def _number(row: Row, value: object) -> int:
    if not isinstance(value, int):
        raise row.error("`associated_pulls` must be a list of numbers of pull requests")
    return value


@dataclass
class History:
    """The commits that existed at an instant (`commits`), and those of the rows that came later (`later`)."""

    commits: dict[str, Commit]
    later: dict[str, Commit]

    @classmethod
    def read(cls, rows: Iterable[Row], now: datetime) -> History:
        """From the rows of commits.jsonl."""
        found = [read_commit(row) for row in rows]
        return cls(
            {commit.sha: commit for commit in found if commit.committed_at <= now},
            {commit.sha: commit for commit in found if commit.committed_at > now},
        )

    def tip(self, row: Row, now: datetime, default: bool) -> str | None:
        """The commit that a line of branches.jsonl pointed at then; None where nobody can tell."""
        sha: str | None = row.text("sha" if row.get("commit.sha") is None and row.get("sha") else "commit.sha")
        while sha in self.later:  # pushed since: what it was put on
            sha = next(iter(self.later[sha].parents), None)
            if sha is not None and sha not in self.later and sha not in self.commits:
                return None
        if sha is None or sha in self.commits:
            return sha
        dates = ("commit.commit.committer.date", "commit.committer.date", "commit.committedDate", "commit.committed_at",
                 "commit.date", "committed_at")  # fmt: skip
        committed = next((row.time(path) for path in dates if row.get(path) is not None), None)
        if (committed is None and default) or (committed is not None and committed > now):
            return None
        name, email = row.text("commit.commit.author.name", ""), row.text("commit.commit.author.email", "")
        self.commits[sha] = bare(sha, committed or LONG_AGO, row.text("commit.commit.message", ""), name, email)
        return sha

    def link(self, tip: str | None, explained: set[str], merges: set[str]) -> str | None:
        """Make the default branch reach what belongs to it (steps 2 and 3 above); the tip, a new one for None.

        explained: own commits of pull requests and tips of other branches. merges: the commits that merging into the
        default branch made.
        """
        commits = self.commits
        seeds = {sha for sha in explained if sha in commits} - merges
        if tip is None:
            parents = {parent for commit in commits.values() for parent in commit.parents}
            free = [commit for commit in commits.values() if commit.sha not in seeds and commit.sha not in parents]
            free = free or [commit for commit in commits.values() if commit.sha not in seeds]
            if not free:
                return None
            tip = max(free, key=lambda commit: commit.committed_at).sha
        reached = ancestry(commits, tip)
        if any(parent in commits for parent in commits[tip].parents):
            seeds = {sha for seed in seeds for sha in ancestry(commits, seed)} - merges
        above = self._above(reached | seeds)
        self._put_in(reached, [sha for sha in commits if sha not in above])
        for commit in list(commits.values()):
            for parent in commit.parents:
                if parent not in commits:
                    commits[parent] = bare(parent, LONG_AGO)
        return tip

    def _above(self, known: set[str]) -> set[str]:
        """`known` and everything that descends from it."""
        children: defaultdict[str, list[str]] = defaultdict(list)
        for commit in self.commits.values():
            for parent in commit.parents:
                children[parent].append(commit.sha)
        found, waiting = set(known), list(known)
        while waiting:
            new = [child for child in children[waiting.pop()] if child not in found]
            found.update(new)
            waiting += new
        return found

    def _put_in(self, reached: set[str], others: list[str]) -> None:
        """Put the lines of `others` in where parents of what is reached are unknown, the newest line first."""
        commits = self.commits
        children = {parent for sha in others for parent in commits[sha].parents}
        heads = [sha for sha in others if sha not in children]
        below, placed = reached, set(reached)
        for head in sorted(heads, key=lambda sha: commits[sha].committed_at, reverse=True):
            line = ancestry(commits, head)
            if line & placed:
                continue  # of two lines on top of the same commit the newer one counts
            ends = [sha for sha in below if not all(parent in commits for parent in commits[sha].parents or [""])]
            end = commits[min(ends, key=lambda sha: (len(commits[sha].parents) > 1, commits[sha].committed_at, sha))]
            unknown = [place for place, parent in enumerate(end.parents) if parent not in commits]
            if unknown:
                end.parents[unknown[0]] = head
            else:
                end.parents.append(head)
            below = line
            placed |= line


def bare(sha: str, committed: datetime, message: str = "", name: str = "", email: str = "") -> Commit:
    """A commit of which little is known."""
    return Commit(sha, message, [], name, email, committed, name, email, committed)


def read_branches(rows: Iterable[Row], history: History, now: datetime, default: str) -> dict[str, Branch]:
    """The branches as they stood: those whose tip nobody can tell are left out, the default one included."""
    found = {}
    for row in rows:
        name = row.text("name", row.text("ref", "").removeprefix("refs/heads/") or None)
        if row.get("commit") is None and row.get("object") is not None:  # a Git reference
            row = Row(row.where, {**row.data, "commit": row.get("object")})
        sha = history.tip(row, now, name == default)
        if sha is not None:
            found[name] = Branch(name, sha)
    return found
