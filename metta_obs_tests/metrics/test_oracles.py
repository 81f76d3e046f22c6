"""Figures that others published come out exactly from the rows that they are made of.

The rows and where they are from: `metta_obs_tests/data/oracles/README.md`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from metta_obs.github import workflow_runs
from metta_obs.lake.schemas import TABLES
from metta_obs.lake.store import to_frame
from metta_obs.metrics.catalogue import Values, distributed
from metta_obs.metrics.ci import attempt_minutes
from metta_obs.metrics.spans import distribution

DATA = Path(__file__).parent.parent / "data" / "oracles"
SETTINGS = ("METTA_OBS_", "GITHUB_", "DD_", "AWS_", "DAGSTER_")  # of the machine, which must not reach the program


def oracle(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


# --- commits of a week, through the whole chain


def write_dataset(folder: Path) -> None:
    """The oracle's commits as the sandbox's `--dataset` takes them; subjects, paths and names are made from the ids.

    One body tells of a hotfix and a revert, as that of the real commit did which the published figures miscounted.
    """
    place = folder / "Metta-AI" / "metta"
    place.mkdir(parents=True)
    commits = sorted(oracle("metta_commits_2025-10-23T1135PDT.json")["commits"], key=lambda row: row["committed_at"])
    parent, lines = "0" * 39 + "1", []
    for number, row in enumerate(commits):
        files = [
            {"filename": f"part/{file}.py", "status": "modified", "additions": 0, "deletions": 0}
            for file in row["file_ids"]
        ]
        if files:  # the oracle says how many lines the whole commit changed, not which file how many
            files[0] |= {"additions": row["additions"], "deletions": row["deletions"]}
        body = "\n\nAdds: hotfix commit count, revert commit count\n\nThis reverts nothing." if number == 40 else ""
        account, person = row["author_id"], f"developer-{row['author_id']}"
        signature = {"name": person, "email": f"{person}@metta.example"}
        lines.append(
            {
                "sha": row["sha"],
                "commit": {
                    "message": f"Change {row['sha'][:12]} (#{number + 1})" + body,
                    "author": {**signature, "date": row["authored_at"]},
                    "committer": {**signature, "date": row["committed_at"]},
                },
                "author": {"login": person, "id": account, "type": "User"},
                "committer": {"login": person, "id": account, "type": "User"},
                "parents": [{"sha": parent}] * row["parents"],
                "stats": {"additions": row["additions"], "deletions": row["deletions"]},
                "files": files,
            }
        )
        parent = row["sha"]
    branches = [{"name": "main", "commit": {"sha": parent}}]
    (place / "repository.json").write_text(
        json.dumps({"id": 1, "full_name": "Metta-AI/metta", "default_branch": "main"})
    )
    (place / "commits.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (place / "branches.jsonl").write_text("\n".join(map(json.dumps, branches)))


@contextmanager
def sandbox(dataset: Path, now: str) -> Iterator[str]:
    """The sandbox as a program of its own; the address of its GitHub."""
    words = [sys.executable, "-m", "metta_obs.sandbox", "--dataset", str(dataset), "--now", now]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            yield program.stdout.readline().split()[-1]
        finally:
            program.terminate()


def test_the_published_week_of_metta_commits_comes_out_of_the_command_line(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset")
    (tmp_path / "home").mkdir()
    with sandbox(tmp_path / "dataset", "2025-10-23T18:35:30Z") as github:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        own = {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), kept.get("PYTHONPATH", "")])),
            "METTA_OBS_REPOS": "Metta-AI/metta",
            "METTA_OBS_LAKE": str(tmp_path / "lake"),
            "GITHUB_API_URL": github,
            "GITHUB_TOKEN": "any",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        words = ["datadog", "collect", "github", "--as-of", "2025-10-23T18:30:00Z", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "metta_obs.cli.main", *words],
            cwd=tmp_path / "home", env=kept | own, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    points = {point["metric"]: point["value"] for point in printed["points"]}
    published = oracle("metta_commits_2025-10-23T1135PDT.json")["published"]
    for key in (
        "commits.total_7d",
        "code.lines_added_7d",
        "code.lines_deleted_7d",
        "code.files_changed_7d",
        "developers.active_7d",
    ):
        assert points[f"github.{key}"] == published[key], key
    # The published 1 and 1 are one commit whose body lists these two metrics by name.
    assert points["github.commits.hotfix"] == points["github.commits.reverts"] == 0
    assert points["github.commits.per_developer_7d"] == pytest.approx(84 / 18)
    assert {entry["reason"] for entry in printed["missing"]} <= {"no_data", "thin_sample"}
    assert printed["as_of"] == "2025-10-23T18:30:00Z"
    assert {(point["as_of"], point["repo"]) for point in printed["points"]} == {
        ("2025-10-23T18:30:00Z", "Metta-AI/metta")
    }


# --- durations of workflow runs


def parsed_attempts(**changes: str) -> pd.DataFrame:
    """The oracle's runs through the row parser, as the lake gives them. `changes`: field -> field to take instead."""
    rows = []
    for run in oracle("actions_runs_panjf2000_ants_2022.json")["runs"]:
        listed = {
            **run,
            "node_id": f"WFR_{run['id']}",
            "workflow_id": 1,
            "head_sha": f"{run['id']:040x}",
            "status": "completed",
        }
        listed |= {field: run[other] for field, other in changes.items()}
        row = workflow_runs._row(listed, listed["created_at"], listed["run_attempt"], None)
        seen_at = row["updated_at"]
        rows.append({"repo": "panjf2000/ants", **row, "seen_at": seen_at, "deleted": False})
    attempts = to_frame(pa.Table.from_pylist(rows, schema=TABLES["workflow_runs"].arrow))
    # GitHub lists no jobs of theirs any more: then the update as first seen completed is the completion.
    return attempts.assign(completed_at=attempts["first_completed_at"], lo=0, hi=1)


def pooled(minutes: np.ndarray) -> dict[str, Values]:
    """Their statistics as one sample, however small."""
    frame = pd.DataFrame({"lo": [0] * len(minutes), "hi": [1] * len(minutes)})
    instant = np.array(["2022-09-04"], dtype="datetime64[us]")
    return distributed(distribution(frame, minutes, instant), lambda: frame, thresholds=False)


def test_durations_of_the_ants_runs_are_those_that_devlake_has() -> None:
    right = oracle("actions_runs_panjf2000_ants_2022.json")["right_run_started_to_updated_min"]
    statistics = pooled(attempt_minutes(parsed_attempts()))
    assert [values.n[0] for values in statistics.values()] == [right["n"]] * 4 == [18] * 4
    for name, values in statistics.items():
        assert values.value[0] == pytest.approx(right[name], rel=1e-12), name
    assert [round(float(values.value[0]), 3) for values in statistics.values()] == [1.552, 1.075, 2.568, 6.383]


def test_a_duration_does_not_begin_when_the_run_was_created_before_its_re_run() -> None:
    wrong = oracle("actions_runs_panjf2000_ants_2022.json")["wrong_created_to_updated_min"]
    statistics = pooled(attempt_minutes(parsed_attempts(run_started_at="created_at")))
    assert statistics["mean"].value[0] == pytest.approx(wrong["mean"], rel=1e-12)
    assert round(float(statistics["mean"].value[0])) == 576


# --- reports of another program


def duration(text: str) -> timedelta:
    """A duration as the reports write it: `43 days, 7:31:57`."""
    found = re.fullmatch(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d)", text)
    assert found, text
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@pytest.mark.parametrize(
    "report", oracle("issue_metrics_reports.json"), ids=lambda report: report["url"].rsplit("/")[-1]
)
def test_reports_of_issue_metrics_agree_to_the_second(report: dict[str, Any]) -> None:
    rows = np.array([duration(text).total_seconds() for text in report["rows"]])
    statistics = pooled(rows)
    # The program cuts fractions of a second off, or rounds them.
    for name, text in (("mean", report["mean"]), ("p50", report["median"]), ("p90", report["p90"])):
        assert abs(statistics[name].value[0] - duration(text).total_seconds()) < 1, name
