"""Branch metrics. GitHub does not date branches: they are counted as the first pull after t saw them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pandas as pd

from metta_obs.metrics.catalogue import Options, Values, counted, metric
from metta_obs.metrics.spans import Times, count, narrow

Tables = Mapping[str, pd.DataFrame]
ACTIVE = pd.Timedelta(14, "D")
TIP = ["name", "committed_at", "sha"]


def _others(branches: pd.DataFrame) -> pd.DataFrame:
    return branches[~branches["is_default"].astype(bool)]


@metric(
    "branches.active",
    title="Active branches",
    unit="count",
    tables=("branches",),
    reach=timedelta(0),
    dated=False,
    definition="Branches other than the default one whose tip was committed at or after t minus 14 days.",
)
def branches_active(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    branches = _others(tables["branches"])
    ever = pd.Series(pd.Timestamp.min.tz_localize("UTC"), branches.index).astype("datetime64[us, UTC]")
    active = narrow(branches, t, ever, branches["committed_at"] + ACTIVE)
    return counted(count(active, t), lambda: active[TIP])


@metric(
    "branches.total",
    title="Branches",
    unit="count",
    tables=("branches",),
    reach=timedelta(0),
    dated=False,
    extra=True,
    definition="Branches other than the default one.",
    link="branches/all",
)
def branches_total(tables: Tables, t: Times, options: Options) -> dict[str, Values]:
    branches = _others(tables["branches"])
    return counted(count(branches, t), lambda: branches[TIP])
