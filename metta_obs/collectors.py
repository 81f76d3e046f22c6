"""What a collector gives: raw tables, metrics, settings. GitHub's is the first; others would stand beside it."""

from __future__ import annotations

from dataclasses import dataclass

from metta_obs.lake.schemas import RAW_TABLES
from metta_obs.metrics.registry import CATALOGUE


@dataclass(frozen=True)
class Collector:
    """A source of rows: the tables that it fills, the metrics computed from them, the settings that it reads."""

    name: str
    title: str
    tables: tuple[str, ...]
    metrics: tuple[str, ...]
    settings: tuple[str, ...]


COLLECTORS: dict[str, Collector] = {
    "github": Collector(
        "github",
        "Pull requests, commits, branches and workflow runs of GitHub repositories",
        tuple(RAW_TABLES),
        tuple(CATALOGUE),
        ("METTA_OBS_REPOS", "GITHUB_TOKEN", "GITHUB_API_URL", "METTA_OBS_LOOKBACK_DAYS"),
    )
}
