"""The dashboards asset: compiles the Jsonnet sources, checks them and brings Datadog's dashboards up to date."""

import hashlib
from typing import Any

import dagster as dg

from metta_obs.assets.resources import DatadogResource, SettingsResource, permanent
from metta_obs.assets.shared import OWNERS
from metta_obs.dashboards.check import CheckError, build
from metta_obs.dashboards.compile import CompileError
from metta_obs.dashboards.push import Pushed, PushError, push
from metta_obs.datadog.client import DatadogError
from metta_obs.metrics.registry import SERIES

DASHBOARDS_KEY = dg.AssetKey(["datadog", "dashboards"])


@dg.asset(
    key=DASHBOARDS_KEY,
    group_name="datadog",
    kinds={"jsonnet", "datadog"},
    owners=OWNERS,
    description=(
        "The dashboards of `jsonnet/dashboards/`, checked against the metric catalogue. Creates or updates those whose "
        "source changed since the last push and sends nothing otherwise. Does not wait for the metrics."
    ),
)
def dashboards(settings: SettingsResource, datadog: DatadogResource) -> dg.MaterializeResult[Any]:
    env = settings.load().get("DD_ENV")
    try:
        built = build(env, SERIES)
    except (CompileError, CheckError) as error:
        raise permanent(error) from error
    version = dg.DataVersion(hashlib.sha256("".join(one.json for one in built).encode()).hexdigest())
    client = datadog.client()
    lacking = [name for name in ("DD_API_KEY", "DD_APP_KEY") if settings.load().secret(name) is None]
    if client is None or lacking:
        why = "no dashboard was sent: " + "; ".join(f"{name} is {settings.load().source(name)}" for name in lacking)
        return dg.MaterializeResult(metadata={"built": len(built), "not_sent": why}, data_version=version)
    try:
        report = push(client, built, env)
    except PushError as error:
        raise dg.Failure(str(error), metadata={"dashboards": table(error.report)}) from error
    except DatadogError as error:
        raise permanent(error) if not error.transient else dg.Failure(str(error)) from error
    changed = sum(one.action != "unchanged" for one in report)
    return dg.MaterializeResult(
        metadata={"built": len(built), "changed": changed, "dashboards": table(report)}, data_version=version
    )


def table(report: list[Pushed]) -> dg.MarkdownMetadataValue:
    """What became of each dashboard, with its link."""
    lines = ["| dashboard | source | what happened | remark |", "|---|---|---|---|"]
    for one in report:
        title = f"[{one.title}]({one.url})" if one.url else one.title
        remarks = [
            *(["changes made in Datadog were overwritten"] if one.edited else []),
            *([one.detail] if one.detail else []),
        ]
        lines.append(f"| {title} | {one.source} | {one.action} | {'; '.join(remarks)} |")
    return dg.MetadataValue.md("\n".join(lines))
