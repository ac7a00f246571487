"""A VICI server in a thread that answers from a script, and a way to run command lines against it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ikeengine.cli.main import main
from ikeengine.daemon.vici.codec import (
    Deframer,
    Message,
    Packet,
    PacketType,
    ReceivedPacket,
    decode_packet,
    encode_packet,
)

Events = Sequence[tuple[str, Mapping[str, object]]]


@dataclass
class FakeDaemon:
    """`answers` maps a command to (events to stream, final answer); unknown commands are CMD_UNKNOWN.

    `raised` are events sent once the client has registered for the first of them; then the connection is closed.
    `silent` commands get no answer; `hang_up` ones close the connection; `garbage` ones answer with no VICI.
    """

    path: Path
    answers: dict[str, tuple[Events, Mapping[str, object]]] = field(default_factory=dict)
    raised: Events = ()
    unknown_events: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    hang_up: tuple[str, ...] = ()
    garbage: tuple[str, ...] = ()
    requests: list[tuple[str, Message]] = field(default_factory=list)
    registered: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self.path))
        self._socket.listen(4)
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for client in self._clients:
            client.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self._clients.append(client)
            try:
                self._talk(client)
            except OSError:
                continue

    def _talk(self, client: socket.socket) -> None:
        deframer = Deframer()
        while data := client.recv(65536):
            for segment in deframer.feed(data):
                if not self._answer(client, decode_packet(segment)):
                    client.close()
                    return

    def _answer(self, client: socket.socket, packet: ReceivedPacket) -> bool:
        """Answer one packet; False to close the connection."""
        if packet.type is PacketType.EVENT_REGISTER:
            return self._register(client, packet.name)
        self.requests.append((packet.name, packet.message))
        if packet.name in self.silent:
            return True
        if packet.name in self.hang_up:
            return False
        if packet.name in self.garbage:
            client.sendall(b"\x00\x00\x00\x02\xff\xff")
            return True
        if packet.name not in self.answers:
            client.sendall(encode_packet(Packet(PacketType.CMD_UNKNOWN)))
            return True
        events, answer = self.answers[packet.name]
        for name, message in events:
            client.sendall(encode_packet(Packet(PacketType.EVENT, name, message)))
        client.sendall(encode_packet(Packet(PacketType.CMD_RESPONSE, message=answer)))
        return True

    def _register(self, client: socket.socket, name: str) -> bool:
        if name in self.unknown_events:
            client.sendall(encode_packet(Packet(PacketType.EVENT_UNKNOWN)))
            return True
        self.registered.append(name)
        client.sendall(encode_packet(Packet(PacketType.EVENT_CONFIRM)))
        if self.raised and name == self.raised[-1][0]:
            for event, message in self.raised:
                client.sendall(encode_packet(Packet(PacketType.EVENT, event, message)))
            return False
        return True


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(tmp_path / "ikeengine.vici")
    yield fake
    fake.stop()


@dataclass(frozen=True)
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Outcome]:
    """Run `ikeengine ...` with the fake daemon's socket."""

    def run_command(*arguments: Any, socket: Path | None = None) -> Outcome:
        capsys.readouterr()
        code = main([*map(str, arguments), "--socket", str(socket or tmp_path / "ikeengine.vici")])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_command


SA = {
    "site-b": {
        "uniqueid": 3,
        "version": 2,
        "state": "ESTABLISHED",
        "local-host": "192.0.2.1",
        "local-port": 4500,
        "local-id": "gw1.example.com",
        "remote-host": "192.0.2.2",
        "remote-port": 4500,
        "remote-id": "gw2.example.com",
        "initiator": "yes",
        "initiator-spi": "0102030405060708",
        "responder-spi": "1112131415161718",
        "encr-alg": "AES_GCM_16",
        "encr-keysize": 256,
        "prf-alg": "PRF_HMAC_SHA2_384",
        "dh-group": "CURVE_25519",
        "established": 8000,
        "rekey-time": 5400,
        "child-sas": {
            "net-7": {
                "name": "net",
                "uniqueid": 7,
                "reqid": 1,
                "state": "INSTALLED",
                "mode": "TUNNEL",
                "protocol": "ESP",
                "encap": "yes",
                "spi-in": "c0000001",
                "spi-out": "c0000002",
                "encr-alg": "AES_GCM_16",
                "encr-keysize": 256,
                "bytes-in": 1536,
                "packets-in": 10,
                "bytes-out": 5242880,
                "packets-out": 4000,
                "rekey-time": 3000,
                "life-time": 3600,
                "install-time": 59,
                "local-ts": ["10.1.0.0/16"],
                "remote-ts": ["10.2.0.0/16", "10.3.0.0/16"],
            }
        },
    }
}
CONNECTIONS = [
    {
        "site-b": {
            "local_addrs": ["192.0.2.1"],
            "remote_addrs": ["192.0.2.2"],
            "version": "IKEv2",
            "local-1": {"id": "gw1.example.com", "class": "public key", "groups": [], "certs": [], "cacerts": []},
            "remote-1": {"id": "gw2.example.com", "class": "public key", "groups": [], "certs": [], "cacerts": []},
            "children": {
                "net": {"mode": "TUNNEL", "local-ts": ["10.1.0.0/16"], "remote-ts": ["10.2.0.0/16", "10.3.0.0/16"]},
                "voice": {"mode": "TUNNEL", "local-ts": ["10.1.5.0/24"], "remote-ts": ["10.2.5.0/24"]},
            },
        }
    },
    {
        "site-c": {
            "local_addrs": ["%any"],
            "remote_addrs": ["gw3.example.com"],
            "version": "IKEv2",
            "local-1": {"class": "pre-shared key"},
            "remote-1": {"class": "pre-shared key"},
            "children": {"net": {"mode": "TUNNEL", "local-ts": ["dynamic"], "remote-ts": ["10.4.0.0/16"]}},
        }
    },
]
FAILURE = {
    "age": 95,
    "alert": "proposal-mismatch-ike",
    "side": "peer",
    "phase": "IKE_SA_INIT request",
    "reason": "the peer accepts none of our proposals",
    "connection": "site-c",
    "child": "",
    "peer": "198.51.100.3[500]",
    "offered": ["aes256gcm16-prfsha384-x25519"],
    "accepted": [],
    "nearest": "aes256gcm16-prfsha384-ecp384: key exchange x25519 not offered",
    "advice": "add ecp384 to connections.site-c.proposals",
}


@pytest.fixture
def busy(daemon: FakeDaemon) -> FakeDaemon:
    """A daemon with one connection up and one down."""
    daemon.answers |= {
        "list-conns": ([("list-conn", connection) for connection in CONNECTIONS], {}),
        "list-sas": ([("list-sa", SA)], {}),
        "failures": ((), {"failures": {"1": FAILURE}}),
    }
    return daemon
