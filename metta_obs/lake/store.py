"""The one class that reads and writes the lake's tables.

Raw tables are append-only: a pull appends the versions that differ from the last known ones, nothing is rewritten.
So two writers cannot undo each other's work, and repeating an append after a crash is harmless.
Here: reading, appending, the last known version. Not here: views as of an instant (`metta_obs.metrics.known`).
"""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from metta_obs.lake.schemas import TABLES, TIMESTAMP, Table

log = logging.getLogger(__name__)
Row = dict[str, Any]
COMPACTED_EVERY = 100  # commits: a quarter-hour's are few rows in many small files, and reading opens each
TERMINAL_COLOURS = re.compile(r"\x1b\[\d*m|↳")  # in the messages of deltalake
DERIVED = ("metric_points", "deliveries")
PANDAS_TYPES = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


@dataclass(frozen=True)
class Change:
    """What an append changed: rows not known before, and rows that differ from their last version (deletions too)."""

    new: int = 0
    changed: int = 0

    def __add__(self, other: Change) -> Change:
        return Change(self.new + other.new, self.changed + other.changed)


class LakeError(Exception):
    """The lake cannot be used; the message names the setting and says why."""


class Lake:
    """The tables under `root`, a local folder or `s3://bucket/prefix`.

    `derived_root`: where `metric_points` and `deliveries` are kept instead, so that a dry run leaves none behind.
    """

    def __init__(self, root: str, derived_root: str | None = None):
        self.root = root.rstrip("/")
        self.derived_root = (derived_root or root).rstrip("/")

    def check(self) -> None:
        """LakeError where the tables cannot be kept: said before any work, since a pull writes last."""
        remote = self.root.startswith("s3://")
        if "://" in self.root and not remote:
            raise LakeError(f"METTA_OBS_LAKE: '{self.root}' is neither a folder nor s3://bucket/prefix")
        try:
            if not remote:
                os.makedirs(self.root, exist_ok=True)
                with tempfile.TemporaryFile(dir=self.root):
                    pass
            self._open("pulls")
        except (OSError, DeltaError) as error:
            said = " ".join(TERMINAL_COLOURS.sub("", str(error)).split())
            raise LakeError(f"METTA_OBS_LAKE: {self.root} cannot be used: {said}") from error

    def uri(self, table: str) -> str:
        """Address of a table's Delta folder."""
        return f"{self.derived_root if table in DERIVED else self.root}/{TABLES[table].name}"

    def version(self, table: str) -> int:
        """The table's Delta version, which grows by one with each commit; -1 while the table does not exist."""
        opened = self._open(table)
        return -1 if opened is None else opened.version()

    def read_arrow(self, table: str, repo: str | None = None) -> pa.Table:
        """Every stored row, of one repository if given, with the schema of `schemas`; empty where there is no table."""
        return self._read(self._open(table), table, repo)

    def snapshot(self, table: str, repo: str) -> tuple[pd.DataFrame, int]:
        """Every row version of a repository, and the table's version that they were read from."""
        opened = self._open(table)
        rows = _one_per_moment(self._read(opened, table, repo), TABLES[table])
        return to_frame(rows), -1 if opened is None else opened.version()

    def read(self, table: str, repo: str | None = None) -> pd.DataFrame:
        """Every stored row as a frame: integers `Int64`, flags `boolean`, times `datetime64[us, UTC]`."""
        return to_frame(self.read_arrow(table, repo))

    def current(self, table: str, repo: str) -> pd.DataFrame:
        """The last known version of each row that GitHub still shows, with its `seen_at`."""
        rows = self.read_arrow(table, repo)
        last = _last_versions(rows, TABLES[table])
        return to_frame(last.filter(pc.invert(last["deleted"])))

    def points(self, repo: str, start: datetime, end: datetime) -> pd.DataFrame:
        """The rows of `metric_points` of a repository with `as_of` from `start` to `end`, both included."""
        between = f" and as_of between timestamp '{start.isoformat()}' and timestamp '{end.isoformat()}'"
        return to_frame(self._read(self._open("metric_points"), "metric_points", repo, between))

    def count(self, table: str) -> int:
        """How many rows of a raw table GitHub still shows, over all repositories."""
        opened = self._open(table)
        if opened is None:
            return 0
        key = ", ".join(("repo", *TABLES[table].key))
        ranked = f"select deleted, row_number() over (partition by {key} order by seen_at desc) as newest from t"
        query = f"select count(*) as n from ({ranked}) where newest = 1 and not deleted"
        return int(pa.table(QueryBuilder().register("t", opened).execute(query))["n"][0].as_py())

    def append_versions(
        self, table: str, repo: str, rows: Sequence[Row], seen_at: datetime, *, gone: pd.DataFrame | None = None
    ) -> Change:
        """Append those of `rows` that are new or differ from their last known version, and mark `gone` as deleted.

        `rows` carry the table's own columns; of several with one key the last counts. `gone`: rows of `current()`
        that GitHub no longer shows. Nothing is committed when nothing changed. What a pull that began later has stored
        meanwhile does not count: "as known at `seen_at`" must not lack what this pull saw.
        """
        spec = TABLES[table]
        stored = self.read_arrow(table, repo)
        stored = stored.filter(pc.less_equal(stored["seen_at"], pa.scalar(seen_at, TIMESTAMP)))
        fresh = {_key(row, spec): row for row in self._typed(spec, repo, rows, seen_at, deleted=False).to_pylist()}
        if spec.key:  # only rows that may be meant become Python objects: a pull brings few of many
            first = spec.key[0]
            meant = {row[first] for row in fresh.values()} | (set() if gone is None else set(gone[first].tolist()))
            stored = stored.filter(pc.is_in(stored[first], pa.array(list(meant), stored.schema.field(first).type)))
        known: dict[tuple[Any, ...], Row] = {_key(row, spec): row for row in _last_versions(stored, spec).to_pylist()}
        changed = [row for key, row in fresh.items() if key not in known or _differs(row, known[key])]
        new = sum(_key(row, spec) not in known for row in changed)
        for row in [] if gone is None else gone[list(spec.key)].itertuples(index=False, name=None):
            last = known.get(tuple(row))
            if last is not None and not last["deleted"]:
                changed.append({**last, "seen_at": seen_at, "deleted": True})
        if changed:
            self._commit(table, pa.Table.from_pylist(changed, schema=spec.arrow))
        return Change(new, len(changed) - new)

    def append(self, table: str, rows: Sequence[Row] | pd.DataFrame) -> None:
        """Append rows to a table that is not raw, in one commit; none is made for no rows."""
        if not len(rows):
            return
        schema = TABLES[table].arrow
        if isinstance(rows, pd.DataFrame):
            self._commit(table, pa.Table.from_pandas(rows[schema.names], schema=schema, preserve_index=False))
        else:
            _check_columns(rows, schema.names, table)
            self._commit(table, pa.Table.from_pylist(list(rows), schema=schema))

    @staticmethod
    def _read(opened: DeltaTable | None, table: str, repo: str | None, more: str = "") -> pa.Table:
        schema = TABLES[table].arrow
        if opened is None:
            return schema.empty_table()
        columns = ", ".join(f'"{name}"' for name in schema.names)
        where = "" if repo is None else f" where repo = '{_quoted(repo)}'{more}"
        reader = QueryBuilder().register("t", opened).execute(f"select {columns} from t{where}")
        return pa.table(reader).cast(schema)

    def _open(self, table: str) -> DeltaTable | None:
        try:
            return DeltaTable(self.uri(table), storage_options=self._storage_options())
        except TableNotFoundError:
            return None

    def _storage_options(self) -> dict[str, str]:
        """An endpoint without TLS (a test server) must be allowed explicitly; the rest is AWS's own variables."""
        plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        return {"AWS_ALLOW_HTTP": "true"} if plain and self.root.startswith("s3://") else {}

    @staticmethod
    def _typed(spec: Table, repo: str, rows: Sequence[Row], seen_at: datetime, *, deleted: bool) -> pa.Table:
        _check_columns(rows, [column.name for column in spec.columns], spec.name)
        versions = [{"repo": repo, **row, "seen_at": seen_at, "deleted": deleted} for row in rows]
        return pa.Table.from_pylist(versions, schema=spec.arrow)

    # Two processes that create one table, one that merges files beside one that appends, or a store that answers late:
    # the loser's commit fails as a whole and is made again. Appends themselves never conflict.
    @retry(
        retry=retry_if_exception_type(DeltaError),
        stop=stop_after_attempt(5),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        reraise=True,
    )
    def _commit(self, table: str, rows: pa.Table) -> None:
        opened = self._open(table)
        write_deltalake(
            self.uri(table) if opened is None else opened,
            rows,
            mode="append",
            schema_mode="merge",
            description=TABLES[table].meaning,
            storage_options=self._storage_options(),
        )
        if opened is not None and opened.version() % COMPACTED_EVERY == 0:
            _compact(opened, table)


def _compact(opened: DeltaTable, table: str) -> None:
    """Merge the table's small files, and remove those that were merged a week ago. The rows stay what they are."""
    try:
        opened.optimize.compact()
        opened.vacuum(dry_run=False)
    except (DeltaError, OSError) as error:  # the rows are stored; the next hundredth commit tries again
        log.warning("the files of the table %s were not merged: %s", table, error)


def to_frame(rows: pa.Table) -> pd.DataFrame:
    """An Arrow table as a frame that keeps integers and flags exact where some are null."""
    frame: pd.DataFrame = rows.to_pandas(types_mapper=PANDAS_TYPES.get)
    return frame


def _check_columns(rows: Sequence[Row], columns: Sequence[str], table: str) -> None:
    """ValueError unless `rows` have exactly these columns: a forgotten or misspelt one is an error, not a null."""
    names = set(columns)
    for row in rows:
        if row.keys() != names:
            raise ValueError(
                f"table {table}: missing columns {sorted(names - row.keys())}, unknown {sorted(row.keys() - names)}"
            )


def _key(row: Row, spec: Table) -> tuple[Any, ...]:
    return tuple(row[name] for name in spec.key)


def _differs(row: Row, known: Row) -> bool:
    return any(row[name] != known[name] for name in row if name != "seen_at")


def _one_per_moment(rows: pa.Table, spec: Table) -> pa.Table:
    """One row per key and `seen_at`: of several that were stored within a second the one with the greatest content, so
    that every reader takes the same."""
    moments = rows.select([*spec.key, "seen_at"]).to_pandas(types_mapper=PANDAS_TYPES.get)
    rivals = moments.duplicated(keep=False).to_numpy()
    if not rivals.any():
        return rows
    contents = [json.dumps(row, default=str, sort_keys=True) for row in rows.filter(rivals).to_pylist()]
    greatest = moments[rivals].assign(content=contents).sort_values("content", kind="stable")
    greatest = greatest.drop_duplicates(list(moments.columns), keep="last")
    chosen = ~rivals
    chosen[greatest.index] = True
    return rows.filter(chosen)


def _last_versions(rows: pa.Table, spec: Table) -> pa.Table:
    """The last version per key: the one with the greatest `seen_at`."""
    rows = _one_per_moment(rows, spec)
    order = rows.select([*spec.key, "seen_at"]).to_pandas(types_mapper=PANDAS_TYPES.get).sort_values("seen_at")
    last = order.drop_duplicates(list(spec.key), keep="last") if spec.key else order.tail(1)
    return rows.take(pa.array(sorted(last.index), pa.int64()))


def _quoted(text: str) -> str:
    return text.replace("'", "''")
