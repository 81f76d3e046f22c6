"""How lively a made-up repository is: the rates and shares that the generator draws from.

Here: the declared numbers and the default world's two repositories. Not here: how they become events (`generator*`).
Rates are per day of the calendar in UTC, shares lie between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class WorkflowSpec:
    """A workflow: when it runs, its jobs, and how long the longest job takes (lognormal; minutes)."""

    name: str
    path: str
    jobs: tuple[str, ...]
    median_minutes: float
    sigma: float = 0.6
    on_pull: bool = False
    on_push: bool = False  # to the default branch
    every_hours: float | None = None  # schedule
    dispatched_per_day: float = 0.0
    pull_event: str = "pull_request"
    failing: float = 0.05  # share of executed runs
    state: str = "active"
    waits_for_approval: bool = False


WORKFLOWS = (
    WorkflowSpec("Tests", ".github/workflows/tests.yml", ("lint", "unit (1)", "unit (2)", "unit (3)", "package"), 6.5,
                 0.45, on_pull=True, on_push=True, failing=0.08),
    WorkflowSpec("Static checks", ".github/workflows/static.yml", ("ruff", "types"), 1.8, 0.35, on_pull=True,
                 on_push=True, failing=0.03),
    WorkflowSpec("Label pull requests", ".github/workflows/label.yml", ("label",), 0.2, 0.4, on_pull=True,
                 pull_event="pull_request_target", failing=0.004),
    WorkflowSpec("Build image", ".github/workflows/image.yml", ("build", "scan", "publish"), 9.0, 0.4, on_push=True,
                 failing=0.03),
    WorkflowSpec("Flight simulation", ".github/workflows/simulation.yml",
                 ("plan", "simulate (1)", "simulate (2)", "simulate (3)", "simulate (4)", "report"), 24.0, 0.5,
                 every_hours=12, failing=0.15),
    WorkflowSpec("Mark stale pull requests", ".github/workflows/stale.yml", ("stale",), 0.4, 0.3, every_hours=24),
    WorkflowSpec("Code scanning", ".github/workflows/scanning.yml", ("analyze",), 4.0, 0.3, every_hours=168),
    WorkflowSpec("Benchmarks", ".github/workflows/benchmarks.yml", ("prepare", "benchmark"), 14.0, 0.4, every_hours=24,
                 failing=0.1),
    WorkflowSpec("Deploy", ".github/workflows/deploy.yml", ("build", "deploy"), 5.0, 0.5, dispatched_per_day=0.8,
                 waits_for_approval=True),
    WorkflowSpec("Coverage report", ".github/workflows/coverage.yml", ("comment",), 0.5, 0.4,
                 pull_event="workflow_run"),
    WorkflowSpec("Nightly (old)", ".github/workflows/nightly-old.yml", ("nightly",), 10.0, state="disabled_manually"),
)  # fmt: skip
FEW_WORKFLOWS = (
    WorkflowSpec("CI", ".github/workflows/ci.yml", ("test", "lint"), 2.5, 0.4, on_pull=True, on_push=True,
                 failing=0.06),
    WorkflowSpec("Nightly", ".github/workflows/nightly.yml", ("test",), 6.0, 0.4, every_hours=24, failing=0.08),
)  # fmt: skip


@dataclass(frozen=True)
class RepositorySpec:
    """One made-up repository. The defaults are those of the default world's big one."""

    name: str
    id: int
    created: date = date(2016, 1, 4)
    default_branch: str = "main"
    people: int = 26
    outsiders: int = 12  # contribute from forks
    workflows: tuple[WorkflowSpec, ...] = WORKFLOWS
    # pull requests opened per day, by what becomes of them
    merged_per_weekday: float = 22.4
    merged_per_weekend_day: float = 4.0
    closed_per_day: float = 1.3
    bots_per_day: float = 1.0
    long_lived_every_days: float = 2.8  # stays open for weeks to years
    long_life_days: tuple[float, float] = (20.0, 900.0)
    merge_hours: tuple[float, float] = (10.0, 1.5)  # median and sigma of the lognormal time to merge
    longest_days: float = 35.0  # no other pull request lives longer
    # branches
    kept_branches: float = 0.15  # share of pull requests whose branch stays
    loose_branches_per_day: float = 1.4  # branches without a pull request
    branch_life_days: tuple[float, float] = (20.0, 1000.0)
    # shares of pull requests
    drafts: float = 0.12
    forks: float = 0.06
    to_release: float = 0.07  # merged into a release branch
    hotfixes: float = 0.03
    hotfix_mentions: float = 0.02  # only the body says so
    reverts: float = 0.025
    reapplies: float = 0.006
    ghosts: float = 0.01
    merged_by_merge: float = 0.03
    merged_by_rebase: float = 0.03
    answered: float = 0.94
    reopened: float = 0.03
    back_to_draft: float = 0.03
    relabelled: float = 0.05
    force_pushed: float = 0.08
    comments_edited: float = 0.06
    comments_deleted: float = 0.02
    reviews_dismissed: float = 0.3  # of those that request changes
    # branches and the default branch
    branches_recreated: float = 0.06  # of the loose ones
    direct_pushes_per_weekday: float = 0.7
    late_pushes_per_day: float = 0.15  # direct pushes of commits that are days old
    default_branch_force_pushes_per_day: float = 0.0
    default_branch_renamed: tuple[date, str] | None = None
    # runs
    rerun_at_once: float = 0.35  # of those that did not succeed
    rerun_later: float = 0.06
    runs_deleted: float = 0.0

    @property
    def numbers_per_day(self) -> int:
        """Numbers that a day may use for pull requests; the rest are issues, which nobody asks for."""
        most = max(self.merged_per_weekday, self.merged_per_weekend_day) + self.closed_per_day + self.bots_per_day
        return int(most * 1.5) + 6


@dataclass(frozen=True)
class WorldSpec:
    """A world: its repositories and how many days before the clock's start they are told in full."""

    repositories: tuple[RepositorySpec, ...] = field(default=())
    history_days: int = 100


ROCKETS = RepositorySpec("acme/rockets", 401_101)
LAUNCHPAD = RepositorySpec(
    "acme/launchpad",
    402_202,
    people=5,
    outsiders=2,
    workflows=FEW_WORKFLOWS,
    merged_per_weekday=0.9,
    merged_per_weekend_day=0.2,
    closed_per_day=0.12,
    bots_per_day=0.2,
    long_lived_every_days=45.0,
    loose_branches_per_day=0.08,
    direct_pushes_per_weekday=0.15,
    late_pushes_per_day=0.0,
    drafts=0.08,
    answered=0.9,
)
DEFAULT_WORLD = WorldSpec((ROCKETS, LAUNCHPAD))


def tiny(name: str = "acme/capsule", id: int = 403_303, **changes: object) -> RepositorySpec:
    """A small lively repository for tests: every oddity often, little else; `changes` replace its numbers."""
    numbers: dict[str, object] = {
        "people": 7,
        "outsiders": 3,
        "workflows": FEW_WORKFLOWS,
        "merged_per_weekday": 3.0,
        "merged_per_weekend_day": 1.0,
        "closed_per_day": 0.5,
        "bots_per_day": 0.4,
        "long_lived_every_days": 12.0,
        "long_life_days": (16.0, 60.0),
        "longest_days": 20.0,
        "branch_life_days": (15.0, 60.0),
        "loose_branches_per_day": 0.5,
        "merge_hours": (18.0, 1.2),
        "drafts": 0.25,
        "forks": 0.12,
        "to_release": 0.08,
        "hotfixes": 0.1,
        "hotfix_mentions": 0.05,
        "reverts": 0.1,
        "reapplies": 0.04,
        "ghosts": 0.04,
        "merged_by_merge": 0.1,
        "merged_by_rebase": 0.1,
        "reopened": 0.15,
        "back_to_draft": 0.15,
        "relabelled": 0.2,
        "force_pushed": 0.15,
        "comments_edited": 0.2,
        "comments_deleted": 0.12,
        "reviews_dismissed": 0.6,
        "branches_recreated": 0.4,
        "late_pushes_per_day": 0.3,
        "rerun_at_once": 0.5,
        "rerun_later": 0.3,
    }
    return RepositorySpec(name, id, **{**numbers, **changes})  # type: ignore[arg-type]
