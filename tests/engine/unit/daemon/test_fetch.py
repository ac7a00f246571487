"""Fetching over HTTP: what is taken, and the bounds in time, size and redirects."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ikeengine.daemon.fetch import MAX_REDIRECTS, Fetcher, fetch
from ikeengine.errors import LocalMisuse
from ikeengine.outputs import AskFetch

CRL = bytes(range(256)) * 40


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        if name == "hole":
            self.server.over.wait()
        elif name.startswith("loop"):
            self._answer(302, b"", Location="/loop" + name)
        elif name == "moved":
            self._answer(301, b"", Location="/crl?a=b")
        elif name == "to-file":
            self._answer(302, b"", Location="file:///etc/passwd")
        elif name == "endless":
            self._stream(b"x" * 65536, 0)
        elif name == "drip":
            self._stream(b"x", 0.05)
        elif name.startswith("crl"):
            self._answer(200, CRL)
        elif name == "garbage":
            self.wfile.write(b"\0\1\2\r\n\r\n")
        else:
            self._answer(404, b"no")

    def do_POST(self) -> None:
        assert self.headers["Content-Type"] == "application/ocsp-request"
        self._answer(200, b"answer to " + self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.server.requests.append(self.path)
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, piece: bytes, pause: float) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.server.over.wait(pause):
                self.wfile.write(piece)
        except OSError:
            return

    def log_message(self, *arguments: object) -> None:
        """Silence."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.over = threading.Event()
        self.requests: list[str] = []

    def uri(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    threading.Thread(target=lambda: running.serve_forever(0.01), daemon=True).start()
    yield running
    running.over.set()
    running.shutdown()
    running.server_close()


def ask(uri: str, post: bytes = b"", *, timeout: float = 60.0, most: int = 1 << 20) -> AskFetch:
    return AskFetch(1, uri, post, most, timeout)


def test_documents(server: Server) -> None:
    assert fetch(ask(server.uri("crl"))) == CRL
    assert fetch(ask(server.uri("moved"))) == CRL
    assert server.requests[-1] == "/crl?a=b"
    assert fetch(ask(server.uri("ocsp"), b"request")) == b"answer to request"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "HTTP status 404 Not Found"),
        ("loop", f"more than {MAX_REDIRECTS} redirects"),
        ("to-file", "redirected to file:///etc/passwd, which is not followed"),
        ("endless", "larger than 1048576 octets"),
    ],
)
def test_what_is_refused(server: Server, path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fetch(ask(server.uri(path)))


@pytest.mark.parametrize("path", ["hole", "drip"])
def test_slow_servers(server: Server, path: str) -> None:
    """Also one that sends an octet now and then, which no timeout of a socket ends."""
    with pytest.raises(TimeoutError):
        fetch(ask(server.uri(path), timeout=0.3))


@pytest.mark.parametrize("uri", ["ldap://a/b", "http://", "gopher:x", "", "http://[::1", "file://host/etc/passwd"])
def test_useless_uris(uri: str) -> None:
    with pytest.raises((ValueError, OSError)):
        fetch(ask(uri))


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "a b.crl"
    file.write_bytes(CRL)
    assert fetch(ask(f"file://{tmp_path}/a%20b.crl")) == CRL
    with pytest.raises(ValueError, match="larger than 10 octets"):
        fetch(ask(f"file://{tmp_path}/a%20b.crl", most=10))
    with pytest.raises(FileNotFoundError):
        fetch(ask("file:///nowhere.crl"))


def run(*asked: AskFetch, fetcher: Fetcher | None = None) -> tuple[list[bytes | LocalMisuse], Fetcher]:
    """Fetch all at the same time; the answers in the order in which they came."""

    async def main() -> tuple[list[bytes | LocalMisuse], Fetcher]:
        used = fetcher or Fetcher()
        answers: list[bytes | LocalMisuse] = []
        done = asyncio.Event()

        def answer(result: bytes | LocalMisuse) -> None:
            answers.append(result)
            if len(answers) == len(asked):
                done.set()

        for one in asked:
            used.fetch(one, answer)
        await asyncio.wait_for(done.wait(), 120)
        used.close()
        return answers, used

    return asyncio.run(main())


def test_one_fetch_for_all_who_ask(server: Server) -> None:
    answers, fetcher = run(*[ask(server.uri("crl"))] * 5)
    assert answers == [CRL] * 5
    assert server.requests == ["/crl"]
    assert fetcher.outcomes == {("crl", "fetched"): 1}


def test_black_holes_do_not_delay_others(server: Server) -> None:
    """D11: what can be had comes first, and each failure says why."""
    answers, fetcher = run(ask(server.uri("hole"), timeout=3.0), ask(server.uri("crl")), ask(server.uri("garbage")))
    assert CRL in answers[:2]
    assert str(answers[2]) == "no answer within 3 s"
    assert fetcher.outcomes[("crl", "failed")] == 2


def test_more_black_holes_than_threads() -> None:
    """Who waits for a thread in vain is answered in time, too."""

    over = threading.Event()

    def stuck(_ask: AskFetch) -> bytes:
        over.wait()
        raise OSError(0, "too late")

    answers, _fetcher = run(*[ask(f"http://a/{n}", timeout=0.2) for n in range(40)], fetcher=Fetcher(stuck))
    over.set()
    assert {str(answer) for answer in answers} == {"no answer within 0.2 s"}


def test_nobody_there() -> None:
    (answer,), _fetcher = run(ask("http://127.0.0.1:9/crl"))
    assert str(answer) == "Connection refused"
