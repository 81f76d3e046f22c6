"""The tables of the lake, written down: columns, types, units and keys.

Here: what each table holds and what one row means. Not here: how rows are read and written (`store`), how GitHub's
answers become rows (`metta_obs.github`).

Raw tables hold *row versions*: besides its own columns each has `repo` (the configured `owner/name` in lower case),
`seen_at` (start of the pull that saw this version, by GitHub's clock) and `deleted` (true: GitHub no longer shows the
row, and the other columns repeat the last known version). A row is identified by `repo` and its key columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")
EVENTS = pa.list_(
    pa.struct([("kind", pa.string()), ("at", TIMESTAMP), ("actor_login", pa.string()), ("actor_type", pa.string())])
)
OWN_COMMITS = pa.list_(
    pa.struct(
        [
            ("sha", pa.string()),
            ("authored_at", TIMESTAMP),
            ("committed_at", TIMESTAMP),
            ("author_login", pa.string()),
            ("author_email", pa.string()),
            ("author_name", pa.string()),
        ]
    )
)


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type and, in words, what it means and its unit."""

    name: str
    type: pa.DataType
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table: `key` names the columns that, with `repo`, identify a row; `raw` tables hold row versions."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    raw: bool = True

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """The columns as stored: `repo` first, and for raw tables the version columns last."""
        return (REPO, *self.columns, *VERSION) if self.raw else (REPO, *self.columns)

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema as stored."""
        return pa.schema([pa.field(c.name, c.type) for c in self.all_columns])


def _text(name: str, meaning: str) -> Column:
    return Column(name, pa.string(), meaning)


def _int(name: str, meaning: str) -> Column:
    return Column(name, pa.int64(), meaning)


def _float(name: str, meaning: str) -> Column:
    return Column(name, pa.float64(), meaning)


def _flag(name: str, meaning: str) -> Column:
    return Column(name, pa.bool_(), meaning)


def _time(name: str, meaning: str) -> Column:
    return Column(name, TIMESTAMP, meaning + " (UTC)")


REPO = _text("repo", "repository as configured, `owner/name` in lower case")
VERSION = (
    _time("seen_at", "start of the pull that saw this version, by GitHub's clock"),
    _flag("deleted", "GitHub no longer shows this row"),
)
_ACTOR = (
    _text("author_login", "login of the author as GitHub shows it; null for a deleted account"),
    _text("author_type", "type of the author's account: User, Bot, Mannequin, …; null for a deleted account"),
)

REPOSITORIES = Table(
    "repositories",
    "The repository itself, one row",
    (),
    (
        _int("repository_id", "GitHub's id of the repository"),
        _text("full_name", "`owner/name` as GitHub spells it now (differs from `repo` after a rename)"),
        _text("default_branch", "name of the default branch; null while the repository is empty"),
        _text("head_sha", "commit at the tip of the default branch; null while the repository is empty"),
        _flag("archived", "read-only on GitHub"),
    ),
)
PULL_REQUESTS = Table(
    "pull_requests",
    "Pull requests: every open one, and those updated since the look-back began",
    ("number",),
    (
        _int("number", "number of the pull request"),
        _text("node_id", "GitHub's GraphQL id"),
        _text("title", "title"),
        _text("state", "OPEN, CLOSED or MERGED, as of the pull"),
        _flag("is_draft", "a draft, as of the pull"),
        *_ACTOR,
        _time("created_at", "opened"),
        _time("updated_at", "last change that GitHub counts as an update"),
        _time("closed_at", "last closing (a merge closes too); null while open"),
        _time("merged_at", "merged; null where not"),
        _text("merge_commit_sha", "the commit that merging made; null where not merged"),
        _text("base_branch", "branch that it asks to merge into"),
        _text("head_branch", "branch that it comes from"),
        _flag("from_fork", "the head branch lives in another repository"),
        Column("labels", pa.list_(pa.string()), "names of its labels, sorted"),
        Column("events", EVENTS, "closed, reopened, ready_for_review and convert_to_draft events, oldest first"),
        Column("commits", OWN_COMMITS, "its own commits as GitHub lists them (at most 250)"),
    ),
)
REVIEWS = Table(
    "reviews",
    "Submitted reviews of pull requests",
    ("review_id",),
    (
        _int("review_id", "GitHub's id of the review"),
        _int("number", "number of the pull request"),
        *_ACTOR,
        _text("state", "APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED"),
        _time("submitted_at", "submitted"),
        _int("body_characters", "length of the body without surrounding white space; 0 for a blank one"),
    ),
)
_COMMENT = (
    _int("comment_id", "GitHub's id of the comment"),
    _int("number", "number of the pull request"),
    *_ACTOR,
    _time("created_at", "written"),
    _int("body_characters", "length of the body without surrounding white space"),
)
REVIEW_COMMENTS = Table("review_comments", "Inline comments on the lines of a pull request", ("comment_id",), _COMMENT)
ISSUE_COMMENTS = Table("issue_comments", "Comments in the conversation of a pull request", ("comment_id",), _COMMENT)
COMMITS = Table(
    "commits",
    "Commits reachable from the default branch, committed since the look-back began",
    ("sha",),
    (
        _text("sha", "id of the commit"),
        Column("parents", pa.list_(pa.string()), "ids of its parents; two or more make a merge commit"),
        _text("subject", "first line of the message"),
        _text(
            "body_start", "first non-blank line of the rest of the message; null without a body; no more of it is kept"
        ),
        _time("authored_at", "author date"),
        _time("committed_at", "committer date"),
        _int("author_id", "id of the linked GitHub account of the author; null where none is linked"),
        _text("author_login", "login of that account"),
        _text("author_type", "type of that account: User or Bot"),
        _text("author_email", "author e-mail as written in the commit"),
        _text("author_name", "author name as written in the commit"),
        _int("additions", "lines added; null for a merge commit, whose details are not fetched"),
        _int("deletions", "lines deleted; null for a merge commit"),
        _int("files", "changed files that GitHub listed; null for a merge commit"),
        _flag("files_listed", "GitHub listed every changed file (it stops at 3,000); null for a merge commit"),
    ),
)
COMMIT_FILES = Table(
    "commit_files",
    "Files that a commit changed (merge commits left out)",
    ("sha", "path"),
    (
        _text("sha", "id of the commit"),
        _text("path", "path after the commit: the new one of a rename"),
        _text("status", "added, modified, removed, renamed, …"),
        _int("additions", "lines added"),
        _int("deletions", "lines deleted"),
    ),
)
COMMIT_PULL_REQUESTS = Table(
    "commit_pull_requests",
    "Pull requests that GitHub associates with a commit, with what it said of them then",
    ("sha", "number"),
    (
        _text("sha", "id of the commit"),
        _int("number", "number of the pull request"),
        _time("merged_at", "merged; null where not"),
        _text("head_branch", "branch that it came from"),
        Column("labels", pa.list_(pa.string()), "names of its labels, sorted"),
    ),
)
BRANCHES = Table(
    "branches",
    "Branches and their tips, the default branch included",
    ("name",),
    (
        _text("name", "name of the branch"),
        _text("sha", "commit at its tip"),
        _time("committed_at", "committer date of the tip"),
        _flag("is_default", "the default branch"),
    ),
)
WORKFLOWS = Table(
    "workflows",
    "Actions workflows",
    ("workflow_id",),
    (
        _int("workflow_id", "GitHub's id of the workflow"),
        _text("name", "name"),
        _text("path", "file that defines it"),
        _text("state", "active, disabled_manually, deleted, …"),
    ),
)
WORKFLOW_RUNS = Table(
    "workflow_runs",
    "Workflow runs, one row per run and attempt",
    ("run_id", "attempt"),
    (
        _int("run_id", "GitHub's id of the run"),
        _int("attempt", "1 for the first, one more for each re-run"),
        _text("node_id", "GitHub's GraphQL id of the run"),
        _text("check_suite_node_id", "GraphQL id of its check suite, which lists the jobs"),
        _int("workflow_id", "id of the workflow"),
        _text("name", "name of the workflow at the time"),
        _text("event", "what started it: push, pull_request, schedule, …"),
        _text("head_branch", "branch that it ran on"),
        _text("head_sha", "commit that it ran on"),
        _text("head_repository", "`owner/name` that the branch belongs to, in lower case; null where deleted"),
        _int("head_repository_id", "id of that repository; null where deleted"),
        _text("status", "queued, in_progress, completed, … of this attempt"),
        _text("conclusion", "success, failure, cancelled, … of this attempt; null until it ends"),
        _time("created_at", "run created (the same for every attempt)"),
        _time("started_at", "this attempt started (GitHub's run_started_at)"),
        _time("updated_at", "last change that GitHub counts as an update"),
        _time("first_completed_at", "updated_at when this attempt was first seen completed; null until then"),
    ),
)
JOBS = Table(
    "jobs",
    "Jobs of completed run attempts",
    ("run_id", "attempt", "job_id"),
    (
        _int("run_id", "GitHub's id of the run"),
        _int("attempt", "attempt that lists the job"),
        _int("job_id", "GitHub's id of the job"),
        _text("name", "name"),
        _text("conclusion", "success, failure, skipped, …"),
        _time("started_at", "started"),
        _time("completed_at", "ended; earlier than the attempt's start where a re-run carried it along"),
    ),
)
PULLS = Table(
    "pulls",
    "What each pull covered: one row per pull, repository and table",
    ("pull_id", "table"),
    (
        _text("pull_id", "the Dagster run that pulled"),
        _text("table", "the table that this row speaks of"),
        _time("as_of", "instant that the pull was for"),
        _time("started_at", "start of the pull, by GitHub's clock"),
        _time("ended_at", "end of the pull, by GitHub's clock"),
        _time("window_start", "everything dated from here to the start is known; null where the pull is incomplete"),
        _flag("complete", "nothing is missing"),
        _text("reason", "why it is not complete, in a word: unauthorized, not_found, server_error, truncated, …"),
        _text("detail", "why, in a sentence that names the request and the remedy"),
        _text("state", "JSON: what the next pull continues from (entity tags, cursors)"),
        _int("rows_new", "rows not known before"),
        _int("rows_changed", "rows that differ from their last version, deletions included"),
        _int("rest_calls", "REST answers that count against the quota (not 304s), of all tables pulled together"),
        _int("rest_not_modified", "REST answers 304"),
        _int("graphql_calls", "GraphQL answers"),
        _int("graphql_points", "GraphQL points spent"),
    ),
    raw=False,
)
METRIC_POINTS = Table(
    "metric_points",
    "Every value ever computed, or why there was none: the last row per metric, repository, instant and origin counts",
    ("metric", "as_of", "origin", "computed_at"),
    (
        _text("metric", "key of the series, as in Datadog"),
        _time("as_of", "the instant t that the value speaks of"),
        _text("origin", "live (may be delivered), replay or restated"),
        _float("value", "the value; null where there is no point"),
        _int("n", "rows that the value rests on"),
        _text(
            "reason", "why there is no point: no_data, thin_sample, not_observed, not_listed, incomplete_fetch or error"
        ),
        _text("detail", "the reason in a sentence, or evidence such as a workflow left out"),
        _flag("complete", "every table read was completely fetched for its window"),
        _time("known_at", "k(t): start of the pull whose knowledge the value rests on"),
        _text("code_version", "version of the metric's code"),
        _text("table_versions", "JSON: the lake version of each table read"),
        _time("computed_at", "when it was computed"),
    ),
    raw=False,
)
DELIVERIES = Table(
    "deliveries",
    "Points that Datadog accepted",
    ("site", "env", "metric", "as_of", "delivered_at"),
    (
        _text("site", "Datadog site or address that accepted the point"),
        _text("env", "the env: tag"),
        _text("metric", "key of the series"),
        _time("as_of", "timestamp of the point"),
        _float("value", "value that was sent"),
        _time("delivered_at", "when Datadog accepted it"),
    ),
    raw=False,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        REPOSITORIES,
        PULL_REQUESTS,
        REVIEWS,
        REVIEW_COMMENTS,
        ISSUE_COMMENTS,
        COMMITS,
        COMMIT_FILES,
        COMMIT_PULL_REQUESTS,
        BRANCHES,
        WORKFLOWS,
        WORKFLOW_RUNS,
        JOBS,
        PULLS,
        METRIC_POINTS,
        DELIVERIES,
    )
}
RAW_TABLES: dict[str, Table] = {name: table for name, table in TABLES.items() if table.raw}
