"""Arithmetic on spans of instants, which makes one instant and a thousand the same computation.

A *span frame* is a frame whose columns `lo` and `hi` say for which instants (positions `lo <= i < hi` in the sorted
array `t`) a row counts. A row version counts while it was the known one; a condition on its dates narrows the span;
rows that meet share the overlap of their spans. A metric is then a count, a sum or a distribution over spans.
All times are numpy `datetime64[us]`, in UTC.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Arrays of datetime64[us], int64 and float64. The precise types only trip over numpy's and pandas' stubs.
Times = NDArray[Any]
Ints = NDArray[Any]
Floats = NDArray[Any]


Function = TypeVar("Function", bound=Callable[..., Any])


def shared(function: Function) -> Function:
    """Remember the last call of a pure function by the identity of its arguments: metrics of a group ask alike."""
    last: list[tuple[tuple[Any, ...], Any]] = []

    @functools.wraps(function)
    def remembering(*arguments: Any) -> Any:
        if not (last and len(last[0][0]) == len(arguments) and all(map(operator.is_, last[0][0], arguments))):
            last[:] = [(arguments, function(*arguments))]
        return last[0][1]

    return remembering  # type: ignore[return-value]


def times(values: pd.Series) -> Times:
    """A column of times as numpy, NaT where null."""
    return np.asarray(values.dt.tz_convert(None) if values.dt.tz is not None else values, dtype="datetime64[us]")


def narrow(frame: pd.DataFrame, t: Times, after: pd.Series, until: pd.Series | None = None) -> pd.DataFrame:
    """The rows at instants later than `after` and not later than `until`; no `until` (or null) is for ever.

    A thing dated d exists at t when d < t, so its span begins *after* d; it lies in the window [t-w, t) until d+w.
    """
    start, end = times(after), None if until is None else times(until)
    lo = np.where(np.isnat(start), len(t), np.searchsorted(t, start, side="right"))
    hi = len(t) if end is None else np.where(np.isnat(end), len(t), np.searchsorted(t, end, side="right"))
    return clip(frame, lo, hi)


def clip(frame: pd.DataFrame, lo: Ints | pd.Series, hi: Ints | pd.Series | int) -> pd.DataFrame:
    """The rows with their spans cut to [lo, hi), empty ones dropped."""
    frame = frame.assign(lo=np.maximum(frame["lo"], lo), hi=np.minimum(frame["hi"], hi))
    return frame[frame["lo"] < frame["hi"]]


def within(frame: pd.DataFrame, t: Times, date: str, window: pd.Timedelta) -> pd.DataFrame:
    """The rows whose `date` lies in [t-window, t)."""
    return narrow(frame, t, frame[date], frame[date] + window)


def meet(left: pd.DataFrame, right: pd.DataFrame, on: str | Sequence[str], suffix: str = "_other") -> pd.DataFrame:
    """Pairs of rows with equal keys, at the instants at which both count."""
    pairs = left.merge(right, on=[on] if isinstance(on, str) else list(on), suffixes=("", suffix))
    return clip(pairs, pairs[f"lo{suffix}"], pairs[f"hi{suffix}"])


def union(frame: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """Per key the instants at which any of its rows counts, as disjoint spans (columns: the key, lo, hi)."""
    keys = [by] if isinstance(by, str) else list(by)
    rows = frame[[*keys, "lo", "hi"]].sort_values([*keys, "lo", "hi"], kind="stable")
    covered = rows.groupby(keys, sort=False, dropna=False)["hi"].cummax()
    before = covered.groupby([rows[k] for k in keys], sort=False, dropna=False).shift(fill_value=0)
    rows["lo"] = np.maximum(rows["lo"], before)
    return rows[rows["lo"] < rows["hi"]]


def stretches(frame: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """Per key consecutive stretches of instants in which the same rows count, each with all of its rows.

    A row appears once per stretch that its span contains, with the stretch as `lo` and `hi`: what is grouped by the
    key and `lo` is a set as it was known.
    """
    keys = [by] if isinstance(by, str) else list(by)
    edges = pd.concat(
        [frame[[*keys, "lo"]].rename(columns={"lo": "edge"}), frame[[*keys, "hi"]].rename(columns={"hi": "edge"})]
    )
    edges = edges.drop_duplicates().sort_values([*keys, "edge"], kind="stable")
    edges["next_edge"] = edges.groupby(keys, sort=False, dropna=False)["edge"].shift(-1)
    edges = edges.dropna(subset=["next_edge"]).astype({"next_edge": np.int64})
    members = frame.merge(edges, on=keys)
    members = members[(members["lo"] <= members["edge"]) & (members["edge"] < members["hi"])]
    return members.assign(lo=members["edge"], hi=members["next_edge"]).drop(columns=["edge", "next_edge"])


def minus(left: pd.DataFrame, right: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """The rows of `left` at the instants at which no row of `right` with the same key counts."""
    keys = [by] if isinstance(by, str) else list(by)
    both = pd.concat([left.assign(cut=False), right[[*keys, "lo", "hi"]].assign(cut=True)], ignore_index=True)
    both = stretches(both, keys)
    cut = both.groupby([*keys, "lo"], dropna=False)["cut"].transform("max")
    return both[~cut.astype(bool)].drop(columns="cut")


def count(frame: pd.DataFrame, t: Times) -> Ints:
    """How many rows count at each instant."""
    return _accumulate(frame, np.ones(len(frame), dtype=np.int64), t)


def total(frame: pd.DataFrame, values: pd.Series, t: Times) -> Ints:
    """Sum of whole numbers over the rows that count at each instant."""
    return _accumulate(frame, values.to_numpy(dtype=np.int64), t)


def distinct(frame: pd.DataFrame, by: str | Sequence[str], t: Times) -> Ints:
    """How many distinct keys have a row that counts, at each instant."""
    return count(union(frame, by), t)


def _accumulate(frame: pd.DataFrame, weights: Ints, t: Times) -> Ints:
    steps = np.zeros(len(t) + 1, dtype=np.int64)
    np.add.at(steps, frame["lo"].to_numpy(), weights)
    np.subtract.at(steps, frame["hi"].to_numpy(), weights)
    return steps.cumsum()[: len(t)]


@dataclass(frozen=True)
class Distribution:
    """Sample size, mean and percentiles at each instant; NaN where the sample is empty."""

    n: Ints
    mean: Floats
    p50: Floats
    p90: Floats
    p99: Floats


def distribution(frame: pd.DataFrame, values: Floats, t: Times) -> Distribution:
    """Distribution of `values` (one per row) over the rows that count at each instant.

    Percentiles by linear interpolation (Hyndman and Fan's type 7, as numpy's and pandas' default). The sum runs over
    the sorted values, so equal samples give equal bytes whatever the order of the rows.
    """
    lo, hi = frame["lo"].to_numpy(), frame["hi"].to_numpy()
    lengths = hi - lo
    at = np.repeat(lo - np.concatenate(([0], lengths.cumsum()[:-1])), lengths) + np.arange(lengths.sum())
    sample = np.repeat(values, lengths)
    order = np.lexsort((sample, at))
    at, sample = at[order], sample[order]
    n = np.bincount(at, minlength=len(t)).astype(np.int64)
    first = n.cumsum() - n
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(at, weights=sample, minlength=len(t)) / n
    return Distribution(n, mean, *(_quantile(sample, first, n, q) for q in (0.5, 0.9, 0.99)))


def _quantile(sample: Floats, first: Ints, n: Ints, q: float) -> Floats:
    """Type 7 quantile of each slice `sample[first:first+n]` of sorted values."""
    result = np.full(len(n), np.nan)
    some = n > 0
    position = q * (n[some] - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, n[some] - 1)
    low, high = sample[first[some] + below], sample[first[some] + above]
    result[some] = low + (high - low) * (position - below)
    return result
