"""Who doubts a number sees on one page what it rests on, and a script gets the same as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metta_obs.metrics.registry import SERIES
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs_tests.cli.conftest import Metta

T = "2025-11-20T15:00:00Z"
PAGE = "/Acme/Capsule"


@pytest.fixture
def collected(metta: Metta) -> dict[str, Any]:
    """What `collect --push` said of T."""
    said: dict[str, Any] = json.loads(metta("collect", "github", "--push", "--json").stdout)
    return said


def test_what_is_explained_is_what_was_collected_stored_and_sent(metta: Metta, collected: dict[str, Any]) -> None:
    values = {row["metric"]: row for row in collected["points"] + collected["missing"]}
    for name in ("github.prs.open", "github.prs.cycle_time_p99_hours", "github.ci.tests_passing_on_main"):
        said = json.loads(metta("explain", name, "--as-of", T, "--json").stdout)
        assert (said["metric"], said["repo"], said["as_of"]) == (name, "Acme/Capsule", T)
        assert (said["value"], said["reason"]) == (values[name].get("value"), values[name].get("reason"))
        assert said["definition"] == SERIES[name][1].definition
        assert [row["table"] for row in said["tables"]] == list(SERIES[name][1].tables)
        assert {row["started_at"] for row in said["tables"]} == {said["known_at"]}
        assert [(row["origin"], row["value"]) for row in said["stored"]] == [("live", said["value"])]
        assert [row["value"] for row in said["delivered"]] == ([] if said["value"] is None else [said["value"]])
        assert len(said["rows"]) == said["n"] > 0
        assert all(PAGE in row["url"] for row in said["rows"])


def test_the_page_names_value_window_pull_link_and_every_row(metta: Metta, collected: dict[str, Any]) -> None:
    said = json.loads(metta("explain", "prs.merged_7d", "--json").stdout)
    done = metta("explain", "prs.merged_7d")
    assert done.exit_code == 0
    assert f"github.prs.merged_7d of Acme/Capsule at {T}" in done.stdout
    assert f"{said['value']:.0f} count (n = {said['n']})" in done.stdout
    assert f"2025-11-13T15:00:00Z ≤ date < {T}" in done.stdout
    assert said["verify"] in done.stdout.replace("\n", "")
    assert said["tables"][0]["pull_id"] in done.stdout
    for row in said["rows"]:
        assert f" {row['number']} " in done.stdout
        assert row["merged_at"] in done.stdout


def test_a_missing_number_is_explained_by_what_is_missing(metta: Metta, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add("status", "*/actions/runs", status=503)
    metta("collect", "github", METTA_OBS_LAKE=str(tmp_path))
    sandbox.faults.clear()
    done = metta("explain", "ci.workflow_runs_7d", "--as-of", T, METTA_OBS_LAKE=str(tmp_path))
    assert done.exit_code == 1
    assert "incomplete_fetch" in done.stdout
    assert "actions/runs" in done.stdout
    assert "no complete pull at or after t" in done.stdout
    assert "Rows (0): none" in done.stdout
    assert metta("explain", "prs.open", "--as-of", T, METTA_OBS_LAKE=str(tmp_path)).exit_code == 0


@pytest.mark.parametrize(
    ("words", "changes", "says"),
    [
        (("prs.opened",), {}, "METRIC: there is no 'prs.opened'"),
        (("prs.open", "--as-of", "soon"), {}, "'soon' is no time"),
        (("prs.open", "--as-of", "2925-01-01"), {}, "lies in the future"),
        (("prs.open", "--repo", "capsule"), {}, "--repo: 'capsule' is no repository"),
        (
            ("prs.open",),
            {"METTA_OBS_REPOS": "Acme/Capsule,acme/other"},
            "--repo: say which of Acme/Capsule, acme/other",
        ),
        (("prs.open", "--repo", "acme/other"), {}, "acme/other: there is no complete pull yet"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(
    words: tuple[str, ...], changes: dict[str, str | None], says: str, metta: Metta, collected: dict[str, Any]
) -> None:
    done = metta("explain", *words, **changes)
    assert done.exit_code == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout
