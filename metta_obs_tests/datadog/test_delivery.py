"""Which points are sent, which are made up for, and what is remembered of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from metta_obs.datadog.client import Datadog, DatadogError
from metta_obs.datadog.delivery import Delivery, deliver, too_old, undelivered
from metta_obs.lake.store import Lake
from metta_obs.sandbox.datadog import DatadogServer
from metta_obs_tests.datadog.servers import NOON, SteppedClock, client

REPO = "acme/rockets"
QUARTER = timedelta(minutes=15)


def row(
    metric: str = "github.prs.open", at: datetime = NOON, value: float | None = 3.0, **changes: Any
) -> dict[str, Any]:
    """A row of metric_points: live and complete, computed half a minute after its instant."""
    return {
        "repo": REPO,
        "metric": metric,
        "as_of": at,
        "origin": "live",
        "value": value,
        "n": 3,
        "reason": None if value is not None else "no_data",
        "detail": None,
        "complete": True,
        "known_at": at + timedelta(seconds=5),
        "code_version": "1",
        "table_versions": "{}",
        "computed_at": at + timedelta(seconds=30),
    } | changes


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


class Runs:
    """Delivers at a moment, which is then Datadog's too."""

    def __init__(self, lake: Lake, server: DatadogServer, datadog: Datadog) -> None:
        self.lake, self.server, self.datadog = lake, server, datadog

    def __call__(self, now: datetime = NOON + timedelta(minutes=1), env: str = "test") -> Delivery:
        self.server.clock.set(now)
        return deliver(self.lake, self.datadog, ["Acme/Rockets"], env, now)


@pytest.fixture
def run(lake: Lake, server: DatadogServer, datadog: Datadog) -> Runs:
    return Runs(lake, server, datadog)


def sent(server: DatadogServer) -> dict[tuple[str, int], float]:
    """What arrived: (metric, minutes after NOON) to value."""
    start = int(NOON.timestamp())
    return {(metric, (stamp - start) // 60): value for (metric, _, stamp), value in server.series.items()}


def test_a_point_is_sent_once_and_remembered(lake: Lake, server: DatadogServer, run: Runs) -> None:
    lake.append("metric_points", [row(), row("github.prs.merged_7d", value=0.0)])
    assert run() == Delivery(sent=2, points_too_old=0)
    assert sent(server) == {("github.prs.open", 0): 3.0, ("github.prs.merged_7d", 0): 0.0}
    version = lake.version("deliveries")
    assert run().sent == 0
    assert len(server.requests) == 1, "no request"
    assert lake.version("deliveries") == version, "no commit"
    (record, _) = lake.read("deliveries").sort_values("metric", ascending=False).to_dict("records")
    assert record | {"as_of": record["as_of"].to_pydatetime(), "delivered_at": None} == {
        "repo": REPO,
        "site": server.url,
        "env": "test",
        "metric": "github.prs.open",
        "as_of": NOON,
        "value": 3.0,
        "delivered_at": None,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"value": None},
        {"origin": "replay"},
        {"origin": "restated"},
        {"complete": False},
        {"complete": None},
        {"repo": "acme/another"},
        {"at": NOON + QUARTER},
        {"at": NOON - timedelta(minutes=59)},
    ],
)
def test_what_must_not_be_sent_is_not(lake: Lake, server: DatadogServer, run: Runs, changes: dict[str, Any]) -> None:
    lake.append("metric_points", [row(**changes)])
    assert run().sent == 0
    assert len(server.requests) == 0
    assert lake.version("deliveries") == -1


def test_a_corrected_value_is_sent_again(lake: Lake, server: DatadogServer, run: Runs) -> None:
    lake.append("metric_points", [row()])
    run()
    lake.append("metric_points", [row(value=4.0, computed_at=NOON + QUARTER)])
    assert run(NOON + QUARTER).sent == 1
    assert sent(server) == {("github.prs.open", 0): 4.0}
    lake.append("metric_points", [row(value=3.0, computed_at=NOON + 2 * QUARTER)])
    assert run(NOON + 2 * QUARTER).sent == 1
    assert sent(server) == {("github.prs.open", 0): 3.0}


def test_a_value_that_was_withdrawn_is_not_sent(lake: Lake, server: DatadogServer, run: Runs) -> None:
    """A later computation found the fetch incomplete: the earlier number is not to be trusted."""
    lake.append("metric_points", [row(), row(value=None, complete=False, computed_at=NOON + QUARTER)])
    assert run(NOON + QUARTER).sent == 0


def test_environments_and_sites_are_served_apart(lake: Lake, server: DatadogServer, run: Runs) -> None:
    lake.append("metric_points", [row()])
    assert run(env="test").sent == run(env="production").sent == 1
    assert {tags for _, tags, _ in server.series} == {
        ("env:test", "org:acme", "repo:acme/rockets"),
        ("env:production", "org:acme", "repo:acme/rockets"),
    }
    assert len(undelivered(lake, [REPO], "test", "datadoghq.eu", NOON)) == 1


def test_what_an_outage_held_back_is_made_up_for(lake: Lake, server: DatadogServer, run: Runs) -> None:
    server.faults.add("status", "/api/v2/series", status=503, times=8)
    for tick in range(3):
        lake.append("metric_points", [row(at=NOON + tick * QUARTER, value=float(tick))])
        if tick < 2:
            with pytest.raises(DatadogError):
                run(NOON + tick * QUARTER)
    assert lake.version("deliveries") == -1
    assert run(NOON + 2 * QUARTER) == Delivery(3, 0)
    assert sent(server) == {("github.prs.open", 0): 0.0, ("github.prs.open", 15): 1.0, ("github.prs.open", 30): 2.0}


def test_points_that_became_too_old_are_named_until_a_delivery_succeeds(
    lake: Lake, server: DatadogServer, run: Runs
) -> None:
    lake.append("metric_points", [row()])
    run()
    lake.append("metric_points", [row(at=NOON + tick * QUARTER, value=float(tick)) for tick in range(1, 9)])
    now = NOON + 8 * QUARTER
    server.faults.add("status", "/api/v2/series", status=403, times=1)
    with pytest.raises(DatadogError, match=r"4 points of 4 instants .*12:15:00Z to .*13:00:00Z.* not sent in time"):
        run(now)
    delivery = run(now)
    assert (delivery.sent, delivery.points_too_old) == (4, 4)
    assert "13:00:00Z" in delivery.detail
    lake.append("metric_points", [row(at=now + QUARTER)])
    assert run(now + QUARTER) == Delivery(1, 0)
    assert server.dropped == [], "what Datadog would drop is not sent"


def test_a_point_that_came_too_late_is_named(lake: Lake, server: DatadogServer, run: Runs) -> None:
    """Computed for an instant long past, after a delivery: it was never due, and that is said once."""
    lake.append("metric_points", [row()])
    run()
    lake.append("metric_points", [row(at=NOON - timedelta(hours=5), computed_at=NOON + timedelta(minutes=10))])
    assert len(too_old(lake, [REPO], "test", server.url, NOON + QUARTER)) == 1
    lake.append("metric_points", [row(at=NOON + QUARTER)])
    run(NOON + QUARTER)
    assert too_old(lake, [REPO], "test", server.url, NOON + QUARTER).empty


def test_one_value_that_cannot_be_sent_does_not_hold_back_the_others(
    lake: Lake, server: DatadogServer, run: Runs
) -> None:
    lake.append("metric_points", [row(), row("github.ci.success_rate_pct", value=float("inf"))])
    with pytest.raises(DatadogError, match=r"github\.ci\.success_rate_pct"):
        run()
    assert sent(server) == {("github.prs.open", 0): 3.0}
    assert len(lake.read("deliveries")) == 1


def test_what_was_taken_before_a_fault_is_not_sent_again(
    lake: Lake, server: DatadogServer, clock: SteppedClock
) -> None:
    run = Runs(lake, server, client(server, clock, limits=(250, 5_000)))
    lake.append("metric_points", [row(f"github.test.m{number}", value=float(number)) for number in range(40)])
    server.faults.add("status", "/api/v2/series", status=400, times=1)
    with pytest.raises(DatadogError) as caught:
        run()
    taken = len(server.series)
    assert 0 < taken < 40
    assert len(caught.value.accepted) == taken == len(lake.read("deliveries"))
    assert lake.version("deliveries") == 0, "one commit"
    assert run().sent == 40 - taken
    assert len(server.series) == 40


def test_several_repositories_go_together(lake: Lake, server: DatadogServer, datadog: Datadog) -> None:
    lake.append("metric_points", [row(), row(repo="acme/launchpad", value=7.0), row(repo="acme/left-out", value=9.0)])
    assert deliver(lake, datadog, ["acme/rockets", "acme/launchpad"], "test", NOON).sent == 2
    assert len(server.requests) == 1
    assert sorted(server.series.values()) == [3.0, 7.0]
