"""The judge: every series at one instant, computed from the sandbox's records by plain loops.

METRICS.md as slow, obvious code: each function quotes the sentence that it implements. It imports nothing of the
product and nothing of the sandbox (a test enforces it), so that no mistake can be shared: the records of one
repository come in as they are (attributes as in `metta_obs/sandbox/state.py`), as the world stood at k, the start of
the pull whose knowledge counts at the instant t. Not here: which k belongs to which t, what was fetched completely.
The parts: `brute_force_basics`, `brute_force_pulls`, `brute_force_code`, `brute_force_runs`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from metta_obs_tests.brute_force_basics import Answers, Completions
from metta_obs_tests.brute_force_code import Branches, Commits
from metta_obs_tests.brute_force_pulls import PullRequests
from metta_obs_tests.brute_force_runs import Runs


def compute(
    repository: Any,
    t: datetime,
    k: datetime,
    bots: Iterable[str] = (),
    required: Iterable[str] = (),
    completions: Completions | None = None,
) -> Answers:
    """All 38 series at `t`, from `repository` as it stood at `k`: series key -> (value, n, reason).

    "Every key below is, for each repository and t, either a point or a missing entry." `bots` and `required` are the
    configured logins and workflow names, `completions` what `remember_completions` noted.
    """
    found: Answers = {}
    for part in (PullRequests, Branches, Commits, Runs):
        found |= part(repository, t, k, bots, required, completions or {}).answers()
    return {f"github.{key}": answer for key, answer in found.items()}


def remember_completions(repository: Any, memory: dict[tuple[int, int], datetime]) -> None:
    """Note what a pull that saw `repository` learns: "its `updated_at` as first seen completed"."""
    for run in repository.runs.values():
        for attempt in run.attempts:
            if attempt.status == "completed" and (run.id, attempt.number) not in memory:
                memory[run.id, attempt.number] = attempt.updated_at
