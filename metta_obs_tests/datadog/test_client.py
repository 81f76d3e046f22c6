"""Sending points: what arrives, and what a person is told when it does not."""

from __future__ import annotations

import math
from typing import Any

import pytest

from metta_obs.datadog.client import Datadog, DatadogError
from metta_obs.datadog.series import Point, payload, sizes
from metta_obs.sandbox.datadog import DatadogServer
from metta_obs_tests.datadog.servers import API_KEY, APP_KEY, NOON, SteppedClock, client, points

SERIES = "/api/v2/series"
STAMP = int(NOON.timestamp())
SMALL = (250, 5_000)  # bytes, compressed and not: forty points need several requests


def fails(datadog: Datadog, given: list[Point]) -> DatadogError:
    with pytest.raises(DatadogError) as caught:
        datadog.submit(given)
    assert API_KEY not in str(caught.value)
    assert APP_KEY not in str(caught.value)
    return caught.value


def test_the_points_arrive(server: DatadogServer, datadog: Datadog) -> None:
    assert datadog.submit(points(3)) == points(3)
    tags = ("env:test", "org:acme", "repo:acme/rockets")
    assert server.series == {(f"github.test.m{number}", tags, STAMP): float(number) for number in range(3)}
    assert server.dropped == []


def test_the_wire_carries_gzip_of_exactly_the_size_that_was_reckoned(server: DatadogServer, datadog: Datadog) -> None:
    datadog.submit(points(50))
    (submission,) = server.submissions
    assert (submission.wire_bytes, submission.plain_bytes) == sizes(payload(points(50)))
    assert submission.encoding == "gzip"
    assert submission.wire_bytes < submission.plain_bytes / 5


def test_sending_again_changes_nothing(server: DatadogServer, datadog: Datadog) -> None:
    datadog.submit(points(5))
    before = server.series
    datadog.submit(points(5))
    assert server.series == before
    assert len(server.submissions) == 2


def test_nothing_to_send_makes_no_request(server: DatadogServer, datadog: Datadog) -> None:
    assert datadog.submit([]) == []
    assert len(server.requests) == 0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_bad_value_is_named_before_anything_is_sent(server: DatadogServer, datadog: Datadog, value: float) -> None:
    error = fails(datadog, [*points(2), Point("github.ci.success_rate_pct", NOON, value)])
    assert "github.ci.success_rate_pct" in error.detail
    assert error.accepted == []
    assert len(server.requests) == 0


def test_a_202_that_carries_errors_is_no_success(server: DatadogServer, datadog: Datadog) -> None:
    server.faults.add("status", SERIES, status=202, body={"errors": ["metric name is reserved"]})
    error = fails(datadog, points(2))
    assert "metric name is reserved" in error.detail
    assert error.status == 202
    assert error.accepted == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_what_cannot_succeed_later_is_not_tried_again(
    server: DatadogServer, datadog: Datadog, clock: SteppedClock, status: int
) -> None:
    server.faults.add("status", SERIES, status=status, body={"errors": ["no"]})
    error = fails(datadog, points(2))
    assert error.status == status
    assert not error.transient
    assert len(server.requests) == 1
    assert clock.slept == []
    assert "no" in error.detail
    assert server.url in error.detail


def test_a_wrong_key_names_the_setting_and_the_site(server: DatadogServer, clock: SteppedClock) -> None:
    error = fails(client(server, clock, api_key="not-this-one"), points(1))
    assert error.status == 403
    assert "DD_API_KEY" in error.detail
    assert server.url in error.detail
    assert "not-this-one" not in error.detail


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_fault_is_survived(server: DatadogServer, datadog: Datadog, clock: SteppedClock, status: int) -> None:
    server.faults.add("status", SERIES, status=status, times=2)
    assert datadog.submit(points(2)) == points(2)
    assert len(server.series) == 2
    assert clock.slept == [1.0, 2.0]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_lasting_fault_ends_after_a_few_tries(server: DatadogServer, datadog: Datadog, status: int) -> None:
    server.faults.add("status", SERIES, status=status)
    error = fails(datadog, points(2))
    assert error.status == status
    assert error.transient
    assert len(server.requests) == 4


def test_a_rate_limit_is_waited_for_as_long_as_datadog_says(
    server: DatadogServer, datadog: Datadog, clock: SteppedClock
) -> None:
    server.faults.add("status", SERIES, status=429, headers={"X-RateLimit-Reset": "17"}, times=1)
    datadog.submit(points(1))
    assert clock.slept == [17.0]


def test_a_long_rate_limit_does_not_hold_up_the_run(
    server: DatadogServer, datadog: Datadog, clock: SteppedClock
) -> None:
    server.faults.add("status", SERIES, status=429, headers={"X-RateLimit-Reset": "3600"})
    error = fails(datadog, points(1))
    assert "3600 s" in error.detail
    assert clock.slept == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("reset", ["soon", "-5", ""])
def test_a_reset_header_that_makes_no_sense_is_ignored(
    server: DatadogServer, datadog: Datadog, clock: SteppedClock, reset: str
) -> None:
    server.faults.add("status", SERIES, status=429, headers={"X-RateLimit-Reset": reset}, times=1)
    datadog.submit(points(1))
    assert clock.slept == [1.0]


@pytest.mark.parametrize("where", ["before", "middle"])
def test_a_cut_connection_is_survived(server: DatadogServer, datadog: Datadog, where: str) -> None:
    server.faults.add("cut", SERIES, where=where, times=1)
    assert datadog.submit(points(2)) == points(2)
    assert len(server.series) == 2


def test_a_connection_that_is_always_cut_is_one_clear_error(server: DatadogServer, datadog: Datadog) -> None:
    server.faults.add("cut", SERIES)
    error = fails(datadog, points(1))
    assert error.status is None
    assert error.transient
    assert "no answer" in error.detail
    assert "DD_URL" in error.detail


def test_an_answer_that_never_comes_ends_in_time(server: DatadogServer, clock: SteppedClock) -> None:
    server.faults.add("slow", SERIES, seconds=0.6)
    error = fails(client(server, clock, timeout=(1.0, 0.1), attempts=2), points(1))
    assert "no answer" in error.detail
    assert len(clock.slept) == 1


def test_a_slow_answer_is_waited_for(server: DatadogServer, datadog: Datadog) -> None:
    server.faults.add("slow", SERIES, seconds=0.2)
    assert datadog.submit(points(1)) == points(1)


def test_a_server_that_is_not_there_names_the_settings(
    server: DatadogServer, datadog: Datadog, clock: SteppedClock
) -> None:
    server.stop()
    error = fails(datadog, points(1))
    assert "no answer" in error.detail
    assert not error.uncertain
    assert clock.slept == [1.0, 2.0, 4.0]


def test_a_proxy_that_answers_with_a_page_is_no_success(server: DatadogServer, datadog: Datadog) -> None:
    server.faults.add("status", SERIES, status=200, body="<html>Please log in</html>")
    assert "no JSON" in fails(datadog, points(1)).detail


def test_a_payload_refused_as_too_large_is_cut_in_halves(server: DatadogServer, datadog: Datadog) -> None:
    server.faults.add("status", SERIES, status=413, times=3)
    assert sorted(p.metric for p in datadog.submit(points(20))) == sorted(p.metric for p in points(20))
    assert len(server.series) == 20
    assert [entry.status for entry in server.requests].count(413) == 3


def test_a_server_that_finds_everything_too_large_is_given_up(server: DatadogServer, datadog: Datadog) -> None:
    server.faults.add("status", SERIES, status=413)
    error = fails(datadog, points(600))
    assert error.status == 413
    assert len(server.requests) <= 6


def test_a_batch_that_is_found_faulty_does_not_hold_back_the_others(server: DatadogServer, clock: SteppedClock) -> None:
    server.faults.add("status", SERIES, status=400, body={"errors": ["bad series"]}, times=1)
    error = fails(client(server, clock, limits=SMALL), points(40))
    assert "bad series" in error.detail
    assert 0 < len(error.accepted) < 40
    assert len(server.series) == len(error.accepted)


def test_what_was_taken_before_an_outage_is_known(server: DatadogServer, clock: SteppedClock) -> None:
    server.faults.add("status", SERIES, status=202, body={"errors": []}, times=2)
    server.faults.add("status", SERIES, status=503)
    error = fails(client(server, clock, limits=SMALL), points(40))
    assert 2 <= len(error.accepted) < 40
    assert error.accepted == points(40)[: len(error.accepted)]
    assert len(server.requests) == 2 + 4, "an outage ends the call, it is not found out batch by batch"


def test_the_keys_of_the_environment_are_not_used_behind_our_back(
    server: DatadogServer, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DD_API_KEY", API_KEY)
    monkeypatch.setenv("DD_APP_KEY", APP_KEY)
    monkeypatch.setenv("DD_SITE", "us5.datadoghq.com")
    datadog = client(server, clock, api_key="other", app_key=None)
    assert fails(datadog, points(1)).status == 403
    assert Datadog("key").site == "datadoghq.com"


def test_an_unknown_site_is_named_with_the_known_ones() -> None:
    with pytest.raises(DatadogError, match=r"'datadog\.example'.*us5\.datadoghq\.com"):
        Datadog("key", site="datadog.example")


def test_an_address_without_a_scheme_is_said_at_once() -> None:
    with pytest.raises(DatadogError, match="DD_URL is 'localhost:8126'"):
        Datadog("key", url="localhost:8126")


@pytest.mark.parametrize("setting", ["DD_API_KEY", "DD_APP_KEY"])
def test_a_key_with_a_line_break_is_named_and_not_printed(setting: str) -> None:
    keys: dict[str, Any] = {"api_key": "key", "app_key": "key"} | {setting[3:].lower(): "first-half\nsecond-half"}
    with pytest.raises(DatadogError, match=setting) as caught:
        Datadog(**keys)
    assert "half" not in str(caught.value)


def test_a_key_that_a_server_repeats_is_not_printed_and_a_placeholder_garbles_nothing(
    server: DatadogServer, clock: SteppedClock
) -> None:
    server.faults.add("status", SERIES, status=403, body={"errors": [f"key {API_KEY} is unknown"]})
    assert "key … is unknown" in fails(client(server, clock), points(1)).detail
    with pytest.raises(DatadogError, match=r"sending 1 point: .* check DD_API_KEY"):
        client(server, clock, api_key="x", app_key="a").submit(points(1))


def test_white_space_around_a_key_does_no_harm(server: DatadogServer, clock: SteppedClock) -> None:
    assert len(client(server, clock, api_key=f" {API_KEY}\n").submit(points(1))) == 1


@pytest.mark.parametrize(
    ("site", "web"),
    [
        ("datadoghq.com", "https://app.datadoghq.com"),
        ("datadoghq.eu", "https://app.datadoghq.eu"),
        ("us5.datadoghq.com", "https://us5.datadoghq.com"),
    ],
)
def test_links_lead_to_the_sites_pages(site: str, web: str) -> None:
    assert Datadog("key", site=site).web == web


def test_a_password_in_the_address_is_not_recorded() -> None:
    datadog = Datadog("key", url="https://user:secret@proxy.example:8443/datadog/")
    assert datadog.site == "https://proxy.example:8443/datadog"


def test_the_check_of_the_keys_says_what_works(server: DatadogServer, datadog: Datadog, clock: SteppedClock) -> None:
    assert [(check.what, check.ok) for check in datadog.validate()] == [
        ("send metrics", True),
        ("application key", True),
        ("read dashboards", True),
    ]
    bad = client(server, clock, app_key="another").validate()
    assert [check.ok for check in bad] == [True, False, False]
    assert "DD_APP_KEY" in bad[1].detail
    none = client(server, clock, app_key=None).validate()
    assert [check.ok for check in none] == [True, False]
    assert "DD_APP_KEY is not set" in none[1].detail
    server.faults.add("status", "/api/v1/validate", status=200, body={"valid": False})
    assert not datadog.validate()[0].ok


def test_a_missing_permission_is_seen_by_the_check(server: DatadogServer, datadog: Datadog) -> None:
    server.faults.add("status", "/api/v1/dashboard", status=403, body={"errors": ["Forbidden"]})
    assert [check.ok for check in datadog.validate()] == [True, True, False]
