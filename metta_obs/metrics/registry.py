"""Every metric there is: importing this module imports the groups, which register what they define."""

from __future__ import annotations

from metta_obs.metrics import branches, ci, commits, developers, prs  # noqa: F401  (they fill the catalogue)
from metta_obs.metrics.catalogue import _REGISTERED, GROUPS, Metric, Series

CATALOGUE: dict[str, Metric] = {
    key: metric for group in GROUPS for key, metric in _REGISTERED.items() if metric.group == group
}
"""By key without prefix, such as `prs.open`, in the order of the groups."""

SERIES: dict[str, tuple[Series, Metric]] = {
    series.name: (series, metric) for metric in CATALOGUE.values() for series in metric.series
}
"""By name as in Datadog, such as `github.prs.cycle_time_p90_hours`."""
