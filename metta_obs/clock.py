"""The one source of time: everything that needs the present or a pause asks a `Clock`, and tests bring theirs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

QUARTER_HOUR = timedelta(minutes=15)


class Clock:
    """This machine's clock. Subclass it to simulate time."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        time.sleep(seconds)


def floor_quarter_hour(moment: datetime) -> datetime:
    """The quarter-hour at or before `moment`, in UTC."""
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


def iso(moment: datetime) -> str:
    """`moment` in UTC as GitHub writes times, such as 2025-10-23T18:30:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
