"""The simulated GitHub: REST and GraphQL over one socket, as api.github.com answers where it can hurt.

Here: what all answers share (credentials, quotas, ETag, headers, renamed repositories, faults). Not here: the routes
(`github_routes*`), GraphQL (`github_graphql`), the state of the world (`world`).

Behaviour and its sources: docs.github.com/rest (rate limits, pagination, conditional requests, troubleshooting) and,
where those are silent, recorded answers. An ETag is a hash of the body and the token: any changed byte gives 200, and
so does another token. A GitHub Enterprise client may put /api/v3 or /api before the path.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote

from metta_obs.sandbox import (  # noqa: F401  (they register their routes)
    github_faults,
    github_routes,
    github_routes_actions,
    github_routes_git,
    github_routes_pulls,
)
from metta_obs.sandbox.faults import ANSWER_KINDS, Fault, Faults
from metta_obs.sandbox.github_bodies import Site
from metta_obs.sandbox.github_fields import Context
from metta_obs.sandbox.github_graphql import GraphQL, Prepared
from metta_obs.sandbox.github_paging import BadPaging
from metta_obs.sandbox.github_quota import Bucket, Quota
from metta_obs.sandbox.github_routes import DOCS, Answer, Call, Refusal
from metta_obs.sandbox.github_views import RepositoryView, Snapshot, World
from metta_obs.sandbox.requests import RequestLog
from metta_obs.sandbox.server import HttpServer, Reply, Request


class Clock(Protocol):
    """The world's time."""

    def now(self) -> datetime: ...


class GitHubServer(HttpServer):
    """Serves `world` at the time of `clock`.

    `tokens`: the accepted ones; None accepts any. `limits`: requests or points per hour by resource (core, graphql).
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        port: int = 0,
        tokens: Collection[str] | None = None,
        faults: Faults | None = None,
        requests: RequestLog | None = None,
        limits: dict[str, int] | None = None,
    ) -> None:
        super().__init__(clock.now, port=port, requests=requests)
        self.world = world
        self.tokens = tokens
        self.faults = faults if faults is not None else Faults()
        self.quota = Quota(limits)
        self.graphql = GraphQL()
        self._snapshot = Snapshot({})
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)

    def snapshot(self) -> Snapshot:
        """The world now; the same object for as long as nothing happens."""
        state = self.world.state()
        if not self._snapshot.holds(state):
            self._snapshot = Snapshot(state, self._snapshot)
        return self._snapshot

    def reply(self, request: Request) -> Reply:
        """Answer `request`."""
        path = request.path.removeprefix("/api/v3")
        if path in ("/graphql", "/api/graphql"):
            return self._graphql(request)
        return self._rest(request, path.rstrip("/") or "/")

    # --- REST

    def _rest(self, request: Request, path: str) -> Reply:
        with self._lock:
            token = _token(request)
            bucket = self.quota.bucket(token or "", "core", self.now())
            number = request.query.get("page", "1")
            page = int(number) if number.isdigit() else None
            fault = self.faults.strike(ANSWER_KINDS, request.method, request.path, page=page)
            reply = github_faults.instead(fault, bucket) if fault else None
            counts = path != "/rate_limit"
            if reply is not None:
                reply.points = 1 if counts and reply.cut is None else 0
            elif not self._knows(token):
                reply = _refused(401, "Bad credentials" if token else "Requires authentication")
            elif counts and bucket.remaining < 1:
                reply = github_faults.exhausted(bucket)
            else:
                reply = self._answer(request, path, bucket)
                if reply.status == 200 and request.method in ("GET", "HEAD"):
                    reply = _conditional(reply, request, token or "")
                reply.points = 1 if counts and reply.status != 304 else 0
            bucket.used += reply.points
            return self._finished(reply, "core", bucket, fault)

    def _answer(self, request: Request, path: str, bucket: Bucket) -> Reply:
        site = Site(self.url)
        if request.method not in ("GET", "HEAD"):
            return _refused(404, "Not Found")
        if path == "/rate_limit":
            return self._rate_limit(request)
        try:
            if path == "/user":
                return _json(github_routes.viewer(site))
            view, rest, moved = self._repository(path)
            if view is None:
                raise Refusal(404, "Not Found")
            if moved:
                return self._moved(request, f"{self.url}/repositories/{view.record.id}{rest}")
            found = github_routes.find(unquote(rest))
            if found is None:
                raise Refusal(404, "Not Found")
            handler, arguments = found
            address = f"http://{request.headers.get('host', f'{self.host}:{self.port}')}{request.path}"
            return _json(handler(Call(site, view, request, address, self.faults), *arguments))
        except Refusal as refusal:
            return _refused(refusal.status, refusal.message)
        except BadPaging as error:
            return _refused(422, str(error))

    def _repository(self, path: str) -> tuple[RepositoryView | None, str, bool]:
        """(the repository that a path names, what follows its name, whether it was named by a former name)."""
        parts = path.split("/", 4)
        snapshot = self.snapshot()
        if parts[1] == "repos" and len(parts) >= 4:
            view, moved = snapshot.find(f"{unquote(parts[2])}/{unquote(parts[3])}")
            return view, f"/{parts[4]}" if len(parts) > 4 else "", moved
        if parts[1] == "repositories" and len(parts) >= 3 and parts[2].isdigit():
            return snapshot.by_id.get(int(parts[2])), "".join(f"/{part}" for part in parts[3:]), False
        return None, "", False

    @staticmethod
    def _moved(request: Request, address: str) -> Reply:
        target = f"{address}?{request.raw_query}" if request.raw_query else address
        body = {"message": "Moved Permanently", "url": target, "documentation_url": DOCS}
        return Reply.of_json(301, body, {"Location": target})

    def _rate_limit(self, request: Request) -> Reply:
        token = _token(request) or ""
        buckets = {name: self.quota.bucket(token, name, self.now()) for name in self.quota.limits}
        resources = {name: bucket.as_json() for name, bucket in buckets.items()}
        return Reply.of_json(200, {"resources": resources, "rate": resources["core"]})

    # --- GraphQL

    def _graphql(self, request: Request) -> Reply:
        with self._lock:
            token = _token(request)
            bucket = self.quota.bucket(token or "", "graphql", self.now())
            asked = _asked(request)
            prepared = self.graphql.prepare(*asked) if asked else None
            operation = prepared.name if prepared else None
            fault = self.faults.strike(ANSWER_KINDS, request.method, request.path, operation=operation)
            reply = github_faults.instead(fault, bucket) if fault else None
            if reply is None:
                if not self._knows(token):
                    reply = _refused(
                        401, "Bad credentials" if token else "This endpoint requires you to be authenticated."
                    )
                elif request.method != "POST":
                    reply = _refused(404, "Not Found")
                elif prepared is None:
                    reply = _refused(400, "Problems parsing JSON")
                elif bucket.remaining < 1:
                    reply = github_faults.exhausted(bucket)
                else:
                    reply = self._executed(request, prepared, bucket, fault)
            reply.operation = operation
            return self._finished(reply, "graphql", bucket, fault)

    def _executed(self, request: Request, prepared: Prepared, bucket: Bucket, fault: Fault | None) -> Reply:
        points = 0 if prepared.errors else prepared.cost.points
        bucket.used += points
        context = Context(
            Site(self.url),
            self.snapshot(),
            self.faults,
            request.path,
            prepared.name,
            bucket,
            prepared.cost.points,
            prepared.cost.nodes,
        )
        answer = self.graphql.execute(prepared, context)
        if fault is not None and fault.kind == "partial":
            answer = github_faults.nullified(answer, fault)
        reply = Reply.of_json(200, answer)
        reply.points = points
        return reply

    # --- both

    def _knows(self, token: str | None) -> bool:
        return bool(token) and (self.tokens is None or token in self.tokens)

    def _finished(self, reply: Reply, resource: str, bucket: Bucket, fault: Fault | None) -> Reply:
        common = {
            "Server": "github.com",
            "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": f"5A4D:{next(self._numbers):08X}",
        }
        reply.headers = common | bucket.headers() | reply.headers
        reply.bucket = resource
        if fault is not None:
            reply.fault = fault.id
            if fault.kind == "slow":
                reply.seconds = fault.seconds
            elif fault.kind == "cut":
                reply.cut = fault.where
        return reply


def _token(request: Request) -> str | None:
    """The token of `Authorization: Bearer …` or `token …`, None where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() in ("bearer", "token") else None


def _asked(request: Request) -> tuple[str, dict[str, Any], str | None] | None:
    """(query, variables, operation name) of a GraphQL request, None where the body is none."""
    try:
        body = request.json()
        if not isinstance(body["query"], str):
            return None
        return body["query"], body.get("variables") or {}, body.get("operationName")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _json(answer: Answer) -> Reply:
    return Reply.of_json(200, answer.body, answer.headers)


def _refused(status: int, message: str) -> Reply:
    return Reply.of_json(status, {"message": message, "documentation_url": DOCS, "status": str(status)})


def _conditional(reply: Reply, request: Request, token: str) -> Reply:
    """The reply with its ETag, or 304 where the client has exactly this."""
    digest = hashlib.sha256(token.encode() + b":" + reply.body).hexdigest()
    headers = reply.headers | {"ETag": f'W/"{digest}"', "Cache-Control": "private, max-age=60, s-maxage=60"}
    known = [tag.strip().removeprefix("W/").strip('"') for tag in request.headers.get("if-none-match", "").split(",")]
    if digest in known:
        headers.pop("Content-Type", None)
        return replace(reply, status=304, body=b"", headers=headers)
    return replace(reply, headers=headers)
