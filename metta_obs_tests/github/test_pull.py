"""Whole pulls of a lively small world: what a first one and many small ones know, and what they cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from metta_obs.clock import floor_quarter_hour
from metta_obs.github.collector import PULLS, run_pull
from metta_obs.lake.schemas import TABLES as SCHEMAS
from metta_obs.lake.store import Lake
from metta_obs.sandbox import events
from metta_obs.sandbox.generator_spec import WorldSpec
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.github import truth
from metta_obs_tests.github.bench import NOW, POLLABLE, REPO, Bench, content, incomplete

LOOKBACK = timedelta(days=30)
SINCE = floor_quarter_hour(NOW) - LOOKBACK


def wrong(bench: Bench, lake: Lake, since: datetime = SINCE, now_called: str = REPO) -> dict[str, list[str]]:
    """Table -> differences from the world's state now."""
    found = {}
    for table, expected in truth.tables(bench.sandbox.world.state()[now_called], since).items():
        rows = lake.current(table, bench.repo).to_dict("records")
        said = truth.differences(rows, expected, SCHEMAS[table].key)  # type: ignore[arg-type]
        if said:
            found[table] = said[:5]
    return found


def test_a_first_pull_knows_what_is_true(bench: Bench) -> None:
    assert not wrong(bench, bench.lake)


def test_many_small_pulls_know_what_one_fresh_pull_knows_and_what_is_true(bench: Bench) -> None:
    for hours in (0.25, 9, 20, 30):
        bench.advance(hours=hours)
        assert not incomplete(bench.tick())
    assert not wrong(bench, bench.lake)
    fresh = bench.fresh(lookback_days=9)
    for table in ("pull_requests", "reviews", "review_comments", "issue_comments", "commits", "branches", "jobs"):
        theirs, mine = content(fresh, table), content(bench.lake, table)
        key = list(SCHEMAS[table].key)
        common = mine.merge(theirs[key], on=key).reset_index(drop=True)
        assert len(theirs)
        assert theirs.equals(common), table


def test_a_quiet_tick_costs_no_rest_quota_and_two_points(bench: Bench) -> None:
    bench.advance(minutes=3)
    bench.tick()
    state = bench.sandbox.world.state()
    bench.sandbox.clock.advance(timedelta(seconds=20))
    assert bench.sandbox.world.state() is state, "the seed's world is not quiet here"
    rows = bench.tick()
    assert not incomplete(rows)
    assert bench.asked() == {
        "Probe 200": 1,
        "RunRecheck 200": 1,
        f"/repos/{REPO}/git/matching-refs/heads/ 304": 1,
        f"/repos/{REPO}/actions/workflows 304": 1,
        f"/repos/{REPO}/actions/runs 304": 1,
    }
    assert (bench.usage.rest_calls, bench.usage.rest_not_modified, bench.usage.graphql_points) == (0, 3, 2)
    assert sum(row["rows_new"] + row["rows_changed"] for row in rows.values()) == 0


def test_a_quiet_tick_right_after_the_first_pull_costs_nothing_either(bench: Bench) -> None:
    bench.sandbox.clock.advance(timedelta(minutes=1))
    rows = bench.tick()
    assert bench.usage.rest_calls == 0
    assert bench.usage.graphql_points <= 3
    assert not incomplete(rows)


def test_a_busy_tick_stays_within_its_budget(bench: Bench) -> None:
    dearest_rest = dearest_points = 0
    for _ in range(3):
        bench.advance(hours=2)  # eight ticks' worth of changes
        rows = bench.tick()
        assert not incomplete(rows)
        asked = bench.asked()
        free = {name: count for name, count in asked.items() if "/commits/" in name or "/attempts/" in name}
        dearest_rest = max(dearest_rest, bench.usage.rest_calls - sum(free.values()))
        dearest_points = max(dearest_points, bench.usage.graphql_points)
    assert dearest_rest <= 4
    assert dearest_points <= 6


def test_usage_of_a_pull_is_what_the_server_counted(empty: Bench) -> None:
    bench = empty
    rows = bench.tick(lookback_days=3)
    each = {name: rows[tables[0]] for name, tables in PULLS.items()}
    log = bench.sandbox.requests
    assert sum(row["rest_calls"] for row in each.values()) == sum(e.points for e in log if e.bucket == "core")
    assert sum(row["graphql_points"] for row in each.values()) == sum(e.points for e in log if e.bucket == "graphql")
    assert all(row["started_at"] == NOW for row in rows.values())  # GitHub's clock
    assert all(row["window_start"] <= NOW - timedelta(days=3) for row in rows.values())


def test_an_instant_before_what_is_covered_is_pulled_for(empty: Bench) -> None:
    bench, since = empty, floor_quarter_hour(NOW) - timedelta(days=9)
    bench.tick(lookback_days=4)
    bench.advance(minutes=15)
    rows = bench.tick(as_of=since + timedelta(days=5), lookback_days=5)
    assert not incomplete(rows)
    assert not wrong(bench, bench.lake, since)
    assert {row["window_start"] for row in rows.values() if row["table"] in ("commits", "jobs", "reviews")} == {since}
    bench.advance(minutes=15)
    rows = bench.tick(lookback_days=4, names=["commits"])
    assert rows["commits"]["window_start"] == since  # what is covered once stays covered


def test_the_window_grows_without_a_gap_over_an_outage(bench: Bench) -> None:
    bench.advance(days=2)
    bench.sandbox.faults.add("status", status=503)
    assert len(incomplete(bench.tick())) == sum(map(len, PULLS.values()))
    bench.sandbox.faults.clear()
    bench.advance(days=1)
    rows = bench.tick()
    assert not incomplete(rows)
    assert rows["workflow_runs"]["window_start"] == SINCE
    assert not wrong(bench, bench.lake)


def test_githubs_clock_may_lag_a_little_but_not_be_asked_for_the_future(empty: Bench) -> None:
    bench = empty
    late = floor_quarter_hour(NOW) + timedelta(minutes=15)
    bench.sandbox.clock.set(late - timedelta(seconds=40))
    sleep = bench.clock.sleep

    def sleep_and_let_the_world_go_on(seconds: float) -> None:
        sleep(seconds)
        bench.sandbox.clock.advance(timedelta(seconds=seconds))

    bench.clock.sleep = sleep_and_let_the_world_go_on  # type: ignore[method-assign]
    rows = bench.tick(as_of=late, names=["branches"])
    assert not incomplete(rows)
    assert rows["branches"]["started_at"] >= late
    rows = bench.tick(as_of=late + timedelta(days=1), names=["branches"])
    assert incomplete(rows) == {"repositories": "future", "branches": "future"}


def test_a_renamed_repository_goes_on_under_its_configured_name(tmp_path: Path) -> None:
    with Sandbox(seed=3, now=NOW, running=False, spec=WorldSpec((POLLABLE,), history_days=4)) as sandbox:
        bench = Bench(sandbox, tmp_path)
        bench.tick(lookback_days=3)
        sandbox.world.add(events.RepositoryRenamed(NOW + timedelta(minutes=15), REPO, "acme/pod"))
        bench.advance(minutes=30)
        assert not incomplete(bench.tick(lookback_days=3))
        assert bench.lake.current("repositories", REPO)["full_name"].tolist() == ["acme/pod"]
        assert not wrong(bench, bench.lake, floor_quarter_hour(NOW) - timedelta(days=3), "acme/pod")
        assert not [entry for entry in sandbox.requests if entry.status == 301]


def test_an_empty_repository_is_completely_known(tmp_path: Path) -> None:
    with Sandbox(seed=3, now=NOW, running=False, spec=WorldSpec((POLLABLE,), history_days=1)) as sandbox:
        sandbox.world.add(events.RepositoryCreated(NOW - timedelta(days=1), "acme/blank", 77))
        bench = Bench(sandbox, tmp_path, "acme/blank")
        rows = bench.tick()
        assert not incomplete(rows)
        assert bench.lake.current("repositories", "acme/blank")["head_sha"].isna().all()
        assert all(bench.lake.current(table, "acme/blank").empty for table in rows if table != "repositories")


def test_an_unknown_repository_says_what_to_check(empty: Bench) -> None:
    bench = empty
    bench.repo = "acme/unknown"
    rows = bench.tick(names=["branches"])
    assert incomplete(rows) == {"repositories": "not_found", "branches": "not_found"}
    assert "METTA_OBS_REPOS" in rows["branches"]["detail"]
    assert rows["branches"]["window_start"] is None
    assert rows["branches"]["state"] is None


def test_upper_case_in_the_configured_name_is_one_repository(empty: Bench) -> None:
    bench = empty
    bench.repo = "Acme/Capsule"
    rows = bench.tick(names=["branches"])
    assert {row["repo"] for row in rows.values()} == {REPO}
    assert len(bench.lake.current("branches", REPO))


def test_a_long_first_pull_tells_how_far_it_is(empty: Bench) -> None:
    bench = empty
    told: list[tuple[str, int, int | None]] = []
    run_pull(
        "commits", github=bench.client(), lake=bench.lake, repo=REPO, as_of=floor_quarter_hour(NOW), lookback_days=30,
        pull_id="p", progress=lambda *step: told.append(step),
    )  # fmt: skip
    assert ("commits read", 50) in {step[:2] for step in told}
