"""The whole sandbox: one world, its clock, and the two servers over it.

Here: starting and stopping them together. Not here: what they answer (`github`, `datadog`), what the world holds
(`generator`, `dataset`).
"""

from __future__ import annotations

import gc
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from types import TracebackType

from metta_obs.sandbox import control
from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.datadog import DatadogServer
from metta_obs.sandbox.dataset import dataset_world
from metta_obs.sandbox.faults import Faults
from metta_obs.sandbox.generator import default_world
from metta_obs.sandbox.generator_spec import DEFAULT_WORLD, WorldSpec
from metta_obs.sandbox.github import GitHubServer
from metta_obs.sandbox.requests import RequestLog
from metta_obs.sandbox.world import World


class Sandbox:
    """A local GitHub and Datadog; use it as a context manager, or `start()` and `stop()` it.

    The world is `world` where given (then its clock counts), else the rows in the folder `dataset`, else one made up
    from `seed` and `spec`. `now` (aware; default: the present) is where its clock starts; with `running=False` it
    stands still until it is set or advanced. `tokens` are the GitHub tokens that are accepted, `api_keys` and
    `app_keys` Datadog's; None accepts any. `limits` are GitHub's hourly quotas by resource. Port 0 is a free one;
    PortInUse says that a given one is not, DatasetError what is wrong with a row.

    `faults` and `requests` are GitHub's; Datadog's are `datadog.faults` and `datadog.requests`.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        spec: WorldSpec = DEFAULT_WORLD,
        now: datetime | None = None,
        running: bool = True,
        dataset: str | Path | None = None,
        world: World | None = None,
        github_port: int = 0,
        datadog_port: int = 0,
        tokens: Collection[str] | None = None,
        api_keys: Collection[str] | None = None,
        app_keys: Collection[str] | None = None,
        limits: dict[str, int] | None = None,
    ) -> None:
        if world is None:
            clock = WorldClock(now, running)
            world = dataset_world(dataset, clock) if dataset is not None else default_world(clock, seed, spec)
        self.world = world
        self.clock = world.clock
        self.faults = Faults()
        self.requests = RequestLog()
        self.github = GitHubServer(
            self.world,
            self.clock,
            port=github_port,
            tokens=tokens,
            faults=self.faults,
            requests=self.requests,
            limits=limits,
        )
        self.datadog = DatadogServer(self.clock, port=datadog_port, api_keys=api_keys, app_keys=app_keys)
        self.github.controls |= {
            "faults": control.faults(self.faults),
            "requests": control.requests(self.requests),
            "clock": control.clock(self.clock),
        }
        self.datadog.controls["clock"] = control.clock(self.clock)

    @property
    def github_url(self) -> str:
        """The address of GitHub's REST API; GraphQL is at /graphql below it."""
        return self.github.url

    @property
    def datadog_url(self) -> str:
        """The address of Datadog's API."""
        return self.datadog.url

    def start(self) -> None:
        """Start both servers, or neither, and tell the world up to now. Raises PortInUse."""
        try:
            self.github.start()
            self.datadog.start()
            self.world.state()
        except BaseException:
            self.stop()
            raise
        # The world is large and stays; the collector would look through it again and again, for half a second each.
        gc.freeze()

    def stop(self) -> None:
        """Stop both servers."""
        self.datadog.stop()
        self.github.stop()
        gc.unfreeze()

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
