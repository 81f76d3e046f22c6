"""Comparing dashboards: what counts as the same, which widget is which, what changed.

Datadog gives a definition back word for word and adds only computed fields, widget ids and empty defaults, and sorts
two lists. Leaving exactly that out makes an unchanged dashboard equal to what was sent; anything else is a change.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from metta_obs.dashboards.mark import without_mark

Json = dict[str, Any]

COMPUTED = ("id", "url", "author_handle", "author_name", "created_at", "modified_at", "experience_type")
PRESETS = "template_variable_presets"
EMPTY = ("description", "notify_list", "restricted_roles", "template_variables", PRESETS, "tags", "tabs")


def normalise(dashboard: Json) -> Json:
    """A dashboard without what Datadog adds by itself and without the ownership mark; a copy."""
    kept = {key: value for key, value in dashboard.items() if key not in COMPUTED}
    kept["description"] = without_mark(kept.get("description"))
    kept = {key: value for key, value in kept.items() if value or key not in EMPTY}
    if not kept.get("is_read_only"):
        kept.pop("is_read_only", None)
    if "notify_list" in kept:
        kept["notify_list"] = sorted(kept["notify_list"])
    if PRESETS in kept:
        kept[PRESETS] = sorted(kept[PRESETS], key=lambda preset: str(preset.get("name")))
    kept["widgets"] = [_without_ids(widget) for widget in kept.get("widgets") or []]
    plain: Json = _plain_numbers(kept)
    return plain


def fingerprint(dashboard: Json) -> str:
    """A digest of the normalised dashboard: 16 hexadecimal digits."""
    return hashlib.sha256(_text(normalise(dashboard)).encode()).hexdigest()[:16]


def with_ids(widgets: list[Json], live: list[Json]) -> list[Json]:
    """`widgets` with the ids of the live ones that they continue, so that links to a widget survive a push.

    A widget continues the one with the same definition; else with the same type and title; else with another title
    and the same rest; and a group, at last, the next group left. One that continues none gets no id.
    """
    partners = _partners(widgets, live)
    return [
        _continued(widget, live[partners[position]]) if position in partners else widget
        for position, widget in enumerate(widgets)
    ]


def changes(live: Json, built: Json) -> list[str]:
    """What a push would change, one short sentence each; [] where the dashboards are equal."""
    old, new = normalise(live), normalise(built)
    found = [
        f"{key}: {_short(old.get(key))} becomes {_short(new.get(key))}"
        for key in sorted(old.keys() | new.keys())
        if key != "widgets" and old.get(key) != new.get(key)
    ]
    found += _widget_changes(old["widgets"], new["widgets"], "")
    return found if found or old == new else ["the order of the widgets"]


def _widget_changes(old: list[Json], new: list[Json], inside: str) -> list[str]:
    partners = _partners(new, old)
    kept = set(partners.values())
    found = [f"{inside}{_label(widget)} removed" for position, widget in enumerate(old) if position not in kept]
    for position, widget in enumerate(new):
        if position not in partners:
            found.append(f"{inside}{_label(widget)} added")
            continue
        before = old[partners[position]]
        if _outside(widget) != _outside(before):
            found.append(f"{inside}{_label(before)} changed")
        if widget.get("layout") != before.get("layout"):
            found.append(f"{inside}{_label(before)} moved")
        found += _widget_changes(_inner(before), _inner(widget), f"{inside}{_label(before)} > ")
    return found


def _partners(widgets: list[Json], live: list[Json]) -> dict[int, int]:
    """Position in `widgets` to position in `live` of the widget that it continues; see `with_ids`."""
    partners: dict[int, int] = {}
    for key in (_whole, _titled, _retitled, _grouped):
        free: dict[str, list[int]] = {}
        taken = set(partners.values())
        for position, widget in enumerate(live):
            if position not in taken:
                free.setdefault(key(widget), []).append(position)
        for position, widget in enumerate(widgets):
            name = key(widget)
            if position not in partners and name and free.get(name):
                partners[position] = free[name].pop(0)
    return partners


def _whole(widget: Json) -> str:
    return _text(_without_ids(widget)["definition"])


def _titled(widget: Json) -> str:
    return _text([widget["definition"].get("type"), widget["definition"].get("title")])


def _retitled(widget: Json) -> str:
    return _text(_without_ids(widget)["definition"] | {"title": None})


def _grouped(widget: Json) -> str:
    return "group" if widget["definition"].get("type") == "group" else ""


def _continued(widget: Json, partner: Json) -> Json:
    widget = {key: value for key, value in widget.items() if key != "id"}
    if "id" in partner:
        widget["id"] = partner["id"]
    if _inner(widget):
        widget["definition"] = widget["definition"] | {"widgets": with_ids(_inner(widget), _inner(partner))}
    return widget


def _inner(widget: Json) -> list[Json]:
    return widget["definition"].get("widgets") or []


def _outside(widget: Json) -> Json:
    return {key: value for key, value in widget["definition"].items() if key != "widgets"}


def _without_ids(widget: Json) -> Json:
    kept = {key: value for key, value in widget.items() if key != "id"}
    if _inner(kept):
        kept["definition"] = kept["definition"] | {"widgets": [_without_ids(one) for one in _inner(kept)]}
    return kept


def _label(widget: Json) -> str:
    return str(widget["definition"].get("title") or widget["definition"].get("type"))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _text(node: Any) -> str:
    return json.dumps(_plain_numbers(node), sort_keys=True, separators=(",", ":"))


def _plain_numbers(node: Any) -> Any:
    """4.0 is 4: Jsonnet has one kind of number, JSON writers have two."""
    if isinstance(node, dict):
        return {key: _plain_numbers(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain_numbers(value) for value in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node
