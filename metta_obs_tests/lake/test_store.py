"""The lake loses no row and no earlier version, whoever writes beside whom, in a folder and on S3.

What S3 may do otherwise than a folder runs over both, S3 being moto's server on a socket.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pandas as pd
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from deltalake.table import TableOptimizer
from moto.server import ThreadedMotoServer

from metta_obs.lake import store
from metta_obs.lake.schemas import TABLES
from metta_obs.lake.store import Change, Lake

REPO = "acme/rockets"
NOON = datetime(2025, 10, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
Row = dict[str, Any]
everywhere = pytest.mark.parametrize("root", ["folder", "s3"], indirect=True)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket on an S3 server; the address of the server is in the environment, as a user would set it."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # otherwise a line for each of some thousand requests
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_REGION", "us-east-1")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="metta-obs-lake")
        yield "s3://metta-obs-lake"
    server.stop()


@pytest.fixture
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty lake may be made: a folder, or where a test says so, S3."""
    if getattr(request, "param", "folder") == "folder":
        return str(tmp_path / "lake")
    return f"{request.getfixturevalue('s3')}/{uuid4().hex}"


@pytest.fixture
def lake(root: str) -> Lake:
    return Lake(root)


def comment(number: int, **changes: Any) -> Row:
    """A row of issue_comments."""
    row = {"comment_id": number, "number": 7, "author_login": "ada", "author_type": "User", "created_at": NOON}
    return row | {"body_characters": 10} | changes


def pull_row(started_at: datetime, **changes: Any) -> Row:
    """A row of `pulls` of the table issue_comments."""
    row = dict.fromkeys(TABLES["pulls"].arrow.names)
    row |= {
        "repo": REPO,
        "pull_id": f"{started_at}",
        "table": "issue_comments",
        "complete": True,
        "state": '{"mark": 1}',
    }
    return row | {"started_at": started_at, "ended_at": started_at, "window_start": NOON - timedelta(days=30)} | changes


def at(step: int) -> datetime:
    """A time for each step."""
    return NOON + step * QUARTER


def bodies(frame: pd.DataFrame) -> dict[int, int]:
    """comment_id -> length of the body."""
    assert frame["comment_id"].is_unique
    return dict(zip(frame["comment_id"].tolist(), frame["body_characters"].tolist(), strict=True))


# --- versions


def test_a_pull_without_news_makes_no_commit(lake: Lake) -> None:
    assert lake.version("issue_comments") == -1
    assert lake.append_versions("issue_comments", REPO, [], NOON) == Change(0, 0)
    assert lake.version("issue_comments") == -1
    rows = [comment(1), comment(2)]
    assert lake.append_versions("issue_comments", REPO, rows, NOON) == Change(2, 0)
    assert lake.version("issue_comments") == 0
    assert lake.append_versions("issue_comments", REPO, list(reversed(rows)), NOON + QUARTER) == Change(0, 0)
    assert lake.version("issue_comments") == 0
    assert list(lake.read("issue_comments", REPO)["seen_at"]) == [NOON, NOON]


@everywhere
def test_a_change_keeps_what_was_known_before(lake: Lake) -> None:
    lake.append_versions("issue_comments", REPO, [comment(1), comment(2)], NOON)
    edited = [comment(1), comment(2, body_characters=11), comment(3)]
    assert lake.append_versions("issue_comments", REPO, edited, NOON + QUARTER) == Change(1, 1)
    assert bodies(lake.current("issue_comments", REPO)) == {1: 10, 2: 11, 3: 10}
    stored = lake.read("issue_comments", REPO)
    assert bodies(stored[stored["seen_at"] == NOON]) == {1: 10, 2: 10}
    assert lake.version("issue_comments") == 1


@everywhere
def test_what_github_no_longer_shows_is_gone_and_still_known_for_the_past(lake: Lake) -> None:
    lake.append_versions("issue_comments", REPO, [comment(1), comment(2)], NOON)
    current = lake.current("issue_comments", REPO)
    gone = current[current["comment_id"] == 2]
    later = NOON + QUARTER
    assert lake.append_versions("issue_comments", REPO, [comment(1)], later, gone=gone) == Change(0, 1)
    assert bodies(lake.current("issue_comments", REPO)) == {1: 10}
    stored = lake.read("issue_comments", REPO).sort_values(["comment_id", "seen_at"])
    assert stored[["comment_id", "seen_at", "deleted"]].values.tolist() == [
        [1, NOON, False], [2, NOON, False], [2, later, True]
    ]  # fmt: skip
    # marking it again is no news, showing it again is
    assert lake.append_versions("issue_comments", REPO, [], later + QUARTER, gone=gone) == Change(0, 0)
    assert lake.append_versions("issue_comments", REPO, [comment(2)], later + QUARTER) == Change(0, 1)
    assert bodies(lake.current("issue_comments", REPO)) == {1: 10, 2: 10}
    assert lake.count("issue_comments") == 2


def test_a_slow_pull_knows_what_it_saw_though_a_later_one_was_faster(lake: Lake) -> None:
    later, rows = NOON + QUARTER, [comment(1), comment(2, body_characters=3)]
    lake.append_versions("issue_comments", REPO, [comment(1), comment(2, body_characters=4), comment(3)], later)
    gone = lake.current("issue_comments", REPO)
    gone = gone[gone["comment_id"] == 3]  # which the slow pull never saw
    assert lake.append_versions("issue_comments", REPO, rows, NOON, gone=gone) == Change(2, 0)
    stored = lake.read("issue_comments", REPO)
    assert bodies(stored[stored["seen_at"] == NOON]) == {1: 10, 2: 3}
    assert bodies(lake.current("issue_comments", REPO)) == {1: 10, 2: 4, 3: 10}


def test_of_one_row_given_twice_the_last_counts(lake: Lake) -> None:
    assert lake.append_versions("issue_comments", REPO, [comment(1), comment(1, body_characters=3)], NOON) == Change(
        1, 0
    )
    assert bodies(lake.current("issue_comments", REPO)) == {1: 3}


def test_a_table_with_one_row_knows_its_last_version(lake: Lake) -> None:
    row = {
        "repository_id": 1,
        "full_name": "Acme/Rockets",
        "default_branch": "main",
        "head_sha": "a",
        "archived": False,
    }
    lake.append_versions("repositories", REPO, [row], NOON)
    assert lake.append_versions("repositories", REPO, [row], NOON + QUARTER) == Change(0, 0)
    assert lake.append_versions("repositories", REPO, [row | {"head_sha": "b"}], NOON + 2 * QUARTER) == Change(0, 1)
    assert list(lake.current("repositories", REPO)["head_sha"]) == ["b"]


def test_repositories_do_not_see_each_other(lake: Lake) -> None:
    other = "acme/o'rockets; drop"
    lake.append_versions("issue_comments", REPO, [comment(1)], NOON)
    lake.append_versions("issue_comments", other, [comment(1, body_characters=5)], NOON)
    assert bodies(lake.current("issue_comments", REPO)) == {1: 10}
    assert bodies(lake.current("issue_comments", other)) == {1: 5}
    assert len(lake.read("issue_comments")) == 2
    assert lake.count("issue_comments") == 2


@everywhere
def test_nothing_is_bent_on_its_way_through_the_lake(lake: Lake) -> None:
    event = {"kind": "closed", "at": NOON + timedelta(microseconds=1), "actor_login": None, "actor_type": None}
    own: Row = {"sha": "a" * 40, "authored_at": NOON, "committed_at": NOON}
    own |= {"author_login": None, "author_email": "", "author_name": "é"}
    row: Row = dict.fromkeys(column.name for column in TABLES["pull_requests"].columns)
    row |= {"number": 2**53 + 1, "created_at": NOON, "labels": ["b", "a"], "events": [event], "commits": [own, own]}
    bare = {**row, "number": 2, "labels": [], "events": [], "commits": [], "is_draft": True}
    lake.append_versions("pull_requests", REPO, [row, bare], NOON)
    found = lake.current("pull_requests", REPO).sort_values("number")
    assert found["number"].tolist() == [2, 2**53 + 1]
    assert [list(names) for names in found["labels"]] == [[], ["b", "a"]]
    assert [[dict(each) for each in events] for events in found["events"]] == [[], [event]]
    assert [[dict(each) for each in commits] for commits in found["commits"]] == [[], [own, own]]
    assert found["is_draft"].tolist() == [True, pd.NA]
    assert found[["merged_at", "title"]].isna().all(axis=None)
    assert str(found["created_at"].dtype) == "datetime64[us, UTC]"
    assert lake.append_versions("pull_requests", REPO, [row, bare], NOON + QUARTER) == Change(0, 0)


@pytest.mark.parametrize(
    "row", [{"number": 7}, comment(1) | {"colour": "red"}, comment(1) | {"repo": REPO, "deleted": None}]
)
def test_a_misspelt_or_forgotten_column_is_an_error_and_writes_nothing(lake: Lake, row: Row) -> None:
    with pytest.raises(ValueError, match="table issue_comments"):
        lake.append_versions("issue_comments", REPO, [comment(1), row], NOON)
    with pytest.raises(ValueError, match="table pulls"):
        lake.append("pulls", [row])
    assert lake.version("issue_comments") == lake.version("pulls") == -1


# --- coverage and points


@everywhere
def test_a_crash_between_rows_and_coverage_only_repeats_work(lake: Lake, root: str) -> None:
    twin = Lake(f"{root}-twin")
    crashes = iter([True, False])

    def pull(into: Lake, rows: list[Row], started_at: datetime, crash: bool) -> None:
        current = into.current("issue_comments", REPO)
        gone = current[~current["comment_id"].isin([row["comment_id"] for row in rows])]
        into.append_versions("issue_comments", REPO, rows, started_at, gone=gone)
        if not crash:
            into.append("pulls", [pull_row(started_at)])

    pull(lake, [comment(1), comment(2)], NOON, crash=False)
    pull(twin, [comment(1), comment(2)], NOON, crash=False)
    for _ in range(2):
        pull(lake, [comment(1, body_characters=3), comment(3)], NOON + QUARTER, crash=next(crashes))
    pull(twin, [comment(1, body_characters=3), comment(3)], NOON + QUARTER, crash=False)
    order = ["comment_id", "seen_at", "deleted"]
    mine, other = (each.read("issue_comments").sort_values(order, ignore_index=True) for each in (lake, twin))
    pd.testing.assert_frame_equal(mine, other)
    assert lake.version("issue_comments") == twin.version("issue_comments") == 1
    pd.testing.assert_frame_equal(lake.read("pulls"), twin.read("pulls"))


def point(as_of: datetime, **changes: Any) -> Row:
    """A row of metric_points."""
    row = dict.fromkeys(TABLES["metric_points"].arrow.names)
    return (
        row
        | {"repo": REPO, "metric": "github.prs.open", "as_of": as_of, "origin": "live", "value": 3.0, "n": 3}
        | changes
    )


@everywhere
def test_points_are_found_by_instant_and_a_dry_run_keeps_its_own(lake: Lake, tmp_path: Path) -> None:
    dry = Lake(lake.root, str(tmp_path / "scratch"))
    dry.append("metric_points", pd.DataFrame([point(NOON, value=None, reason="no_data")]))
    dry.append_versions("issue_comments", REPO, [comment(1)], NOON)
    assert (lake.version("metric_points"), lake.version("issue_comments")) == (-1, 0)
    lake.append("metric_points", [])
    assert lake.version("metric_points") == -1
    lake.append("metric_points", [point(NOON + step * QUARTER) for step in range(5)] + [point(NOON, repo="acme/other")])
    found = lake.points(REPO, NOON + QUARTER, NOON + 3 * QUARTER)
    assert sorted(found["as_of"]) == [NOON + step * QUARTER for step in (1, 2, 3)]
    assert len(dry.read("metric_points")) == 1


def test_a_snapshot_says_which_version_it_is_of(lake: Lake) -> None:
    assert lake.snapshot("issue_comments", REPO)[1] == -1
    for step in range(3):
        lake.append_versions("issue_comments", REPO, [comment(step)], NOON + step * QUARTER)
        frame, version = lake.snapshot("issue_comments", REPO)
        assert (len(frame), version) == (step + 1, step)


def stored_files(lake: Lake, table: str) -> int:
    """How many files make up the table now."""
    return len(DeltaTable(lake.uri(table), storage_options=lake._storage_options()).file_uris())


@everywhere
def test_a_year_of_small_commits_does_not_become_a_year_of_small_files(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "COMPACTED_EVERY", 6)
    for step in range(20):
        lake.append_versions("issue_comments", REPO, [comment(step), comment(100, body_characters=step)], at(step))
    assert stored_files(lake, "issue_comments") < 10
    rows = lake.read("issue_comments").sort_values(["comment_id", "seen_at"])
    assert rows["comment_id"].tolist() == [*range(20), *[100] * 20]
    assert rows["body_characters"].tolist()[20:] == list(range(20))
    assert bodies(lake.current("issue_comments", REPO))[100] == 19


def test_files_that_cannot_be_merged_keep_their_rows(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DeltaError("another process was faster")

    monkeypatch.setattr(store, "COMPACTED_EVERY", 1)
    monkeypatch.setattr(TableOptimizer, "compact", refuse)
    for step in range(3):
        lake.append_versions("issue_comments", REPO, [comment(step)], at(step))
    assert sorted(bodies(lake.current("issue_comments", REPO))) == [0, 1, 2]
    assert "issue_comments were not merged: another process was faster" in caplog.text


def test_two_versions_of_one_second_read_the_same_in_whatever_order_they_were_stored(tmp_path: Path) -> None:
    versions = [comment(1, body_characters=characters) for characters in (7, 8)]
    seen = []
    for order in (versions, versions[::-1]):
        lake = Lake(str(tmp_path / str(len(seen))))
        for row in order:
            lake.append_versions("issue_comments", REPO, [row, comment(2)], NOON)
        frame, _ = lake.snapshot("issue_comments", REPO)
        assert len(lake.read("issue_comments")) == 3
        assert len(frame) == 2
        seen.append((bodies(frame), bodies(lake.current("issue_comments", REPO))))
    assert seen[0] == seen[1]
    assert seen[0][0] == seen[0][1]


# --- two writers

WRITER = """
import sys, time
from datetime import datetime, timedelta, UTC
from pathlib import Path
from metta_obs.lake import store
root, number, gate, repo = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
store.COMPACTED_EVERY = int(sys.argv[5])
lake = store.Lake(root)
noon = datetime(2025, 10, 20, 12, tzinfo=UTC)
(gate / f"ready-{number}").touch()
while not (gate / "go").exists():
    time.sleep(0.002)
for step in range(4):
    rows = [
        {"comment_id": number * 1000 + step * 10 + row, "number": 7, "author_login": None, "author_type": None,
         "created_at": noon, "body_characters": step}
        for row in range(3)
    ]
    shared = rows[0] | {"comment_id": 5, "body_characters": number * 100 + step}
    lake.append_versions("issue_comments", repo, [*rows, shared], noon + timedelta(seconds=step * 2 + number))
"""


def write_together(root: str, gate: Path, repos: tuple[str, str], compacted_every: int) -> None:
    """Two processes that begin at the same moment, with no table there yet."""
    gate.mkdir()
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    every = str(compacted_every)
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, root, str(number), str(gate), repo, every], env=here)
        for number, repo in enumerate(repos)
    ]
    try:
        wait_for(lambda: all((gate / f"ready-{number}").exists() for number in range(len(writers))))
        (gate / "go").touch()
        assert [writer.wait(120) for writer in writers] == [0, 0]
    finally:
        for writer in writers:
            writer.kill()


def wait_for(done: Callable[[], bool]) -> None:
    patience = time.monotonic() + 60
    while not done():
        assert time.monotonic() < patience, "the writers did not start"
        time.sleep(0.01)


@pytest.mark.parametrize("compacted_every", [100, 2], ids=["", "files are merged meanwhile"])
@pytest.mark.parametrize(
    ("root", "repos"),
    [("folder", (REPO, REPO)), ("s3", (REPO, "acme/other"))],
    indirect=["root"],
)
def test_two_writers_at_once_lose_nothing_even_where_both_make_the_table(
    root: str, tmp_path: Path, repos: tuple[str, str], compacted_every: int
) -> None:
    write_together(root, tmp_path / "gate", repos, compacted_every)
    lake = Lake(root)
    for number, repo in enumerate(repos):
        expected = {number * 1000 + step * 10 + row for step in range(4) for row in range(3)} | {5}
        assert expected <= set(lake.current("issue_comments", repo)["comment_id"])
    stored = lake.read("issue_comments")
    own = stored[stored["comment_id"] != 5]
    assert len(own) == 24
    assert own["comment_id"].is_unique
    contested = stored[stored["comment_id"] == 5]
    assert len(contested) == 8  # every version of the row that both write
    newest = contested[contested["repo"] == repos[1]].sort_values("seen_at").iloc[-1]
    assert bodies(lake.current("issue_comments", repos[1]))[5] == newest["body_characters"] == 103
    assert lake.version("issue_comments") == 7 or compacted_every == 2
