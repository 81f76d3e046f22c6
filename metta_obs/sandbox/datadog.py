"""The simulated Datadog: an HTTP server that takes points and keeps dashboards as Datadog does.

Here: addresses, keys, faults, the control routes. Not here: what is stored and the rules for it (`datadog_intake`,
`datadog_dashboards`), HTTP itself (`server`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from metta_obs.sandbox import control
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.datadog_dashboards import Dashboards
from metta_obs.sandbox.datadog_intake import Dropped, Intake, Refused, SeriesKey, Submission, read_json
from metta_obs.sandbox.faults import Fault, Faults
from metta_obs.sandbox.requests import RequestLog
from metta_obs.sandbox.server import HttpServer, Reply, Request

KINDS = ("status", "cut", "slow")  # the faults that make sense for Datadog
OLDEST_EVENT = timedelta(hours=18)


class DatadogServer(HttpServer):
    """Datadog on `host`:`port` at the time that `clock` tells.

    `api_keys`, `app_keys`: the keys that it knows; None takes any that is not empty. Of the faults only the kinds
    status (nothing is done, this answer is given), slow and cut strike here: cut `before`, nothing is done; cut in the
    `middle` of the answer, everything is. A 202 with errors is a fault of kind status with that body, a rate limit is
    one with status 429 and the header X-RateLimit-Reset. Over HTTP (see `control`) also: GET and DELETE
    /_sandbox/series and /_sandbox/dashboards, what arrived.
    """

    def __init__(
        self,
        clock: WorldClock,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_keys: Iterable[str] | None = None,
        app_keys: Iterable[str] | None = None,
        requests: RequestLog | None = None,
    ) -> None:
        super().__init__(clock.now, host=host, port=port, requests=requests)
        self.clock = clock
        self.intake = Intake()
        self.store = Dashboards()
        self.faults = Faults()
        self._api_keys = None if api_keys is None else frozenset(api_keys)
        self._app_keys = None if app_keys is None else frozenset(app_keys)
        self.controls |= {
            "faults": control.faults(self.faults),
            "requests": control.requests(self.requests),
            "series": self._control_series,
            "dashboards": self._control_dashboards,
        }

    @property
    def series(self) -> dict[SeriesKey, float]:
        """What arrived: (metric, sorted tags, timestamp in seconds) to value; the last write wins."""
        return dict(self.intake.series)

    @property
    def submissions(self) -> list[Submission]:
        """The requests to the series intake that were accepted, oldest first."""
        return list(self.intake.submissions)

    @property
    def dropped(self) -> list[Dropped]:
        """Points that were answered with 202 and yet not stored."""
        return list(self.intake.dropped)

    @property
    def dashboards(self) -> dict[str, dict[str, Any]]:
        """A copy of every dashboard by id, as a GET answers it."""
        return self.store.all()

    def reply(self, request: Request) -> Reply:
        """Answer as Datadog does, or as a fault says."""
        fault = self.faults.strike(KINDS, request.method, request.path)
        if fault is not None and fault.kind == "status":
            return _broken(fault)
        if fault is not None and fault.kind == "cut" and fault.where == "before":
            return Reply(cut="before", fault=fault.id)
        reply = self._reply(request)
        if fault is not None:
            reply.fault = fault.id
            reply.seconds = fault.seconds if fault.kind == "slow" else 0.0
            reply.cut = "middle" if fault.kind == "cut" else None
        return reply

    def _reply(self, request: Request) -> Reply:
        try:
            for method, path, needs_app_key, handler in ROUTES:
                found = re.fullmatch(path, request.path)
                if found and method == request.method:
                    self._authorize(request, needs_app_key)
                    status, value = handler(self, request, *found.groups())
                    return Reply.of_json(status, value) if value is not None else Reply(status)
        except Refused as refused:
            return Reply.of_json(refused.status, {"errors": refused.errors})
        return Reply.of_json(404, {"errors": ["Not found"]})

    def _authorize(self, request: Request, needs_app_key: bool) -> None:
        for header, known in (("dd-api-key", self._api_keys), ("dd-application-key", self._app_keys)):
            key = request.headers.get(header, "")
            if header == "dd-application-key" and not needs_app_key:
                continue
            if not key or (known is not None and key not in known):
                raise Refused(403, "Forbidden")

    def _control_series(self, request: Request) -> Reply:
        if request.method == "DELETE":
            self.intake.clear()
            return Reply(204)
        return Reply.of_json(200, self.intake.as_json())

    def _control_dashboards(self, request: Request) -> Reply:
        if request.method == "DELETE":
            self.store.clear()
            return Reply(204)
        return Reply.of_json(200, self.dashboards)


Answer = tuple[int, Any]


def _submit(server: DatadogServer, request: Request) -> Answer:
    server.intake.submit(request.body, request.headers.get("content-encoding", ""), server.now())
    return 202, {"errors": []}


def _metrics(server: DatadogServer, request: Request) -> Answer:
    query = request.query
    since = server.now() - timedelta(seconds=int(query.get("window[seconds]", 3600)))
    tags = tuple(re.findall(r"[^\s()]+:[^\s()]+", query.get("filter[tags]", "")))
    names = server.intake.metrics(since=since, tags=tags)
    limit, cursor = int(query.get("page[size]", 10_000)), query.get("page[cursor]", "")
    page = [name for name in names if name > cursor][:limit]
    following = page[-1] if page and page[-1] != names[-1] else None
    pagination = {"cursor": cursor or None, "limit": limit, "next_cursor": following, "type": "cursor_limit"}
    return 200, {"data": [{"type": "metrics", "id": name} for name in page], "meta": {"pagination": pagination}}


def _metrics_v1(server: DatadogServer, request: Request) -> Answer:
    since = request.query.get("from", "")
    if not since.isdigit():
        raise Refused(400, "from must be a POSIX timestamp")
    moment = datetime.fromtimestamp(int(since), server.now().tzinfo)
    return 200, {"from": since, "metrics": server.intake.metrics(since=moment)}


def _event(server: DatadogServer, request: Request) -> Answer:
    event = _object(request)
    if not event.get("title") or not isinstance(event.get("text"), str):
        raise Refused(400, "title and text are required")
    if len(event["text"]) > 4000 or len(event.get("aggregation_key") or "") > 100:
        raise Refused(400, "text or aggregation_key is too long")
    if event.get("date_happened", server.now().timestamp()) < (server.now() - OLDEST_EVENT).timestamp():
        raise Refused(400, "Event too far in the past")
    server.intake.events.append(event)
    stored = {"id": len(server.intake.events), "title": event["title"], "text": event["text"]}
    return 202, {"status": "ok", "event": stored}


def _event_v2(server: DatadogServer, request: Request) -> Answer:
    data = _object(request).get("data")
    if not isinstance(data, dict) or not isinstance(data.get("attributes"), dict) or "title" not in data["attributes"]:
        raise Refused(400, "data.attributes.title is required")
    server.intake.events.append(data["attributes"])
    number = str(len(server.intake.events))
    attributes = {"attributes": {"evt": {"id": number, "uid": number}}}
    return 202, {"data": {"type": "event", "attributes": attributes}, "links": {"self": f"/api/v2/events/{number}"}}


def _checks(server: DatadogServer, request: Request) -> Answer:
    try:
        given = json.loads(request.body)
    except ValueError as error:
        raise Refused(400, "Payload is not in the expected format") from error
    checks = given if isinstance(given, list) else [given]
    for check in checks:
        if not isinstance(check, dict) or not check.get("check") or check.get("status") not in (0, 1, 2, 3):
            raise Refused(400, "check and a status from 0 to 3 are required")
    server.intake.checks.extend(checks)
    return 202, {"status": "ok"}


def _set_metadata(server: DatadogServer, request: Request, metric: str) -> Answer:
    return 200, server.intake.set_metadata(metric, _object(request))


def _rename_list(server: DatadogServer, request: Request, number: str) -> Answer:
    return 200, server.store.save_list(_object(request), server.now(), int(number))


def _change_members(server: DatadogServer, request: Request, number: str) -> Answer:
    return 200, server.store.change_members(int(number), request.method, _object(request))


def _delete_many(server: DatadogServer, request: Request) -> Answer:
    server.store.delete_many(_object(request), server.now())
    return 204, None


def _restore_many(server: DatadogServer, request: Request) -> Answer:
    server.store.restore_many(_object(request))
    return 204, None


def _object(request: Request) -> dict[str, Any]:
    return read_json(request.body)


def _broken(fault: Fault) -> Reply:
    if fault.body is None:
        reply = Reply.of_json(fault.status, {"errors": [f"sandbox fault {fault.id}"]}, fault.headers)
    elif isinstance(fault.body, str):
        reply = Reply(fault.status, fault.body.encode(), {"Content-Type": "text/html"} | fault.headers)
    else:
        reply = Reply.of_json(fault.status, fault.body, fault.headers)
    reply.fault = fault.id
    return reply


Handler = Callable[..., Answer]
VALID_KEY = {
    "id": "sandbox",
    "type": "validate_v2",
    "attributes": {"api_key_id": "sandbox", "api_key_scopes": [], "valid": True},
}
BOARDS, BOARD = "/api/v1/dashboard", "/api/v1/dashboard/([^/]+)"
LISTS, LIST = "/api/v1/dashboard/lists/manual", r"/api/v1/dashboard/lists/manual/(\d+)"
MEMBERS = r"/api/v2/dashboard/lists/manual/(\d+)/dashboards"
METADATA = "/api/v1/metrics/([^/]+)"

# (method, path, whether an application key is needed, handler); the first that fits answers.
ROUTES: tuple[tuple[str, str, bool, Handler], ...] = (
    ("POST", "/api/v2/series", False, _submit),
    ("GET", "/api/v2/metrics", True, _metrics),
    ("GET", "/api/v1/metrics", True, _metrics_v1),
    ("GET", METADATA, True, lambda server, request, metric: (200, server.intake.metadata_of(metric))),
    ("PUT", METADATA, True, _set_metadata),
    ("GET", "/api/v1/validate", False, lambda server, request: (200, {"valid": True})),
    ("GET", "/api/v2/validate", False, lambda server, request: (200, {"data": VALID_KEY})),
    ("GET", "/api/v2/validate_keys", True, lambda server, request: (200, {"status": "ok"})),
    ("POST", "/api/v1/events", False, _event),
    ("POST", "/api/v2/events", True, _event_v2),
    ("POST", "/api/v1/check_run", False, _checks),
    ("GET", LISTS, True, lambda server, request: (200, server.store.lists())),
    ("POST", LISTS, True, lambda server, request: (200, server.store.save_list(_object(request), server.now()))),
    ("GET", LIST, True, lambda server, request, number: (200, server.store.list_of(int(number)))),
    ("PUT", LIST, True, _rename_list),
    ("DELETE", LIST, True, lambda server, request, number: (200, server.store.delete_list(int(number)))),
    ("GET", MEMBERS, True, lambda server, request, number: (200, server.store.members(int(number)))),
    ("POST", MEMBERS, True, _change_members),
    ("PUT", MEMBERS, True, _change_members),
    ("DELETE", MEMBERS, True, _change_members),
    ("GET", BOARDS, True, lambda server, request: (200, server.store.page(request.query))),
    ("POST", BOARDS, True, lambda server, request: (200, server.store.create(_object(request), server.now()))),
    ("DELETE", BOARDS, True, _delete_many),
    ("PATCH", BOARDS, True, _restore_many),
    ("GET", BOARD, True, lambda server, request, key: (200, server.store.get(key))),
    ("PUT", BOARD, True, lambda server, request, key: (200, server.store.replace(key, _object(request), server.now()))),
    ("DELETE", BOARD, True, lambda server, request, key: (200, server.store.delete(key, server.now()))),
)
