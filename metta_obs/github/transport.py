"""The connection under PyGithub's requester for REST: it keeps statuses visible that PyGithub acts on by itself.

PyGithub 2.10 follows a 301 without the query of the address (a filtered list would come back unfiltered) and waits for
a 202 without bound; neither shows in its answer, so neither could be counted. This connection hands both to the caller.
Not here: what to do about them (`api`).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, RequestsResponse

TIMEOUT = 30  # GitHub gives up on a request after 10 s
NOT_FINAL = (202, 301, 302, 307, 308)


class NotFinal(Exception):
    """An answer that sends elsewhere (3xx) or asks to come back (202); header names in lower case."""

    def __init__(self, status: int, headers: Mapping[str, str]):
        super().__init__(f"{status}")
        self.status = status
        self.headers = headers


def _seen(response: RequestsResponse) -> RequestsResponse:
    if response.status in NOT_FINAL:
        response.read()
        raise NotFinal(response.status, {name.lower(): value for name, value in response.getheaders()})
    return response


class _Plain(HTTPRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _seen(super().getresponse())


class _Secure(HTTPSRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _seen(super().getresponse())


def connect(url: str) -> HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass:
    """A connection to the host of `url` that is kept open between requests."""
    address = urlsplit(url)
    kind = _Secure if address.scheme == "https" else _Plain
    return kind(address.hostname or "", address.port, retry=0, timeout=TIMEOUT)
