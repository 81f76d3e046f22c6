"""A small hand-made world with one of each oddity, for the tests of the GitHub server.

`acme/engine` was `acme/motor`; its default branch is `trunk`. `acme/blank` has no commit. Commit k of trunk (1 to
`COMMITS`) was committed k hours after `START`; the ninth is a merge, the tenth renames a file among 650.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.sandbox import Sandbox
from metta_obs.sandbox.state import (
    Actor,
    Attempt,
    Branch,
    ChangedFile,
    Comment,
    Commit,
    Job,
    PullRequest,
    Repository,
    Review,
    Run,
    TimelineEvent,
    Workflow,
)
from metta_obs.sandbox.world import World

START = datetime(2025, 10, 1, tzinfo=UTC)
NOW = datetime(2025, 10, 23, 18, 30, tzinfo=UTC)
ADA = Actor("ada", 11)
BOB = Actor("bob", 12)
BOT = Actor("dependabot[bot]", 49699333, "Bot")
COMMITS = 120
MANY_FILES = 650
RUNS = 1_205
LONG_SUBJECT = "A subject that is a good deal longer than the seventy-two characters that GitHub shows of it"


def sha(text: str) -> str:
    """The id of the commit called `text`."""
    return hashlib.sha1(text.encode()).hexdigest()


def hours(number: float) -> datetime:
    """`number` hours after START."""
    return START + timedelta(hours=number)


def commit(name: str, at: datetime, parents: list[str], **more: Any) -> Commit:
    """A commit by Ada that changes one file."""
    fields: dict[str, Any] = {
        "message": f"{name}: tune the governor",
        "author": ADA,
        "committer": ADA,
        "additions": 3,
        "deletions": 1,
        "files": [ChangedFile(f"src/{name}.py", "modified", 3, 1)],
        "author_name": "Ada L.",
        "author_email": "ada@acme.test",
        "authored_at": at - timedelta(hours=1),
        "committer_name": "Ada L.",
        "committer_email": "ada@acme.test",
        "committed_at": at,
    }
    return Commit(sha=sha(name), parents=[sha(p) for p in parents], **(fields | more))


def _commits() -> dict[str, Commit]:
    made = [commit("c1", hours(1), [])]
    made.append(commit("side", hours(7.5), ["c7"], author=None, committer=None))
    for k in range(2, COMMITS + 1):
        more: dict[str, Any] = {}
        parents = [f"c{k - 1}"]
        if k == 9:
            parents.append("side")
        if k == 10:
            files = [ChangedFile(f"data/{i:04}.csv", "added", 1, 0) for i in range(MANY_FILES - 1)]
            more["files"] = [ChangedFile("new.py", "renamed", 2, 2, "old.py"), *files]
        if k == 11:
            more["message"] = LONG_SUBJECT + "\n\nBody"
        if k == 12:
            more |= {"author": BOT, "author_name": "dependabot[bot]"}
        made.append(commit(f"c{k}", hours(k), parents, **more))
    message = "own {}\n\nCo-authored-by: Bob B. <bob@acme.test>"
    for k, parent in ((1, "c50"), (2, "own1"), (3, "own2")):
        made += [commit(f"own{k}", hours(50 + k), [parent], message=message.format(k))]
    return {c.sha: c for c in made}


def _pull(number: int, **more: Any) -> PullRequest:
    created = hours(number)
    fields: dict[str, Any] = {
        "author": ADA,
        "created_at": created,
        "updated_at": created + timedelta(minutes=number),
        "base": "trunk",
        "head": f"topic-{number}",
        "head_repository": "acme/engine",
        "head_sha": sha(f"topic-{number}"),
    }
    return PullRequest(
        id=3_000_000_000 + number, number=number, title=f"Change {number}", body="Why\n\nHow", **(fields | more)
    )


def _lively() -> PullRequest:
    """Merged, after a reopening and a spell as a draft, with every kind of comment."""
    at = hours(51)
    pull = _pull(
        151,
        created_at=at,
        updated_at=hours(61),
        closed_at=hours(60),
        merged_at=hours(60),
        merged_by=BOB,
        merge_commit_sha=sha("c60"),
        labels=["hotfix", "engine room"],
        commit_shas=[sha(f"own{k}") for k in (1, 2, 3)],
        head_sha=sha("own3"),
        head="hotfix/governor",
    )
    steps = [
        ("ready_for_review", 1, ADA),
        ("labeled", 2, BOT),
        ("closed", 3, ADA),
        ("reopened", 4, None),
        ("convert_to_draft", 5, ADA),
        ("ready_for_review", 6, ADA),
        ("head_ref_force_pushed", 7, ADA),
        ("review_requested", 7.5, ADA),
        ("merged", 9, BOB),
        ("closed", 9, BOB),
        ("head_ref_deleted", 9.1, BOB),
    ]
    extras: dict[str, dict[str, Any]] = {
        "labeled": {"label": {"name": "hotfix", "color": "ff0000"}},
        "review_requested": {"requested_reviewer": {"login": "bob", "id": 12, "type": "User"}},
    }
    pull.timeline = [
        TimelineEvent(8_000_000_000 + i, name, hours(51 + after), who, dict(extras.get(name, {})))
        for i, (name, after, who) in enumerate(steps)
    ]
    for i in range(35):
        who = (BOB, ADA, BOT, None)[i % 4]
        review = 5_000_000_000 + i
        pull.reviews[review] = Review(
            review,
            who,
            "APPROVED" if i == 34 else "COMMENTED",
            at + timedelta(minutes=i),
            "" if i % 2 else "Good",
            sha("own3"),
        )
        root = 6_000_000_000 + i - i % 3
        pull.review_comments[6_000_000_000 + i] = Comment(
            6_000_000_000 + i,
            who,
            at + timedelta(minutes=i),
            at + timedelta(minutes=i + (500 if i == 3 else 0)),
            "Inline",
            "src/own1.py",
            review,
            None if i % 3 == 0 else root,
        )
        pull.issue_comments[7_000_000_000 + i] = Comment(
            7_000_000_000 + i, who, at + timedelta(minutes=i), at + timedelta(minutes=i), "Talk"
        )
    return pull


def _runs() -> dict[int, Run]:
    runs = {}
    for k in range(RUNS):
        at = hours(0) + timedelta(minutes=20 * k)
        number = 17_000_000_000 + k
        jobs = [
            Job(
                40_000_000_000 + 10 * k + j,
                f"job {j}",
                "completed",
                "success",
                at,
                at + timedelta(seconds=5),
                at + timedelta(minutes=5 + j),
            )
            for j in range(2)
        ]
        attempts = [Attempt(1, "completed", "success", at, at + timedelta(minutes=7), at + timedelta(seconds=2), jobs)]
        runs[number] = Run(
            number,
            901,
            "CI",
            k + 1,
            "push" if k % 2 else "pull_request",
            "trunk",
            sha(f"c{k % 100 + 1}"),
            "acme/engine",
            at,
            attempts,
            ADA,
            [151] if k % 2 == 0 else [],
        )
    rerun = runs[17_000_000_000 + 7]
    first = rerun.attempts[0]
    first.conclusion, first.jobs[0].conclusion = "failure", "failure"
    again = first.run_started_at + timedelta(hours=30)
    fixed = Job(41_000_000_000, "job 0", "completed", "success", again, again, again + timedelta(minutes=4))
    rerun.attempts.append(
        Attempt(2, "completed", "success", again, again + timedelta(minutes=5), again, [fixed, first.jobs[1]])
    )
    last = runs[17_000_000_000 + RUNS - 1]
    last.attempts[0].status, last.attempts[0].conclusion = "in_progress", None
    last.attempts[0].jobs = [Job(42_000_000_000, "job 0", "queued", None, last.created_at, None, None)]
    last.head_repository, last.actor = None, None
    return runs


def repositories() -> dict[str, Repository]:
    """The state of the world; new records on each call."""
    engine = Repository(
        500_001,
        "acme/engine",
        "trunk",
        START,
        NOW - timedelta(hours=1),
        NOW - timedelta(hours=1),
        former_names=["acme/motor"],
    )
    engine.commits = _commits()
    engine.branches = {"trunk": Branch("trunk", sha(f"c{COMMITS}"))}
    for k in range(1, 131):
        engine.branches[f"topic-{k}"] = Branch(f"topic-{k}", sha(f"c{k % 100 + 1}"))
    engine.branches["feature/é#1"] = Branch("feature/é#1", sha("own3"))
    engine.pulls = {k: _pull(k) for k in range(1, 141)}
    engine.pulls[2].author = None
    engine.pulls[3].author = BOT
    engine.pulls[4].head_repository = None
    engine.pulls[5].head_repository = "mallory/engine"
    engine.pulls[6].draft = True
    for k in range(100, 141):
        engine.pulls[k].closed_at = hours(k + 1)
    lively = _lively()
    engine.pulls[lively.number] = lively
    engine.workflows = {901: Workflow(901, "CI", ".github/workflows/ci.yml", "active", START, START)}
    engine.runs = _runs()
    blank = Repository(500_002, "acme/blank", "main", START, START, START)
    return {"acme/engine": engine, "acme/blank": blank}


def sandbox(**settings: Any) -> Sandbox:
    """A sandbox, not started, over this world; its clock stands still at NOW."""
    world = World(WorldClock(NOW, running=False), repositories=repositories())
    return Sandbox(world=world, **settings)
