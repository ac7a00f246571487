"""A very small HTTP server for the metrics page: GET /metrics, one request per connection, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ikeengine.errors import LocalMisuse
from ikeengine.observe.metrics import CONTENT_TYPE

MAX_REQUEST = 8192
TIMEOUT = 5.0
MAX_CLIENTS = 16

_STATUS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed"}


class MetricsServer:
    """Serves what `page` returns, on `host:port` (IPv6 addresses in brackets)."""

    def __init__(self, endpoint: str, page: Callable[[], str]) -> None:
        host, _unused, port = endpoint.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._page = page
        self._clients = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises LocalMisuse."""
        try:
            self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=MAX_REQUEST)
        except OSError as error:
            raise LocalMisuse(f"cannot serve metrics on {self._host}[{self._port}]: {error.strerror}") from error

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients <= MAX_CLIENTS:
                async with asyncio.timeout(TIMEOUT):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(head))
                    await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            # Whoever does not send a request, or does not read the answer, gets none.
            writer.transport.abort()
        finally:
            self._clients -= 1
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        method, _unused, rest = head.partition(b" ")
        target = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response(405, b"")
        if target != b"/metrics":
            return _response(404, b"metrics are at /metrics\n")
        page = self._page().encode("utf-8", "backslashreplace")
        return _response(200, page, with_body=method == b"GET")


def _response(status: int, body: bytes, *, with_body: bool = True) -> bytes:
    head = (
        f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: {CONTENT_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
