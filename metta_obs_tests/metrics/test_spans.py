"""The arithmetic on spans means what plain loops over instants mean: no metric can be off by an instant.

Each property draws span frames with few keys and instants, so that spans touch, overlap, repeat and are empty, and
compares what counts at each instant with a loop over the rows.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_obs.metrics import spans
from metta_obs_tests.brute_force_basics import percentile

INSTANTS = 6
START = datetime(2025, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
T = np.array([START.replace(tzinfo=None) + position * HOUR for position in range(INSTANTS)], dtype="datetime64[us]")

bounds = st.integers(0, INSTANTS)
span = st.tuples(bounds, bounds).map(sorted).filter(lambda pair: pair[0] < pair[1])
keys = st.sampled_from(["a", "b", "c"])
# Before, at and after instants, to the microsecond; None is a date that GitHub does not give.
moment = st.builds(
    lambda position, off: START + position * HOUR + off * timedelta(microseconds=1),
    st.integers(-2, INSTANTS + 1), st.sampled_from([-1, 0, 0, 0, 1]),
)  # fmt: skip
dates = st.one_of(st.none(), moment)
row = st.tuples(keys, span, st.integers(-50, 50), dates, dates)
rows = st.lists(row, max_size=8)
Row = tuple[str, list[int], int, datetime | None, datetime | None]
examples = settings(max_examples=25, deadline=None)


def frame(drawn: list[Row]) -> pd.DataFrame:
    """A span frame: key, lo, hi, value, row (its number), date, end."""
    whole = {"lo": [lo for _, (lo, _), *_ in drawn], "hi": [hi for _, (_, hi), *_ in drawn]}
    whole |= {"value": [value for _, _, value, *_ in drawn], "row": list(range(len(drawn)))}
    columns: dict[str, Any] = {"key": np.array([key for key, *_ in drawn], dtype=object)}
    columns |= {name: np.array(values, dtype=np.int64) for name, values in whole.items()}
    for name, dates in (("date", [date for *_, date, _ in drawn]), ("end", [end for *_, end in drawn])):
        naive = [None if date is None else date.replace(tzinfo=None) for date in dates]
        columns[name] = pd.Series(np.array(naive, dtype="datetime64[us]")).dt.tz_localize("UTC")
    return pd.DataFrame(columns)


def at(position: int) -> datetime:
    """The instant at a position."""
    return START + position * HOUR


def counting(table: pd.DataFrame, position: int, *columns: str) -> Counter[Any]:
    """The rows that count at an instant, as tuples of `columns`, each as often as it is there."""
    cells = zip(*(table[name].tolist() for name in ("lo", "hi", *columns)), strict=True)
    return Counter(tuple(others) for lo, hi, *others in cells if lo <= position < hi)


@examples
@given(rows)
def test_times_keep_every_microsecond_and_null(drawn: list[Row]) -> None:
    found = spans.times(frame(drawn)["date"])
    assert found.dtype == "datetime64[us]"
    dates = [None if date is None else date.replace(tzinfo=None) for _, _, _, date, _ in drawn]
    assert found.tolist() == dates


@examples
@given(rows)
def test_a_thing_exists_after_its_date_until_its_end(drawn: list[Row]) -> None:
    table = frame(drawn)
    open_ended = spans.narrow(table, T, table["date"])
    ended = spans.narrow(table, T, table["date"], table["end"])
    for position in range(INSTANTS):
        t = at(position)
        alive = [
            (number,)
            for number, (_, (lo, hi), _, date, _) in enumerate(drawn)
            if lo <= position < hi and date is not None and date < t
        ]
        assert counting(open_ended, position, "row") == Counter(alive)
        still = [number for number in alive if (end := drawn[number[0]][4]) is None or t <= end]
        assert counting(ended, position, "row") == Counter(still)


@examples
@given(rows, st.integers(0, 4))
def test_windows_are_half_open(drawn: list[Row], hours: int) -> None:
    table = frame(drawn)
    found = spans.within(table, T, "date", pd.Timedelta(hours, "h"))
    for position in range(INSTANTS):
        t = at(position)
        inside = [
            (number,)
            for number, (_, (lo, hi), _, date, _) in enumerate(drawn)
            if lo <= position < hi and date is not None and t - hours * HOUR <= date < t
        ]
        assert counting(found, position, "row") == Counter(inside)


@examples
@given(rows, st.data())
def test_a_span_is_cut_to_what_both_ends_allow(drawn: list[Row], data: st.DataObject) -> None:
    table = frame(drawn)
    limits = [data.draw(st.tuples(bounds, bounds)) for _ in drawn]
    lo, hi = (np.array([limit[side] for limit in limits], dtype=np.int64) for side in (0, 1))
    found = spans.clip(table, lo, hi)
    assert (found["lo"] < found["hi"]).all()
    for position in range(INSTANTS):
        kept = [
            (number,)
            for number, (_, (first, last), *_) in enumerate(drawn)
            if first <= position < last and limits[number][0] <= position < limits[number][1]
        ]
        assert counting(found, position, "row") == Counter(kept)


@examples
@given(rows, rows)
def test_rows_meet_where_both_count(drawn: list[Row], others: list[Row]) -> None:
    found = spans.meet(frame(drawn), frame(others), "key")
    for position in range(INSTANTS):
        pairs = [
            (key, number, other)
            for number, (key, (lo, hi), *_) in enumerate(drawn)
            for other, (other_key, (other_lo, other_hi), *_) in enumerate(others)
            if key == other_key and lo <= position < hi and other_lo <= position < other_hi
        ]
        assert counting(found, position, "key", "row", "row_other") == Counter(pairs)


@examples
@given(rows)
def test_a_key_counts_once_however_many_of_its_rows_do(drawn: list[Row]) -> None:
    found = spans.union(frame(drawn), "key")
    for position in range(INSTANTS):
        alive = {(key,) for key, (lo, hi), *_ in drawn if lo <= position < hi}
        assert counting(found, position, "key") == Counter(alive)
    distinct = spans.distinct(frame(drawn), ["key"], T)
    assert list(distinct) == [len({key for key, (lo, hi), *_ in drawn if lo <= p < hi}) for p in range(INSTANTS)]


@examples
@given(rows)
def test_two_columns_together_make_a_key(drawn: list[Row]) -> None:
    distinct = spans.distinct(frame(drawn), ["key", "value"], T)
    expected = [len({(key, value) for key, (lo, hi), value, *_ in drawn if lo <= p < hi}) for p in range(INSTANTS)]
    assert list(distinct) == expected


@examples
@given(rows)
def test_a_stretch_holds_all_rows_that_count_in_it(drawn: list[Row]) -> None:
    found = spans.stretches(frame(drawn), "key")
    assert (found["lo"] < found["hi"]).all()
    for position in range(INSTANTS):
        alive = [(key, number) for number, (key, (lo, hi), *_) in enumerate(drawn) if lo <= position < hi]
        assert counting(found, position, "key", "row") == Counter(alive)
    for _, group in found.groupby(["key", "lo"]):
        assert group["hi"].nunique() == 1  # so that key and lo name the set


@examples
@given(rows, rows)
def test_minus_leaves_a_row_where_no_other_of_its_key_counts(drawn: list[Row], others: list[Row]) -> None:
    found = spans.minus(frame(drawn), frame(others), "key")
    for position in range(INSTANTS):
        taken = {key for key, (lo, hi), *_ in others if lo <= position < hi}
        left = [
            (number,) for number, (key, (lo, hi), *_) in enumerate(drawn) if lo <= position < hi and key not in taken
        ]
        assert counting(found, position, "row") == Counter(left)


@examples
@given(rows)
def test_counts_and_sums_are_over_the_rows_that_count(drawn: list[Row]) -> None:
    table = frame(drawn)
    for position in range(INSTANTS):
        values = [value for _, (lo, hi), value, *_ in drawn if lo <= position < hi]
        assert spans.count(table, T)[position] == len(values)
        assert spans.total(table, table["value"], T)[position] == sum(values)


@examples
@given(rows, st.permutations(range(8)))
def test_a_distribution_is_that_of_the_rows_that_count_in_any_order(drawn: list[Row], order: list[int]) -> None:
    table = frame(drawn)
    found = spans.distribution(table, table["value"].to_numpy() / 7.0, T)
    for position in range(INSTANTS):
        values = [value / 7.0 for _, (lo, hi), value, *_ in drawn if lo <= position < hi]
        assert found.n[position] == len(values)
        if not values:
            assert np.isnan([found.mean[position], found.p50[position], found.p90[position], found.p99[position]]).all()
            continue
        assert np.isclose(found.mean[position], sum(values) / len(values), rtol=1e-12, atol=1e-12)
        for share, column in ((0.5, found.p50), (0.9, found.p90), (0.99, found.p99)):
            assert np.isclose(column[position], percentile(values, share), rtol=1e-12, atol=1e-12)
            assert np.isclose(column[position], np.quantile(values, share), rtol=1e-12, atol=1e-12)
    shuffled = table.iloc[[number for number in order if number < len(table)]]
    again = spans.distribution(shuffled, shuffled["value"].to_numpy() / 7.0, T)
    for name in ("n", "mean", "p50", "p90", "p99"):
        assert getattr(again, name).tobytes() == getattr(found, name).tobytes()  # equal samples, equal bytes


@examples
@given(rows)
def test_each_instant_gives_alone_what_it_gives_among_others(drawn: list[Row]) -> None:
    table = frame(drawn)
    recent = spans.within(table, T, "date", pd.Timedelta(3, "h"))
    together = spans.distribution(recent, _values(recent), T)
    for position in range(INSTANTS):
        mine = table[(table["lo"] <= position) & (position < table["hi"])].assign(lo=0, hi=1)
        one = T[position : position + 1]
        inside = spans.within(mine, one, "date", pd.Timedelta(3, "h"))
        alone = spans.distribution(inside, _values(inside), one)
        assert alone.n[0] == together.n[position]
        assert alone.mean.tobytes() == together.mean[position : position + 1].tobytes()


def _values(table: pd.DataFrame) -> np.ndarray:
    return table["value"].to_numpy() / 7.0


def test_what_metrics_share_is_computed_anew_for_other_tables() -> None:
    asked = []

    @spans.shared
    def both(first: list[int], second: list[int]) -> int:
        asked.append((first, second))
        return len(first) + len(second)

    one, two, same_as_two = [1], [2, 3], [2, 3]
    assert both(one, two) == both(one, two) == 3
    assert len(asked) == 1
    assert both(two, one) == both(one, same_as_two) == 3
    assert len(asked) == 3
