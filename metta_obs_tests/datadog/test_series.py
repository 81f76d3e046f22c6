"""Points become payloads that Datadog stores whole: names, tags, sizes."""

from __future__ import annotations

import json
import math
import zlib
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_obs.datadog.series import (
    MAX_COMPRESSED,
    MAX_PLAIN,
    TAGS,
    Point,
    batches,
    payload,
    points_of,
    refusal,
    sizes,
    tag,
    tags_of,
)
from metta_obs.sandbox import datadog_intake
from metta_obs_tests.datadog.servers import NOON

NAMES = st.from_regex(r"[a-z][a-z0-9_.]{0,30}", fullmatch=True)
POINTS = st.builds(
    Point,
    metric=NAMES,
    as_of=st.integers(0, 3).map(lambda quarters: NOON - timedelta(minutes=15 * quarters)),
    value=st.floats(allow_nan=False, allow_infinity=False, width=32),
    tags=st.sampled_from([tags_of("acme/rockets", "test"), tags_of("acme/launchpad", "test"), ()]),
)


def test_a_dashboard_finds_the_series_by_the_tags_that_a_repository_has() -> None:
    assert tags_of("Acme/Rockets.Engine", "Production") == (
        "repo:acme/rockets.engine",
        "org:acme",
        "env:production",
    )
    assert tuple(one.partition(":")[0] for one in tags_of("a/b", "c")) == TAGS


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=230))
def test_a_tag_is_stored_as_it_was_sent(value: str) -> None:
    ours = tag("env", value)
    assert datadog_intake.tag(ours) == ours
    assert len(ours) <= 200
    assert not ours.endswith(":")


def test_rows_become_points_in_their_order() -> None:
    rows = pd.DataFrame(
        {
            "metric": ["github.prs.open", "github.prs.merged_7d"],
            "repo": ["acme/rockets", "acme/rockets"],
            "as_of": pd.to_datetime([NOON, NOON]).as_unit("us"),
            "value": [3.0, 0.0],
        }
    )
    tags = tags_of("acme/rockets", "test")
    assert points_of(rows, "test") == [
        Point("github.prs.open", NOON, 3.0, tags),
        Point("github.prs.merged_7d", NOON, 0.0, tags),
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_json_cannot_hold_is_refused_by_the_metrics_name(value: float) -> None:
    assert "github.prs.open" in (refusal(Point("github.prs.open", NOON, value)) or "")


@pytest.mark.parametrize("name", ["7_days.merged", "github.prs.größe", "github prs", "", "g" * 201])
def test_a_name_that_datadog_would_change_or_drop_is_refused(name: str) -> None:
    assert "not a metric name" in (refusal(Point(name, NOON, 1.0)) or "")


def test_rolling_windows_are_gauges_so_that_runs_do_not_add_up() -> None:
    (series,) = payload([Point("github.prs.merged_7d", NOON, 92.0, ("repo:a/b",))])["series"]
    assert series == {
        "metric": "github.prs.merged_7d",
        "type": 3,
        "points": [{"timestamp": int(NOON.timestamp()), "value": 92.0}],
        "tags": ["repo:a/b"],
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(POINTS, max_size=60), st.integers(150, 2000), st.integers(150, 5000))
def test_batches_lose_nothing_and_stay_under_both_limits(points: list[Point], compressed: int, plain: int) -> None:
    cut = list(batches(points, max_compressed=compressed, max_plain=plain))
    assert [point for batch in cut for point in batch] == points
    for batch in cut:
        wire, decompressed = sizes(payload(batch))
        assert len(batch) == 1 or (wire <= compressed and decompressed < plain)


@settings(max_examples=30, deadline=None)
@given(st.lists(POINTS, min_size=1, max_size=40))
def test_sizes_are_those_of_the_bytes_that_decode_to_the_points(points: list[Point]) -> None:
    body = payload(points)
    wire, plain = sizes(body)
    encoded = json.dumps(body).encode()
    packer = zlib.compressobj(wbits=31)
    assert (wire, plain) == (len(packer.compress(encoded) + packer.flush()), len(encoded))
    sent = [
        (one["metric"], tuple(one["tags"]), p["timestamp"], p["value"]) for one in body["series"] for p in one["points"]
    ]
    assert sorted(sent) == sorted((p.metric, p.tags, int(p.as_of.timestamp()), p.value) for p in points)


def test_a_run_of_a_hundred_repositories_needs_few_requests() -> None:
    points = [
        Point(f"github.group.metric_{number}", NOON, number * 1.37, tags_of(f"acme/repository-{repo}", "production"))
        for repo in range(100)
        for number in range(40)
    ]
    cut = list(batches(points))
    assert len(cut) == 1
    assert sizes(payload(cut[0]))[0] <= MAX_COMPRESSED
    assert sizes(payload(cut[0]))[1] < MAX_PLAIN
