"""Making Datadog's dashboards equal to their sources.

Here: recognising ours by their mark, deciding, sending. Not here: comparing (`compare`), whether a dashboard is right
(`check`, which comes before), requests (`metta_obs.datadog`).

One list request finds ours and what is up to date, so a push without news costs that and nothing else. A dashboard
that is not up to date is read before it is replaced, for its widgets' ids. Nothing that fails is taken for absence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from metta_obs.dashboards.compare import changes, fingerprint, with_ids
from metta_obs.dashboards.compile import Built
from metta_obs.dashboards.mark import Mark, read_mark, with_mark
from metta_obs.datadog.client import Datadog, DatadogError

Json = dict[str, Any]
Action = Literal["created", "updated", "unchanged", "failed"]


@dataclass(frozen=True)
class Pushed:
    """What became of one source.

    `action`: in a dry run what would have become of it. `changes`: what an update changes, in sentences. `url`: the
    dashboard's page, None where there is none yet. `edited`: an update overwrote changes made in Datadog since the
    last push. `detail`: why it failed, or other dashboards that bear the same mark. `modified_at`: as Datadog says.
    """

    source: str
    title: str
    action: Action
    id: str | None = None
    url: str | None = None
    changes: list[str] = field(default_factory=list)
    edited: bool = False
    modified_at: str | None = None
    detail: str = ""


class PushError(Exception):
    """Some dashboards could not be pushed; `report` has every one, the pushed ones too."""

    def __init__(self, report: Sequence[Pushed]) -> None:
        super().__init__("\n".join(f"{one.source}: {one.detail}" for one in report if one.action == "failed"))
        self.report = list(report)


def push(datadog: Datadog, built: Sequence[Built], env: str, *, dry_run: bool = False) -> list[Pushed]:
    """Create or update each dashboard for an environment (DD_ENV), leave alone what is up to date; with `dry_run`
    only say what would happen.

    Up to date is what bears the digest of its source: an edit made in Datadog stays until the source changes, and is
    then overwritten (`edited` says so). A changed title renames. Nothing is ever deleted. The dashboards are
    taken as checked. Returns one entry per source, in their order.
    Raises DatadogError when the list cannot be read (nothing was sent then), PushError when a dashboard failed (the
    others were still pushed).
    """
    live = _ours(datadog.dashboards(), env)
    report = []
    for one in built:
        try:
            report.append(_push(datadog, one, env, live.get(one.source, []), dry_run))
        except DatadogError as error:
            report.append(Pushed(one.source, one.dashboard["title"], "failed", detail=error.detail))
    if any(one.action == "failed" for one in report):
        raise PushError(report)
    return report


def _push(datadog: Datadog, built: Built, env: str, live: list[Json], dry_run: bool) -> Pushed:
    mark = Mark(built.source, env, fingerprint(built.dashboard))
    wanted = built.dashboard | {"description": with_mark(built.dashboard.get("description"), mark)}
    title = built.dashboard["title"]
    if not live:
        if dry_run:
            return Pushed(built.source, title, "created")
        return _report(datadog, built.source, "created", _create(datadog, wanted, mark))
    brief, *twins = live
    copies = ", ".join(twin["id"] for twin in twins)
    detail = f"the same mark is on {copies} (copies?): take the mark out of their descriptions" if twins else ""
    known = read_mark(brief.get("description"))
    if known == mark:
        return _report(datadog, built.source, "unchanged", brief, detail=detail)
    now = datadog.dashboard(brief["id"])
    differences = changes(now, wanted) or ["the mark"]
    edited = known is not None and fingerprint(now) != known.content
    if not dry_run:
        now = datadog.update_dashboard(now["id"], wanted | {"widgets": with_ids(wanted["widgets"], now["widgets"])})
    pushed = now | {"title": title}
    return _report(datadog, built.source, "updated", pushed, differences=differences, edited=edited, detail=detail)


def _create(datadog: Datadog, wanted: Json, mark: Mark) -> Json:
    """Create, and if the answer was lost look whether it worked instead of trying again: that could make two."""
    try:
        return datadog.create_dashboard(wanted)
    except DatadogError as error:
        if not error.uncertain:
            raise
        found = _ours(datadog.dashboards(), mark.env).get(mark.source)
        if not found:
            raise
        return found[0]


def _ours(briefs: Sequence[Json], env: str) -> dict[str, list[Json]]:
    """Source to the dashboards that bear its mark for this environment, the oldest first."""
    ours: dict[str, list[Json]] = {}
    for brief in sorted(briefs, key=lambda brief: (str(brief.get("created_at")), brief["id"])):
        mark = read_mark(brief.get("description"))
        if mark is not None and mark.env == env:
            ours.setdefault(mark.source, []).append(brief)
    return ours


def _report(
    datadog: Datadog,
    source: str,
    action: Action,
    live: Json,
    *,
    differences: Sequence[str] = (),
    edited: bool = False,
    detail: str = "",
) -> Pushed:
    url = datadog.web + live["url"] if live.get("url") else None
    return Pushed(
        source, live["title"], action, live["id"], url, list(differences), edited, live.get("modified_at"), detail
    )
