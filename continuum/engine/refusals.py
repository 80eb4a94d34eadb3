"""What a run's loop refuses: everything that reaches outside the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from continuum.codec.hints import caller_location
from continuum.errors import NonDeterminismError

REFUSED: Final = (
    # threads and executors
    "run_in_executor", "set_default_executor", "shutdown_default_executor",
    # connections and servers
    "create_connection", "create_server", "create_unix_connection", "create_unix_server",
    "create_datagram_endpoint", "connect_accepted_socket", "sendfile", "start_tls",
    "getaddrinfo", "getnameinfo", "connect_read_pipe", "connect_write_pipe",
    # raw sockets and file descriptors
    "add_reader", "remove_reader", "add_writer", "remove_writer", "sock_recv", "sock_recv_into",
    "sock_recvfrom", "sock_recvfrom_into", "sock_sendall", "sock_sendto", "sock_connect",
    "sock_accept", "sock_sendfile",
    # processes and signals
    "subprocess_shell", "subprocess_exec", "add_signal_handler", "remove_signal_handler",
    # driving or replacing the loop
    "run_forever", "run_until_complete", "stop", "close", "set_task_factory",
)  # fmt: skip


def refuse(name: str) -> NonDeterminismError:
    """The error for a refused loop method."""
    at = caller_location()
    return NonDeterminismError(
        f"workflow code called {name} of its event loop, which a replay cannot repeat"
        f"{f' at {at}' if at else ''}",
        hint="move it into an activity",
    )


def add_refusals(cls: type[Any]) -> type[Any]:
    """Class decorator: every method of `REFUSED` raises `NonDeterminismError`."""
    for name in REFUSED:
        setattr(cls, name, _refusal(name))
    return cls


def _refusal(name: str) -> Callable[..., Any]:
    def method(self: Any, *_: Any, **__: Any) -> Any:
        raise refuse(name)

    method.__name__ = name
    method.__doc__ = "Refused: move it into an activity."
    return method
