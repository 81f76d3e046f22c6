"""REST routes of commits, branches, refs and comparisons.

Here: what each route lists. Not here: what a row looks like (`github_bodies_git`). All but the branch list answer 409
for a repository that has no commit yet.
"""

from __future__ import annotations

from metta_obs.sandbox import github_bodies_git as bodies
from metta_obs.sandbox import github_paging
from metta_obs.sandbox.faults import PAGE_KINDS
from metta_obs.sandbox.github_bodies import HTML
from metta_obs.sandbox.github_bodies_pulls import pull as pull_body
from metta_obs.sandbox.github_routes import Answer, Call, Refusal, route
from metta_obs.sandbox.github_routes_pulls import instant
from metta_obs.sandbox.state import ChangedFile, Commit

FILES_PER_PAGE = 300
MOST_FILES = 3_000  # of a commit; GitHub lists no more
COMPARED_COMMITS = 250


def _sha(call: Call, revision: str, status: int = 422) -> str:
    sha = call.repo.resolve(revision)
    if sha is None:
        raise Refusal(status, f"No commit found for SHA: {revision}" if status == 422 else "Not Found")
    return sha


def _not_empty(call: Call) -> None:
    if call.repo.is_empty:
        raise Refusal(409, "Git Repository is empty.")


@route("/commits")
def commits(call: Call) -> Answer:
    """GET /commits: the history of `sha` (a branch or a commit; by default the default branch), the newest first;
    `since` and `until` go by committer date and include their ends."""
    _not_empty(call)
    query = call.query
    rows = call.repo.history(_sha(call, query.get("sha") or call.repo.record.default_branch, 404))
    if since := query.get("since"):
        start = instant(since)
        rows = [commit for commit in rows if commit.committed_at >= start]
    if until := query.get("until"):
        end = instant(until)
        rows = [commit for commit in rows if commit.committed_at <= end]
    for role in ("author", "committer"):
        if who := query.get(role):
            rows = [commit for commit in rows if _is_by(commit, role, who.lower())]
    if path := query.get("path"):
        rows = [c for c in rows if any(f.path == path or f.path.startswith(f"{path}/") for f in c.files)]
    return call.page(rows, lambda commit: bodies.commit(call.site, call.repo, commit))


def _is_by(commit: Commit, role: str, who: str) -> bool:
    account = commit.author if role == "author" else commit.committer
    email = commit.author_email if role == "author" else commit.committer_email
    return who == email.lower() or (account is not None and account.login.lower() == who)


@route("/commits/{sha}/pulls")
def commit_pulls(call: Call, sha: str) -> Answer:
    """GET /commits/{sha}/pulls"""
    _not_empty(call)
    rows = call.repo.pulls_of(_sha(call, sha))
    return call.page(rows, lambda pull: pull_body(call.site, call.repo, pull))


@route("/commits/{revision:path}")
def commit(call: Call, revision: str) -> Answer:
    """GET /commits/{ref}: with stats, and 300 files per page up to 3,000."""
    _not_empty(call)
    sha = _sha(call, revision)
    if sha not in call.repo.record.commits:
        raise Refusal(422, f"No commit found for SHA: {revision}")
    record = call.repo.record.commits[sha]
    files = record.files[:MOST_FILES]
    number, size = github_paging.asked(call.query, size=FILES_PER_PAGE, most=FILES_PER_PAGE)
    fault = call.faults.strike(PAGE_KINDS, call.request.method, call.request.path, page=number)
    page = github_paging.Page(number, size, len(files), fault)
    shown = github_paging.cut(files, number, size, fault)
    body = bodies.full_commit(call.site, call.repo, record, shown)
    return Answer(body, page.link(call.address, call.request.raw_query))


@route("/branches")
def branches(call: Call) -> Answer:
    """GET /branches: by name."""
    rows = [call.repo.record.branches[name] for name in sorted(call.repo.record.branches)]
    return call.page(rows, lambda branch: bodies.branch(call.site, call.repo, branch))


@route("/branches/{name:path}")
def branch(call: Call, name: str) -> Answer:
    """GET /branches/{branch}"""
    if name not in call.repo.record.branches:
        raise Refusal(404, "Branch not found")
    return Answer(bodies.full_branch(call.site, call.repo, call.repo.record.branches[name]))


@route("/git/matching-refs/heads{prefix:path}")
def matching_refs(call: Call, prefix: str) -> Answer:
    """GET /git/matching-refs/heads/{prefix}: every branch whose name begins so, in one answer, whatever `per_page`."""
    _not_empty(call)
    if not prefix.startswith("/"):
        return Answer([])
    names = sorted(name for name in call.repo.record.branches if name.startswith(prefix[1:]))
    rows = [call.repo.record.branches[name] for name in names]
    return call.whole(rows, lambda branch: bodies.ref(call.site, call.repo, branch))


@route("/git/matching-refs/heads")
def all_refs(call: Call) -> Answer:
    """GET /git/matching-refs/heads"""
    return matching_refs(call, "/")


@route("/git/ref/heads/{name:path}")
def ref(call: Call, name: str) -> Answer:
    """GET /git/ref/heads/{branch}"""
    _not_empty(call)
    if name not in call.repo.record.branches:
        raise Refusal(404, "Not Found")
    return Answer(bodies.ref(call.site, call.repo, call.repo.record.branches[name]))


@route("/compare/{basehead:path}")
def compare(call: Call, basehead: str) -> Answer:
    """GET /compare/{base}...{head}: how the two differ since their merge base; commits oldest first."""
    base, dots, head = basehead.partition("...")
    if not dots:
        raise Refusal(404, "Not Found")
    a, b = _sha(call, base, 404), _sha(call, head, 404)
    repo = call.repo
    before, after = repo.ancestors(a), repo.ancestors(b)
    common = next((commit for commit in repo.history(b) if commit.sha in before), None)
    if common is None:
        raise Refusal(404, f"No common ancestor between {base} and {head}.")
    ahead = [commit for commit in repo.history(b) if commit.sha not in before][::-1]
    behind = len(before - after)
    status = "identical" if a == b else "diverged" if ahead and behind else "ahead" if ahead else "behind"
    number, size = github_paging.asked(call.query, size=COMPARED_COMMITS)
    page = github_paging.Page(number, size, len(ahead))
    html = f"{HTML}/{repo.record.full_name}/compare/{base}...{head}"
    body = {
        "url": call.site.url(repo, f"/compare/{base}...{head}"),
        "html_url": html,
        "permalink_url": f"{HTML}/{repo.record.full_name}/compare/{a[:12]}...{b[:12]}",
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": bodies.commit(call.site, repo, repo.record.commits[a]),
        "merge_base_commit": bodies.commit(call.site, repo, common),
        "status": status,
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "commits": [bodies.commit(call.site, repo, c) for c in github_paging.cut(ahead, number, size)],
        "files": [bodies.changed_file(call.site, repo, c, f) for c, f in _files(ahead)[:FILES_PER_PAGE]],
    }
    return Answer(body, page.link(call.address, call.request.raw_query))


def _files(commits: list[Commit]) -> list[tuple[Commit, ChangedFile]]:
    """Each path that the commits touch, with the last commit that did."""
    found = {file.path: (commit, file) for commit in commits for file in commit.files}
    return [found[path] for path in sorted(found)]
