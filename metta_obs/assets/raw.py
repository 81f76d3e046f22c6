"""The raw assets: one per table that a pull fills. Each pull is one step, since its tables come from the same requests.

A pull that GitHub does not let finish ends with its coverage marked incomplete, not with an exception: what arrived is
kept, the metrics of other tables go on, and the check `complete` of its tables turns red and fails the run.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa

from metta_obs.assets.external import GITHUB
from metta_obs.assets.resources import PROGRESS, GitHubResource, Instants, LakeResource, SettingsResource
from metta_obs.assets.shared import FRESHNESS, OWNERS
from metta_obs.github.collector import PULLS, run_pull
from metta_obs.lake.schemas import TABLES, Table

PREFIX = "github"


def raw_key(table: str) -> dg.AssetKey:
    """The asset of a raw table."""
    return dg.AssetKey([PREFIX, table])


def column_schema(table: Table) -> dg.TableSchema:
    """The table's columns as Dagster shows them."""
    keys = {"repo", *table.key}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(c.name, _type(c.type), c.meaning + (" [key]" if c.name in keys else ""))
            for c in table.all_columns
        ]
    )


def _type(kind: pa.DataType) -> str:
    return "list of records" if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type) else str(kind)


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        raw_key(table.name),
        deps=[GITHUB.key],
        description=f"{table.meaning}. Append-only row versions: the last `seen_at` per key counts.",
        group_name="raw",
        kinds={"github", "deltalake"},
        owners=OWNERS,
        freshness_policy=FRESHNESS,
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": table.name,
            "key": ", ".join(("repo", *table.key)),
        },
    )


def _pull_assets(name: str) -> dg.AssetsDefinition:
    @dg.multi_asset(name=f"pull_{name}", specs=[_spec(TABLES[table]) for table in PULLS[name]])
    def pull(
        context: dg.AssetExecutionContext,
        settings: SettingsResource,
        lake: LakeResource,
        github: GitHubResource,
        instants: Instants,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        store, client = lake.open(), github.client()
        as_of = instants.for_pull(client)
        rows = [
            row
            for repo in settings.repos().values()
            for row in run_pull(
                name,
                github=client,
                lake=store,
                repo=repo,
                as_of=as_of,
                lookback_days=settings.load().lookback_days,
                pull_id=context.run.run_id,
                progress=PROGRESS.get(),
            )
        ]
        for table in PULLS[name]:
            mine = [row for row in rows if row["table"] == table]
            metadata = _metadata(mine, client.usage.remaining)
            metadata |= {"dagster/row_count": store.count(table), "dagster/uri": store.uri(table)}
            yield dg.MaterializeResult(asset_key=raw_key(table), metadata=metadata)

    return pull


def _metadata(rows: list[dict[str, Any]], quota_left: dict[str, int]) -> dict[str, Any]:
    """What a pull of one table did, over all repositories. Requests are those of the whole step, which shares them."""
    incomplete = [f"{row['repo']}: {row['reason']}: {row['detail']}" for row in rows if not row["complete"]]
    sums = {
        name: sum(row[name] for row in rows)
        for name in ("rows_new", "rows_changed", "rest_calls", "rest_not_modified", "graphql_calls", "graphql_points")
    }
    return {
        "complete": not incomplete,
        **({"incomplete": dg.MetadataValue.md("\n".join(f"- {line}" for line in incomplete))} if incomplete else {}),
        **sums,
        **{f"quota_left_{bucket}": left for bucket, left in quota_left.items()},
    }


RAW_ASSETS = [_pull_assets(name) for name in PULLS]
