"""The control socket itself: access, events, clients that misbehave, and none that makes another one wait."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import vici

from ikeengine.daemon.vici.codec import (
    MAX_SEGMENT,
    Deframer,
    Packet,
    PacketType,
    ReceivedPacket,
    as_text,
    decode_packet,
    encode_packet,
)
from ikeengine.daemon.vici.hub import EventHub
from ikeengine.daemon.vici.peer import Peer, may_control, peer_of
from ikeengine.daemon.vici.server import MAX_CLIENTS, ViciServer, listening_socket
from ikeengine.errors import LocalMisuse
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.model.sa import Usage
from ikeengine.outputs import (
    ChildRekeyed,
    ChildUpdown,
    CommandDone,
    DeleteSa,
    Failed,
    IkeRekeyed,
    IkeUpdown,
    InstallSa,
    LogLine,
)
from tests.engine.unit.daemon.fakes import LogCapture, child_status, connection, esp_sa, ike_status
from tests.engine.unit.daemon.vici_rig import ViciRig, text
from tests.lab.needs import need_root
from tests.lab.netns import wait_until


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[ViciRig]:
    with ViciRig(tmp_path) as rig:
        yield rig


def test_who_comes_before_the_daemon_is_ready_waits(tmp_path: Path) -> None:
    """Its command is carried out when the configuration is loaded, not in between."""

    async def scenario() -> None:
        server = ViciServer(tmp_path / "vici", EventHub(), lambda name: None, print)
        await server.start()
        reader, writer = await asyncio.open_unix_connection(server.path)
        writer.write(encode_packet(Packet(PacketType.CMD_REQUEST, "version")))
        answer = asyncio.ensure_future(reader.readexactly(5))
        for _round in range(20):
            await asyncio.sleep(0)
        assert not answer.done()
        await server.serve()
        assert (await answer)[4] == PacketType.CMD_UNKNOWN
        writer.close()
        await server.stop()

    asyncio.run(scenario())


class RawClient:
    """Speaks packets, without any help of a library."""

    def __init__(self, rig: ViciRig) -> None:
        self.sock = rig.connect()
        self._deframer = Deframer()
        self._received: list[ReceivedPacket] = []

    def send(self, kind: PacketType, name: str = "", message: dict[str, object] | None = None) -> None:
        self.sock.sendall(encode_packet(Packet(kind, name, message or {})))

    def receive(self) -> ReceivedPacket:
        while not self._received:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self._received += [decode_packet(segment) for segment in self._deframer.feed(data)]
        return self._received.pop(0)

    def is_cut_off(self) -> bool:
        """Read until the end; an answer instead of an end takes as long as the socket's timeout."""
        try:
            while True:
                self.receive()
        except (EOFError, ConnectionError):
            return True

    def register(self, *events: str) -> None:
        for event in events:
            self.send(PacketType.EVENT_REGISTER, event)
            assert self.receive().type is PacketType.EVENT_CONFIRM


@contextlib.contextmanager
def public_directory() -> Iterator[Path]:
    """A directory that every user can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


# --- access


def test_mode_of_the_socket(rig: ViciRig) -> None:
    assert stat.S_IMODE(rig.socket_path.stat().st_mode) == 0o660


def test_socket_is_removed_at_the_end(tmp_path: Path) -> None:
    with ViciRig(tmp_path) as rig:
        assert rig.socket_path.exists()
    assert not rig.socket_path.exists()


def test_peer_credentials_are_those_of_the_process() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        peer = peer_of(ours)
    assert (peer.pid, peer.uid) == (os.getpid(), os.getuid())
    assert os.getgid() in peer.gids


@pytest.mark.parametrize(
    ("uid", "gids", "allowed"),
    [
        (0, {0}, True),
        (os.geteuid(), {4242}, True),
        (12345, {1, 50}, True),
        (12345, {1, 2}, False),
        (12345, set(), False),
    ],
)
def test_who_may_control(uid: int, gids: set[int], allowed: bool) -> None:
    assert may_control(Peer(1, uid, frozenset(gids)), socket_group=50) is allowed


def test_a_stranger_is_refused_even_if_the_mode_lets_him_in() -> None:
    need_root()
    capture = LogCapture()
    with public_directory() as directory, ViciRig(directory, log=capture.log) as rig:
        rig.socket_path.chmod(0o666)
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setresgid(54321, 54321, 54321)
            os.setresuid(54321, 54321, 54321)
            try:
                vici.Session(rig.connect(5)).version()
            except OSError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert rig.session().version()
    assert "uid 54321" in capture.text


def test_members_of_the_group_are_let_in() -> None:
    need_root()
    with public_directory() as directory, ViciRig(directory) as rig:
        os.chown(rig.socket_path, 0, 54322)
        rig.server._group = 54322
        child = os.fork()
        if child == 0:
            os.setgroups([54322])
            os.setresgid(54321, 54321, 54321)
            os.setresuid(54321, 54321, 54321)
            try:
                vici.Session(rig.connect(5)).version()
            except OSError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_stale_socket_is_replaced_but_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listening_socket(path).close()
    assert path.exists()
    with listening_socket(path), pytest.raises(LocalMisuse, match="another daemon"):
        listening_socket(path)


def test_unusable_paths(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalMisuse, match="not a socket"):
        listening_socket(tmp_path / "file")
    with pytest.raises(LocalMisuse, match="cannot listen"):
        listening_socket(tmp_path / "missing" / "s")
    with pytest.raises(LocalMisuse, match="cannot listen"):
        listening_socket(tmp_path / ("x" * 200))


def test_number_of_clients_is_bounded(rig: ViciRig) -> None:
    clients = []
    for _ in range(MAX_CLIENTS):
        clients.append(RawClient(rig))
        clients[-1].send(PacketType.CMD_REQUEST, "version")
        assert clients[-1].receive().type is PacketType.CMD_RESPONSE
    assert RawClient(rig).is_cut_off()
    clients[0].sock.close()
    wait_until(lambda: answers(rig))


def answers(rig: ViciRig) -> bool:
    try:
        return bool(rig.session().version())
    except OSError:
        return False


# --- packets


def test_unknown_events_and_commands(rig: ViciRig) -> None:
    client = RawClient(rig)
    client.send(PacketType.EVENT_REGISTER, "nonsense")
    assert client.receive().type is PacketType.EVENT_UNKNOWN
    client.send(PacketType.EVENT_UNREGISTER, "log")
    assert client.receive().type is PacketType.EVENT_UNKNOWN
    client.send(PacketType.CMD_REQUEST, "nonsense")
    assert client.receive().type is PacketType.CMD_UNKNOWN


def test_requests_without_waiting_are_answered_in_order(rig: ViciRig) -> None:
    client = RawClient(rig)
    for name in ("version", "nonsense", "get-conns", "stats"):
        client.send(PacketType.CMD_REQUEST, name)
    answers = [client.receive() for _ in range(4)]
    assert answers[1].type is PacketType.CMD_UNKNOWN
    assert [next(iter(answer.message)) for answer in answers if answer.message] == ["daemon", "conns", "uptime"]


def test_octet_by_octet(rig: ViciRig) -> None:
    client = RawClient(rig)
    for octet in encode_packet(Packet(PacketType.CMD_REQUEST, "version")):
        client.sock.sendall(bytes([octet]))
    assert as_text(client.receive().message)["daemon"] == "ikeengine"


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        (MAX_SEGMENT + 1).to_bytes(4, "big"),
        b"\0\0\0\0",
        b"\0\0\0\1\xff",
        b"\0\0\0\2\0\7",
        encode_packet(Packet(PacketType.CMD_RESPONSE, message={"a": "b"})),
        encode_packet(Packet(PacketType.EVENT, "log", {})),
        b"\0\0\0\x0a\0\7version\3",
    ],
)
def test_who_does_not_speak_vici_is_cut_off_and_nobody_else(rig: ViciRig, garbage: bytes) -> None:
    other = rig.session()
    client = RawClient(rig)
    client.sock.sendall(garbage)
    assert client.is_cut_off()
    assert other.version()


def test_a_bug_in_a_command_is_an_answer_and_a_line_in_the_log(tmp_path: Path) -> None:
    capture = LogCapture()
    with ViciRig(tmp_path, log=capture.log) as rig:
        rig.core.status = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
        with pytest.raises(vici.exception.CommandException, match="internal error"):
            list(rig.session().list_sas())
        assert rig.session().version()
    assert "ZeroDivisionError" in capture.text


# --- events


def test_updown_and_rekey_events(rig: ViciRig) -> None:
    client = RawClient(rig)
    client.register("ike-updown", "child-updown", "ike-rekey", "child-rekey")
    old, new = child_status(), child_status(unique_id=4)
    rig.emit(
        IkeUpdown(True, ike_status()),
        ChildUpdown(True, ike_status(), old),
        IkeRekeyed(ike_status(), ike_status(unique_id=2)),
        ChildRekeyed(ike_status(), old, new),
        ChildUpdown(False, ike_status(), new),
        IkeUpdown(False, ike_status()),
    )
    events = [(packet.name, as_text(packet.message)) for packet in (client.receive() for _ in range(6))]
    names = ["ike-updown", "child-updown", "ike-rekey", "child-rekey", "child-updown", "ike-updown"]
    assert [name for name, _ in events] == names
    up, child_up, rekey, child_rekey, child_down, down = (message for _, message in events)
    assert up["up"] == child_up["up"] == "yes"
    assert "up" not in down
    assert "up" not in child_down
    assert "child-sas" not in up["gw-gw"]
    assert list(child_up["gw-gw"]["child-sas"]) == ["net-net-3"]
    assert (rekey["gw-gw"]["old"]["uniqueid"], rekey["gw-gw"]["new"]["uniqueid"]) == ("1", "2")
    pair = child_rekey["gw-gw"]["child-sas"]["net-net"]
    assert (pair["old"]["uniqueid"], pair["new"]["uniqueid"]) == ("3", "4")


def test_log_events_up_to_level_one(rig: ViciRig) -> None:
    client = RawClient(rig)
    client.register("log")
    rig.emit(LogLine(2, "ENC", "detail"), LogLine(1, "CFG", "plain"), LogLine(0, "IKE", "of an SA", "gw-gw", 7))
    assert as_text(client.receive().message) == {"thread": "0", "group": "CFG", "level": "1", "msg": "plain"}
    assert as_text(client.receive().message) == {
        "thread": "0", "group": "IKE", "level": "0", "ikesa-name": "gw-gw", "ikesa-uniqueid": "7", "msg": "of an SA",
    }  # fmt: skip


def test_alert_events(rig: ViciRig) -> None:
    client = RawClient(rig)
    client.register("alert")
    rig.emit(Failed(FailureRecord(Alert.TS_MISMATCH, Side.PEER, "IKE_AUTH response", "refused", 1.0, "gw-gw")))
    message = as_text(client.receive().message)
    assert message["type"] == "ts-mismatch"
    assert (message["connection"], message["side"], message["reason"]) == ("gw-gw", "peer", "refused")
    assert "advice" not in message


def test_final_counters_are_in_the_down_event(rig: ViciRig) -> None:
    client = RawClient(rig)
    client.register("child-updown")
    sa = esp_sa(0x9568F927)
    rig.emit(InstallSa(1, sa))
    rig.datapath.counters[sa.id] = Usage(4711, 5, 1.0)
    rig.emit(DeleteSa(sa.id), ChildUpdown(False, ike_status(), child_status(sa_in=sa.id)))
    section = as_text(client.receive().message)["gw-gw"]["child-sas"]["net-net-3"]
    assert section["bytes-in"] == "4711"


def test_only_registered_clients_get_events_and_only_until_they_unregister(rig: ViciRig) -> None:
    listener, other = RawClient(rig), RawClient(rig)
    listener.register("log")
    rig.emit(LogLine(1, "CFG", "one"))
    assert as_text(listener.receive().message)["msg"] == "one"
    listener.send(PacketType.EVENT_UNREGISTER, "log")
    assert listener.receive().type is PacketType.EVENT_CONFIRM
    rig.emit(LogLine(1, "CFG", "two"))
    for client in (listener, other):
        client.send(PacketType.CMD_REQUEST, "version")
        assert client.receive().type is PacketType.CMD_RESPONSE
    assert not rig.hub.wants("log")


def test_a_client_that_went_away_is_forgotten(rig: ViciRig) -> None:
    client = RawClient(rig)
    client.register("log", "child-updown")
    assert rig.do(lambda: rig.hub.wants("log") and rig.service.keep_final_usage)
    client.sock.close()
    wait_until(lambda: not rig.do(lambda: rig.hub.wants("log") or rig.hub.wants("child-updown")))
    assert not rig.service.keep_final_usage


def test_an_event_nobody_wants_is_not_even_built() -> None:
    hub = EventHub()

    class Explosive(dict):  # type: ignore[type-arg]
        def items(self) -> object:
            raise AssertionError("built")

    hub.raise_event("log", Explosive())
    assert not hub.wants("log")


def test_events_arrive_while_a_command_is_running(rig: ViciRig) -> None:
    rig.core.on_command = lambda op, command: None
    rig.core.connections["gw-gw"] = connection()
    client = RawClient(rig)
    client.register("control-log", "log")
    client.send(PacketType.CMD_REQUEST, "initiate", {"child": "net-net"})
    wait_until(lambda: rig.do(lambda: rig.bridge.taps))
    rig.emit(LogLine(1, "IKE", "step", "gw-gw", 1))
    assert {client.receive().name, client.receive().name} == {"control-log", "log"}
    rig.emit(CommandDone(1001, ok=True))
    assert client.receive().type is PacketType.CMD_RESPONSE


# --- slow and vanished clients


def test_a_client_that_leaves_does_not_leave_its_command_waiting(rig: ViciRig) -> None:
    rig.core.on_command = lambda op, command: None
    client = RawClient(rig)
    client.send(PacketType.CMD_REQUEST, "initiate", {"child": "net-net"})
    wait_until(lambda: rig.do(lambda: rig.bridge.taps))
    client.sock.close()
    wait_until(lambda: not rig.do(lambda: rig.bridge.taps))


def test_a_listener_that_never_reads_is_cut_off_and_delays_nobody(rig: ViciRig) -> None:
    lazy, eager = RawClient(rig), RawClient(rig)
    lazy.register("log")
    eager.register("log")
    received = threading.Event()

    def read_all() -> None:
        while as_text(eager.receive().message)["msg"] != "last":
            pass
        received.set()

    reader = threading.Thread(target=read_all, daemon=True)
    reader.start()
    for _ in range(200):
        rig.emit(*(LogLine(1, "CFG", "x" * 1000) for _ in range(50)))
    rig.emit(LogLine(1, "CFG", "last"))
    assert received.wait(120)
    assert len(rig.hub._subscribers["log"]) == 1
    assert lazy.is_cut_off()


def test_a_long_answer_waits_for_its_own_reader_only(rig: ViciRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikeengine.daemon.vici.session.STALL_TIMEOUT", 600.0)
    rig.core.sas = [ike_status(name=f"gw-{number}", unique_id=number) for number in range(3000)]
    lazy = RawClient(rig)
    lazy.register("list-sa")
    lazy.send(PacketType.CMD_REQUEST, "list-sas")
    assert rig.session().version()
    assert len(list(rig.session().list_sas())) == 3000
    count = 0
    while lazy.receive().type is PacketType.EVENT:
        count += 1
    assert count == 3000


def test_a_reader_that_stalls_in_its_own_answer_is_cut_off(rig: ViciRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikeengine.daemon.vici.session.STALL_TIMEOUT", 0.2)
    rig.core.sas = [ike_status(name=f"gw-{number}", unique_id=number) for number in range(3000)]
    lazy = RawClient(rig)
    lazy.register("list-sa")
    lazy.send(PacketType.CMD_REQUEST, "list-sas")
    wait_until(lambda: not rig.do(lambda: rig.hub.wants("list-sa")))
    assert lazy.is_cut_off()
    assert rig.session().version()


# --- secrets


def test_no_secret_that_passes_through_the_socket_gets_into_the_log(tmp_path: Path) -> None:
    capture = LogCapture()
    with ViciRig(tmp_path, log=capture.log) as rig:
        session = rig.session()
        session.load_shared({"id": "psk-1", "type": "IKE", "data": "correct horse battery", "owners": ["gw1"]})
        for command, message in (
            ("load-shared", {"type": "FOO", "data": "correct horse battery"}),
            ("load-key", {"type": "any", "data": "correct horse battery"}),
            ("load-conn", {"x": {"secret": "correct horse battery"}}),
        ):
            with pytest.raises(vici.exception.CommandException) as caught:
                session.request(command, message)
            assert "correct horse" not in str(caught.value)
        session.get_shared()
    assert "vici load-shared id 'psk-1' by uid" in capture.text
    assert "correct horse" not in capture.text
    assert text(b"x") == "x"
