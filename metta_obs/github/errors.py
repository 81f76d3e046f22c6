"""What an answer of GitHub that is not the one asked for means: a reason, a sentence with the remedy, whether to retry.

Here: the judgement of statuses, headers and GraphQL errors. Not here: the retrying itself (`api`).

Reasons: unauthorized (401), forbidden (403), not_found (404), gone (410), blocked (451), rejected (409, 422 and other
4xx), rate_limited, server_error (5xx), unreachable (no answer), bad_answer (cut or no JSON), too_heavy (GitHub gave up
on a GraphQL query), partial (a GraphQL answer with holes), query_refused (GitHub does not know the query), truncated
(fewer rows than GitHub states), future (GitHub's clock has not reached the instant asked for); empty (409 of a
repository without commits) is no trouble and never reaches the table `pulls`.
Source: https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api and
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from metta_obs.clock import iso

SECONDARY_WAIT = 60.0  # GitHub: wait at least a minute where a secondary limit comes without Retry-After
SETTINGS = "GITHUB_TOKEN (or the secret github/dashboard-token)"
PERMISSIONS = (
    ("/actions/", "Actions: read"),
    ("/pulls", "Pull requests: read"),
    ("/commits", "Contents: read"),
    ("/git/", "Contents: read"),
    ("/graphql", "Contents, Pull requests, Issues, Actions and Checks: read"),
)


class GitHubError(Exception):
    """GitHub did not give what was asked for: `reason` in a word (see above), `detail` a sentence with the remedy."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class TooHeavy(GitHubError):
    """GitHub gave up on a query in the middle (502, 504, resource limits): ask for less at a time."""


class NotFound(GitHubError):
    """404: there is no such thing, or this token may not see it."""


class EmptyRepository(GitHubError):
    """409: nothing was pushed to the repository yet, so it has neither branches nor commits."""


@dataclass(frozen=True)
class Refusal:
    """An error, and how to go on: `wait` None is for good, else the seconds to wait, at least, before another try.

    `limit` says that a quota is the cause; `every_bucket` that it holds for REST and GraphQL together.
    """

    error: GitHubError
    wait: float | None = None
    limit: bool = False
    every_bucket: bool = False


def truncated(request: str, listed: int, stated: int) -> GitHubError:
    """The error for a list that came back shorter than GitHub itself says it is."""
    return GitHubError(
        "truncated", f"{request}: GitHub states {stated} rows and listed {listed}; the next pull reads the list again"
    )


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """The `Date` of an answer, in UTC; None where there is none or it cannot be read."""
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return None


def of_status(request: str, status: int, headers: Mapping[str, str], message: str) -> Refusal:
    """What a REST status of 400 or more (or one for a whole GraphQL request) means."""
    said = f"{request} answered {status}" + (f" ({message})" if message else "")
    if status == 401:
        return Refusal(GitHubError("unauthorized", f"{said}: check {SETTINGS}; it may be wrong, expired or revoked"))
    if status in (403, 429):
        limit = _limit(said, status, headers, message)
        return limit or Refusal(GitHubError("forbidden", f"{said}: {_permission(request, headers)}"))
    if status == 404:
        return Refusal(
            NotFound(
                "not_found",
                f"{said}: check the spelling in METTA_OBS_REPOS, and that {SETTINGS} may read this repository"
                f" ({_permission(request, headers)})",
            )
        )
    if status == 409 and "empty" in message.lower():
        return Refusal(EmptyRepository("empty", said))
    if status == 410:
        return Refusal(GitHubError("gone", f"{said}: this feature is switched off for the repository"))
    if status == 451:
        return Refusal(GitHubError("blocked", f"{said}: GitHub does not show this repository for legal reasons"))
    if status >= 500:
        error = GitHubError("server_error", f"{said}: see https://www.githubstatus.com; the next run tries again")
        return Refusal(error, min(_retry_after(headers) or 0.0, SECONDARY_WAIT))
    return Refusal(
        GitHubError("rejected", f"{said}: GitHub refuses the request itself; please report it with this line")
    )


def of_graphql(request: str, errors: Sequence[Mapping[str, Any]], headers: Mapping[str, str]) -> Refusal | None:
    """What the `errors` of a GraphQL answer mean for the whole of it; None where they concern only parts of it."""
    for error in errors:
        kind, message = str(error.get("type") or ""), str(error.get("message") or "")
        said = f"{request} answered {kind or 'an error'} ({message})"
        if kind in ("RATE_LIMIT", "RATE_LIMITED") or "rate limit" in message.lower():
            return _limit(said, 200, headers, message or "API rate limit exceeded")
        if _heavy(kind, message):
            return Refusal(TooHeavy("too_heavy", f"{said}: the next run tries again"), 0.0)
    return None


def of_no_data(request: str, errors: Sequence[Mapping[str, Any]]) -> GitHubError:
    """Why a GraphQL answer has no data at all, where `of_graphql` knows no reason: the query itself was refused."""
    said = "; ".join(str(error.get("message") or "") for error in errors)
    hint = "GitHub refuses the query (does an old Enterprise Server lack a field?)"
    return GitHubError("query_refused", f"{request} answered {said}: {hint}")


def of_missing_repository(request: str, errors: Sequence[Mapping[str, Any]]) -> GitHubError:
    """Why a GraphQL answer has no repository."""
    kinds = {str(error.get("type") or "") for error in errors}
    said = "; ".join(str(error.get("message") or "") for error in errors) or "no repository"
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES", "SAML"} or "SAML" in said:
        return GitHubError("forbidden", f"{request} answered {said}: {_permission(request, {})}")
    if "NOT_FOUND" in kinds or not errors:
        return of_status(request, 404, {}, said).error
    return GitHubError("partial", f"{request} answered {said}: the next run tries again")


def _heavy(kind: str, message: str) -> bool:
    text = message.lower()
    return kind in ("RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED", "SERVICE_UNAVAILABLE", "TIMEOUT") or any(
        part in text for part in ("resource limits", "something went wrong", "timeout", "timed out", "couldn't respond")
    )


def _limit(said: str, status: int, headers: Mapping[str, str], message: str) -> Refusal | None:
    """The refusal for a used-up quota; None where a 403 has another cause."""
    text = message.lower()
    secondary = "secondary rate limit" in text or "abuse" in text or "wait a few minutes" in text
    used_up = headers.get("x-ratelimit-remaining") == "0"
    given = _retry_after(headers)
    if not (secondary or used_up or status in (200, 429) or given is not None or "rate limit" in text):
        return None
    if given is not None:
        wait = given
    elif used_up and (reset := _until_reset(headers)) is not None:
        wait = reset
    else:
        wait = SECONDARY_WAIT
    now = server_time(headers)
    until = "" if now is None else f", it can go on at {iso(now + timedelta(seconds=wait))}"
    # GitHub counts a secondary limit over REST and GraphQL together, the primary one for each of them apart.
    return Refusal(
        GitHubError("rate_limited", f"{said}: the quota is used up{until}"), wait, limit=True, every_bucket=not used_up
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of Retry-After, which GitHub gives as seconds, as a date, or blank; None where it says nothing."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text).replace(tzinfo=UTC)
    except ValueError:
        return None
    now = server_time(headers)
    return None if now is None else max(0.0, (moment - now).total_seconds())


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds from the answer to the reset of its quota, and one more as the reset falls within that second."""
    now = server_time(headers)
    try:
        reset = float(headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        return None
    return None if now is None else max(0.0, reset - now.timestamp()) + 1.0


def _permission(request: str, headers: Mapping[str, str]) -> str:
    """What to change so that a request is allowed, as precisely as GitHub says it."""
    single_sign_on = headers.get("x-github-sso", "")
    if single_sign_on:
        return f"authorise the token for the organisation's single sign-on ({single_sign_on})"
    if accepted := headers.get("x-accepted-github-permissions"):
        return f"it needs the permission {accepted}"
    needed = next((name for part, name in PERMISSIONS if part in request), "Metadata: read")
    return f"it needs the permission {needed}"
