"""The dashboards of the simulated Datadog, as the real API was measured to treat them.

A definition comes back word for word; only computed fields, widget ids and a few empty defaults are added, and lists
of people are sorted. Here: the dashboards and the lists of dashboards. Not here: keys, faults, addresses (`datadog`).
"""

from __future__ import annotations

import copy
import random
import re
import string
import threading
from datetime import datetime
from typing import Any

from metta_obs.sandbox.datadog_intake import Refused

Json = dict[str, Any]

COMPUTED = ("id", "url", "author_handle", "author_name", "created_at", "modified_at", "deleted_at")
DEFAULTS: Json = {"description": None, "notify_list": None, "template_variables": None, "restricted_roles": []}
BRIEF = ("id", "title", "description", "layout_type", "url", "author_handle", "created_at", "modified_at")
PEOPLE = {"author_handle": "sandbox@example.com", "author_name": "Sandbox"}


class Dashboards:
    """Dashboards by id, in the order of their creation, and manual lists of them. Safe to use from several threads."""

    def __init__(self, seed: int = 0) -> None:
        self.largest_page = 1000  # dashboards in one answer, whatever `count` asks for
        self._random = random.Random(seed)
        self._live: dict[str, Json] = {}
        self._deleted: dict[str, Json] = {}
        self._lists: dict[int, Json] = {}
        self._members: dict[int, list[Json]] = {}
        self._lock = threading.RLock()

    def all(self) -> dict[str, Json]:
        """A copy of every dashboard, as a GET answers it."""
        with self._lock:
            return copy.deepcopy(self._live)

    def clear(self) -> None:
        """Forget every dashboard and list."""
        with self._lock:
            for store in (self._live, self._deleted, self._lists, self._members):
                store.clear()

    def create(self, body: Any, now: datetime) -> Json:
        """POST: a new dashboard with new widget ids. Raises Refused (400)."""
        with self._lock:
            return self._store(_id(self._random), body, now, created=_time(now))

    def get(self, dashboard_id: str) -> Json:
        """GET. Raises Refused (404)."""
        with self._lock:
            if dashboard_id not in self._live:
                raise Refused(404, f"Dashboard with ID {dashboard_id} not found")
            return copy.deepcopy(self._live[dashboard_id])

    def replace(self, dashboard_id: str, body: Any, now: datetime) -> Json:
        """PUT: replace everything; widgets that bring an id keep it, the others get new ones. Raises Refused."""
        with self._lock:
            return self._store(dashboard_id, body, now, created=self.get(dashboard_id)["created_at"])

    def delete(self, dashboard_id: str, now: datetime) -> Json:
        """DELETE. Raises Refused (404)."""
        with self._lock:
            gone = self.get(dashboard_id)
            del self._live[dashboard_id]
            self._deleted[dashboard_id] = gone | {"deleted_at": _time(now)}
            return {"deleted_dashboard_id": dashboard_id}

    def delete_many(self, body: Any, now: datetime) -> None:
        """Bulk DELETE of {"data": [{"id", "type": "dashboard"}]}; all of them or, with a Refused, none."""
        with self._lock:
            ids = _ids(body)
            for dashboard_id in ids:
                self.get(dashboard_id)
            for dashboard_id in ids:
                self.delete(dashboard_id, now)

    def restore_many(self, body: Any) -> None:
        """PATCH: bring deleted dashboards back. Raises Refused (404)."""
        with self._lock:
            ids = _ids(body)
            for dashboard_id in ids:
                if dashboard_id not in self._deleted:
                    raise Refused(404, f"Dashboard with ID {dashboard_id} not found")
            for dashboard_id in ids:
                self._live[dashboard_id] = self._deleted.pop(dashboard_id)

    def page(self, query: dict[str, str]) -> Json:
        """The list: `count` (100) briefs without widgets from `start` (0) on; filter[deleted], filter[shared]."""
        try:
            start, count = int(query.get("start", 0)), min(int(query.get("count", 100)), self.largest_page)
        except ValueError as error:
            raise Refused(400, "count and start must be integers") from error
        with self._lock:
            shown = self._deleted if query.get("filter[deleted]") == "true" else self._live
            found = [] if query.get("filter[shared]") == "true" else list(shown.values())
            fields = (*BRIEF, "deleted_at") if shown is self._deleted else BRIEF
            return {"dashboards": [{key: one.get(key) for key in fields} for one in found[start : start + count]]}

    def _store(self, dashboard_id: str, body: Any, now: datetime, *, created: str) -> Json:
        _check(body)
        definition = {key: value for key, value in copy.deepcopy(body).items() if key not in COMPUTED}
        dashboard = DEFAULTS | definition
        for name, order in (("notify_list", str), ("template_variable_presets", lambda preset: preset["name"])):
            if dashboard.get(name):
                dashboard[name] = sorted(dashboard[name], key=order)
        self._give_ids(dashboard["widgets"])
        slug = re.sub(r"[^a-z0-9]+", "-", dashboard["title"].lower()).strip("-")
        dashboard |= PEOPLE | {
            "id": dashboard_id,
            "url": f"/dashboard/{dashboard_id}/{slug}",
            "created_at": created,
            "modified_at": _time(now),
        }
        self._live[dashboard_id] = dashboard
        return copy.deepcopy(dashboard)

    def _give_ids(self, widgets: list[Json]) -> None:
        for widget in widgets:
            if not isinstance(widget.get("id"), int):
                widget["id"] = self._random.randrange(10**12, 10**16)
            self._give_ids(widget["definition"].get("widgets") or [])

    # Lists of dashboards: v1 keeps the lists, v2 what is on them.

    def lists(self) -> Json:
        """Every manual list."""
        with self._lock:
            return {"dashboard_lists": [self.list_of(list_id) for list_id in self._lists]}

    def list_of(self, list_id: int) -> Json:
        """One manual list. Raises Refused (404)."""
        with self._lock:
            if list_id not in self._lists:
                raise Refused(404, "Manual Dashboard List with id not found")
            return self._lists[list_id] | {"dashboard_count": len(self._members[list_id])}

    def save_list(self, body: Any, now: datetime, list_id: int | None = None) -> Json:
        """Create a manual list, or rename one. Raises Refused."""
        if not isinstance(body, dict) or not body.get("name"):
            raise Refused(400, "name is required")
        with self._lock:
            if list_id is None:
                list_id = len(self._lists) + 1
                self._lists[list_id] = {"id": list_id, "type": "manual_dashboard_list", "created": _time(now)}
                self._members[list_id] = []
            self.list_of(list_id)
            self._lists[list_id] |= {"name": body["name"], "modified": _time(now), "is_favorite": False}
            return self.list_of(list_id)

    def delete_list(self, list_id: int) -> Json:
        """Delete a manual list. Raises Refused (404)."""
        with self._lock:
            self.list_of(list_id)
            del self._lists[list_id]
            return {"deleted_dashboard_list_id": list_id}

    def members(self, list_id: int) -> Json:
        """What is on a list."""
        with self._lock:
            self.list_of(list_id)
            members = self._members[list_id]
            titled = [one | {"title": self._live.get(one["id"], {}).get("title")} for one in members]
            return {"dashboards": titled, "total": len(titled)}

    def change_members(self, list_id: int, method: str, body: Any) -> Json:
        """Add (POST), set (PUT) or take off (DELETE) dashboards of a list; answers what was added or taken off."""
        given = [{"id": one["id"], "type": one["type"]} for one in (body or {}).get("dashboards", [])]
        with self._lock:
            self.list_of(list_id)
            known = self._members[list_id]
            if method == "POST":
                given = [one for one in given if one not in known]
                self._members[list_id] = known + given
                return {"added_dashboards_to_list": given}
            if method == "PUT":
                self._members[list_id] = given
                return {"dashboards": given}
            self._members[list_id] = [one for one in known if one not in given]
            return {"deleted_dashboards_from_list": [one for one in known if one in given]}


def _check(body: Any) -> None:
    """The mistakes that Datadog is known to refuse. Raises Refused (400)."""
    if not isinstance(body, dict):
        raise Refused(400, "The value provided is not a dashboard")
    for key, kind in (("title", str), ("layout_type", str), ("widgets", list)):
        if not isinstance(body.get(key), kind):
            raise Refused(400, f"'{key}' is a required property")
    if body["layout_type"] not in ("ordered", "free"):
        raise Refused(400, f"'{body['layout_type']}' is not one of ['ordered', 'free']")
    if any(not isinstance(tag, str) or not tag.startswith("team:") for tag in body.get("tags") or []):
        raise Refused(400, "Invalid tag format. Valid tag keys are: team.")
    if len(body.get("tags") or []) > 5:
        raise Refused(400, "A dashboard can have at most 5 tags")
    for variable in body.get("template_variables") or []:
        if not isinstance(variable, dict) or "name" not in variable or {"default", "defaults"} <= variable.keys():
            raise Refused(400, "'template_variables' is invalid")
    _check_widgets(body["widgets"], needs_layout=body["layout_type"] == "free" or body.get("reflow_type") == "fixed")


def _check_widgets(widgets: Any, *, needs_layout: bool) -> None:
    for widget in widgets:
        definition = widget.get("definition") if isinstance(widget, dict) else None
        if not isinstance(definition, dict) or not isinstance(definition.get("type"), str):
            raise Refused(400, "Invalid widget definition: 'type' is a required property")
        layout = widget.get("layout")
        if needs_layout and layout is None:
            raise Refused(400, "Every widget of a fixed layout needs a layout")
        if layout is not None:
            sides = [layout.get(side) for side in ("x", "y", "width", "height")]
            if any(not isinstance(side, int | float) or side < 0 or side != int(side) for side in sides):
                raise Refused(400, "Invalid layout: x, y, width and height must be integers of at least 0")
        if definition["type"] == "group":
            inner = definition.get("widgets") or []
            if any(isinstance(one, dict) and one.get("definition", {}).get("type") == "group" for one in inner):
                raise Refused(400, "Invalid widget definition: a group cannot hold a group")
            _check_widgets(inner, needs_layout=False)


def _ids(body: Any) -> list[str]:
    try:
        return [one["id"] for one in body["data"] if one["type"] == "dashboard"]
    except (KeyError, TypeError) as error:
        raise Refused(400, "The body must be {'data': [{'id', 'type': 'dashboard'}]}") from error


def _id(source: random.Random) -> str:
    return "-".join("".join(source.choices(string.ascii_lowercase + string.digits, k=3)) for _ in range(3))


def _time(now: datetime) -> str:
    return now.isoformat(timespec="microseconds")
