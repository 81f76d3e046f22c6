"""The metric assets: one node per metric, one step per group, which reads its tables once and commits its points once.

A metric that cannot be computed becomes a row with its reason, as every other value does; the check turns red and
fails the run, and the others go on to Datadog.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import dagster as dg
import pandas as pd

from metta_obs.assets.raw import raw_key
from metta_obs.assets.resources import CLOCK, Instants, LakeResource, SettingsResource
from metta_obs.assets.shared import FRESHNESS, OWNERS
from metta_obs.lake.store import Lake
from metta_obs.metrics.catalogue import GROUPS, Metric
from metta_obs.metrics.compute import compute, default_branch
from metta_obs.metrics.registry import CATALOGUE

PREFIX = "metrics"
SAME_POINT = ["metric", "as_of", "origin"]
SAID = ["value", "n", "reason", "detail", "known_at", "code_version"]


def metric_key(metric: Metric) -> dg.AssetKey:
    """The asset of a metric."""
    return dg.AssetKey([PREFIX, metric.key])


def metric_of(key: dg.AssetKey) -> Metric:
    """The metric of an asset."""
    return CATALOGUE[key.path[-1]]


def _spec(metric: Metric) -> dg.AssetSpec:
    sent = "\n".join(f"- `{series.name}` ({series.unit}, {series.statistic})" for series in metric.series)
    reach = f"{metric.reach.days} days before t" if metric.reach else "the instant t"
    verify = "GitHub has no page that shows the same."
    if metric.link:
        verify = (
            f"To verify on GitHub: `{unquote_plus(metric.link)}` under the repository's address; the last "
            "materialisation has the whole link."
        )
    return dg.AssetSpec(
        metric_key(metric),
        deps=[raw_key(table) for table in metric.tables],
        description=(
            f"**{metric.title}**\n\n{metric.definition}\n\nWindow: {reach}. Tables: {', '.join(metric.tables)}.\n\n"
            f"In Datadog, per repository:\n\n{sent}\n\n{verify}"
        ),
        group_name=metric.group,
        kinds={"pandas"},
        owners=OWNERS,
        code_version=metric.code_version,
        freshness_policy=FRESHNESS,
        skippable=True,
        metadata={"datadog_metric": metric.name, "unit": metric.unit},
    )


def _group_assets(group: str) -> dg.AssetsDefinition:
    metrics = [metric for metric in CATALOGUE.values() if metric.group == group]

    @dg.multi_asset(name=f"metrics_{group}", specs=[_spec(metric) for metric in metrics], can_subset=True)
    def compute_group(
        context: dg.AssetExecutionContext, settings: SettingsResource, lake: LakeResource, instants: Instants
    ) -> Iterator[dg.MaterializeResult[Any]]:
        store = lake.open()
        selected = [metric for metric in metrics if metric_key(metric) in context.selected_asset_keys]
        points = {
            repo: compute(
                store,
                selected,
                repo,
                instants.for_metrics(store, selected, repo),
                settings.load().options,
                instants.restated,
            )
            for repo in settings.repos()
        }
        news = [_news(store, repo, rows, instants.origin) for repo, rows in points.items()]
        store.append("metric_points", pd.concat(news, ignore_index=True))
        branches = {repo: default_branch(store, repo) for repo in points}
        for metric in selected:
            yield dg.MaterializeResult(
                asset_key=metric_key(metric), metadata=_metadata(metric, points, settings, branches)
            )

    return compute_group


def _news(lake: Lake, repo: str, rows: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The points that differ from the last stored ones of the same series, instant and origin, as rows to append."""
    rows = rows.assign(repo=repo, origin=origin, computed_at=pd.Timestamp(CLOCK.now()))
    stored = lake.points(repo, rows["as_of"].min(), rows["as_of"].max())
    stored = stored.sort_values("computed_at", kind="stable").drop_duplicates(SAME_POINT, keep="last")
    both = rows.merge(
        stored[[*SAME_POINT, *SAID]], on=SAME_POINT, how="left", suffixes=("", "_stored"), indicator="stored"
    )
    same = both["stored"].eq("both")
    for column in SAID:
        last = both[f"{column}_stored"]
        same &= ((both[column] == last) | (both[column].isna() & last.isna())).fillna(False).astype(bool)
    return rows[~same.to_numpy()]


def _metadata(
    metric: Metric, points: dict[str, pd.DataFrame], settings: SettingsResource, branches: dict[str, str | None]
) -> dict[str, Any]:
    """Numbers of the newest instant, which the UI plots; the evidence as a table; the links to verify them.

    With one repository the names are plain (`value`, `n`, `p90`); with several each is followed by its repository.
    """
    metadata: dict[str, Any] = {}
    lines = ["| repository | series | t | value | n | reason | k(t) |", "|---|---|---|---|---|---|---|"]
    links = []
    for repo, rows in points.items():
        name = settings.repos()[repo]
        suffix = "" if len(points) == 1 else f" {name}"
        for series in metric.series:
            own = rows[rows["metric"] == series.name]
            if own.empty:
                continue
            last = own.iloc[-1]
            label = "value" if series is metric.series[0] else series.statistic
            if pd.notna(last["value"]):
                metadata[label + suffix] = float(last["value"])
            if series is metric.series[0]:
                metadata["n" + suffix] = int(last["n"])
                link = metric.verify_link(settings.load().github_web, name, last["as_of"], branches[repo])
                if link:
                    links.append(f"- [{name}]({link})")
                if len(own) > 1:
                    metadata["instants" + suffix] = len(own)
            lines.append(
                f"| {name} | {series.name} | {last['as_of']:%Y-%m-%dT%H:%MZ} | {_number(last['value'])} | {last['n']} "
                f"| {_reason(last)} | {_time(last['known_at'])} |"
            )
    metadata["evidence"] = dg.MetadataValue.md("\n".join(lines))
    if links:
        metadata["verify on GitHub"] = dg.MetadataValue.md("\n".join(links))
    versions = {
        repo: json.loads(rows[rows["metric"] == metric.name].iloc[-1]["table_versions"])
        for repo, rows in points.items()
    }
    metadata["table versions"] = dg.MetadataValue.json(versions)
    return metadata


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.6g}"


def _reason(row: pd.Series) -> str:
    parts = [part for part in (row["reason"], row["detail"]) if isinstance(part, str)]
    return ": ".join(parts).replace("|", "\\|")


def _time(moment: pd.Timestamp) -> str:
    return "" if pd.isna(moment) else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


METRIC_ASSETS = [_group_assets(group) for group in GROUPS]
