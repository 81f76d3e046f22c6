"""The Datadog sink: sends the live points that Datadog lacks and records what it accepted."""

from typing import Any

import dagster as dg

from metta_obs.assets.metrics import metric_key
from metta_obs.assets.resources import DatadogResource, Instants, LakeResource, SettingsResource, permanent
from metta_obs.assets.shared import FRESHNESS, OWNERS
from metta_obs.datadog.client import DatadogError
from metta_obs.datadog.delivery import deliver
from metta_obs.metrics.registry import CATALOGUE

SERIES_KEY = dg.AssetKey(["datadog", "series"])


@dg.asset(
    key=SERIES_KEY,
    deps=[metric_key(metric) for metric in CATALOGUE.values()],
    group_name="datadog",
    kinds={"datadog"},
    owners=OWNERS,
    freshness_policy=FRESHNESS,
    description=(
        "The metrics as gauges in Datadog, tagged repo, org and env. Sends every live point of the last hour that "
        "Datadog lacks or has with another value, so that a failed run is made up for by the next; sending again is "
        "harmless."
    ),
)
def series(
    settings: SettingsResource, lake: LakeResource, datadog: DatadogResource, instants: Instants
) -> dg.MaterializeResult[Any]:
    client = datadog.client()
    if client is None:
        missing = settings.load().source("DD_API_KEY")
        why = f"no point was sent: DD_API_KEY is {missing}"
        return dg.MaterializeResult(metadata={"delivered": 0, "not_sent": why})
    env = settings.load().get("DD_ENV")
    try:
        done = deliver(lake.open(), client, settings.repos(), env, instants.now())
    except DatadogError as error:
        raise permanent(error) if not error.transient else dg.Failure(str(error)) from error
    return dg.MaterializeResult(
        metadata={
            "delivered": done.sent,
            "too_old": done.points_too_old,
            **({"too_old_detail": done.detail} if done.detail else {}),
            "site": client.site,
            "env": env,
        }
    )
