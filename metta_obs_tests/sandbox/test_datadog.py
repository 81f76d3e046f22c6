"""The sandbox is as strict as Datadog documents itself to be, so that a demo that works is worth something."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from metta_obs.sandbox.datadog import DatadogServer
from metta_obs_tests.datadog.servers import API_KEY, KEYS, NOON, ask, datadog_server

SERIES, BOARDS = "/api/v2/series", "/api/v1/dashboard"
STAMP = int(NOON.timestamp())
NOTE: dict[str, Any] = {"definition": {"type": "note", "content": "x"}}
BOARD: dict[str, Any] = {"title": "T", "layout_type": "ordered", "widgets": [NOTE]}


@pytest.fixture
def server() -> Iterator[DatadogServer]:
    with datadog_server() as running:
        yield running


def series(metric: str = "a.b", stamp: int = STAMP, value: Any = 1.0, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"metric": metric, "type": 3, "points": [{"timestamp": stamp, "value": value}], "tags": list(tags)}


def send(server: DatadogServer, *given: dict[str, Any]) -> int:
    return ask(server, "POST", SERIES, {"series": list(given)}).status


def test_the_last_write_wins(server: DatadogServer) -> None:
    assert [send(server, series(value=value)) for value in (1.0, 2.0)] == [202, 202]
    assert server.series == {("a.b", (), STAMP): 2.0}
    assert len(server.submissions) == 2


def test_tags_are_stored_in_lower_case_and_names_cleaned(server: DatadogServer) -> None:
    send(server, series("A.b-c", tags=("Repo:Acme/X", "env:", "1st:x", "note:a b")))
    assert server.series == {("A.b_c", ("env", "note:a_b", "repo:acme/x"), STAMP): 1.0}


@pytest.mark.parametrize(
    ("metric", "stamp", "why"),
    [
        ("a.b", STAMP - 3601, "past"),
        ("a.b", STAMP + 601, "future"),
        ("7.b", STAMP, "letter"),
        ("a" * 201, STAMP, "200"),
    ],
)
def test_what_datadog_drops_without_a_word_is_dropped_and_noted(
    server: DatadogServer, metric: str, stamp: int, why: str
) -> None:
    assert send(server, series(metric, stamp), series("good", STAMP - 3600), series("good", STAMP + 600)) == 202
    assert {key[0] for key in server.series} == {"good"}
    assert [why in dropped.reason for dropped in server.dropped] == [True]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"series":[{"metric":"a","points":[{"timestamp":1,"value":NaN}]}]}',
        b'{"series":[{"metric":"a","points":[{"timestamp":1,"value":"1"}]}]}',
        b'{"series":[{"metric":"a","points":[[1,2]]}]}',
        b'{"series":[{"points":[]}]}',
        b'{"series":[{"metric":"a","type":9,"points":[]}]}',
    ],
)
def test_a_payload_of_another_form_is_refused(server: DatadogServer, body: bytes) -> None:
    answer = ask(server, "POST", SERIES, body)
    assert answer.status == 400
    assert answer.body["errors"]
    assert server.submissions == []


def test_both_size_limits_hold(server: DatadogServer) -> None:
    zeros = json.dumps({"series": [series(tags=("x:" + "0" * 5_242_880,))]}).encode()
    assert ask(server, "POST", SERIES, gzip.compress(zeros), KEYS | {"Content-Encoding": "gzip"}).status == 413
    assert ask(server, "POST", SERIES, json.dumps({"series": [], "x": "0" * 512_000}).encode()).status == 413
    assert ask(server, "POST", SERIES, json.dumps({"series": [], "x": "0" * 511_000}).encode()).status == 202
    assert ask(server, "POST", SERIES, b"no gzip", KEYS | {"Content-Encoding": "gzip"}).status == 400


@pytest.mark.parametrize("headers", [{}, {"DD-API-KEY": "other"}, {"DD-API-KEY": ""}])
def test_an_unknown_key_is_refused(server: DatadogServer, headers: dict[str, str]) -> None:
    assert ask(server, "POST", SERIES, {"series": []}, headers).status == 403
    assert ask(server, "GET", "/api/v1/validate", headers=headers).status == 403


def test_reading_needs_an_application_key_and_sending_does_not(server: DatadogServer) -> None:
    headers = {"DD-API-KEY": API_KEY}
    assert ask(server, "POST", SERIES, {"series": []}, headers).status == 202
    for path in (BOARDS, "/api/v2/metrics", "/api/v1/metrics/a.b", "/api/v2/validate_keys"):
        assert ask(server, "GET", path, headers=headers).status == 403


def test_metadata_is_kept_for_metrics_that_exist(server: DatadogServer) -> None:
    path = "/api/v1/metrics/a.b"
    assert ask(server, "GET", path).status == ask(server, "PUT", path, {"unit": "hour"}).status == 404
    send(server, series())
    assert ask(server, "PUT", path, {"unit": "hour", "integration": "mine"}).body == {"type": "gauge", "unit": "hour"}
    assert ask(server, "GET", path).body == {"type": "gauge", "unit": "hour"}


def test_metrics_are_listed_by_page_tag_and_time(server: DatadogServer) -> None:
    send(server, *(series(f"m{number}", tags=("env:test",)) for number in range(3)), series("other"))
    first = ask(server, "GET", "/api/v2/metrics?page[size]=2&filter[tags]=env:test").body
    assert [one["id"] for one in first["data"]] == ["m0", "m1"]
    cursor = first["meta"]["pagination"]["next_cursor"]
    second = ask(server, "GET", f"/api/v2/metrics?page[size]=2&filter[tags]=env:test&page[cursor]={cursor}").body
    assert [one["id"] for one in second["data"]] == ["m2"]
    assert second["meta"]["pagination"]["next_cursor"] is None


def test_a_dashboard_comes_back_word_for_word(server: DatadogServer) -> None:
    zork = {"definition": {"type": "zork", "x": 1.5, "y": None}}
    odd = BOARD | {"notify_list": ["b@x.y", "a@x.y"], "widgets": [zork]}
    answer = ask(server, "POST", BOARDS, odd).body
    number = answer["widgets"][0].pop("id")
    assert isinstance(number, int)
    computed = ("id", "url", "author_handle", "author_name", "created_at", "modified_at")
    assert {key: value for key, value in answer.items() if key not in computed} == odd | {
        "notify_list": ["a@x.y", "b@x.y"],
        "description": None,
        "restricted_roles": [],
        "template_variables": None,
    }


def test_replacing_keeps_the_ids_that_are_sent_and_makes_the_others_anew(server: DatadogServer) -> None:
    group = {"definition": {"type": "group", "layout_type": "ordered", "widgets": BOARD["widgets"]}}
    made = ask(server, "POST", BOARDS, BOARD | {"widgets": [group, *BOARD["widgets"]]}).body
    path = f"{BOARDS}/{made['id']}"
    assert ask(server, "PUT", path, made).body["widgets"] == made["widgets"]
    anew = ask(server, "PUT", path, BOARD | {"widgets": [group, *BOARD["widgets"]]}).body
    old = {made["widgets"][0]["id"], made["widgets"][0]["definition"]["widgets"][0]["id"], made["widgets"][1]["id"]}
    assert old.isdisjoint(
        {anew["widgets"][0]["id"], anew["widgets"][0]["definition"]["widgets"][0]["id"], anew["widgets"][1]["id"]}
    )
    assert anew["created_at"] == made["created_at"]
    fewer = ask(server, "PUT", path, BOARD | {"title": "Other", "description": "d"}).body
    assert len(fewer["widgets"]) == 1
    assert ask(server, "PUT", path, BOARD).body["description"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tags": ["owner:me"]}, "Valid tag keys are: team."),
        ({"tags": ["team:a"] * 6}, "at most 5"),
        ({"template_variables": [{"name": "a", "default": "*", "defaults": ["*"]}]}, "'template_variables' is invalid"),
        ({"title": None}, "'title'"),
        ({"layout_type": "masonry"}, "masonry"),
        ({"widgets": [{"definition": {}}]}, "type"),
        ({"widgets": [NOTE | {"layout": {"x": 0, "y": 0, "width": 2.4, "height": 1}}]}, "integers"),
        ({"reflow_type": "fixed"}, "needs a layout"),
    ],
)
def test_what_datadog_is_known_to_refuse_is_refused(server: DatadogServer, change: Any, message: str) -> None:
    answer = ask(server, "POST", BOARDS, BOARD | change)
    assert answer.status == 400
    assert message in answer.body["errors"][0]
    assert server.dashboards == {}


def test_dashboards_are_listed_without_widgets_deleted_and_restored(server: DatadogServer) -> None:
    ids = [ask(server, "POST", BOARDS, BOARD | {"title": f"T{number}"}).body["id"] for number in range(3)]

    def listed(query: str = "") -> list[str]:
        return [one["id"] for one in ask(server, "GET", BOARDS + query).body["dashboards"]]

    assert listed() == ids
    assert listed("?start=1&count=1") == ids[1:2]
    assert listed("?filter[shared]=true") == []
    assert "widgets" not in ask(server, "GET", BOARDS).body["dashboards"][0]
    assert ask(server, "DELETE", f"{BOARDS}/{ids[0]}").body == {"deleted_dashboard_id": ids[0]}
    assert ask(server, "GET", f"{BOARDS}/{ids[0]}").status == 404
    both = {"data": [{"id": key, "type": "dashboard"} for key in ids[:2]]}
    assert ask(server, "DELETE", BOARDS, both).status == 404
    assert listed() == ids[1:], "all of them or none"
    assert listed("?filter[deleted]=true") == ids[:1]
    assert ask(server, "PATCH", BOARDS, {"data": both["data"][:1]}).status == 204
    assert set(listed()) == set(ids)


def test_events_and_checks_are_kept_within_their_limits(server: DatadogServer) -> None:
    event = {"title": "t", "text": "x"}
    assert ask(server, "POST", "/api/v1/events", event).status == 202
    for wrong in ({"text": "x" * 4001}, {"aggregation_key": "k" * 101}, {"date_happened": STAMP - 19 * 3600}):
        assert ask(server, "POST", "/api/v1/events", event | wrong).status == 400
    assert server.intake.events == [event]
    assert ask(server, "POST", "/api/v1/check_run", {"check": "c", "status": 4}).status == 400


def test_faults_and_what_arrived_can_be_had_over_http(server: DatadogServer) -> None:
    fault = {"kind": "status", "path": SERIES, "status": 202, "body": {"errors": ["no"]}, "times": 1}
    made = ask(server, "POST", "/_sandbox/faults", fault)
    assert made.status == 201
    assert ask(server, "GET", "/_sandbox/faults").body == [made.body]
    assert ask(server, "POST", SERIES, {"series": [series()]}).body == {"errors": ["no"]}
    assert server.series == {}
    assert send(server, series()) == 202
    arrived = ask(server, "GET", "/_sandbox/series").body
    assert arrived["series"] == [{"metric": "a.b", "tags": [], "timestamp": STAMP, "value": 1.0}]
    log = ask(server, "GET", "/_sandbox/requests").body
    assert [(entry["path"], entry["status"], entry["fault"]) for entry in log] == [
        (SERIES, 202, made.body["id"]),
        (SERIES, 202, None),
    ]
    ask(server, "POST", BOARDS, BOARD)
    assert [one["title"] for one in ask(server, "GET", "/_sandbox/dashboards").body.values()] == ["T"]
    for name in ("faults", "requests", "series", "dashboards"):
        assert ask(server, "DELETE", f"/_sandbox/{name}").status == 204
    assert (server.faults.all(), len(server.requests), server.series, server.dashboards) == ([], 0, {}, {})
    assert ask(server, "POST", "/_sandbox/faults", {"kind": "earthquake"}).status == 400


def test_without_known_keys_any_key_will_do() -> None:
    with datadog_server() as strict:
        open_to_all = DatadogServer(strict.clock)
        open_to_all.start()
        try:
            keys = {"DD-API-KEY": "anything", "DD-APPLICATION-KEY": "too"}
            assert ask(open_to_all, "GET", BOARDS, headers=keys).status == 200
            assert ask(open_to_all, "GET", BOARDS, headers={}).status == 403
        finally:
            open_to_all.stop()
