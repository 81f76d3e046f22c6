"""Pushing: one dashboard for one source, whatever happens on the way."""

from __future__ import annotations

import pytest

from metta_obs.dashboards.compile import Built
from metta_obs.dashboards.mark import read_mark
from metta_obs.dashboards.push import PushError, push
from metta_obs.datadog.client import Datadog, DatadogError
from metta_obs.sandbox.datadog import DatadogServer
from metta_obs_tests.dashboards.examples import SOURCE, Json, built, dashboard, group, note, number
from metta_obs_tests.datadog.servers import SteppedClock, ask, client

BOARDS = "/api/v1/dashboard"


def only(server: DatadogServer) -> Json:
    (one,) = server.dashboards.values()
    return one


def requests(server: DatadogServer) -> list[str]:
    """What was asked since the last time: methods, with the path where it is not the list's."""
    asked = [entry.method + entry.path.removeprefix(BOARDS) for entry in server.requests]
    server.requests.clear()
    return asked


def test_pushing_twice_leaves_one_dashboard_and_costs_one_request(server: DatadogServer, datadog: Datadog) -> None:
    (first,) = push(datadog, [built()], "test")
    live = only(server)
    assert (first.action, first.id, first.url) == ("created", live["id"], server.url + live["url"])
    assert requests(server) == ["GET", "POST"]
    (second,) = push(datadog, [built()], "test")
    assert (second.action, second.id, second.changes) == ("unchanged", live["id"], [])
    assert requests(server) == ["GET"]
    assert only(server) == live


def test_a_change_keeps_the_dashboard_and_its_widgets_ids(server: DatadogServer, datadog: Datadog) -> None:
    push(datadog, [built(note("Hello"), group("Flow", number("Open")))], "test")
    before = only(server)
    changed = built(note("Hello"), group("Flow", number("Merged", "sum:github.prs.merged_7d{*}"), number("Open")))
    server.requests.clear()
    (pushed,) = push(datadog, [changed], "test")
    after = only(server)
    assert pushed.action == "updated"
    assert pushed.changes == ["Flow > Merged added"]
    assert not pushed.edited
    assert requests(server) == ["GET", f"GET/{before['id']}", f"PUT/{before['id']}"]
    assert after["id"] == before["id"]
    assert after["widgets"][1]["id"] == before["widgets"][1]["id"]
    opened = before["widgets"][1]["definition"]["widgets"][0]["id"]
    assert [one["id"] for one in after["widgets"][1]["definition"]["widgets"]][1] == opened
    assert push(datadog, [changed], "test")[0].action == "unchanged"


def test_a_changed_title_is_a_rename(server: DatadogServer, datadog: Datadog) -> None:
    push(datadog, [built()], "test")
    (pushed,) = push(datadog, [built(title="New name")], "test")
    assert pushed.changes == ['title: "Example" becomes "New name"']
    assert only(server)["title"] == "New name"


def test_environments_have_dashboards_of_their_own(server: DatadogServer, datadog: Datadog) -> None:
    push(datadog, [built()], "production")
    production = only(server)
    push(datadog, [built(note("Trying something"))], "development")
    assert len(server.dashboards) == 2
    assert server.dashboards[production["id"]] == production


def test_a_dashboard_of_somebody_else_is_never_touched(server: DatadogServer, datadog: Datadog) -> None:
    theirs = ask(server, "POST", BOARDS, dashboard()).body
    push(datadog, [built()], "test")
    push(datadog, [built(title="Changed")], "test")
    assert len(server.dashboards) == 2
    assert server.dashboards[theirs["id"]] == theirs


def test_a_dry_run_says_what_would_happen_and_does_nothing(server: DatadogServer, datadog: Datadog) -> None:
    (new,) = push(datadog, [built()], "test", dry_run=True)
    assert (new.action, new.id, new.url) == ("created", None, None)
    assert server.dashboards == {}
    push(datadog, [built()], "test")
    before = only(server)
    (changed,) = push(datadog, [built(title="Renamed")], "test", dry_run=True)
    assert (changed.action, len(changed.changes)) == ("updated", 1)
    assert only(server) == before


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_a_list_that_cannot_be_read_is_not_an_empty_list(server: DatadogServer, datadog: Datadog, status: int) -> None:
    push(datadog, [built()], "test")
    before = only(server)
    server.faults.add("status", BOARDS, method="GET", status=status)
    with pytest.raises(DatadogError):
        push(datadog, [built(title="Changed")], "test")
    assert only(server) == before


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_dashboard_that_cannot_be_read_is_not_created_again(
    server: DatadogServer, datadog: Datadog, status: int
) -> None:
    push(datadog, [built()], "test")
    before = only(server)
    server.faults.add("status", f"{BOARDS}/*", method="GET", status=status)
    with pytest.raises(PushError, match=SOURCE):
        push(datadog, [built(title="Changed")], "test")
    assert only(server) == before


def test_a_list_that_is_no_list_is_an_error(server: DatadogServer, datadog: Datadog) -> None:
    server.faults.add("status", BOARDS, method="GET", status=200, body={"errors": []})
    with pytest.raises(DatadogError, match="no list"):
        push(datadog, [built()], "test")
    assert server.dashboards == {}


def test_a_creation_whose_answer_is_lost_does_not_make_a_second_one(server: DatadogServer, datadog: Datadog) -> None:
    server.faults.add("cut", BOARDS, method="POST", where="middle", times=1)
    (pushed,) = push(datadog, [built()], "test")
    assert pushed.action == "created"
    assert pushed.id == only(server)["id"]
    assert push(datadog, [built()], "test")[0].action == "unchanged"


@pytest.mark.parametrize(
    "fault", [{"kind": "cut"}, {"kind": "status", "status": 503}, {"kind": "status", "status": 408}]
)
def test_a_creation_that_failed_is_an_error_and_works_the_next_time(
    server: DatadogServer, datadog: Datadog, fault: Json
) -> None:
    server.faults.add(**fault, path=BOARDS, method="POST", times=1)
    with pytest.raises(PushError):
        push(datadog, [built()], "test")
    assert server.dashboards == {}
    assert push(datadog, [built()], "test")[0].action == "created"
    assert len(server.dashboards) == 1


def test_a_rate_limit_on_creation_is_waited_for(server: DatadogServer, datadog: Datadog, clock: SteppedClock) -> None:
    server.faults.add("status", BOARDS, method="POST", status=429, headers={"X-RateLimit-Reset": "9"}, times=1)
    assert push(datadog, [built()], "test")[0].action == "created"
    assert clock.slept == [9.0]
    assert len(server.dashboards) == 1


@pytest.mark.parametrize("where", ["before", "middle"])
def test_an_update_survives_a_cut_connection(server: DatadogServer, datadog: Datadog, where: str) -> None:
    push(datadog, [built()], "test")
    server.faults.add("cut", f"{BOARDS}/*", method="PUT", where=where, times=1)
    assert push(datadog, [built(title="Changed")], "test")[0].action == "updated"
    assert only(server)["title"] == "Changed"


def test_a_refused_dashboard_does_not_hold_back_the_others(server: DatadogServer, datadog: Datadog) -> None:
    bad = Built("jsonnet/dashboards/bad.jsonnet", dashboard(tags=["owner:me"]))
    with pytest.raises(PushError, match="Valid tag keys are: team") as caught:
        push(datadog, [bad, built()], "test")
    assert [one.action for one in caught.value.report] == ["failed", "created"]
    assert len(server.dashboards) == 1


def test_an_edit_in_datadog_stays_until_the_source_changes_and_is_then_named(
    server: DatadogServer, datadog: Datadog
) -> None:
    push(datadog, [built()], "test")
    edited = only(server)
    edited["widgets"][0]["definition"]["content"] = "Edited by hand"
    ask(server, "PUT", f"{BOARDS}/{edited['id']}", edited)
    assert push(datadog, [built()], "test")[0].action == "unchanged"
    assert only(server)["widgets"][0]["definition"]["content"] == "Edited by hand"
    (pushed,) = push(datadog, [built(title="Changed")], "test")
    assert pushed.edited
    assert "note changed" in pushed.changes


def test_a_dashboard_deleted_in_datadog_comes_back(server: DatadogServer, datadog: Datadog) -> None:
    push(datadog, [built()], "test")
    ask(server, "DELETE", f"{BOARDS}/{only(server)['id']}")
    assert push(datadog, [built()], "test")[0].action == "created"
    assert len(server.dashboards) == 1


def test_two_dashboards_with_one_mark_are_named_and_the_older_is_kept_up(
    server: DatadogServer, datadog: Datadog
) -> None:
    push(datadog, [built()], "test")
    first = only(server)
    copy = ask(server, "POST", BOARDS, first).body
    (pushed,) = push(datadog, [built(title="Changed")], "test")
    assert pushed.id == first["id"]
    assert f"the same mark is on {copy['id']}" in pushed.detail
    assert {key: one["title"] for key, one in server.dashboards.items()} == {
        first["id"]: "Changed",
        copy["id"]: "Example",
    }


@pytest.mark.parametrize("others", [98, 99, 100, 101, 250])
@pytest.mark.parametrize("largest_page", [100, 1000])
def test_ours_is_found_among_many(server: DatadogServer, datadog: Datadog, others: int, largest_page: int) -> None:
    """A server may cap a page below what we ask for: a full page is not taken for the end of the list."""
    server.store.largest_page = largest_page
    for index in range(others):
        server.store.create(dashboard(title=f"Theirs {index}"), server.now())
    push(datadog, [built()], "test")
    assert push(datadog, [built()], "test")[0].action == "unchanged"
    assert len(server.dashboards) == others + 1


def test_without_an_application_key_the_error_names_it(server: DatadogServer, clock: SteppedClock) -> None:
    with pytest.raises(DatadogError, match="DD_APP_KEY"):
        push(client(server, clock, app_key=None), [built()], "test")


def test_the_mark_is_in_the_description_and_nowhere_else(server: DatadogServer, datadog: Datadog) -> None:
    one = built()
    push(datadog, [one], "test")
    mark = read_mark(only(server)["description"])
    assert mark is not None
    assert (mark.source, mark.env) == (SOURCE, "test")
    assert only(server)["description"].startswith("What it is for.\n\n")
    assert "Managed" not in one.dashboard["description"]
