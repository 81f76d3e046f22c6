"""What counts as a change, and which widget is which."""

from __future__ import annotations

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from metta_obs.dashboards.compare import changes, fingerprint, normalise, with_ids
from metta_obs.dashboards.mark import Mark, read_mark, with_mark, without_mark
from metta_obs.sandbox.datadog_dashboards import Dashboards
from metta_obs_tests.dashboards.examples import SOURCE, Json, dashboard, group, note, number
from metta_obs_tests.datadog.servers import NOON

TITLES = st.sampled_from(["Open", "Merged", "Stale", "Runs"])
LEAVES = st.builds(number, TITLES) | st.builds(note, st.sampled_from(["a", "b"]))
GROUPS = st.builds(lambda title, inner: group(title, *inner), TITLES, st.lists(LEAVES, max_size=3))
WIDGETS = st.lists(LEAVES | GROUPS, max_size=5)
MARK = Mark(SOURCE, "test", "0123456789abcdef")


def live(given: Json) -> Json:
    """The dashboard as Datadog gives it back, with ids and all."""
    return Dashboards().create(copy.deepcopy(given), NOON)


def ids(widgets: list[Json]) -> list[int]:
    return [one for widget in widgets for one in [widget.get("id", 0), *ids(widget["definition"].get("widgets", []))]]


@settings(max_examples=50, deadline=None)
@given(WIDGETS)
def test_what_datadog_gives_back_is_what_was_sent(widgets: list[Json]) -> None:
    ours = dashboard(*widgets, notify_list=["z@x.y", "a@x.y"], template_variables=[]) | {"widgets": widgets}
    theirs = live(ours)
    assert normalise(theirs) == normalise(ours)
    assert fingerprint(theirs) == fingerprint(ours)
    assert changes(theirs, ours) == []


@settings(max_examples=50, deadline=None)
@given(WIDGETS, WIDGETS)
def test_every_id_is_used_at_most_once_and_only_a_known_one(old: list[Json], new: list[Json]) -> None:
    theirs = live(dashboard() | {"widgets": old})["widgets"]
    kept = with_ids(new, theirs)
    given = [one for one in ids(kept) if one]
    assert len(given) == len(set(given))
    assert set(given) <= set(ids(theirs))
    assert normalise({"widgets": kept}) == normalise({"widgets": new}), "only ids are added"


@settings(max_examples=30, deadline=None)
@given(WIDGETS)
def test_an_unchanged_dashboard_keeps_every_id(widgets: list[Json]) -> None:
    theirs = live(dashboard() | {"widgets": widgets})["widgets"]
    assert sorted(ids(with_ids(widgets, theirs))) == sorted(ids(theirs))


def test_a_link_to_a_widget_survives_what_happens_around_it() -> None:
    old = live(dashboard(note("Hello"), group("Flow", number("Open"), number("Merged"))))["widgets"]
    hello, flow = old
    opened, merged = flow["definition"]["widgets"]
    new = [
        number("Brand new"),
        group("Flow of work", number("Merged PRs"), number("Open", "sum:github.prs.merged_7d{*}"), number("Another")),
        note("Hello again"),
    ]
    added, renamed, changed = with_ids(new, old)
    assert "id" not in added
    assert changed["id"] == hello["id"]
    assert renamed["id"] == flow["id"]
    inner = renamed["definition"]["widgets"]
    assert [one.get("id") for one in inner] == [merged["id"], opened["id"], None]


def test_changes_are_said_in_words() -> None:
    old = live(dashboard(note("Hello"), group("Flow", number("Open"), number("Merged", "sum:github.prs.merged_7d{*}"))))
    new = dashboard(
        note("Hello again"),
        group("Flow", number("Open", "max:github.prs.open{*}"), number("Stale", "sum:github.prs.stale_count_14d{*}")),
        title="Renamed",
    )
    assert changes(old, new) == [
        'title: "Example" becomes "Renamed"',
        "note changed",
        "Flow > Merged removed",
        "Flow > Open changed",
        "Flow > Stale added",
    ]
    assert changes(
        live(dashboard(number("A", x=0, y=0, width=6, height=2))), dashboard(number("A", x=6, y=0, width=6, height=2))
    ) == ["A moved"]
    assert changes(live(dashboard(number("A"), number("B"))), dashboard(number("B"), number("A"))) == [
        "the order of the widgets"
    ]


def test_one_kind_of_number() -> None:
    whole, real = dashboard(), dashboard()
    whole["widgets"][0]["definition"]["x"], real["widgets"][0]["definition"]["x"] = 4, 4.0
    assert fingerprint(whole) == fingerprint(real)


def test_the_mark_says_whose_a_dashboard_is_and_leaves_the_text_alone() -> None:
    described = with_mark("What it is for.\n\nAnd more.", MARK)
    assert described.splitlines()[-1] == (
        f"Managed by metta-obs: {SOURCE} (env test, content 0123456789abcdef). Edit the source, not the dashboard."
    )
    assert read_mark(described) == MARK
    assert without_mark(described) == "What it is for.\n\nAnd more."
    assert with_mark(described, MARK) == described, "never two marks"
    assert read_mark(described + "\nA note by somebody else") == MARK
    assert with_mark(None, MARK) == str(MARK)
    assert without_mark(None) == ""
    assert read_mark("Managed by kennel a:b in c.rb, do not modify manually") is None
    assert read_mark(None) is None


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20))
def test_any_environment_can_be_read_back(env: str) -> None:
    assert read_mark(with_mark("x", Mark(SOURCE, env, "ab"))) == Mark(SOURCE, env, "ab")
