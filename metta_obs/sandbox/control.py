"""The routes under `/_sandbox/` that steer a server over HTTP, for what runs in another process than its test.

Here: faults, request log and clock. Not here: what only one server has (Datadog's series and dashboards).

| route                 | GET                   | POST                                             | DELETE      |
|-----------------------|-----------------------|--------------------------------------------------|-------------|
| /_sandbox/faults[/ID] | the faults            | a `faults.Fault` as JSON: switch it on, 201      | one, or all |
| /_sandbox/requests    | the log, oldest first |                                                  | empty it    |
| /_sandbox/clock       | `{"now": ISO time}`   | `{"set": ISO time}` or `{"advance": seconds}`    |             |
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from metta_obs.sandbox.faults import Fault, Faults
from metta_obs.sandbox.requests import RequestLog
from metta_obs.sandbox.server import Reply, Request

Control = Callable[[Request], Reply]


class SettableClock(Protocol):
    """A world's clock that a test can turn."""

    def now(self) -> datetime: ...
    def set(self, moment: datetime) -> None: ...
    def advance(self, by: timedelta) -> None: ...


def faults(of: Faults) -> Control:
    """The control route of a server's faults."""

    def control(request: Request) -> Reply:
        number = request.path.rpartition("/")[2]
        if request.method == "POST":
            try:
                return Reply.of_json(201, of.insert(Fault.from_json(request.json())).as_json())
            except (ValueError, TypeError) as error:
                return _bad(error)
        if request.method == "DELETE" and number.isdigit():
            return Reply(204) if of.remove(int(number)) else Reply.of_json(404, {"message": "no such fault"})
        if request.method == "DELETE":
            of.clear()
            return Reply(204)
        return Reply.of_json(200, [fault.as_json() for fault in of.all()])

    return control


def requests(of: RequestLog) -> Control:
    """The control route of a server's request log."""

    def control(request: Request) -> Reply:
        if request.method == "DELETE":
            of.clear()
            return Reply(204)
        return Reply.of_json(200, [entry.as_json() for entry in of])

    return control


def clock(of: SettableClock) -> Control:
    """The control route of the world's clock."""

    def control(request: Request) -> Reply:
        if request.method == "POST":
            try:
                body = request.json()
                if "set" in body:
                    of.set(datetime.fromisoformat(body["set"]))
                else:
                    of.advance(timedelta(seconds=float(body["advance"])))
            except (ValueError, TypeError, KeyError) as error:
                return _bad(error)
        return Reply.of_json(200, {"now": of.now().isoformat()})

    return control


def _bad(error: Exception) -> Reply:
    return Reply.of_json(400, {"message": f"{type(error).__name__}: {error}"})
