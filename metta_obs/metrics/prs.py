"""Pull request metrics: open, merged, closed, stale; times to merge and to first review; review coverage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pandas as pd

from metta_obs.metrics.catalogue import (
    DAY,
    WEEK,
    Options,
    Values,
    averaged,
    counted,
    distributed,
    metric,
    percentile_series,
    share,
)
from metta_obs.metrics.people import commit_author, is_human, person
from metta_obs.metrics.spans import (
    Times,
    count,
    distinct,
    distribution,
    meet,
    narrow,
    shared,
    stretches,
    total,
    union,
    within,
)

Tables = Mapping[str, pd.DataFrame]
HOUR = 3600.0
STALE_AFTER = pd.Timedelta(14, "D")
MERGED_THIS_WEEK = "pulls?q=is%3Apr+is%3Amerged+merged%3A{week}"
PULL = ["number", "title", "author_login", "created_at"]
MERGED = [*PULL, "merged_at"]
RESPONSES = ("reviews", "review_comments", "issue_comments")
OWN_COMMIT = ["sha", "authored_at", "committed_at", "author_login", "author_email", "author_name"]


@shared
def history(pulls: pd.DataFrame) -> pd.DataFrame:
    """Dated events of each PR version, oldest first: columns of `pulls` plus kind, at, actor_login, actor_type.

    Kinds are opened, closed, reopened, ready_for_review and convert_to_draft. The last closing as GitHub states it
    (`closed_at`) stands in where no event says it.
    """
    rows = pulls.assign(version=np.arange(len(pulls)))
    exploded = rows.explode("events").dropna(subset=["events"]).reset_index(drop=True)
    listed = pd.DataFrame(exploded["events"].tolist(), columns=["kind", "at", "actor_login", "actor_type"])
    events = pd.concat([exploded, listed], axis=1)
    opened = rows.assign(
        kind="opened", at=rows["created_at"], actor_login=rows["author_login"], actor_type=rows["author_type"]
    )
    closed = rows[rows["closed_at"].notna()]
    closed = closed.assign(kind="closed", at=closed["closed_at"], actor_login=None, actor_type=None)
    parts = [part for part in (opened, events, closed) if len(part)]
    if not parts:
        return opened
    every = pd.concat([part.astype({"actor_login": object, "actor_type": object}) for part in parts], ignore_index=True)
    every["at"] = pd.to_datetime(every["at"], utc=True).astype("datetime64[us, UTC]")
    # The parts stand in the order that counts within one second: the opening, the events as GitHub lists them, the
    # stated closing.
    return every.sort_values(["version", "at"], kind="stable", ignore_index=True)


def periods(events: pd.DataFrame, kinds: tuple[str, ...]) -> pd.DataFrame:
    """The events of `kinds` with `until`: the next of them of the same PR version, null for the last."""
    chosen = events[events["kind"].isin(kinds)]
    return chosen.assign(until=chosen.groupby("version")["at"].shift(-1))


def open_spans(pulls: pd.DataFrame, t: Times) -> pd.DataFrame:
    """The PRs at the instants at which they are open: created before t and not closed before t."""
    states = periods(history(pulls), ("opened", "closed", "reopened"))
    states = states[states["kind"] != "closed"]
    states = narrow(states, t, states["at"], states["until"])
    return narrow(states, t, states["created_at"], states["merged_at"])


def ready_spans(pulls: pd.DataFrame, t: Times) -> pd.DataFrame:
    """The PRs at the instants at which they are not a draft.

    A PR whose first draft event is ready-for-review was opened as a draft; one without such events is what it is.
    """
    events = history(pulls)
    drafts = periods(events, ("ready_for_review", "convert_to_draft"))
    opened = events[events["kind"] == "opened"].reset_index(drop=True)
    kind, at = first_draft_event(events, opened["version"])
    as_draft = kind.eq("ready_for_review") | (kind.isna() & opened["is_draft"].astype(bool))
    ready = pd.concat(
        [opened.assign(until=at)[~as_draft], drafts[drafts["kind"] == "ready_for_review"]], ignore_index=True
    )
    return narrow(ready, t, ready["at"], ready["until"])


def first_draft_event(events: pd.DataFrame, version: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Kind and time of the first ready-for-review or convert-to-draft event of each PR version, null where none."""
    drafts = events[events["kind"].isin(["ready_for_review", "convert_to_draft"])]
    first = drafts.drop_duplicates("version").set_index("version")[["kind", "at"]].reindex(version)
    return first["kind"].set_axis(version.index), first["at"].set_axis(version.index)


def merged_in_week(pulls: pd.DataFrame, t: Times) -> pd.DataFrame:
    """PRs merged in W7, at the instants at which they are."""
    return within(pulls, t, "merged_at", WEEK)


def humans(pulls: pd.DataFrame, options: Options) -> pd.DataFrame:
    """PRs whose author is human."""
    return pulls[is_human(pulls["author_login"], pulls["author_type"], options.bots)]


def responses(tables: Tables, options: Options) -> pd.DataFrame:
    """Submitted reviews and comments by humans: number, responder, at, counts (as a comment), lo, hi."""
    parts = []
    for name in RESPONSES:
        rows = tables[name]
        review = name == "reviews"
        rows = rows.assign(
            at=rows["submitted_at" if review else "created_at"],
            counts=rows["body_characters"].fillna(0).gt(0).astype(bool) if review else True,
        )
        rows = rows[is_human(rows["author_login"], rows["author_type"], options.bots)]
        parts.append(
            rows.assign(responder=person(rows["author_login"]))[["number", "responder", "at", "counts", "lo", "hi"]]
        )
    return pd.concat(parts, ignore_index=True)


def responses_of_others(pulls: pd.DataFrame, tables: Tables, options: Options) -> pd.DataFrame:
    """Pairs of PR and response by a human other than its author, at the instants at which both count."""
    pairs = meet(pulls, responses(tables, options), "number")
    return pairs[pairs["responder"] != person(pairs["author_login"])]


def reviewed_before_merge(pulls: pd.DataFrame, tables: Tables, options: Options) -> pd.DataFrame:
    """Of those, the ones dated from the opening to the merge, both included."""
    pairs = responses_of_others(pulls, tables, options)
    return pairs[(pairs["at"] >= pairs["created_at"]) & (pairs["at"] <= pairs["merged_at"])]


@metric(
    "prs.open",
    title="Open pull requests",
    unit="count",
    tables=("pull_requests",),
    reach=timedelta(0),
    definition="Pull requests created before t and not closed before t; drafts count.",
    link="pulls?q=is%3Apr+created%3A%3C{at}+-closed%3A%3C{at}",
)
def prs_open(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    waiting = open_spans(tables["pull_requests"], t)
    return counted(distinct(waiting, "number", t), lambda: waiting[PULL].drop_duplicates("number"))


@metric(
    "prs.merged_7d",
    title="Merged pull requests",
    unit="count",
    tables=("pull_requests",),
    reach=7 * DAY,
    definition="Pull requests merged in the 7 days before t, into any base branch.",
    link=MERGED_THIS_WEEK,
)
def prs_merged(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    merged = merged_in_week(tables["pull_requests"], t)
    return counted(count(merged, t), lambda: merged[MERGED])


@metric(
    "prs.closed_without_merge_7d",
    title="Pull requests closed without merge",
    unit="count",
    tables=("pull_requests",),
    reach=7 * DAY,
    definition="Pull requests closed at t, not merged before t, whose last closing lies in the 7 days before t.",
    link="pulls?q=is%3Apr+is%3Aunmerged+closed%3A{week}",
)
def prs_closed_without_merge(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    closings = periods(history(tables["pull_requests"]), ("opened", "closed", "reopened"))
    closings = closings[closings["kind"] == "closed"]
    closed = within(narrow(closings, t, closings["at"], closings["until"]), t, "at", WEEK)
    unmerged = narrow(closed, t, closed["created_at"], closed["merged_at"])
    unmerged = unmerged.assign(closed_at=unmerged["at"])
    return counted(distinct(unmerged, "number", t), lambda: unmerged[[*PULL, "closed_at"]])


@metric(
    "prs.avg_time_to_merge_hours",
    title="Time to merge",
    unit="hour",
    tables=("pull_requests",),
    reach=7 * DAY,
    statistic="mean",
    series=percentile_series("prs.time_to_merge", "hour", "hours"),
    definition="Merge minus creation, over pull requests by humans merged in the 7 days before t: mean, p50, p90, p99.",
    link=MERGED_THIS_WEEK,
)
def prs_time_to_merge(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    merged = humans(merged_in_week(tables["pull_requests"], t), options)
    hours = _hours(merged["merged_at"] - merged["created_at"])
    return distributed(distribution(merged, hours, t), lambda: merged[MERGED].assign(hours=hours))


@metric(
    "prs.cycle_time_hours",
    title="Cycle time",
    unit="hour",
    tables=("pull_requests",),
    reach=7 * DAY,
    statistic="mean",
    series=percentile_series("prs.cycle_time", "hour", "hours"),
    definition=(
        "Merge minus first commit, over pull requests by humans merged in the 7 days before t: mean, p50, p90, p99. "
        "The first commit is the earliest author date among the pull request's own commits (GitHub lists at most 250); "
        "later than the creation, or none listed, counts as the creation."
    ),
    link=MERGED_THIS_WEEK,
)
def prs_cycle_time(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    merged = humans(merged_in_week(tables["pull_requests"], t), options)
    commits = own_commits(merged)
    commits = narrow(commits, t, commits["committed_at"])
    columns = ["number", "merged_at", "at", "lo", "hi"]
    begun = pd.concat([merged.assign(at=merged["created_at"]), commits.assign(at=commits["authored_at"])])[columns]
    known = stretches(begun, "number")
    first = known.groupby(["number", "lo", "hi"], as_index=False).agg(
        at=("at", "min"), merged_at=("merged_at", "first")
    )
    hours = _hours(first["merged_at"] - first["at"])

    def rows() -> pd.DataFrame:
        begun = first.assign(hours=hours, first_commit_at=first["at"])
        return merged[MERGED].merge(begun[["number", "first_commit_at", "hours"]], on="number")

    return distributed(distribution(first, hours, t), rows)


@metric(
    "prs.stale_count_14d",
    title="Stale pull requests",
    unit="count",
    tables=("pull_requests", *RESPONSES),
    reach=timedelta(0),
    definition=(
        "Pull requests open at t, not a draft, whose last human activity lies before t minus 14 days. Activity: the "
        "opening (by anyone), a human's reopening or marking ready, the newest committer date among its commits by "
        "human authors, a human's review or comment."
    ),
)
def prs_stale(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    pulls = tables["pull_requests"]
    keys = ["number"]
    waiting = meet(union(open_spans(pulls, t), keys), union(ready_spans(pulls, t), keys), keys)[[*keys, "lo", "hi"]]
    events = history(pulls)
    by_human = is_human(events["actor_login"], events["actor_type"], options.bots)
    acts = events[(events["kind"] == "opened") | (events["kind"].isin(["reopened", "ready_for_review"]) & by_human)]
    commits = commit_author(own_commits(pulls), options.bots).rename(columns={"committed_at": "at"})
    activity = pd.concat(
        [
            acts[[*keys, "at", "lo", "hi"]],
            commits.loc[commits["human"], ["number", "at", "lo", "hi"]],
            responses(tables, options)[[*keys, "at", "lo", "hi"]],
        ]
    )
    recent = narrow(activity, t, activity["at"], activity["at"] + STALE_AFTER)
    active = meet(waiting, union(recent, keys), keys)

    def rows() -> pd.DataFrame:
        last = activity[activity["at"] < pd.Timestamp(t[0], tz="UTC")].groupby("number")["at"].max()
        stale = pulls.loc[pulls["number"].isin(set(waiting["number"]) - set(active["number"])), PULL]
        return stale.assign(last_activity=stale["number"].map(last))

    return counted(distinct(waiting, keys, t) - distinct(active, keys, t), rows)


def own_commits(pulls: pd.DataFrame) -> pd.DataFrame:
    """The PRs' own commits, a row each: number, merged_at, lo and hi of the PR, and what `commits` holds of each."""
    exploded = pulls[["number", "merged_at", "commits", "lo", "hi"]].explode("commits").dropna(subset=["commits"])
    exploded = exploded.reset_index(drop=True)
    listed = pd.DataFrame(exploded["commits"].tolist(), columns=OWN_COMMIT)
    for column in ("authored_at", "committed_at"):
        listed[column] = pd.to_datetime(listed[column], utc=True).astype("datetime64[us, UTC]")
    return pd.concat([exploded.drop(columns="commits"), listed], axis=1)


@metric(
    "prs.with_review_comments_pct",
    title="Reviewed pull requests",
    unit="percent",
    tables=("pull_requests", *RESPONSES),
    reach=7 * DAY,
    statistic="share",
    definition=(
        "Of the pull requests by humans merged in the 7 days before t, the share with at least one submitted review or "
        "comment by a human other than the author, dated from the opening to the merge, both included."
    ),
    link=MERGED_THIS_WEEK,
)
def prs_reviewed(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    merged = humans(merged_in_week(tables["pull_requests"], t), options)
    pairs = reviewed_before_merge(merged, tables, options)

    def rows() -> pd.DataFrame:
        first = pairs.sort_values("at").drop_duplicates("number").set_index("number")[["responder", "at"]]
        return merged[MERGED].join(first.add_prefix("first_"), on="number")

    return share(distinct(pairs, "number", t), count(merged, t), rows)


@metric(
    "prs.avg_comments_per_pr",
    title="Comments per pull request",
    unit="count",
    tables=("pull_requests", *RESPONSES),
    reach=7 * DAY,
    statistic="mean",
    definition=(
        "Over the pull requests by humans merged in the 7 days before t: mean number of conversation comments, inline "
        "review comments and reviews with a non-blank body, by humans other than the author, dated from the opening to "
        "the merge, both included."
    ),
    link=MERGED_THIS_WEEK,
)
def prs_comments(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    merged = humans(merged_in_week(tables["pull_requests"], t), options)
    pairs = reviewed_before_merge(merged, tables, options)
    comments = total(pairs, pairs["counts"], t)
    n = count(merged, t)

    def rows() -> pd.DataFrame:
        of = pairs.groupby("number")["counts"].sum()
        return merged[MERGED].assign(comments=merged["number"].map(of).fillna(0).astype(int))

    with np.errstate(invalid="ignore", divide="ignore"):
        return {"mean": averaged(comments / n, n, rows)}


@metric(
    "prs.time_to_first_review_hours",
    title="Time to first review",
    unit="hour",
    tables=("pull_requests", *RESPONSES),
    reach=7 * DAY,
    statistic="mean",
    series=percentile_series("prs.time_to_first_review", "hour", "hours"),
    extra=True,
    definition=(
        "First response minus start, over pull requests by humans whose first response is dated in the 7 days before "
        "t: mean, p50, p90, p99. The first response is the first submitted review or comment by a human other than the "
        "author at or after the start and not after the merge. The start is the opening or, for one opened as a draft, "
        "the first time it was marked ready."
    ),
)
def prs_time_to_first_review(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    pulls = humans(tables["pull_requests"], options)
    pulls = pulls.assign(start=_start(pulls))
    pairs = responses_of_others(pulls, tables, options)
    in_time = (pairs["at"] >= pairs["start"]) & ~(pairs["at"] > pairs["merged_at"])
    known = stretches(pairs.loc[in_time, ["number", "start", "at", "lo", "hi"]], "number")
    first = known.groupby(["number", "lo", "hi"], as_index=False).agg(at=("at", "min"), start=("start", "first"))
    answered = within(first, t, "at", WEEK)
    hours = _hours(answered["at"] - answered["start"])

    def rows() -> pd.DataFrame:
        spent = answered.assign(hours=hours, asked_at=answered["start"], answered_at=answered["at"])
        return pulls[PULL].merge(spent[["number", "asked_at", "answered_at", "hours"]], on="number")

    return distributed(distribution(answered, hours, t), rows)


def _start(pulls: pd.DataFrame) -> pd.Series:
    """When each PR asked for review: the opening, or if opened as a draft the first marking ready (null: never)."""
    kind, ready_at = first_draft_event(history(pulls), pd.Series(np.arange(len(pulls)), pulls.index))
    start = pulls["created_at"].where(kind.notna() | ~pulls["is_draft"].astype(bool))
    return start.where(kind.ne("ready_for_review"), ready_at)


def _hours(spent: pd.Series) -> np.ndarray:
    return spent.to_numpy(dtype="timedelta64[us]").astype(np.int64) / 1e6 / HOUR
