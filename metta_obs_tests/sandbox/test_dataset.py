"""Given rows: read whole, shown as they stood, with errors that say where."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from metta_obs.sandbox.clock import WorldClock
from metta_obs.sandbox.dataset import DatasetError, dataset_world, load
from metta_obs.sandbox.fold_git import ancestry
from metta_obs.sandbox.state import Actor, Repository

NOW = datetime(2025, 10, 23, 18, 30, tzinfo=UTC)


def iso(hours: float) -> str:
    """`hours` from NOW, as GitHub writes times."""
    return (NOW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha(number: int) -> str:
    return f"{number:040x}"


def user(login: str, number: int, **more: Any) -> dict[str, Any]:
    return {"login": login, "id": number, "type": "User", **more}


def commit(number: int, hours: float, parents: list[int] | None = None, **more: Any) -> dict[str, Any]:
    signed = {"name": f"Dev {number % 3}", "email": f"d{number % 3}@acme.example", "date": iso(hours)}
    return {
        "sha": sha(number),
        "commit": {"message": f"Change {number}", "author": signed, "committer": signed},
        "author": user("dev", 5),
        "parents": [{"sha": sha(parent)} for parent in parents or []],
        "stats": {"additions": 10, "deletions": 2, "total": 12},
        "files": [{"filename": f"f{number}.py", "status": "renamed", "additions": 10, "deletions": 2, "changes": 12,
                   "previous_filename": "old.py", "patch": "@@"}],
        **more,
    }  # fmt: skip


def branch(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "commit": {"sha": sha(number)}, "protected": False}


def pull(number: int, created: float, **more: Any) -> dict[str, Any]:
    return {
        "number": number, "id": 5_000 + number, "title": f"Pull {number}", "state": "open", "user": user("ann", 1),
        "created_at": iso(created), "updated_at": iso(created), "base": {"ref": "main"},
        "head": {"ref": f"b{number}", "sha": sha(500 + number), "repo": {"full_name": "acme/wheel", "id": 77}}, **more,
    }  # fmt: skip


def write(root: Path, name: str = "acme/wheel", **files: Any) -> Path:
    """The folder of a dataset with these files; `repository` is an object, the others are lists of rows."""
    folder = root / name
    folder.mkdir(parents=True)
    for file, rows in files.items():
        if file == "repository":
            (folder / "repository.json").write_text(json.dumps(rows))
        else:
            (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def given(root: Path, now: datetime = NOW, **files: Any) -> Repository:
    files = {"repository": {"id": 77, "default_branch": "main"}, **files}
    return load(write(root, **files), now)["acme/wheel"]


def history(repository: Repository) -> set[str]:
    return ancestry(repository.commits, repository.branches[repository.default_branch].sha)


def numbers(shas: set[str]) -> set[int]:
    return {int(found, 16) for found in shas}


def test_every_file_is_read_and_unknown_fields_are_kept(tmp_path: Path) -> None:
    reviewer = user("bob", 2)
    repository = given(
        tmp_path,
        repository={"id": 77, "full_name": "Acme/Wheel", "default_branch": "trunk", "topics": ["x"], "private": True},
        commits=[commit(1, -50), commit(2, -40, [1], associated_pulls=[4], node_id="C_2")],
        branches=[branch("trunk", 2), branch("old", 1)],
        pulls=[
            pull(4, -45, labels=[{"name": "hotfix"}, "bug"], commit_shas=[sha(1), sha(99)], draft=True, node_id="PR_4",
                 head={"ref": "b4", "sha": sha(1), "repo": None}),
        ],
        reviews=[{"id": 1, "user": reviewer, "state": "APPROVED", "submitted_at": iso(-44), "body": None,
                  "pull_request_url": "https://api.github.com/repos/acme/wheel/pulls/4"}],
        review_comments=[{"id": 2, "user": reviewer, "created_at": iso(-44), "body": "x", "path": "f1.py",
                          "pull_request_review_id": 1, "pull_number": 4, "diff_hunk": "@@"}],
        issue_comments=[{"id": 3, "user": None, "created_at": iso(-43), "updated_at": iso(-42), "body": "y",
                         "issue_url": "https://api.github.com/repos/acme/wheel/issues/4"},
                        {"id": 4, "user": None, "created_at": iso(-43), "body": "of a plain issue",
                         "html_url": "https://github.com/acme/wheel/issues/9#issuecomment-4"}],
        timeline=[{"id": 9, "event": "convert_to_draft", "created_at": iso(-44), "actor": reviewer, "pull_number": 4},
                  {"event": "committed", "sha": sha(1), "pull_number": 4}],
        workflows=[{"id": 70, "name": "CI", "path": "ci.yml", "state": "active", "created_at": iso(-900),
                    "updated_at": iso(-900), "badge_url": "b"}],
        workflow_runs=[{"id": 900, "workflow_id": 70, "name": "CI", "run_number": 3, "event": "push",
                        "head_branch": "trunk", "head_sha": sha(2), "head_repository": {"id": 77, "full_name": "a/old"},
                        "created_at": iso(-39), "run_started_at": iso(-39), "updated_at": iso(-38), "run_attempt": 1,
                        "status": "completed", "conclusion": "success", "display_title": "Change 2"}],
        jobs=[{"id": 11, "run_id": 900, "name": "test", "status": "completed", "conclusion": "success",
               "started_at": iso(-39), "completed_at": iso(-38.5), "steps": []}],
    )  # fmt: skip
    assert (repository.full_name, repository.default_branch, repository.private) == ("Acme/Wheel", "trunk", True)
    assert repository.extra == {"topics": ["x"]}
    found = repository.pulls[4]
    assert (found.labels, found.draft, found.head_repository, found.author) == (
        ["hotfix", "bug"],
        True,
        None,
        Actor("ann", 1),
    )
    assert found.commit_shas == [sha(1)]  # the other one is not among the rows
    assert found.extra == {"node_id": "PR_4"}
    assert found.reviews[1].body == ""
    assert found.review_comments[2].review_id == 1
    assert found.review_comments[2].extra["diff_hunk"] == "@@"
    assert list(found.issue_comments) == [3]
    assert found.issue_comments[3].author is None
    assert [event.event for event in found.timeline] == ["convert_to_draft"]
    second = repository.commits[sha(2)]
    assert (second.parents, second.associated_pulls, second.additions) == ([sha(1)], [4], 10)
    assert second.files[0].previous_path == "old.py"
    assert second.files[0].extra == {"patch": "@@"}
    assert second.extra == {"node_id": "C_2"}
    run = repository.runs[900]
    assert run.head_repository == "Acme/Wheel"  # told by its id, though under a former name
    assert run.extra == {"display_title": "Change 2"}
    assert run.attempts[0].jobs[0].completed_at == NOW - timedelta(hours=38.5)
    assert set(repository.branches) == {"trunk", "old"}


def test_missing_files_are_empty_lists(tmp_path: Path) -> None:
    repository = given(tmp_path, repository={})
    assert repository.branches == {}
    assert repository.pulls == {}
    assert repository.default_branch == "main"
    assert load(tmp_path, NOW)["acme/wheel"].id == repository.id


@pytest.mark.parametrize("parents", ["chain", "none", "outside", "same"])
@pytest.mark.parametrize("order", ["newest first", "oldest first", "mixed"])
@pytest.mark.parametrize("tip", ["newest", "not among the rows", "no line"])
def test_bare_rows_are_all_history_of_the_default_branch(tmp_path: Path, parents: str, order: str, tip: str) -> None:
    """Published commit lists give no parents, or some that are not among the rows; each commit has to count."""
    if parents == "chain":
        rows = [commit(k, -k, [k + 1]) for k in range(101, 185)]
    elif parents == "none":
        rows = [commit(k, -k) for k in range(101, 185)]
    else:
        rows = [commit(k, -k, [7_000 + k if parents == "outside" else 9]) for k in range(101, 185)]
    rows = {"newest first": rows, "oldest first": rows[::-1], "mixed": rows[::2] + rows[1::2]}[order]
    lines = {"newest": [branch("main", 101)], "not among the rows": [branch("main", 8)], "no line": []}[tip]
    repository = given(tmp_path, commits=rows, branches=lines)
    reached = [repository.commits[found] for found in history(repository)]
    inside = [found for found in reached if found.committed_at > NOW - timedelta(days=30)]
    assert len(inside) == 84
    assert all(len(found.parents) < 2 for found in inside)
    assert repository.branches["main"].sha == sha(101)
    assert all(parent in repository.commits for found in reached for parent in found.parents)


def test_commits_of_pull_requests_and_other_branches_are_not_of_the_default_branch(tmp_path: Path) -> None:
    rows = [commit(k, -k) for k in (1, 2, 3)]  # bare rows of the default branch
    rows += [commit(20, -9), commit(21, -8), commit(30, -7), commit(40, -6)]
    repository = given(
        tmp_path,
        commits=rows,
        branches=[branch("main", 1), branch("topic", 30)],
        pulls=[
            pull(5, -9, commit_shas=[sha(20), sha(21)], merged_at=iso(-3), closed_at=iso(-3), merge_commit_sha=sha(3)),
            pull(6, -6, head={"ref": "b6", "sha": sha(40)}),
        ],
    )
    assert numbers(history(repository)) == {1, 2, 3}
    assert repository.pulls[5].merge_commit_sha == sha(3)
    assert repository.pulls[6].head_sha == sha(40)


def test_known_parents_decide_alone_where_they_are_given(tmp_path: Path) -> None:
    rows = [commit(1, -1, [2]), commit(2, -2, [3, 11]), commit(3, -9, [4])]
    rows += [commit(11, -3, [12]), commit(12, -4, [3])]  # merged by a merge commit
    rows += [commit(21, -1, [22]), commit(22, -2, [3])]  # another branch
    rows += [commit(31, -1, [3])]  # left behind by a force-push: nothing leads to it
    rows += [commit(41, -400)]  # of unknown parents, and explained by nothing
    repository = given(tmp_path, commits=rows, branches=[branch("main", 1), branch("topic", 21)])
    assert numbers(history(repository)) == {1, 2, 3, 11, 12, 41}
    assert len(repository.commits[sha(2)].parents) == 2


def test_merge_commit_keeps_its_number_of_parents(tmp_path: Path) -> None:
    """Else it would count as a commit of its own."""
    repository = given(tmp_path, commits=[commit(1, -1, [801, 802]), commit(2, -2)], branches=[branch("main", 1)])
    assert len(repository.commits[sha(1)].parents) == 2
    assert {1, 2} <= numbers(history(repository))


def test_branch_tip_may_bear_its_date_itself(tmp_path: Path) -> None:
    dated = {"name": "dated", "commit": {"sha": sha(50), "commit": {"committer": {"date": iso(-100)}}}}
    future = {"name": "future", "commit": {"sha": sha(51), "commit": {"committer": {"date": iso(1)}}}}
    ref = {"ref": "refs/heads/by/ref", "object": {"sha": sha(1), "type": "commit"}}
    lines = [branch("main", 1), dated, future, ref, branch("unknown", 52)]
    repository = given(tmp_path, commits=[commit(1, -1)], branches=lines)
    assert set(repository.branches) == {"main", "dated", "by/ref", "unknown"}
    assert repository.commits[sha(50)].committed_at == NOW - timedelta(hours=100)
    assert repository.commits[sha(52)].committed_at.year == 1970
    assert numbers(history(repository)) == {1}


def test_what_is_dated_later_is_not_shown(tmp_path: Path) -> None:
    ann = user("ann", 1)
    label = {"label": {"name": "hotfix"}}
    files: dict[str, Any] = {
        "commits": [commit(1, -10), commit(2, -5, [1]), commit(3, 5, [2])],
        "branches": [branch("main", 3), branch("new", 3)],
        "pulls": [
            pull(1, 1),
            pull(2, -9, state="closed", closed_at=iso(2), merged_at=iso(2), merge_commit_sha=sha(3), merged_by=ann,
                 updated_at=iso(3), labels=["hotfix"], commit_shas=[sha(1), sha(3)], head={"ref": "x", "sha": sha(3)}),
            pull(3, -9, state="closed", closed_at=iso(2), draft=True, title="New title", updated_at=iso(4)),
            pull(4, -9, state="closed", closed_at=iso(-2), updated_at=iso(-2)),
        ],
        "timeline": [
            {"event": "labeled", "created_at": iso(1), "actor": ann, "pull_number": 2, **label},
            {"event": "closed", "created_at": iso(-4), "actor": ann, "pull_number": 3},
            {"event": "reopened", "created_at": iso(1), "actor": ann, "pull_number": 3},
            {"event": "closed", "created_at": iso(2), "actor": ann, "pull_number": 3},
            {"event": "convert_to_draft", "created_at": iso(1), "actor": ann, "pull_number": 3},
            {"event": "renamed", "created_at": iso(1), "actor": ann, "pull_number": 3,
             "rename": {"from": "Old title", "to": "New title"}},
            {"event": "review_dismissed", "created_at": iso(1), "actor": ann, "pull_number": 3,
             "dismissed_review": {"state": "changes_requested", "review_id": 1}},
        ],
        "reviews": [{"id": 1, "user": ann, "state": "DISMISSED", "submitted_at": iso(-3), "pull_number": 3},
                    {"id": 2, "user": ann, "state": "APPROVED", "submitted_at": iso(1), "pull_number": 3}],
        "issue_comments": [{"id": 1, "user": ann, "created_at": iso(-2), "updated_at": iso(5), "pull_number": 3},
                           {"id": 2, "user": ann, "created_at": iso(1), "pull_number": 3}],
        "workflows": [{"id": 70, "name": "later", "created_at": iso(1)}],
    }  # fmt: skip
    then = given(tmp_path, **files)
    assert set(then.pulls) == {2, 3, 4}
    assert then.workflows == {}
    merged_later, closed_then, closed = then.pulls[2], then.pulls[3], then.pulls[4]
    assert (merged_later.state, merged_later.merged_at, merged_later.merge_commit_sha) == ("open", None, None)
    assert merged_later.merged_by is None
    assert merged_later.labels == []
    assert merged_later.timeline == []
    assert merged_later.commit_shas == [sha(1)]
    assert merged_later.head_sha == sha(1)
    assert merged_later.updated_at == NOW - timedelta(hours=9)
    assert closed_then.closed_at == NOW - timedelta(hours=4)
    assert not closed_then.draft
    assert closed_then.title == "Old title"
    assert list(closed_then.reviews) == [1]
    assert list(closed_then.issue_comments) == [1]
    assert closed_then.reviews[1].state == "CHANGES_REQUESTED"
    assert closed_then.updated_at == NOW - timedelta(hours=2)  # the comment
    assert closed.closed_at == closed.updated_at == NOW - timedelta(hours=2)
    assert {name: found.sha for name, found in then.branches.items()} == {"main": sha(2), "new": sha(2)}
    assert sha(3) not in then.commits
    now = load(tmp_path, NOW + timedelta(hours=9))["acme/wheel"]
    assert set(now.pulls) == {1, 2, 3, 4}
    assert now.pulls[2].merged_at
    assert now.pulls[2].labels == ["hotfix"]
    assert now.pulls[3].title == "New title"
    assert now.pulls[3].draft
    assert now.pulls[3].reviews[1].state == "DISMISSED"
    assert now.branches["main"].sha == sha(3)


def test_attempts_stand_as_they_did(tmp_path: Path) -> None:
    def run(number: int, created: float, ended: float, **more: Any) -> dict[str, Any]:
        return {"id": number, "workflow_id": 70, "event": "push", "head_branch": "main", "head_sha": sha(1),
                "created_at": iso(created), "run_started_at": iso(created), "updated_at": iso(ended), "run_attempt": 1,
                "status": "completed", "conclusion": "success", **more}  # fmt: skip

    def job(number: int, run_id: int, start: float, end: float, attempt: int = 1) -> dict[str, Any]:
        return {"id": number, "run_id": run_id, "run_attempt": attempt, "name": f"j{number}", "status": "completed",
                "conclusion": "success", "started_at": iso(start), "completed_at": iso(end)}  # fmt: skip

    again = run(4, -30, 2, run_attempt=2, run_started_at=iso(-1))
    first = run(4, -30, -1, conclusion="failure", created_at=iso(-30))
    repository = given(
        tmp_path,
        workflow_runs=[run(1, 1, 2), run(2, -3, 1), run(3, -3, 500), again,
                       run(5, -9, 3, run_attempt=3, run_started_at=iso(2))],
        workflow_attempts=[first, again],
        jobs=[job(1, 3, -3, -2), job(2, 3, -3, -1), job(3, 2, -2, -1), job(4, 2, -1, 1), job(5, 2, 1, 2),
              job(6, 4, -30, -29), job(7, 4, -30, -29, 2), job(8, 4, -0.5, 1, 2)],
    )  # fmt: skip
    assert set(repository.runs) == {2, 3, 4, 5}

    def last(number: int) -> tuple[int, str, str | None]:
        attempt = repository.runs[number].attempts[-1]
        return attempt.number, attempt.status, attempt.conclusion

    assert last(2) == (1, "in_progress", None)
    assert [job.status for job in repository.runs[2].attempts[0].jobs] == ["completed", "in_progress", "queued"]
    assert last(3) == (1, "completed", "success")  # its jobs had ended, though something touched it much later
    assert repository.runs[3].attempts[0].updated_at == NOW - timedelta(hours=1)
    assert [(a.number, a.status, a.conclusion) for a in repository.runs[4].attempts] == [
        (1, "completed", "failure"),
        (2, "in_progress", None),
    ]
    assert last(5) == (1, "in_progress", None)  # an attempt of which the rows tell nothing
    later = load(tmp_path, NOW + timedelta(hours=9))["acme/wheel"]
    assert [attempt.conclusion for attempt in later.runs[4].attempts] == ["failure", "success"]
    assert [attempt.number for attempt in later.runs[5].attempts] == [3]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("pulls.jsonl", '{"number": 1}\n', r"pulls\.jsonl:1: `created_at` is missing"),
        ("pulls.jsonl", "\n{oops\n", r"pulls\.jsonl:2: not JSON: "),
        ("pulls.jsonl", "[1]\n", r"pulls\.jsonl:1: must be an object"),
        ("pulls.jsonl", '{"number": "1"}\n', r"pulls\.jsonl:1: `number` must be a whole number, not \"1\""),
        ("commits.jsonl", '{"sha": "a", "commit": {"committer": {"date": "yesterday"}}}\n', "date` must"),
        ("commits.jsonl", '{"sha": "a", "commit": {"committer": {"date": "2025-01-01T00:00:00"}}}\n', "time zone"),
        ("commits.jsonl", '{"sha": "a", "commit": {"committer": {"date": "2025-01-01T00:00:00Z"}}, "parents": 1}\n',
         r"commits\.jsonl:1: `parents` must be a list"),
        ("branches.jsonl", '{"name": "x"}\n', r"branches\.jsonl:1: `commit.sha` is missing"),
        ("reviews.jsonl", '{"id": 1, "state": "APPROVED"}\n', r"reviews\.jsonl:1: nothing says which pull request"),
        ("repository.json", "{", r"repository\.json: not JSON"),
        ("jobs.jsonl", '{"id": 1}', r"jobs\.jsonl:1: `run_id` is missing"),
    ],
)  # fmt: skip
def test_bad_row_is_named_by_file_line_and_field(tmp_path: Path, file: str, text: str, said: str) -> None:
    folder = write(tmp_path, repository={})
    (folder / "acme" / "wheel" / file).write_text(text)
    with pytest.raises(DatasetError, match=said):
        load(folder, NOW)


def test_folder_without_a_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no repository in it"):
        load(tmp_path, NOW)
    with pytest.raises(DatasetError, match="no such folder"):
        load(tmp_path / "typo", NOW)


def test_world_over_a_dataset_stands_still(tmp_path: Path) -> None:
    write(tmp_path, commits=[commit(1, -1)], branches=[branch("main", 1)])
    write(tmp_path, "acme/hub")
    clock = WorldClock(NOW, running=False)
    world = dataset_world(tmp_path, clock)
    before = world.state()
    assert set(before) == {"acme/wheel", "acme/hub"}
    assert before == load(tmp_path, NOW)
    clock.advance(timedelta(days=1))
    assert world.state() is before
    assert world.events == ()
