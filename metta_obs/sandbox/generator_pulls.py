"""The life of one made-up pull request: pushes, reviews, comments, labels, drafts, closings, the merge, its runs.

Here: everything that the outline (`generator_plans`) leaves open, as events and run steps. It goes on with the
outline's own source of chance, so it too depends on nothing but (seed, repository, day, rank).
"""

from __future__ import annotations

from random import Random
from typing import Any

from .events import (
    DEFAULT_BRANCH,
    THIS_REPOSITORY,
    BranchDeleted,
    Event,
    IssueCommentAdded,
    IssueCommentDeleted,
    IssueCommentEdited,
    PullClosed,
    PullConvertedToDraft,
    PullEdited,
    PullLabeled,
    PullMerged,
    PullOpened,
    PullPushed,
    PullReadyForReview,
    PullReopened,
    PullUnlabeled,
    ReviewCommentAdded,
    ReviewCommentDeleted,
    ReviewCommentEdited,
    ReviewDismissed,
    ReviewEdited,
    ReviewSubmitted,
)
from .generator_cast import (
    ACTIONS,
    DAY,
    HOUR,
    REMARKS,
    REVIEW_BOT,
    Person,
    lognormal,
    moment,
    pick,
)
from .generator_plans import Plans, PullPlan
from .generator_runs import Runs, Step
from .state import Actor

Item = tuple[int, Event | Step]  # at, in seconds after 1970


class Life:
    """Tells one pull request; use it once."""

    def __init__(self, plans: Plans, runs: Runs, plan: PullPlan, runs_since: int) -> None:
        self.plans, self.runs, self.plan, self.runs_since = plans, runs, plan, runs_since
        self.spec, self.cast, self.rng = plans.spec, plans.cast, plan.rng
        self.items: list[Item] = []
        self.serial = 0

    def tell(self) -> list[Item]:
        """Its events and run steps, those of the same second in the order in which they happen."""
        plan, chance = self.plan, self.rng.random
        late_title = chance() < 0.05 and plan.kind in ("merged", "closed")
        opened_as = f"WIP {plan.title}" if late_title else plan.title
        self.put(
            plan.opened, PullOpened, opened_as, plan.author.actor, plan.branch, plan.new_commits(plan.pushes[0]),
            plan.base, plan.body, plan.fork or THIS_REPOSITORY, plan.draft, tuple(plan.labels),
        )  # fmt: skip
        for push in plan.pushes[1:]:
            self.put(push.at, PullPushed, plan.new_commits(push), push.force, plan.author.actor)
        if late_title:
            self.put((plan.opened + plan.ended) // 2, PullEdited, plan.title)
        self._checks()
        self._bots()
        if plan.kind in ("bot", "long-bot"):
            self._bot_end()
        else:
            if plan.draft and plan.ready > plan.opened:
                self.put(plan.ready, PullReadyForReview, plan.author.actor)
            self._turns()
            self._labels()
            self._talk()
            self._end()
        self.items.sort(key=lambda item: item[0])
        return self.items

    def put(self, at: int, kind: Any, *what: Any) -> None:
        """An event of this pull request."""
        self.items.append((at, kind(moment(at), self.spec.name, self.plan.number, *what)))

    def id(self) -> int:
        """The next id for a review or a comment."""
        self.serial += 1
        if self.serial > 999:
            raise ValueError(f"{self.spec.name}#{self.plan.number} has more reviews and comments than ids")
        return self.spec.id % 4 * 500_000_000 + self.plan.number * 1_000 + self.serial

    def between(self, low: int, high: int, skew: float = 1.0) -> int:
        """An instant from `low` to `high`; a greater skew draws it nearer to `low`."""
        return low + int(max(high - low, 0) * self.rng.random() ** skew)

    # --- continuous integration

    def _checks(self) -> None:
        """The runs of the opening, of each push, and of the merge into the default branch.

        They have a source of chance of their own, so that leaving out those before the history changes nothing else.
        """
        plan, times, workflows = self.plan, [push.at for push in self.plan.pushes], self.spec.workflows
        for position, at in enumerate(times):
            if at < self.runs_since - HOUR:
                continue
            rng = self.plans.rng("checks", plan.number, position)
            following = times[position + 1] if position + 1 < len(times) else None
            for index, workflow in enumerate(workflows):
                if workflow.on_pull and workflow.state == "active":
                    self._run(rng, index, workflow.pull_event, at + 2 + index, following)
                if workflow.pull_event == "workflow_run" and plan.fork and position == 0:
                    self._run(rng, index, "workflow_run", at + 900)
        if plan.merged and plan.base == DEFAULT_BRANCH and plan.ended >= self.runs_since - HOUR:
            rng = self.plans.rng("checks", plan.number, "merged")
            for index, workflow in enumerate(workflows):
                if workflow.on_push and workflow.state == "active":
                    self._run(rng, index, "push", plan.ended + 2 + index, own=False)

    def _run(
        self, rng: Random, workflow: int, event: str, at: int, superseded: int | None = None, own: bool = True
    ) -> None:
        number, fork = (self.plan.number, self.plan.fork) if own else (None, None)
        steps = self.runs.plan(rng, workflow, event, at, self.plan.author.actor, number, fork, superseded)
        if at >= self.runs_since:
            self.items += [(step.at, step) for step in steps]

    # --- bots

    def _bots(self) -> None:
        plan, chance = self.plan, self.rng.random
        if plan.author.actor is not None and plan.author.actor.type == "Bot":
            return
        if chance() < 0.6:
            at, review = plan.opened + 40 + int(chance() * 200), self.id()
            if at < plan.ended:
                self.put(at, ReviewSubmitted, review, REVIEW_BOT, "COMMENTED", "Automatic review: see the remarks.")
                for _ in range(int(chance() * 3)):
                    self._inline(at, REVIEW_BOT, review)
        if chance() < 0.5:
            at, comment = plan.opened + 400 + int(chance() * 600), self.id()
            if at < plan.ended:
                self.put(at, IssueCommentAdded, comment, ACTIONS, "Coverage: 91.4 %")
                for push in plan.pushes[1:2]:
                    self.put(max(push.at, at) + 600, IssueCommentEdited, comment, "Coverage: 91.9 %")
        if plan.kind.startswith("long"):
            for at in range(plan.opened + 30 * DAY, plan.ended, 45 * DAY):
                self.put(at, IssueCommentAdded, self.id(), ACTIONS, "Nothing has happened here for a while.")
                self.put(at, PullLabeled, "stale", ACTIONS)
                if chance() < 0.3:
                    again = self.between(at + HOUR, min(at + 20 * DAY, plan.ended))
                    if again < plan.ended:
                        self.put(again, IssueCommentAdded, self.id(), self._someone().actor, "Still wanted.")
                        self.put(again + 1, PullUnlabeled, "stale", ACTIONS)

    def _bot_end(self) -> None:
        plan, chance = self.plan, self.rng.random
        who = self.cast.anyone(self.rng).actor
        if plan.merged:
            if chance() < 0.7:
                self.put(plan.ended - 60, ReviewSubmitted, self.id(), who, "APPROVED", "")
            self.put(plan.ended, PullMerged, who)
        else:
            self.put(plan.ended, IssueCommentAdded, self.id(), plan.author.actor, "Superseded.")
            self.put(plan.ended, PullClosed, plan.author.actor)
        if plan.branch_gone:
            self._delete_branch()

    # --- people

    def _someone(self) -> Person:
        return self.cast.other(self.rng, self.plan.author)

    def _turns(self) -> None:
        """Closed and reopened, or put back to draft and marked ready again."""
        plan, chance, span = self.plan, self.rng.random, self.plan.ended - self.plan.ready
        if span < HOUR or plan.kind == "long-draft":
            return
        if chance() < self.spec.reopened:
            closed = plan.ready + int(span * 0.5 * chance()) + 60
            who = plan.author if chance() < 0.5 else self._someone()
            self.put(closed, PullClosed, who.actor)
            self.put(min(closed + 60 + int(span * 0.3 * chance()), plan.ended - 5), PullReopened, plan.author.actor)
        elif chance() < self.spec.back_to_draft:
            back = plan.ready + int(span * (0.1 + 0.4 * chance()))
            self.put(back, PullConvertedToDraft, plan.author.actor)
            if plan.merged or chance() < 0.5:
                self.put(back + 60 + int(span * 0.35 * chance()), PullReadyForReview, plan.author.actor)

    def _labels(self) -> None:
        plan, chance = self.plan, self.rng.random
        if chance() < self.spec.relabelled:
            label = "hotfix" if chance() < 0.4 else "needs-review"
            at = self.between(plan.opened + 30, plan.ended + DAY)
            self.put(at, PullLabeled, label, self._someone().actor)
            if chance() < 0.7:
                self.put(self.between(at + 30, at + 6 * DAY), PullUnlabeled, label, plan.author.actor)

    def _talk(self) -> None:
        plan, chance = self.plan, self.rng.random
        if plan.kind == "long-draft" or chance() > self.spec.answered:
            return
        until = min(plan.ended, plan.ready + 25 * DAY)
        first = plan.ready + 30 + int(lognormal(self.rng, 2.2, 1.2) * HOUR)
        if first > until:
            first = self.between(plan.ready, until)
        reviewer, rounds = self._someone(), min(int(self.rng.expovariate(0.8)), 5)
        times = sorted([first] + [self.between(first, until) for _ in range(rounds)])
        for at in times:
            who = reviewer if chance() < 0.6 else self._someone() if chance() > self.spec.ghosts else self.cast.ghost
            drawn = chance()
            if drawn < 0.3:
                self._comment(at, who.actor)
            elif drawn < 0.4:
                self._inline(at, who.actor, None)
            else:
                self._review(at, who.actor, until)
            if chance() < 0.5:
                self._comment(self.between(at, until), plan.author.actor)
        if chance() < 0.06:
            self._comment(plan.ended + int(chance() * 2 * DAY), self._someone().actor)  # too late to count
        if plan.merged and chance() < 0.8:
            at = plan.ended if chance() < 0.06 else self.between(max(first, plan.ended - 2 * HOUR), plan.ended)
            body = "" if chance() < 0.8 else "Thank you!"
            self.put(at, ReviewSubmitted, self.id(), reviewer.actor, "APPROVED", body)

    def _review(self, at: int, who: Actor | None, until: int) -> None:
        plan, chance, review = self.plan, self.rng.random, self.id()
        drawn = chance()
        state = "CHANGES_REQUESTED" if drawn < 0.2 else "APPROVED" if drawn < 0.45 else "COMMENTED"
        body = pick(self.rng, REMARKS) if chance() < 0.5 else ("" if chance() < 0.9 else "  \n")
        self.put(at, ReviewSubmitted, review, who, state, body)
        for _ in range(int(self.rng.expovariate(0.8)) if state != "APPROVED" else 0):
            first = self._inline(at, who, review)
            if chance() < 0.4:
                self._inline(self.between(at, until), plan.author.actor, None, first)
        if body.strip() and chance() < self.spec.comments_edited:
            edited = "" if chance() < 0.3 else f"{body} (sic)"
            self.put(self.between(at + 60, at + 4 * DAY), ReviewEdited, review, edited)
        if state == "CHANGES_REQUESTED" and chance() < self.spec.reviews_dismissed:
            self.put(self.between(at + 60, plan.ended), ReviewDismissed, review, plan.author.actor)

    def _inline(self, at: int, who: Actor | None, review: int | None, reply: int | None = None) -> int:
        sha = self.plan.pushes[0].commits[0][0]
        path = f"guidance/part_{int(sha[:2], 16)}.py"
        comment = self.id()
        self.put(at, ReviewCommentAdded, comment, who, pick(self.rng, REMARKS), path, review, reply)
        self._change(at, comment, ReviewCommentEdited, ReviewCommentDeleted)
        return comment

    def _comment(self, at: int, who: Actor | None) -> None:
        comment = self.id()
        self.put(at, IssueCommentAdded, comment, who, pick(self.rng, REMARKS))
        self._change(at, comment, IssueCommentEdited, IssueCommentDeleted)

    def _change(self, at: int, comment: int, edited: Any, deleted: Any) -> None:
        """Some comments are edited, some deleted, minutes to days later."""
        drawn, later = self.rng.random(), self.between(at + 60, at + 5 * DAY, 3)
        if drawn < self.spec.comments_deleted:
            self.put(later, deleted, comment)
        elif drawn < self.spec.comments_deleted + self.spec.comments_edited:
            self.put(later, edited, comment, f"{pick(self.rng, REMARKS)} (edited)")

    def _end(self) -> None:
        plan, chance = self.plan, self.rng.random
        who = plan.author.actor if chance() < 0.7 and not plan.fork and plan.author.actor else self._someone().actor
        if plan.merged:
            self.put(plan.ended, PullMerged, who, plan.method)
        else:
            if chance() < 0.3:
                self._comment(plan.ended - 5, plan.author.actor)
            self.put(plan.ended, PullClosed, who)
        if plan.branch_gone:
            self._delete_branch()

    def _delete_branch(self) -> None:
        gone = self.plan.branch_gone
        if gone is not None:
            self.items.append((gone, BranchDeleted(moment(gone), self.spec.name, self.plan.branch)))
