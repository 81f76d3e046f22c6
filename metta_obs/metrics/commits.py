"""Commit and code metrics over the default branch: volume, hotfixes, reverts, lines, files, direct pushes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metta_obs.metrics.catalogue import DAY, WEEK, Options, Values, averaged, counted, metric
from metta_obs.metrics.people import developers
from metta_obs.metrics.spans import Times, count, distinct, meet, total, within

Tables = Mapping[str, pd.DataFrame]
COMMITS = ("commits",)
WITH_PULLS = ("commits", "commit_pull_requests", "pull_requests")
COMMIT = ["sha", "committed_at", "author_login", "subject"]
COMMITS_THIS_WEEK = "commits/{branch}?since={since}&until={until}"
HOTFIX = r"(?i)\bhot-?fix\b"
HOTFIX_BRANCH = r"(?i)^hotfix[/-]"
REVERT_BRANCH = r"^revert-\d+-(?!revert-)"


def in_week(tables: Tables, t: Times) -> pd.DataFrame:
    """Commits of the default branch with at most one parent and a committer date in W7."""
    commits = tables["commits"]
    single = commits[commits["parents"].map(len).le(1).astype(bool)]
    return within(single, t, "committed_at", WEEK)


def with_pull_requests(commits: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Pairs of commit and merged PR of it (sha, head_branch, labels, lo, hi) at the instants at which both were known.

    A PR of a commit is one that GitHub associates with it, whose merge commit it is or whose own commits hold it.
    What GitHub said of an associated PR when it named it stands in where the PR itself was never pulled.
    """
    pulls = tables["pull_requests"]
    merged = pulls.loc[
        pulls["merged_at"].notna(), ["number", "merge_commit_sha", "head_branch", "labels", "commits", "lo", "hi"]
    ]
    links = tables["commit_pull_requests"]
    known = links["number"].isin(pulls["number"])
    facts = ["sha", "head_branch", "labels", "lo", "hi"]
    by_link = meet(links.loc[known, ["sha", "number", "lo", "hi"]], merged, "number")
    by_merge = merged.rename(columns={"merge_commit_sha": "sha"}).dropna(subset=["sha"])
    own = merged.explode("commits").dropna(subset=["commits"])
    own = own.assign(sha=[commit["sha"] for commit in own["commits"]])
    never_pulled = links[~known & links["merged_at"].notna()]
    pairs = pd.concat([by_link[facts], by_merge[facts], own[facts], never_pulled[facts]], ignore_index=True)
    return meet(commits[["sha", "subject", "lo", "hi"]], pairs, "sha")


def with_reason(chosen: pd.DataFrame, commits: pd.DataFrame) -> pd.DataFrame:
    """The commits of `chosen`, each once, with the head branch of the pull request that speaks for it, if one does."""
    branches = chosen.groupby("sha", as_index=False).agg(head_branch=("head_branch", "first"))
    return commits[COMMIT].merge(branches, on="sha")


def by_developer(commits: pd.DataFrame) -> pd.DataFrame:
    """How many of `commits`, which name their `developer`, are each one's."""
    return commits.groupby("developer", as_index=False).agg(
        author_login=("author_login", "first"), commits=("sha", "size")
    )


def _matches(text: pd.Series, pattern: str) -> pd.Series:
    return text.astype("object").where(text.notna(), "").str.contains(pattern, regex=True).astype(bool)


@metric(
    "commits.total_7d",
    title="Commits",
    unit="count",
    tables=COMMITS,
    reach=7 * DAY,
    definition="Commits reachable from the default branch, at most one parent, committer date in the 7 days before t.",
    link=COMMITS_THIS_WEEK,
)
def commits_total(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    commits = in_week(tables, t)
    return counted(count(commits, t), lambda: commits[COMMIT])


@metric(
    "commits.hotfix",
    title="Hotfixes",
    unit="count",
    tables=WITH_PULLS,
    reach=7 * DAY,
    definition=(
        "Of these commits: the subject holds the word hotfix or hot-fix, or a merged pull request of it has the label "
        "hotfix or a head branch that begins hotfix/ or hotfix- (all in any case). The body never counts."
    ),
)
def commits_hotfix(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    commits = in_week(tables, t)
    pairs = with_pull_requests(commits, tables)
    labelled = pairs["labels"].map(lambda names: any(name.lower() == "hotfix" for name in names)).astype(bool)
    by_pull = pairs[labelled | _matches(pairs["head_branch"], HOTFIX_BRANCH)]
    hotfixes = pd.concat([commits[_matches(commits["subject"], HOTFIX)], by_pull])
    return counted(distinct(hotfixes, "sha", t), lambda: with_reason(hotfixes, commits))


@metric(
    "commits.reverts",
    title="Reverts",
    unit="count",
    tables=WITH_PULLS,
    reach=7 * DAY,
    definition=(
        "Of these commits: the subject starts 'Revert \"', or the first non-blank line of the body begins "
        "'This reverts commit' and 7 to 40 hexadecimal digits, or a merged pull request of it has a head branch "
        "revert-<n>-… (but not revert-<n>-revert-…). Never one: a subject that starts 'Revert \"Revert ' or 'Reapply '."
    ),
)
def commits_reverts(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    commits = in_week(tables, t)
    commits = commits[~_matches(commits["subject"], r'^(?:Revert "Revert |Reapply )')]
    pairs = with_pull_requests(commits, tables)
    said = _matches(commits["subject"], r'^Revert "') | _matches(
        commits["body_start"], r"^\s*This reverts commit [0-9a-fA-F]{7,40}\b"
    )
    reverts = pd.concat([commits[said], pairs[_matches(pairs["head_branch"], REVERT_BRANCH)]])
    return counted(distinct(reverts, "sha", t), lambda: with_reason(reverts, commits))


@metric(
    "commits.direct_to_main_7d",
    title="Commits without a pull request",
    unit="count",
    tables=WITH_PULLS,
    reach=7 * DAY,
    definition="Of these commits: those that belong to no merged pull request.",
)
def commits_direct(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    commits = in_week(tables, t)
    pairs = with_pull_requests(commits, tables)
    without = count(commits, t) - distinct(pairs, "sha", t)
    return counted(without, lambda: commits.loc[~commits["sha"].isin(pairs["sha"]), COMMIT])


@metric(
    "commits.per_developer_7d",
    title="Commits per developer",
    unit="count",
    tables=COMMITS,
    reach=7 * DAY,
    statistic="mean",
    definition="Commits by human authors, divided by the number of those authors; 7 days before t.",
)
def commits_per_developer(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    commits = developers(in_week(tables, t), options.bots)
    people = distinct(commits, "developer", t)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"mean": averaged(count(commits, t) / people, people, lambda: by_developer(commits))}


@metric(
    "code.lines_added_7d",
    title="Lines added",
    unit="line",
    tables=COMMITS,
    reach=7 * DAY,
    definition="Lines added by the commits of the 7 days before t.",
)
def lines_added(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    commits = in_week(tables, t)
    added = total(commits, commits["additions"], t)
    return counted(added, lambda: commits[[*COMMIT, "additions"]], count(commits, t))


@metric(
    "code.lines_deleted_7d",
    title="Lines deleted",
    unit="line",
    tables=COMMITS,
    reach=7 * DAY,
    definition="Lines deleted by the commits of the 7 days before t.",
)
def lines_deleted(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    commits = in_week(tables, t)
    deleted = total(commits, commits["deletions"], t)
    return counted(deleted, lambda: commits[[*COMMIT, "deletions"]], count(commits, t))


@metric(
    "code.files_changed_7d",
    title="Files changed",
    unit="file",
    tables=("commits", "commit_files"),
    reach=7 * DAY,
    definition=(
        "Distinct paths that the commits of the 7 days before t changed (the new path of a rename). GitHub lists at "
        "most 3,000 files of a commit: with such a commit in the window there is no point."
    ),
)
def files_changed(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    commits = in_week(tables, t)
    files = meet(commits[["sha", "lo", "hi"]], tables["commit_files"][["sha", "path", "lo", "hi"]], "sha")

    def rows() -> pd.DataFrame:
        return files.groupby("path", as_index=False).agg(commits=("sha", "size"))

    values = counted(distinct(files, "path", t), rows, count(commits, t))["count"]
    for row in commits[~commits["files_listed"].fillna(True).astype(bool)].itertuples():
        values.value[row.lo : row.hi] = np.nan
        values.reason[row.lo : row.hi] = "not_listed"
        values.detail[row.lo : row.hi] = f"GitHub lists only {row.files} of the files of commit {row.sha}"
    return {"count": values}
