"""Developer metrics: who committed to the default branch."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from metta_obs.metrics.catalogue import DAY, Options, Values, counted, metric
from metta_obs.metrics.commits import by_developer, in_week
from metta_obs.metrics.people import developers
from metta_obs.metrics.spans import Times, distinct


@metric(
    "developers.active_7d",
    title="Active developers",
    unit="count",
    tables=("commits",),
    reach=7 * DAY,
    definition=(
        "Distinct human authors of the commits of the 7 days before t: by linked account, else e-mail, else name."
    ),
)
def developers_active(tables: Mapping[str, pd.DataFrame], t: Times, options: Options) -> dict[str, Values]:
    commits = developers(in_week(tables, t), options.bots)
    return counted(distinct(commits, "developer", t), lambda: by_developer(commits))
