"""What we ask of Datadog: take points, keep dashboards, say whether our keys suffice.

Here: one method per request. Not here: retries and errors (`transport`), which points are due (`delivery`), what
a dashboard should look like (`metta_obs.dashboards`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datadog_api_client.v1.api.authentication_api import AuthenticationApi
from datadog_api_client.v1.api.dashboards_api import DashboardsApi
from datadog_api_client.v2.api.key_management_api import KeyManagementApi
from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.model.metric_content_encoding import MetricContentEncoding

from metta_obs.clock import Clock
from metta_obs.datadog.series import MAX_COMPRESSED, MAX_PLAIN, Point, batches, payload, refusal
from metta_obs.datadog.transport import DatadogError, Transport

__all__ = ["Check", "Datadog", "DatadogError"]

Dashboard = dict[str, Any]

API_KEY = "DD_API_KEY"
BOTH_KEYS = "DD_API_KEY and DD_APP_KEY"
MOST_SPLITS = 5  # a batch refused as too large is halved this often, not down to single points
LIST_PAGE = 1000  # dashboards asked for at once
LIST_PAGE_FLOOR = 100  # a server may cap a page, but the documented default is 100: only a shorter page is the last


@dataclass(frozen=True)
class Check:
    """One thing that the keys must be able to do, whether they can, and what to do if not."""

    what: str
    ok: bool
    detail: str


class Datadog:
    """Datadog's API at one site.

    `url` (DD_URL) stands in for the address that `site` (DD_SITE) implies. Without `app_key` only points can be sent.
    `attempts` counts tries per request, `timeout` is (connect, read) in seconds, `limits` the bytes that a payload may
    have (compressed, decompressed).
    Raises DatadogError for an unknown site, a DD_URL that is no address and keys that cannot be keys.
    """

    def __init__(
        self,
        api_key: str,
        app_key: str | None = None,
        *,
        site: str = "datadoghq.com",
        url: str | None = None,
        clock: Clock | None = None,
        attempts: int = 4,
        timeout: tuple[float, float] = (10.0, 30.0),
        limits: tuple[int, int] = (MAX_COMPRESSED, MAX_PLAIN),
    ) -> None:
        self._transport = Transport(
            api_key=api_key,
            app_key=app_key,
            site=site,
            url=url,
            clock=clock or Clock(),
            attempts=attempts,
            timeout=timeout,
        )
        self._metrics = MetricsApi(self._transport.client)
        self._dashboards = DashboardsApi(self._transport.client)
        self._has_app_key = bool(app_key and app_key.strip())
        self._limits = limits

    @property
    def site(self) -> str:
        """What deliveries are recorded under: the site, or DD_URL without user and password."""
        return self._transport.name

    @property
    def web(self) -> str:
        """Where people open Datadog: the site's web address, or DD_URL itself where that is set."""
        return self._transport.web

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def submit(self, points: Sequence[Point]) -> list[Point]:
        """Send points as gauges (POST /api/v2/series, GZIP, as many requests as the limits ask for).

        Returns the accepted points, which are all of them. The same point sent twice is the same point.
        Raises DatadogError: before anything is sent if a point may not be sent at all (it names the metric), else with
        what was `accepted`. A batch that Datadog finds fault with (400, or a 202 that carries errors) does not hold
        back the others; anything else (keys, rate limit, outage) ends the call.
        """
        refused = [reason for point in points if (reason := refusal(point))]
        if refused:
            raise DatadogError("; ".join(refused))
        accepted: list[Point] = []
        faults: list[DatadogError] = []
        waiting = deque((batch, 0) for batch in batches(points, *self._limits))
        while waiting:
            batch, splits = waiting.popleft()
            try:
                self._submit(batch)
            except DatadogError as error:
                if error.status == 413 and len(batch) > 1 and splits < MOST_SPLITS:
                    middle = len(batch) // 2
                    waiting.extendleft([(batch[middle:], splits + 1), (batch[:middle], splits + 1)])
                    continue
                faults.append(error)
                if error.status not in (202, 400):
                    break
            else:
                accepted += batch
        if faults:
            details, last = "; ".join(error.detail for error in faults), faults[-1]
            raise DatadogError(details, status=last.status, transient=last.transient, accepted=accepted) from last
        return accepted

    def _submit(self, batch: list[Point]) -> None:
        what = "sending 1 point" if len(batch) == 1 else f"sending {len(batch)} points"
        body = payload(batch)
        answer = self._transport.request(
            what,
            lambda: self._metrics.submit_metrics(body=body, content_encoding=MetricContentEncoding.GZIP),  # type: ignore[arg-type]
            keys=API_KEY,
        )
        if errors := (answer or {}).get("errors"):
            # The client calls this success; which of the points were stored is not said.
            raise DatadogError(f"{what}: Datadog answered 202 with errors: {'; '.join(map(str, errors))}", status=202)

    def validate(self) -> list[Check]:
        """Ask what the keys can do: send metrics, act for a user, read dashboards.

        Writes nothing and raises nothing: trouble is a Check that is not ok. Whether the application key may also
        write dashboards cannot be asked without writing one.
        """
        authentication, keys = AuthenticationApi(self._transport.client), KeyManagementApi(self._transport.client)
        checks = [self._check("send metrics", authentication.validate, API_KEY)]
        if not self._has_app_key:
            missing = "DD_APP_KEY is not set; points can be sent, dashboards cannot be pushed"
            return [*checks, Check("read dashboards", False, missing)]
        checks.append(self._check("application key", keys.validate_api_key, BOTH_KEYS))
        checks.append(self._check("read dashboards", lambda: self._dashboards.list_dashboards(count=1), BOTH_KEYS))
        return checks

    def _check(self, what: str, send: Any, keys: str) -> Check:
        try:
            answer = self._transport.request(what, send, keys=keys)
        except DatadogError as error:
            return Check(what, False, error.detail)
        if isinstance(answer, dict) and answer.get("valid") is False:
            return Check(what, False, f"{self.site} says that {keys} is not valid")
        return Check(what, True, f"{self.site} accepts {keys}")

    def dashboards(self) -> list[Dashboard]:
        """Every dashboard in brief: id, title, description, modified_at, … but no widgets.

        One request where there are fewer than 100. Raises DatadogError; a list is never cut short silently.
        """
        found: dict[str, Dashboard] = {}
        while True:
            start = len(found)
            answer = self._transport.request(
                "listing dashboards",
                lambda start=start: self._dashboards.list_dashboards(count=LIST_PAGE, start=start),  # type: ignore[misc]
                keys=BOTH_KEYS,
            )
            try:
                page = {dashboard["id"]: dashboard for dashboard in answer["dashboards"]}
            except (KeyError, TypeError) as error:
                raise DatadogError(f"listing dashboards: {self.site} answered something that is no list") from error
            found |= page
            if len(page) < LIST_PAGE_FLOOR or len(found) == start:
                return list(found.values())

    def dashboard(self, dashboard_id: str) -> Dashboard:
        """One dashboard in full. Raises DatadogError (status 404 where there is none)."""
        return self._whole(
            self._transport.request(
                f"reading dashboard {dashboard_id}",
                lambda: self._dashboards.get_dashboard(dashboard_id),
                keys=BOTH_KEYS,
            )
        )

    def create_dashboard(self, dashboard: Dashboard) -> Dashboard:
        """Create a dashboard and return it with its id.

        Raises DatadogError; where that is `uncertain` the dashboard may exist all the same, so that trying again
        without looking could make a second one.
        """
        return self._whole(
            self._transport.request(
                f"creating dashboard {dashboard['title']!r}",
                lambda: self._dashboards.create_dashboard(body=dashboard),  # type: ignore[arg-type]
                keys=BOTH_KEYS,
                repeat=False,
            )
        )

    def update_dashboard(self, dashboard_id: str, dashboard: Dashboard) -> Dashboard:
        """Replace a dashboard as a whole and return it. Widgets that bring their id keep it. Raises DatadogError."""
        return self._whole(
            self._transport.request(
                f"updating dashboard {dashboard_id}",
                lambda: self._dashboards.update_dashboard(dashboard_id, body=dashboard),  # type: ignore[arg-type]
                keys=BOTH_KEYS,
            )
        )

    def _whole(self, answer: Any) -> Dashboard:
        if not isinstance(answer, dict) or "id" not in answer or "widgets" not in answer:
            raise DatadogError(f"{self.site} answered something that is no dashboard", uncertain=True)
        return answer
