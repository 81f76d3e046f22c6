from __future__ import annotations

from collections.abc import Iterator

import pytest

from metta_obs.datadog.client import Datadog
from metta_obs.sandbox.datadog import DatadogServer
from metta_obs_tests.datadog.servers import SteppedClock, client, datadog_server


@pytest.fixture
def server() -> Iterator[DatadogServer]:
    with datadog_server() as running:
        yield running


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def datadog(server: DatadogServer, clock: SteppedClock) -> Iterator[Datadog]:
    made = client(server, clock)
    yield made
    made.close()
