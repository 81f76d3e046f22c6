"""The judge on branches, commits and developers: #9 to #16, #24, #25 and branches.total; see `brute_force`."""

from __future__ import annotations

import re
from typing import Any

from metta_obs_tests.brute_force_basics import DAY, HOUR, Answer, Answers, Instant, account, count, noreply

MOST_FILES = 3000  # of one commit that GitHub lists


class Branches(Instant):
    """The branches of a repository at an instant."""

    def answers(self) -> Answers:
        """ "branches as k(t) saw them, other than the default one, whose tip was committed at or after t-14 d.
        `branches.total` beside it counts all but the default" """
        if self.k - self.t > HOUR:
            # "needs a k(t) within an hour after t, else `not_observed`"
            missing: Answer = (None, 0, "not_observed")
            return {"branches.active": missing, "branches.total": missing}
        default = self.repository.default_branch
        others = [branch for branch in self.repository.branches.values() if branch.name != default]
        tips = [self.repository.commits[branch.sha] for branch in others]
        active = [tip for tip in tips if tip.committed_at >= self.t - 14 * DAY]
        return {"branches.active": count(active), "branches.total": count(others)}


def subject(commit: Any) -> str:
    """ "the first line of its whole `message`" """
    return str(commit.message).split("\n")[0]


def first_line_of_body(commit: Any) -> str:
    """ "the first non-blank line of the body", the body being "the rest" of the message"""
    for line in commit.message.split("\n")[1:]:
        if line.strip():
            return str(line)
    return ""


class Commits(Instant):
    """The commits of the default branch at an instant."""

    def answers(self) -> Answers:
        """Each series by its key."""
        week = self.week()
        by_humans = [commit for commit in week if self.human_author(commit)]
        developers = {self.developer(commit, by_humans) for commit in by_humans}
        # "where GitHub lists no more (3,000), `not_listed`"
        files: Answer = (None, len(week), "not_listed")
        if all(len(commit.files) <= MOST_FILES for commit in week):
            # "distinct paths over #10 (the new path of a rename), all files of a commit, also past 300"
            files = (float(len({file.path for commit in week for file in commit.files})), len(week), None)
        # "human-authored commits of #10 ÷ #24"
        each: Answer = (None, 0, "no_data")
        if developers:
            each = (len(by_humans) / len(developers), len(developers), None)
        return {
            "commits.total_7d": count(week),
            "commits.hotfix": count(commit for commit in week if self.hotfix(commit)),
            "commits.reverts": count(commit for commit in week if self.revert(commit)),
            # "sum over #10"
            "code.lines_added_7d": (float(sum(commit.additions for commit in week)), len(week), None),
            "code.lines_deleted_7d": (float(sum(commit.deletions for commit in week)), len(week), None),
            "code.files_changed_7d": files,
            # "of #10: no PR of it"
            "commits.direct_to_main_7d": count(commit for commit in week if not self.merged_pulls(commit)),
            # "distinct human authors of #10"
            "developers.active_7d": count(developers),
            "commits.per_developer_7d": each,
        }

    def reachable(self) -> list[Any]:
        """ "commits reachable from the default branch as k(t) saw it" """
        branch = self.repository.branches.get(self.repository.default_branch)
        waiting = [branch.sha] if branch is not None else []
        reached: dict[str, Any] = {}
        while waiting:
            sha = waiting.pop()
            if sha in reached or sha not in self.repository.commits:
                continue
            reached[sha] = self.repository.commits[sha]
            waiting.extend(reached[sha].parents)
        return list(reached.values())

    def week(self) -> list[Any]:
        """#10: "at most one parent, committer date in W7" """
        return [commit for commit in self.reachable() if len(commit.parents) <= 1 and self.in_week(commit.committed_at)]

    def merged_pulls(self, commit: Any) -> list[Any]:
        """ "any PR that GitHub associates with it and that k(t) knew as merged (its merge commit, one of its own
        commits, or a commit that a rebase made of them)" """
        found = []
        for pull in self.repository.pulls.values():
            made_it = pull.merge_commit_sha == commit.sha
            owns_it = commit.sha in pull.commit_shas
            if (made_it or owns_it or pull.number in commit.associated_pulls) and pull.merged_at is not None:
                found.append(pull)
        return found

    def hotfix(self, commit: Any) -> bool:
        r""" "the subject matches `\bhot-?fix\b` in any case, or a PR of it has the label `hotfix` or a head branch that
        begins `hotfix/` or `hotfix-` (all in any case); the body never counts" """
        if re.search(r"\bhot-?fix\b", subject(commit), re.IGNORECASE):
            return True
        for pull in self.merged_pulls(commit):
            if "hotfix" in [label.lower() for label in pull.labels]:
                return True
            if pull.head.lower().startswith(("hotfix/", "hotfix-")):
                return True
        return False

    def revert(self, commit: Any) -> bool:
        """ "the subject starts `Revert "`, or the first non-blank line of the body begins `This reverts commit` and 7
        to 40 hexadecimal digits, or a PR of it has a head branch `revert-<n>-...` (but not `revert-<n>-revert-...`).
        Not a revert, whatever else matches: a subject that starts `Revert "Revert ` or `Reapply `" """
        if subject(commit).startswith(('Revert "Revert ', "Reapply ")):
            return False
        if subject(commit).startswith('Revert "'):
            return True
        if re.match(r"This reverts commit [0-9a-fA-F]{7,40}(?![0-9a-fA-F])", first_line_of_body(commit)):
            return True
        for pull in self.merged_pulls(commit):
            if re.match(r"revert-[0-9]+-", pull.head) and not re.match(r"revert-[0-9]+-revert-", pull.head):
                return True
        return False

    @staticmethod
    def developer(commit: Any, others: list[Any]) -> tuple[str, object]:
        """ "the linked GitHub account, by id; else the e-mail in lower case (GitHub's noreply form resolves to its
        account, by login where it bears no id), else the name" """
        if commit.author is not None:
            return account(commit.author)
        address = noreply(commit.author_email or "")
        if address is None:
            return ("e-mail", commit.author_email.lower()) if commit.author_email else ("name", commit.author_name)
        number, login = address
        if number is not None:
            return "account", number
        for other in others:  # whose login is it?
            if other.author is not None and other.author.login.lower() == login:
                return account(other.author)
            elsewhere = noreply(other.author_email or "")
            if other.author is None and elsewhere is not None and elsewhere[0] and elsewhere[1] == login:
                return "account", elsewhere[0]
        return "login", login
