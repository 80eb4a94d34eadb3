"""A small HTTP server beside a worker: `/metrics`, `/livez` and `/readyz`.

It answers on threads of its own, so that it can still say so when the event loop is blocked.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from continuum.errors import ConfigurationError
from continuum.worker.node import Worker

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ANSWER_WITHIN: Final = 5.0
"""Seconds that the event loop may be busy with one thing before the worker counts as stuck."""

PATHS: Final = ("/metrics", "/livez", "/readyz")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host name or address, and a port (0 lets the system choose)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`HOST:PORT`, `[IPV6]:PORT` or `:PORT` for every address of this machine.

    Raises:
        ConfigurationError: it is none of these.

    Example:
        >>> parse_address("127.0.0.1:9090")
        Address(host='127.0.0.1', port=9090)
    """
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host != bare
    wrong = not colon or not port.isascii() or not port.isdigit() or int(port) > 65535
    if wrong or (":" in bare) is not bracketed:
        raise ConfigurationError(
            f"{text!r} is no address to listen on", hint="for example: 127.0.0.1:9090"
        )
    return Address(bare or "0.0.0.0", int(port))  # noqa: S104  (what `:PORT` asks for)


class WorkerServer:
    """Serves one worker; an async context manager.

    Args:
        worker: whose state is told.
        registry: its metrics.
        address: where to listen.

    Attributes:
        address: with the port that the system chose.

    Raises:
        ConfigurationError: on entering: the address cannot be used.
    """

    def __init__(self, worker: Worker, registry: CollectorRegistry, address: Address) -> None:
        self.address = address
        self._worker = worker
        self._registry = registry
        self._server: WSGIServer | None = None
        self._loop: asyncio.AbstractEventLoop

    async def __aenter__(self) -> WorkerServer:
        self._loop = asyncio.get_running_loop()
        try:
            server = make_server(
                self.address.host, self.address.port, self._answer, self._server_class(), _Quiet
            )
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {self.address}: {error.strerror or error}",
                hint="name another address: --http HOST:PORT",
            ) from None
        self._server = server
        self.address = Address(self.address.host, server.server_port)
        threading.Thread(
            target=server.serve_forever, args=(0.1,), name="continuum-http", daemon=True
        ).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.shutdown)
            server.server_close()

    def _server_class(self) -> type[WSGIServer]:
        family = socket.AF_INET6 if ":" in self.address.host else socket.AF_INET
        return type("_Server", (_Threaded,), {"address_family": family})

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _say(start, HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD")
        if path == "/metrics":
            return _send(start, HTTPStatus.OK, generate_latest(self._registry), CONTENT_TYPE_LATEST)
        if path == "/livez":
            return _judge(start, self._why_not_alive())
        if path == "/readyz":
            return _judge(start, self._why_not_alive() or self._why_not_ready())
        return _say(start, HTTPStatus.NOT_FOUND, f"there are {', '.join(PATHS)}")

    def _why_not_alive(self) -> str | None:
        """Ask the event loop for a sign of life."""
        answer: Future[None] = Future()
        try:
            self._loop.call_soon_threadsafe(answer.set_result, None)
            answer.result(ANSWER_WITHIN)
        except RuntimeError:
            return "the event loop is closed"
        except NoAnswer:
            stepping = self._worker.runner.stepping
            at = "" if stepping is None else f" by run {stepping.run_id} ({stepping.workflow_name})"
            return f"the event loop is blocked{at}"
        return None

    def _why_not_ready(self) -> str | None:
        worker = self._worker
        if worker.accepting and worker.membership.active:
            return None
        if worker.drained is not None:
            return "draining"
        return "not a node of the cluster now" if worker.accepting else "starting"


class _Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (as it is called)
        """Probes and scrapes are no news."""


def _judge(start: StartResponse, wrong: str | None) -> Iterable[bytes]:
    if wrong is None:
        return _say(start, HTTPStatus.OK, "ok")
    return _say(start, HTTPStatus.SERVICE_UNAVAILABLE, wrong)


def _say(start: StartResponse, status: HTTPStatus, text: str) -> Iterable[bytes]:
    return _send(start, status, f"{text}\n".encode(), "text/plain; charset=utf-8")


def _send(
    start: StartResponse, status: HTTPStatus, body: bytes, content_type: str
) -> Iterable[bytes]:
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start(f"{status.value} {status.phrase}", headers)
    return [body]
