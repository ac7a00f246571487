"""Fetching CRLs and OCSP responses over HTTP, or from files: in threads, bounded in time, size and redirects.

The core says what to fetch (`outputs.AskFetch`) and only ever asks for what a trusted chain or the configuration names.
Whoever asks for the same document at the same time shares one fetch.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from ikeengine import __version__
from ikeengine.errors import LocalMisuse
from ikeengine.outputs import AskFetch

WORKERS = 16
MAX_REDIRECTS = 3
_CHUNK = 64 << 10
_REDIRECTS = (301, 302, 303, 307, 308)
_OCSP = "application/ocsp-request"

Answer = Callable[[bytes | LocalMisuse], None]
Outcome = tuple[str, str]
"""(`crl` or `ocsp`, `fetched` or `failed`), for the metrics."""


class Fetcher:
    """Answers AskFetch."""

    def __init__(self, load: Callable[[AskFetch], bytes] | None = None) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self._load = load or fetch
        self._free = asyncio.Semaphore(WORKERS)
        self._under_way: dict[tuple[str, bytes], asyncio.Task[bytes | LocalMisuse]] = {}

    def close(self) -> None:
        """Stop; fetches under way are abandoned and not answered."""
        for task in self._under_way.values():
            task.cancel()

    def fetch(self, ask: AskFetch, answer: Answer) -> None:
        """Call `answer` with the document, or with a sentence about why there is none."""
        key = (ask.uri, ask.post)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.get_running_loop().create_task(self._run(ask))
            task.add_done_callback(lambda done: self._under_way.pop(key, None))
        task.add_done_callback(lambda done: None if done.cancelled() else answer(done.result()))

    async def _run(self, ask: AskFetch) -> bytes | LocalMisuse:
        kind = "ocsp" if ask.post else "crl"
        try:
            document = await asyncio.wait_for(self._in_thread(ask), ask.timeout)
        except TimeoutError:
            problem = f"no answer within {ask.timeout:g} s"
        except Exception as error:  # noqa: BLE001  whatever went wrong, an IKE_AUTH waits for the answer
            problem = _words(error)
        else:
            self.outcomes[kind, "fetched"] += 1
            return document
        self.outcomes[kind, "failed"] += 1
        return LocalMisuse(problem)

    async def _in_thread(self, ask: AskFetch) -> bytes:
        """Load in a thread that does not keep the daemon from ending. It occupies its place until it really is over."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bytes] = loop.create_future()
        await self._free.acquire()

        def finish(document: bytes, error: Exception | None) -> None:
            self._free.release()
            if done.cancelled():
                return
            if error is None:
                done.set_result(document)
            else:
                done.set_exception(error)

        def work() -> None:
            document, problem = b"", None
            try:
                document = self._load(ask)
            except Exception as error:  # noqa: BLE001  whatever it is belongs to who waits
                problem = error
            with contextlib.suppress(RuntimeError):  # the daemon has ended meanwhile
                loop.call_soon_threadsafe(finish, document, problem)

        threading.Thread(target=work, name="fetch", daemon=True).start()
        return await done


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def fetch(ask: AskFetch) -> bytes:
    """The document. Blocks. Raises OSError, ValueError and HTTPException."""
    deadline = time.monotonic() + ask.timeout
    uri = ask.uri
    for _redirect in range(MAX_REDIRECTS + 1):
        if urlsplit(uri).scheme == "file":
            return _from_file(uri, ask) if uri == ask.uri else _refuse(uri)
        with contextlib.closing(_connect(uri, deadline)) as connection:
            response = _request(connection, uri, ask)
            location = response.getheader("Location")
            if response.status in _REDIRECTS and location:
                uri = urljoin(uri, location)
                continue
            if response.status != http.client.OK:
                raise ValueError(f"HTTP status {response.status} {response.reason}".strip())
            return _body(response, ask.max_octets, deadline)
    raise ValueError(f"more than {MAX_REDIRECTS} redirects")


def _refuse(uri: str) -> bytes:
    raise ValueError(f"redirected to {uri}, which is not followed")


def _from_file(uri: str, ask: AskFetch) -> bytes:
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        raise ValueError("a file URI has three slashes, as in file:///etc/ca.crl")
    with Path(unquote(parts.path)).open("rb") as file:
        return _bounded(file.read(ask.max_octets + 1), ask.max_octets)


def _connect(uri: str, deadline: float) -> http.client.HTTPConnection:
    parts = urlsplit(uri)
    remaining = _remaining(deadline)
    if not parts.hostname:
        raise ValueError("the URI names no host")
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=remaining)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=remaining, context=context)
    raise ValueError(f"`{parts.scheme}` URIs are not fetched")


def _request(connection: http.client.HTTPConnection, uri: str, ask: AskFetch) -> http.client.HTTPResponse:
    parts = urlsplit(uri)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": f"ikeengine/{__version__}", "Connection": "close"}
    if ask.post:
        connection.request("POST", target, ask.post, headers | {"Content-Type": _OCSP})
    else:
        connection.request("GET", target, headers=headers)
    return connection.getresponse()


def _body(response: http.client.HTTPResponse, max_octets: int, deadline: float) -> bytes:
    """Read piece by piece, so that a server that sends an octet a second does not hold us up."""
    pieces: list[bytes] = []
    size = 0
    for piece in iter(partial(response.read1, _CHUNK), b""):
        size += len(piece)
        if size > max_octets:
            break
        _remaining(deadline)
        pieces.append(piece)
    else:
        return b"".join(pieces)
    raise ValueError(f"the document is larger than {max_octets} octets")


def _bounded(document: bytes, max_octets: int) -> bytes:
    if len(document) > max_octets:
        raise ValueError(f"the document is larger than {max_octets} octets")
    return document


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError(0, "no complete answer in time")
    return remaining
