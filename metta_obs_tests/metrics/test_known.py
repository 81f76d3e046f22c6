"""k(t) and the rows as k(t) knew them: a number rests on the first complete pull that can know it, and on no later one.

Properties over few instants, pulls and rows, against plain loops over METRICS.md's rule.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_obs.metrics.known import Coverage, rising, versions

START = datetime(2025, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANTS = 5
T = np.array([START.replace(tzinfo=None) + position * HOUR for position in range(INSTANTS)], dtype="datetime64[us]")
REACH = 3 * HOUR
TABLES = ("commits", "reviews", "branches")

examples = settings(max_examples=60, deadline=None)
half_hours = st.integers(0, 2 * INSTANTS)
# table, start, hours that its window reaches back before START, complete
pull = st.tuples(st.sampled_from(TABLES), half_hours, st.sampled_from([0, 2, 3]), st.booleans())
pulls = st.lists(pull, max_size=8)
wanted = st.lists(st.sampled_from(TABLES), min_size=1, max_size=3, unique=True)
Pull = tuple[str, int, int, bool]


def at(half_hour: int) -> datetime:
    return START + half_hour * HOUR / 2


def frame(drawn: list[Pull]) -> pd.DataFrame:
    """Rows of the table `pulls`."""
    rows = [
        {
            "table": table,
            "started_at": at(start),
            "window_start": START - back * HOUR if complete else None,
            "complete": complete,
            "reason": None if complete else "truncated",
            "detail": None if complete else "one page short",
        }
        for table, start, back, complete in drawn
    ]
    columns = ["table", "started_at", "window_start", "complete", "reason", "detail"]
    found = pd.DataFrame(rows, columns=columns)
    for name in ("started_at", "window_start"):
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    return found


def covering(drawn: list[Pull], table: str, t: datetime) -> list[datetime]:
    """The starts of the complete pulls of a table that know what lies REACH before t; branches have no date."""
    return [
        at(start)
        for name, start, back, complete in drawn
        if name == table and complete and at(start) >= t and (table == "branches" or START - back * HOUR <= t - REACH)
    ]


def listed(times: np.ndarray) -> list[datetime | None]:
    return [None if np.isnat(each) else each.item().replace(tzinfo=UTC) for each in times]


@examples
@given(pulls, wanted)
def test_a_number_rests_on_the_first_complete_pull_that_can_know_it(drawn: list[Pull], tables: list[str]) -> None:
    expected: list[datetime | None] = []
    newest: list[datetime | None] = []
    for position in range(INSTANTS):
        found = [covering(drawn, table, START + position * HOUR) for table in tables]
        expected.append(max(min(starts) for starts in found) if all(found) else None)
        newest.append(max(max(starts) for starts in found) if all(found) else None)
    coverage = Coverage(frame(drawn))
    assert listed(coverage.known_at(tables, REACH, T)) == expected
    assert listed(coverage.known_at(tables, REACH, T, restated=True)) == newest


@examples
@given(pulls, wanted)
def test_a_missing_number_is_explained_and_no_other(drawn: list[Pull], tables: list[str]) -> None:
    coverage = Coverage(frame(drawn))
    for table in tables:
        why = coverage.why_not(table, REACH, T)
        for position in range(INSTANTS):
            if covering(drawn, table, START + position * HOUR):
                assert why[position] == ""
            else:
                assert why[position]


def test_a_missing_number_says_why() -> None:
    drawn: list[Pull] = [("commits", 4, 2, True), ("commits", 8, 2, False), ("reviews", 4, 3, True)]
    coverage = Coverage(frame(drawn))
    commits, reviews, branches = (list(coverage.why_not(table, REACH, T)) for table in TABLES)
    assert commits[0] == "known from 2025-09-30T22:00Z on, 0 days before t are needed"
    assert commits[1:3] == ["", ""]
    assert commits[3:] == ["truncated: one page short"] * 2
    assert reviews == ["", "", "", *["not pulled at or after this instant yet"] * 2]
    assert branches == ["not pulled at or after this instant yet"] * INSTANTS


@examples
@given(st.lists(st.integers(0, 4), max_size=8))
def test_stretches_of_growing_knowledge_cover_every_instant_once(hours: list[int]) -> None:
    k = np.array([START.replace(tzinfo=None) + hour * HOUR for hour in hours], dtype="datetime64[us]")
    slices = list(rising(k))
    assert [position for part in slices for position in range(part.start, part.stop)] == list(range(len(hours)))
    for part in slices:
        assert hours[part] == sorted(hours[part])


# number, when seen, length, deleted; one version of a row per pull
version = st.tuples(st.integers(1, 3), half_hours, st.integers(0, 9), st.booleans())


@examples
@given(st.lists(version, max_size=10, unique_by=lambda drawn: drawn[:2]), st.lists(half_hours, max_size=6))
def test_of_each_row_the_last_version_counts_that_was_seen(
    drawn: list[tuple[int, int, int, bool]], known: list[int]
) -> None:
    known.sort()
    rows = pd.DataFrame(drawn, columns=["comment_id", "seen", "body_characters", "deleted"]).astype({"deleted": bool})
    rows["seen_at"] = pd.to_datetime([at(seen) for seen in rows["seen"]], utc=True).astype("datetime64[us, UTC]")
    k = np.array([at(half_hour).replace(tzinfo=None) for half_hour in known], dtype="datetime64[us]")
    found = versions(rows, "issue_comments", k)
    for position, moment in enumerate(known):
        shown = {}
        for number, _, length, deleted in sorted(row for row in drawn if row[1] <= moment):
            shown[number] = None if deleted else length
        counting = found[(found["lo"] <= position) & (position < found["hi"])]
        assert counting["comment_id"].is_unique
        assert dict(zip(counting["comment_id"], counting["body_characters"], strict=True)) == {
            number: length for number, length in shown.items() if length is not None
        }
