"""Both ends of the lineage, which Dagster does not run: GitHub and Datadog, each with a link."""

from __future__ import annotations

import dagster as dg

GITHUB = dg.AssetSpec(
    dg.AssetKey(["external", "github"]),
    description="The repositories that METTA_OBS_REPOS names, on GitHub.",
    group_name="github",
    kinds={"github"},
    metadata={"url": dg.MetadataValue.url("https://github.com")},
)
DATADOG = dg.AssetSpec(
    dg.AssetKey(["external", "datadog"]),
    deps=[dg.AssetKey(["datadog", "series"]), dg.AssetKey(["datadog", "dashboards"])],
    description="The metrics and dashboards that people look at, on Datadog.",
    group_name="datadog",
    kinds={"datadog"},
    metadata={"url": dg.MetadataValue.url("https://app.datadoghq.com/dashboard/lists")},
)
