"""What the GitHub server makes of a fault that strikes a whole answer.

Here: the answers for `status`, `cut`, `rate_limit` and `secondary_limit`, and nulls for `partial`. Not here: which
fault strikes (`faults`), pages that come back short (`github_paging`, `github_connections`).
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from metta_obs.sandbox.faults import Fault
from metta_obs.sandbox.github_quota import Bucket
from metta_obs.sandbox.server import Reply

HTML_ERROR = "<html><body><h1>{status}</h1>This page is taking too long to load.</body></html>"


def instead(fault: Fault, bucket: Bucket) -> Reply | None:
    """The reply that stands in for the real one, None where the fault lets the real one be made."""
    if fault.kind == "status":
        return _status(fault)
    if fault.kind == "cut" and fault.where == "before":
        return Reply(cut="before")
    if fault.kind == "rate_limit":
        return _rate_limit(bucket)
    if fault.kind == "secondary_limit":
        message = (
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
            "If you reach out to GitHub Support for help, please include the request ID."
        )
        reply = Reply.of_json(
            fault.status if fault.status in (403, 429) else 403,
            {"message": message, "documentation_url": "https://docs.github.com/graphql/overview/rate-limits"},
        )
        if fault.retry_after is not None:
            reply.headers["Retry-After"] = str(fault.retry_after)
        return reply
    return None


def _status(fault: Fault) -> Reply:
    if isinstance(fault.body, str):
        reply = Reply(fault.status, fault.body.encode(), {"Content-Type": "text/html; charset=utf-8"})
    elif fault.body is not None:
        reply = Reply.of_json(fault.status, fault.body)
    elif fault.status >= 500:  # GitHub's front servers answer in HTML
        text = HTML_ERROR.format(status=fault.status)
        reply = Reply(fault.status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})
    else:
        message = {401: "Bad credentials", 404: "Not Found"}.get(fault.status, "Sandbox fault")
        reply = Reply.of_json(fault.status, {"message": message, "status": str(fault.status)})
    reply.headers |= fault.headers
    return reply


def _rate_limit(bucket: Bucket) -> Reply:
    if bucket.resource == "graphql":
        message = "API rate limit already exceeded for user ID 7000001."
        error = {"type": "RATE_LIMIT", "code": "graphql_rate_limit", "message": message}
        reply = Reply.of_json(200, {"errors": [error]})
    else:
        message = "API rate limit exceeded for user ID 7000001."
        reply = Reply.of_json(403, {"message": message, "documentation_url": "https://docs.github.com/rest/rate-limit"})
    reply.headers |= bucket.headers() | {"X-RateLimit-Remaining": "0", "X-RateLimit-Used": str(bucket.limit)}
    return reply


exhausted = _rate_limit


def nullified(answer: dict[str, Any], fault: Fault) -> dict[str, Any]:
    """A GraphQL answer with null at every place whose dotted path in `data` fits the fault, and an error for each.

    `*` stands for the query's own fields but rateLimit.
    """
    if not isinstance(answer.get("data"), dict):
        return answer
    data = json.loads(json.dumps(answer["data"]))
    errors = list(answer.get("errors", []))
    if fault.data_path == "*":
        places: list[list[Any]] = [[name] for name in data if name != "rateLimit"]
    else:
        places = [
            place
            for place in _places(data, [])
            if fnmatchcase(".".join(map(str, place)), fault.data_path) and len(place) == fault.data_path.count(".") + 1
        ]
    for place in places:
        target = data
        for step in place[:-1]:
            target = target[step]
        target[place[-1]] = None
        errors.append({"type": fault.error_type, "path": place, "message": fault.message})
    return {"data": data, "errors": errors} if errors else {"data": data}


def _places(value: Any, before: list[Any]) -> list[list[Any]]:
    found: list[list[Any]] = []
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in steps:
        found.append([*before, key])
        found += _places(child, [*before, key])
    return found
