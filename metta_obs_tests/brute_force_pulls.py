"""The judge on pull requests: #1 to #8 and time to first review; see `brute_force`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from metta_obs_tests.brute_force_basics import (
    DAY,
    HOUR,
    Answers,
    Instant,
    account,
    count,
    distribution,
    mean,
    percentage,
)

MOST_OWN_COMMITS = 250  # of one pull request that GitHub lists


class PullRequests(Instant):
    """The pull requests of a repository at an instant."""

    def answers(self) -> Answers:
        """Each series by its key."""
        opened = [pull for pull in self.known() if self.open(pull)]
        merged = [pull for pull in self.known() if self.in_week(pull.merged_at)]
        by_humans = [pull for pull in merged if self.human(pull.author)]
        reviewed = [pull for pull in by_humans if self.during(pull, with_blank_reviews=True)]
        found: Answers = {
            # "created before t and not closed before t; drafts count"
            "prs.open": count(opened),
            # "`merged_at` in W7, any base branch"
            "prs.merged_7d": count(merged),
            "prs.closed_without_merge_7d": count(pull for pull in self.known() if self.given_up(pull)),
            "prs.stale_count_14d": count(pull for pull in opened if self.stale(pull)),
            # "share with at least one submitted review or comment by a human other than the author"
            "prs.with_review_comments_pct": percentage(len(reviewed), len(by_humans)),
            # "mean number of conversation comments, inline review comments and reviews with a non-blank body"
            "prs.avg_comments_per_pr": mean(
                [float(len(self.during(pull, with_blank_reviews=False))) for pull in by_humans]
            ),
        }
        # "mean of merged - created over human-authored PRs merged in W7"
        took = [(pull.merged_at - pull.created_at) / HOUR for pull in by_humans]
        found |= distribution("prs.avg_time_to_merge_hours", "prs.time_to_merge_p{}_hours", took)
        # "mean of merged - first commit, same PRs"
        cycle = [(pull.merged_at - self.first_commit(pull)) / HOUR for pull in by_humans]
        found |= distribution("prs.cycle_time_hours", "prs.cycle_time_p{}_hours", cycle)
        waits = [wait for pull in self.known() for wait in self.first_review(pull)]
        found |= distribution("prs.time_to_first_review_hours", "prs.time_to_first_review_p{}_hours", waits)
        return found

    # --- the state of a pull request at t

    def known(self) -> list[Any]:
        """Opened before t."""
        return [pull for pull in self.repository.pulls.values() if self.exists(pull.created_at)]

    @staticmethod
    def events(pull: Any, *kinds: str) -> list[Any]:
        """Its events of these kinds, oldest first; those of one second stay in GitHub's order."""
        return sorted((event for event in pull.timeline if event.event in kinds), key=lambda event: event.created_at)

    def merged(self, pull: Any) -> bool:
        """Merged before t."""
        return self.exists(pull.merged_at)

    def closings(self, pull: Any) -> list[datetime]:
        """When it was closed before t, each time; "where there are none [no events] from the state as known" """
        events = self.events(pull, "closed", "reopened")
        if events:
            return [event.created_at for event in events if event.event == "closed" and self.exists(event.created_at)]
        return [pull.closed_at] if self.exists(pull.closed_at) else []

    def open(self, pull: Any) -> bool:
        """ "Open, closed and draft at t follow from the PR's dated events [...], and where there are none from the
        state as known." """
        if self.merged(pull):
            return False
        events = self.events(pull, "closed", "reopened")
        if not events:
            return not self.exists(pull.closed_at)
        before = [event for event in events if self.exists(event.created_at)]
        if before:
            return bool(before[-1].event == "reopened")
        return bool(events[0].event == "closed")  # the first one is to come: until then it is what that one ends

    def draft(self, pull: Any) -> bool:
        """The same for drafts."""
        events = self.events(pull, "ready_for_review", "convert_to_draft")
        if not events:
            return bool(pull.draft)
        before = [event for event in events if self.exists(event.created_at)]
        if before:
            return bool(before[-1].event == "convert_to_draft")
        return bool(events[0].event == "ready_for_review")

    # --- what belongs to it

    def own_commits(self, pull: Any) -> list[Any]:
        """ "the PR's own commits (GitHub lists at most 250)" """
        known = self.repository.commits
        listed = [known[sha] for sha in pull.commit_shas[:MOST_OWN_COMMITS] if sha in known]
        return [commit for commit in listed if self.exists(commit.committed_at)]

    def submitted_reviews(self, pull: Any) -> list[Any]:
        """Submitted before t, dismissed ones too; a pending one is seen by its author only."""
        reviews = [review for review in pull.reviews.values() if review.state != "PENDING"]
        return [review for review in reviews if self.exists(review.submitted_at)]

    def comments(self, pull: Any) -> list[Any]:
        """ "conversation comments, inline review comments" written before t"""
        every = [*pull.issue_comments.values(), *pull.review_comments.values()]
        return [comment for comment in every if self.exists(comment.created_at)]

    def another_human(self, pull: Any, actor: Any) -> bool:
        """ "a human other than the author" """
        return self.human(actor) and account(actor) != account(pull.author)

    def responses(self, pull: Any, *, with_blank_reviews: bool) -> list[datetime]:
        """Dates of reviews and comments "by a human other than the author" """
        reviews = [review for review in self.submitted_reviews(pull) if with_blank_reviews or review.body.strip()]
        found = [review.submitted_at for review in reviews if self.another_human(pull, review.author)]
        return found + [item.created_at for item in self.comments(pull) if self.another_human(pull, item.author)]

    def during(self, pull: Any, *, with_blank_reviews: bool) -> list[datetime]:
        """Responses "dated from the opening to the merge, both included" """
        responses = self.responses(pull, with_blank_reviews=with_blank_reviews)
        return [at for at in responses if pull.created_at <= at <= pull.merged_at]

    # --- what a metric asks of one pull request

    def given_up(self, pull: Any) -> bool:
        """ "closed at t, not merged before t, and its last closing is in W7" """
        closings = self.closings(pull)
        return not self.open(pull) and not self.merged(pull) and bool(closings) and self.in_week(closings[-1])

    def first_commit(self, pull: Any) -> datetime:
        """ "the earliest author date among the PR's own commits [...]; later than the PR's creation, or none listed,
        counts as the creation" """
        first: datetime = min([pull.created_at, *(commit.authored_at for commit in self.own_commits(pull))])
        return first

    def stale(self, pull: Any) -> bool:
        """ "open at t, not a draft, and the last human activity is before t-14 d. Activity: the opening (by anyone), a
        human's reopening or marking ready, the newest committer date among its commits by human authors, a human's
        review or comment" """
        if self.draft(pull):
            return False
        turns = [event for event in self.events(pull, "reopened", "ready_for_review") if self.exists(event.created_at)]
        activity = [
            pull.created_at,
            *(event.created_at for event in turns if self.human(event.actor)),
            *(commit.committed_at for commit in self.own_commits(pull) if self.human_author(commit)),
            *(review.submitted_at for review in self.submitted_reviews(pull) if self.human(review.author)),
            *(comment.created_at for comment in self.comments(pull) if self.human(comment.author)),
        ]
        return bool(max(activity) < self.t - 14 * DAY)

    def first_review(self, pull: Any) -> list[float]:
        """Hours, or none: "over human-authored PRs, whatever became of them, whose first response is dated in W7: the
        first submitted review or comment by a human other than the author at or after the start and not after the
        merge; the start is the opening, or for a PR opened as a draft, that is whose first draft event is
        ready-for-review or which is a draft without events, the first time it was marked ready; before that it has
        none" """
        if not self.human(pull.author):
            return []
        start = pull.created_at
        turns = self.events(pull, "ready_for_review", "convert_to_draft")
        if turns and turns[0].event == "ready_for_review":
            start = turns[0].created_at
        elif not turns and pull.draft:
            return []
        found = [at for at in self.responses(pull, with_blank_reviews=True) if at >= start]
        if self.merged(pull):
            found = [at for at in found if at <= pull.merged_at]
        if not found or not self.in_week(min(found)):
            return []
        return [(min(found) - start) / HOUR]
