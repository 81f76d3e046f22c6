"""What every asset of this project carries: owners and the freshness that a 15-minute schedule promises."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

OWNERS = ["team:engineering-health"]
# One late tick is a warning, two missed ones a failure.
FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(minutes=45), warn_window=timedelta(minutes=30))
