"""pyroute2 for a program that runs an event loop already: its calls are made in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from ikeengine.errors import DatapathError

T = TypeVar("T")


class RouteError(DatapathError):
    """The kernel refused a change of links, routes or rules. `code` is the errno."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"rtnetlink: {detail} (errno {code})")
        self.code = code


class RouteSocket:
    """A NETLINK_ROUTE socket. `call` waits for the answer, which takes less than a millisecond.

    pyroute2 0.9 drives its sockets with an event loop, which cannot be nested into the one of the daemon.
    """

    def __init__(self) -> None:
        """Raises DatapathError if there is no netlink."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rtnetlink")
        try:
            self._socket: Any = self._thread.submit(IPRoute).result()
        except OSError as error:
            self._thread.shutdown()
            raise DatapathError(f"no rtnetlink: {error.strerror}") from error

    def call(self, operation: Callable[[Any], T]) -> T:
        """What `operation` returns when it is given the `IPRoute` object. Raises RouteError."""
        try:
            return self._thread.submit(operation, self._socket).result()
        except NetlinkError as error:
            raise RouteError(error.code, str(error.args[-1])) from error

    def close(self) -> None:
        """Close the socket and end the thread."""
        self._thread.submit(self._socket.close).result()
        self._thread.shutdown()
