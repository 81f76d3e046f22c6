"""The GitHub client: REST and GraphQL through PyGithub's requester, every answer counted, bounded retries.

Here: sending, counting, retrying, following pages. Not here: what errors mean (`errors`), what is asked (the pulls).
PyGithub's own retries are off: it repeats a GraphQL query that was too heavy ten times within half a second, and
waits for a quota without bound.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import github
import requests
from github import Auth, Consts, GithubException
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from metta_obs.clock import Clock
from metta_obs.github import errors, transport
from metta_obs.github.answers import Answer, Body, GraphQLAnswer, Usage
from metta_obs.github.errors import GitHubError, Refusal, TooHeavy

TRIES = 4
LONGEST_WAIT = 60.0  # seconds that one request waits for a quota; a limit that lasts longer ends the pull
PATIENCE = 120.0  # seconds that all requests of one client wait for quotas
Answered = TypeVar("Answered")
WhenHeavy = Literal["retry", "raise", "accept"]


class _Again(Exception):
    """An attempt failed in a way that another one may not; `wait` is the least number of seconds before it."""

    def __init__(self, error: GitHubError, wait: float = 0.0):
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class GitHub:
    """GitHub at `url` (such as https://api.github.com, or https://HOST/api/v3 of an Enterprise Server).

    One client serves one run, from one thread: requests go out one after the other, as GitHub asks. `memory` keeps
    what several pulls of a run share.
    """

    def __init__(self, url: str, token: str, clock: Clock, *, api_version: str | None = "2022-11-28"):
        self.url = url.rstrip("/")
        self.clock = clock
        self.usage = Usage()
        self.last_seen: datetime | None = None
        self.memory: dict[Any, Any] = {}
        self._pygithub = github.Github(
            auth=Auth.Token(token),
            base_url=self.url,
            timeout=transport.TIMEOUT,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,  # GraphQL queries are POSTs, which PyGithub would space by a second
            per_page=100,
            lazy=True,
            api_version=api_version,
        )
        self._connection = transport.connect(self.url)
        self._blocked: dict[str, tuple[datetime, GitHubError]] = {}
        self._patience = PATIENCE
        self._backoff = wait_random_exponential(multiplier=0.5, max=8)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()
        self._pygithub.close()

    def now(self) -> datetime:
        """GitHub's present, in UTC, from an answer that costs no quota. Raises GitHubError for a bad token."""
        try:
            answer = self._request("/rate_limit", {}, None, "resources", counted=False)
        except errors.NotFound as error:
            # An Enterprise Server without rate limits answers 404 here; its clock is in the headers all the same.
            if "rate limit" in error.detail.lower() and self.last_seen is not None:
                return self.last_seen
            raise
        for bucket, quota in answer.body["resources"].items():
            self.usage.remaining[bucket] = int(quota["remaining"])
            self.usage.limit[bucket] = int(quota["limit"])
        return self.last_seen or self.clock.now()

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, etag: str | None = None, *, holds: str | None = None
    ) -> Answer:
        """GET `path` (or the full address of a page). With `etag` the answer may be 304. Raises GitHubError.

        `holds`: a key that the answer must hold to be the one asked for, "" for a list.
        """
        return self._request(path, params or {}, etag, holds)

    def pages(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        first: Answer | None = None,
        *,
        holds: str | None = None,
    ) -> Iterator[Answer]:
        """The pages of a list, following `Link`; `first` is the first page where it is known already."""
        answer = first or self.get(path, params, holds=holds)
        yield answer
        visited: set[str] = set()
        while (address := answer.next_page) and address not in visited:
            visited.add(address)
            answer = self.get(address, holds=holds)
            yield answer

    def graphql(self, document: str, variables: Mapping[str, Any], *, heavy: WhenHeavy = "retry") -> GraphQLAnswer:
        """Ask a GraphQL query. Raises GitHubError where no data comes back.

        `heavy`: what to do where GitHub gives up in the middle of it: `retry` the same, `raise` TooHeavy at once so
        that the caller asks for less, or `accept` an answer with holes.
        """
        name = re.search(r"query (\w+)", document)
        request = f"POST {urlsplit(self._pygithub.requester.graphql_url).path} {name.group(1) if name else ''}".strip()
        json.dumps(dict(variables))  # what cannot be sent is a mistake of ours and must not look like one of GitHub's
        return self._retry(lambda: self._ask(request, document, dict(variables), heavy))

    # --- one attempt

    def _request(
        self, path: str, params: Mapping[str, Any], etag: str | None, holds: str | None, *, counted: bool = True
    ) -> Answer:
        address = urlsplit(path)
        request = f"GET {address.path}" + (f"?{address.query}" if address.query else "")
        if params:
            request += "?" + "&".join(f"{name}={value}" for name, value in params.items())

        def send() -> Answer:
            answer = self._send(request, path, params, etag, counted)
            if answer.not_modified or _holds(answer.body, holds):
                return answer
            raise _Again(self._bad_answer(request))

        return self._retry(send)

    def _send(self, request: str, path: str, params: Mapping[str, Any], etag: str | None, counted: bool) -> Answer:
        self._check_limits("core")
        headers = {"Accept": Consts.mediaType} | ({"If-None-Match": etag} if etag else {})
        for _ in range(3):
            try:
                status, answered, text = self._pygithub.requester.requestJson(
                    "GET", path, dict(params), dict(headers), cnx=self._connection
                )
            except transport.NotFinal as other:
                self._note(other.headers, "core")
                self.usage.rest_calls += counted
                location = other.headers.get("location")
                if other.status == 202 or not location:
                    error = GitHubError("server_error", f"{request} answered {other.status}: the next run tries again")
                    raise _Again(error) from None
                path = location  # only its path and query count: the token goes to no other host
                continue
            except requests.RequestException as error:
                raise self._unreachable(request, error) from None
            break
        else:
            raise GitHubError("rejected", f"{request} is sent from one address to the next: check GITHUB_API_URL")
        self._note(answered, "core")
        if status == 304:
            self.usage.rest_not_modified += counted
            return Answer(request, status, answered, None)
        self.usage.rest_calls += counted
        body = _json(text)
        if status >= 400:
            message = str(body.get("message") or "") if isinstance(body, dict) else ""
            raise self._refused(errors.of_status(request, status, answered, message), "core")
        return Answer(request, status, answered, body)

    def _ask(self, request: str, document: str, variables: dict[str, Any], heavy: WhenHeavy) -> GraphQLAnswer:
        self._check_limits("graphql")
        status, headers, body = self._query(request, document, variables)
        self._note(headers, "graphql")
        self.usage.graphql_calls += 1
        data = body.get("data") if isinstance(body, dict) else None
        self.usage.graphql_points += _cost(data)
        if status in (502, 504):
            error = TooHeavy("too_heavy", f"{request} answered {status}: the next run tries again")
            raise error if heavy == "raise" else _Again(error)
        if status >= 400:
            message = str(body.get("message") or "") if isinstance(body, dict) else ""
            raise self._refused(errors.of_status(request, status, headers, message), "graphql")
        if not isinstance(body, dict) or (not isinstance(data, dict) and not body.get("errors")):
            raise _Again(self._bad_answer(request))
        holes = [error for error in body.get("errors") or [] if isinstance(error, dict)]
        refusal = errors.of_graphql(request, holes, headers)
        if refusal and isinstance(refusal.error, TooHeavy):
            if heavy == "raise":
                raise refusal.error
            if heavy == "accept" and isinstance(data, dict):
                refusal = None
        if refusal:
            raise self._refused(refusal, "graphql")
        if not isinstance(data, dict):
            raise errors.of_no_data(request, holes)
        return GraphQLAnswer(request, headers, data, holes)

    def _query(self, request: str, document: str, variables: dict[str, Any]) -> tuple[int, Mapping[str, str], Body]:
        """(status, headers, body) of a GraphQL query, whatever PyGithub makes of it."""
        try:
            headers, body = self._pygithub.requester.graphql_query(document, variables)
            return 200, headers, body
        except GithubException as error:
            # PyGithub raises 400 or 404 for errors inside a 200; the answer itself is kept in `data`.
            inside = isinstance(error.data, dict) and "errors" in error.data
            return 200 if inside else error.status, error.headers or {}, error.data
        except requests.RequestException as error:
            raise self._unreachable(request, error) from None
        except (ValueError, TypeError, AttributeError):
            # PyGithub's words for a body that is cut, empty, or no object.
            self.usage.graphql_calls += 1
            self.usage.graphql_points += 1
            raise _Again(self._bad_answer(request)) from None

    # --- retries and limits

    def _retry(self, send: Callable[[], Answered]) -> Answered:
        """`send()`, again where it raises _Again, at most TRIES times in all."""
        attempts = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=self._wait,
            sleep=self.clock.sleep,
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        try:
            return attempts(send)
        except _Again as last:
            raise last.error from None

    def _wait(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        least = failure.wait if isinstance(failure, _Again) else 0.0
        return least + float(self._backoff(state))

    def _refused(self, refusal: Refusal, bucket: str) -> Exception:
        """The exception for a refusal; a limit that lasts too long keeps the client from asking in vain again."""
        if refusal.wait is None:
            return refusal.error
        if not refusal.limit:
            return _Again(refusal.error, refusal.wait)
        if refusal.wait <= min(LONGEST_WAIT, self._patience):
            self._patience -= refusal.wait
            return _Again(refusal.error, refusal.wait)
        until = self.clock.now() + timedelta(seconds=refusal.wait)
        for name in ("core", "graphql") if refusal.every_bucket else (bucket,):
            self._blocked[name] = (until, refusal.error)
        return refusal.error

    def _check_limits(self, bucket: str) -> None:
        if bucket in self._blocked:
            until, error = self._blocked[bucket]
            if self.clock.now() < until:
                raise error
            del self._blocked[bucket]

    def _note(self, headers: Mapping[str, str], bucket: str) -> None:
        """Remember GitHub's clock and what is left of the quota."""
        self.last_seen = errors.server_time(headers) or self.last_seen
        bucket = headers.get("x-ratelimit-resource", bucket)
        for name, into in (("x-ratelimit-remaining", self.usage.remaining), ("x-ratelimit-limit", self.usage.limit)):
            if headers.get(name, "").isdigit():
                into[bucket] = int(headers[name])

    def _unreachable(self, request: str, error: requests.RequestException) -> _Again:
        what = type(error).__name__
        return _Again(
            GitHubError("unreachable", f"{request}: no whole answer from {self.url} ({what}): check GITHUB_API_URL")
        )

    def _bad_answer(self, request: str) -> GitHubError:
        hint = "check GITHUB_API_URL (an Enterprise Server's ends in /api/v3)"
        return GitHubError("bad_answer", f"{request}: what {self.url} answered is not GitHub's JSON: {hint}")


def _json(text: str) -> Body:
    """The JSON value of a body; None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _holds(body: Body, key: str | None) -> bool:
    """Whether a body is an object with `key`, a list where that is "", either where it is None."""
    if key is None:
        return isinstance(body, dict | list)
    return isinstance(body, dict) and key in body if key else isinstance(body, list)


def _cost(data: Body) -> int:
    """The points that a GraphQL answer says it cost; 1 where it does not say."""
    try:
        return int(data["rateLimit"]["cost"])
    except (KeyError, TypeError, ValueError):
        return 1
