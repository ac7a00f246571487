"""The page for Prometheus, and the small server that hands it out."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest

from ikeengine.daemon import scrape
from ikeengine.daemon.scrape import MAX_CLIENTS, MetricsServer
from ikeengine.errors import LocalMisuse
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.sa import SaId, Usage
from ikeengine.observe.counters import Counters
from ikeengine.observe.metrics import Snapshot, render
from ikeengine.outputs import DropReason
from tests.engine.unit.daemon.fakes import child_status, connection, ike_status

SAMPLE = re.compile(r'^[a-z_]+(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? -?[0-9.e+]+$')


def usage(sa: SaId | None) -> Usage | None:
    return Usage(1000, 10, 0.5) if sa and sa.destination == "192.0.2.1" else None


def page() -> list[str]:
    counters = Counters()
    counters.count("child-rekey", "gw-gw")
    shunt = ChildConfig("bypass", (), mode=Mode.PASS)
    down = connection("down", ChildConfig("net", ()), shunt)
    odd = connection('quote"\\\n', ChildConfig("net", ()))
    twice = ike_status(children=(child_status(), child_status(unique_id=4, state="REKEYED")))
    snapshot = Snapshot(
        version="1.2.3",
        uptime=61.4,
        connections={"gw-gw": connection(), "down": down, odd.name: odd},
        sas=[twice, ike_status(state="CONNECTING", established_at=None, name="down", children=())],
        counters=counters,
        fetches={("crl", "fetched"): 2},
        dropped={DropReason.INTEGRITY: 3},
        usage=usage,
    )
    return render(snapshot).splitlines()


def test_samples() -> None:
    lines = page()
    for line in (
        'ikeengine_info{version="1.2.3"} 1',
        "ikeengine_uptime_seconds 61",
        'ikeengine_ike_sas{state="ESTABLISHED"} 1',
        'ikeengine_connection_up{connection="gw-gw"} 1',
        'ikeengine_connection_up{connection="down"} 0',
        'ikeengine_connection_up{connection="quote\\"\\\\\\n"} 0',
        'ikeengine_child_up{connection="gw-gw",child="net-net"} 1',
        'ikeengine_child_up{connection="down",child="net"} 0',
        'ikeengine_child_received_bytes{connection="gw-gw",child="net-net"} 2000',
        'ikeengine_child_sent_bytes{connection="gw-gw",child="net-net"} 0',
        'ikeengine_messages_total{connection="gw-gw",counter="child-rekey"} 1',
        'ikeengine_messages_total{connection="",counter="child-rekey"} 1',
        'ikeengine_dropped_datagrams_total{reason="integrity"} 3',
        'ikeengine_dropped_datagrams_total{reason="limit"} 0',
        'ikeengine_fetches_total{kind="crl",outcome="fetched"} 2',
        'ikeengine_fetches_total{kind="ocsp",outcome="failed"} 0',
    ):
        assert line in lines
    assert not [line for line in lines if "bypass" in line]


def test_every_line_is_in_the_format() -> None:
    for line in page():
        assert line.startswith(("# HELP ikeengine_", "# TYPE ikeengine_")) or SAMPLE.match(line), line


def serve(*requests: bytes, host: str = "127.0.0.1") -> list[bytes]:
    async def main() -> list[bytes]:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
            sock.bind((host, 0))
            port = sock.getsockname()[1]
        server = MetricsServer(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", lambda: "the page\n")
        await server.start()
        answers = []
        for request in requests:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(request)
            try:
                answers.append(await asyncio.wait_for(reader.read(), 10))
            except ConnectionError:
                answers.append(b"")
            writer.close()
        server.stop()
        return answers

    return asyncio.run(main())


def test_requests() -> None:
    ok, head, query, missing, post = serve(
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HEAD /metrics HTTP/1.1\r\n\r\n",
        b"GET /metrics?x=1 HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\n\r\n",
    )
    assert ok.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4")
    assert ok.endswith(b"Content-Length: 9\r\nConnection: close\r\n\r\nthe page\n")
    assert head.endswith(b"\r\n\r\n")
    assert b"Content-Length: 9" in head
    assert query.endswith(b"the page\n")
    assert missing.startswith(b"HTTP/1.1 404")
    assert post.startswith(b"HTTP/1.1 405")


def test_ipv6() -> None:
    assert serve(b"GET /metrics HTTP/1.1\r\n\r\n", host="::1")[0].endswith(b"the page\n")


def test_garbage_and_endless_requests_get_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "TIMEOUT", 0.2)
    answers = serve(b"", b"x" * 20000, b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\n\r\n")
    assert [bool(answer) for answer in answers] == [False, False, False, True]


def test_number_of_clients_is_bounded() -> None:
    async def main() -> None:
        server = MetricsServer("127.0.0.1:0", lambda: "")
        await server.start()
        assert server._server
        port = server._server.sockets[0].getsockname()[1]
        waiting = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CLIENTS)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        for _, other in (*waiting, (reader, writer)):
            other.close()
        server.stop()

    asyncio.run(main())


def test_a_port_in_use() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        endpoint = f"127.0.0.1:{sock.getsockname()[1]}"
        with pytest.raises(LocalMisuse, match="cannot serve metrics"):
            asyncio.run(MetricsServer(endpoint, lambda: "").start())
