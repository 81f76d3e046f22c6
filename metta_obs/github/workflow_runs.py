"""Actions: workflows, their runs with every attempt, and (`run_jobs`) the jobs.

Here: which runs to read, the rows of attempts, what vanished. Not here: the lists (`run_lists`), whether a run has
moved since it ended (`run_recheck`).

A run is listed by its creation, but may be run again a month later: the list of every tick holds the recent ones, and
all others that may still move are asked about together in one GraphQL query.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from metta_obs.clock import iso
from metta_obs.github import run_jobs, run_lists
from metta_obs.github.conditional import read_list
from metta_obs.github.context import BEGINNING, Pull
from metta_obs.github.coverage import Covered
from metta_obs.github.errors import GitHubError, NotFound, truncated
from metta_obs.github.run_lists import Run, Window
from metta_obs.github.run_recheck import Moved, moved
from metta_obs.github.values import moment, records, when
from metta_obs.lake.store import Row

TABLES = ("workflows", "workflow_runs", "jobs")
STORED_AT_ONCE = 2_000
ONE_RUN_ONLY = ("truncated", "not_found", "rejected", "bad_answer")  # troubles that another run may not have


def pull(context: Pull) -> None:
    """Bring the three tables up to date."""
    with context.needed_by("workflows"):
        _workflows(context)
    reader = _Runs(context)
    with context.needed_by("workflow_runs", "jobs"):
        try:
            reader.read()
        finally:
            reader.store()
    if not context.failed("jobs"):
        with context.needed_by("jobs"):
            run_jobs.pull(context, reader.stored, reader.written, reader.window)


def _workflows(context: Pull) -> None:
    base = context.base("workflows")
    stored = context.lake.current("workflows", context.key)
    memory = base.state.get("list") if base and not _disturbed(base, stored) else None
    found = read_list(
        context.github, f"/repos/{context.name}/actions/workflows", {"per_page": 100}, memory, holds="workflows"
    )
    if found.pages is not None:
        rows = {
            item["id"]: {"workflow_id": item["id"], "name": item["name"], "path": item["path"], "state": item["state"]}
            for page in found.pages
            for item in page.body["workflows"]
        }
        total = found.pages[0].body["total_count"]
        whole = len(rows) >= total
        context.store(
            "workflows", list(rows.values()), stored[~stored["workflow_id"].isin(list(rows))] if whole else None
        )
        if not whole:
            raise truncated(found.pages[0].request, len(rows), total)
    context.cover("workflows", BEGINNING, {"list": found.memory})


def _disturbed(base: Covered, stored: pd.DataFrame) -> bool:
    """Whether a pull that was not complete came after `base`: then an unchanged list does not mean unchanged rows."""
    return not base.undisturbed or bool((stored["seen_at"] > base.started_at).any())


@dataclass
class _Runs:
    """Reads what changed among the runs of a repository. `written`: (run, attempt) of the rows read in this pull."""

    context: Pull
    written: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.base = self.context.base("workflow_runs")
        self.window = self.base.window_start if self.base else self.context.window_start
        self.stored = self.context.lake.current("workflow_runs", self.context.key)
        self.rows: dict[tuple[int, int], Row] = {}
        self.unstored: dict[tuple[int, int], Row] = {}
        self.gone: set[int] = set()

    def read(self) -> None:
        """Read lists, moved runs and earlier attempts. Raises GitHubError; `store()` keeps what came before."""
        context = self.context
        memory = self.base.state.get("runs", {}) if self.base else {}
        odd: dict[str, Any] = memory.get("odd", {})
        if self.base is None or "mark" not in memory:
            self._take(run_lists.between(context.github, context.name, self.window, context.started_at))
            last = {run: row for (run, _), row in sorted(self.rows.items())}
            mark = run_lists.next_mark(self.window, [_brief(row) for row in last.values()], context.started_at)
            tags = self._list_since(mark, None)[1]
        else:
            mark = datetime.fromisoformat(memory["mark"])
            listed, tags = self._list_since(mark, None if _disturbed(self.base, self.stored) else memory.get("list"))
            brief = [(moment(run["created_at"]), run["status"] == "completed") for run in listed]
            later = run_lists.next_mark(mark, brief, context.started_at)
            if later > mark:
                mark, tags = later, self._list_since(later, None)[1]
            odd = self._follow(datetime.fromisoformat(memory["mark"]), odd)
        if not context.failed("workflow_runs"):
            context.cover("workflow_runs", self.window, {"runs": {"mark": iso(mark), "list": tags, "odd": odd}})

    def _list_since(self, mark: datetime, memory: dict[str, Any] | None) -> tuple[list[Run], dict[str, Any]]:
        windows, tags = run_lists.since(self.context.github, self.context.name, mark, self.context.started_at, memory)
        self._take(windows or [])
        return [run for window in windows or [] for run in window.runs], tags

    def _take(self, windows: Iterable[Window]) -> None:
        """Take in the runs of whole windows; those that such a window no longer lists are gone."""
        for window in windows:
            if window.error:
                self.context.fail(window.error, "workflow_runs", "jobs")
            else:
                inside = self.stored["created_at"] >= window.start
                if window.end is not None:
                    inside &= self.stored["created_at"] <= window.end
                self.gone |= set(self.stored["run_id"][inside]) - {run["id"] for run in window.runs}
            self._take_runs(window.runs)
            self.context.report("workflow runs listed", len(self.rows), None)
            if len(self.unstored) >= STORED_AT_ONCE:
                self.store()

    def _take_runs(self, runs: list[Run]) -> None:
        """Take in runs as listed, each its last attempt, and the earlier attempts that are not known to their end."""
        stored = self.stored[self.stored["run_id"].isin([run["id"] for run in runs])]
        known = {(row["run_id"], row["attempt"]): row for row in records(stored)}
        for run in runs:
            self.gone.discard(run["id"])
            number = run.get("run_attempt") or 1
            self._keep(_row(run, run["created_at"], number, known.get((run["id"], number))))
            self._take_earlier(run, number, known)

    def _take_earlier(self, run: Run, last: int, known: dict[tuple[int, int], Row]) -> None:
        for attempt in range(1, last):
            row = known.get((run["id"], attempt))
            if (row is not None and row["status"] == "completed") or (run["id"], attempt) in self.rows:
                continue
            try:
                path = f"/repos/{self.context.name}/actions/runs/{run['id']}/attempts/{attempt}"
                answer = self.context.github.get(path, {"exclude_pull_requests": "true"}, holds="created_at")
            except GitHubError as error:
                if error.reason not in ONE_RUN_ONLY:
                    raise
                self.context.fail(error, "workflow_runs", "jobs")
                continue
            self._keep(_row(answer.body, run["created_at"], attempt, row))

    def _keep(self, row: Row) -> None:
        key = (row["run_id"], row["attempt"])
        self.rows[key] = self.unstored[key] = row

    def _follow(self, mark: datetime, odd: dict[str, Any]) -> dict[str, Any]:
        """Look after the runs before the list; returns what to remember of those that only seem to have moved."""
        last = self.stored.sort_values("attempt").drop_duplicates("run_id", keep="last")
        before = last[(last["created_at"] < mark) & ~last["run_id"].isin([run for run, _ in self.rows])]
        still_odd: dict[str, Any] = {}
        for each in moved(self.context, before, odd):
            if each.skip or self._read_again(each):
                still_odd[str(each.run_id)] = each.signature
        return still_odd

    def _read_again(self, each: Moved) -> bool:
        """Read a run by its id; true where REST shows it as it was."""
        try:
            path = f"/repos/{self.context.name}/actions/runs/{each.run_id}"
            run = self.context.github.get(path, {"exclude_pull_requests": "true"}, holds="created_at").body
        except NotFound:
            self.gone.add(each.run_id)
            return False
        self._take_runs([run])
        return each.is_like(run)

    def store(self) -> None:
        """Append what was read, and mark runs that are gone, with their jobs."""
        if not self.unstored and not self.gone:
            return
        self.context.store(
            "workflow_runs", list(self.unstored.values()), self.stored[self.stored["run_id"].isin(self.gone)]
        )
        if self.gone:
            jobs = self.context.lake.current("jobs", self.context.key)
            self.context.store("jobs", [], jobs[jobs["run_id"].isin(self.gone)])
        self.written |= self.unstored.keys()
        self.unstored = {}


def _brief(row: Row) -> tuple[datetime, bool]:
    return row["created_at"], row["status"] == "completed"


def _row(run: Run, created_at: str, attempt: int, known: Row | None) -> Row:
    """The row of an attempt. `created_at` is the run's own: an attempt shows another one of itself."""
    head = run.get("head_repository") or {}
    full_name = head.get("full_name")
    completed = run["status"] == "completed"
    first_completed = None if known is None or pd.isna(known["first_completed_at"]) else known["first_completed_at"]
    return {
        "run_id": run["id"],
        "attempt": attempt,
        "node_id": run.get("node_id"),
        "check_suite_node_id": run.get("check_suite_node_id"),
        "workflow_id": run["workflow_id"],
        "name": run.get("name"),
        "event": run["event"],
        "head_branch": run.get("head_branch"),
        "head_sha": run["head_sha"],
        "head_repository": full_name.lower() if full_name else None,
        "head_repository_id": head.get("id"),
        "status": run["status"],
        "conclusion": run["conclusion"],
        "created_at": moment(created_at),
        "started_at": when(run.get("run_started_at")) or moment(run["created_at"]),
        "updated_at": moment(run["updated_at"]),
        "first_completed_at": first_completed or (moment(run["updated_at"]) if completed else None),
    }
