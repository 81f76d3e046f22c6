"""The ground that both sandbox servers stand on: HTTP/1.1 over a real socket, one thread per connection.

Here: reading a request, writing a reply (also a late or a broken one), starting and stopping. Not here: what is
answered; a server subclasses `HttpServer` and implements `reply`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from metta_obs.sandbox.requests import LoggedRequest, RequestLog

CUT_AFTER = 0.5  # a connection that is cut in the middle of a body is cut after this share of it


class PortInUse(Exception):
    """Another program listens on the port."""


@dataclass
class Request:
    """A request as it arrived; header names in lower case, `query` decoded, the last of equal names wins."""

    method: str
    path: str
    raw_query: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, decoded."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    def json(self) -> Any:
        """The body as JSON; ValueError where it is none."""
        return json.loads(self.body)


@dataclass
class Reply:
    """What to answer. `cut`: close the connection `before` anything is sent or in the `middle` of the body.

    `seconds` is a real pause before the answer. `bucket`, `points`, `operation` and `fault` go to the request log.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: Literal["before", "middle"] | None = None
    seconds: float = 0.0
    bucket: str = ""
    points: int = 0
    operation: str | None = None
    fault: int | None = None

    @classmethod
    def of_json(cls, status: int, value: Any, headers: dict[str, str] | None = None) -> Reply:
        """A reply with `value` as its JSON body."""
        body = json.dumps(value, separators=(",", ":")).encode()
        return cls(status, body, {"Content-Type": "application/json; charset=utf-8"} | (headers or {}))


class HttpServer:
    """A threaded HTTP server on `host`; port 0 takes a free one, `url` says which.

    `now` gives the time for the `Date` header and the log: the world's, not this machine's. Every request under
    `/_sandbox/` goes to the control route of that name in `controls` and is not logged.
    """

    def __init__(
        self, now: Callable[[], datetime], *, host: str = "127.0.0.1", port: int = 0, requests: RequestLog | None = None
    ) -> None:
        self.now = now
        self.host = host
        self.port = port
        self.requests = requests if requests is not None else RequestLog()
        self.controls: dict[str, Callable[[Request], Reply]] = {}
        self._server: _Listener | None = None
        self._thread: threading.Thread | None = None

    def reply(self, request: Request) -> Reply:
        """Answer `request`. Runs in the connection's own thread."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """The address, such as http://127.0.0.1:8081, without a slash at its end."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen and answer in the background. Raises PortInUse."""
        try:
            self._server = _Listener((self.host, self.port), self)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(f"port {self.port} is in use; choose another one or stop what listens there") from error
            raise
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name=type(self).__name__, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close every open connection, so that no client is served by a stopped server."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()
        self._thread.join()
        self._server = self._thread = None

    def answer(self, request: Request) -> Reply:
        """The control route's reply or the server's own, logged."""
        if request.path.startswith("/_sandbox/"):
            control = self.controls.get(request.path.removeprefix("/_sandbox/").split("/")[0])
            if control is None:
                return Reply.of_json(404, {"message": f"no such control; there are {', '.join(sorted(self.controls))}"})
            return control(request)
        at = self.now()
        reply = self.reply(request)
        status = 0 if reply.cut == "before" else reply.status
        self.requests.add(
            LoggedRequest(
                at,
                request.method,
                request.path,
                request.raw_query,
                status,
                reply.bucket,
                reply.points,
                reply.operation,
                reply.fault,
            )
        )
        return reply


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: HttpServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer asks the name service for this host's name here, which can take seconds and nobody needs.
        socket_address = self.server_address
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(socket_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is everyday business; anything else is a bug of the sandbox and must be seen.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def _serve(self) -> None:
        address = urlsplit(self.path)
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(
            self.command,
            address.path,
            address.query,
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        self._send(self.server.owner.answer(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def _send(self, reply: Reply) -> None:
        if reply.seconds:
            time.sleep(reply.seconds)
        if reply.cut == "before":
            self._cut()
            return
        headers = {"Date": format_datetime(self.server.owner.now(), usegmt=True)} | reply.headers
        if reply.status not in (204, 304):
            headers["Content-Length"] = str(len(reply.body))
        head = f"HTTP/1.1 {reply.status} {responses.get(reply.status, '')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        body = b"" if self.command == "HEAD" or reply.status in (204, 304) else reply.body
        if reply.cut == "middle":
            self.wfile.write(head.encode("latin-1") + body[: int(len(body) * CUT_AFTER)])
            self._cut()
            return
        self.wfile.write(head.encode("latin-1") + body)

    def _cut(self) -> None:
        self.close_connection = True
        _shut(self.connection)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the request log has it."""


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side was faster
        connection.shutdown(socket.SHUT_RDWR)
