"""What the tests of Datadog and of dashboards share: a simulated Datadog at a fixed time, and a client for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import urllib3

from metta_obs.clock import Clock
from metta_obs.datadog.client import Datadog
from metta_obs.datadog.series import Point, tags_of
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.datadog import DatadogServer

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
API_KEY, APP_KEY = "api-key-of-the-tests", "app-key-of-the-tests"
KEYS = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}


class SteppedClock(Clock):
    """A clock that stands still; sleeping moves it on at once and is written down."""

    def __init__(self, now: datetime = NOON) -> None:
        self.moment = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


@dataclass
class Answer:
    """The answer to a request that a test made by hand."""

    status: int
    body: Any


@contextmanager
def datadog_server() -> Iterator[DatadogServer]:
    """A running server that knows the tests' two keys and stands still at NOON."""
    server = DatadogServer(WorldClock(NOON, running=False), api_keys=[API_KEY], app_keys=[APP_KEY])
    server.start()
    try:
        yield server
    finally:
        server.stop()


def client(server: DatadogServer, clock: Clock, **changes: Any) -> Datadog:
    """The product's client for that server; `changes` replace its arguments."""
    settings: dict[str, Any] = {"api_key": API_KEY, "app_key": APP_KEY, "url": server.url, "clock": clock}
    return Datadog(**({"timeout": (5.0, 5.0)} | settings | changes))


def ask(server: DatadogServer, method: str, path: str, body: Any = None, headers: dict[str, str] = KEYS) -> Answer:
    """One request by hand; a body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    answer = urllib3.request(method, server.url + path, body=data, headers=headers, retries=False)
    return Answer(answer.status, answer.json() if answer.data else None)


def points(count: int, *, repo: str = "acme/rockets", at: datetime = NOON) -> list[Point]:
    """Points of as many different metrics."""
    return [Point(f"github.test.m{number}", at, float(number), tags_of(repo, "test")) for number in range(count)]
