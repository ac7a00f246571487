from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from ikeengine.cli.client import Client
from ikeengine.cli.errors import CommandFailed, DaemonUnreachable
from ikeengine.daemon.vici.codec import Packet, PacketType


def test_a_missing_socket_says_how_to_start_the_daemon(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachable, match=r"there is no control socket at .*systemctl status ikeengine"):
        Client(tmp_path / "nothing")


def test_a_socket_without_a_daemon_says_so(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        with pytest.raises(DaemonUnreachable, match="nobody listens on"):
            Client(path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "run this as root"),
        (OSError(5, "broken"), "cannot connect to .*: broken"),
    ],
)
def test_other_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(DaemonUnreachable, match=words):
        Client(tmp_path / "x")


def test_a_request_and_its_answer(daemon: Any) -> None:
    daemon.answers["stats"] = ([("log", {"msg": "in between"})], {"a": "b"})
    with Client(daemon.path) as client:
        assert client.request("stats", {"x": 1}) == {"a": b"b"}
        assert client.request("stats") == {"a": b"b"}
    assert daemon.requests == [("stats", {"x": b"1"}), ("stats", {})]


def test_a_stream_yields_its_own_events_only(daemon: Any) -> None:
    daemon.answers["list-sas"] = ([("list-sa", {"n": 1}), ("log", {"n": 2}), ("list-sa", {"n": 3})], {})
    with Client(daemon.path) as client:
        assert list(client.stream("list-sas", "list-sa")) == [{"n": b"1"}, {"n": b"3"}]


def test_an_unknown_command_is_a_failure(daemon: Any) -> None:
    with Client(daemon.path) as client, pytest.raises(CommandFailed, match="does not know the command `dance`"):
        client.request("dance")


def test_a_refusal_has_its_reason_and_its_answer(daemon: Any) -> None:
    daemon.answers["initiate"] = ((), {"success": "no", "errmsg": "because", "side": "peer"})
    with Client(daemon.path) as client, pytest.raises(CommandFailed, match="because") as caught:
        client.request("initiate")
    assert caught.value.answer["side"] == b"peer"


def test_silence_ends_with_a_timeout(daemon: Any) -> None:
    daemon.silent = ("stats",)
    with Client(daemon.path, timeout=0.05) as client, pytest.raises(DaemonUnreachable, match=r"within 0\.05 seconds"):
        client.request("stats")


def test_a_closed_connection_says_who_may_connect(daemon: Any) -> None:
    daemon.hang_up = ("stats",)
    with Client(daemon.path) as client, pytest.raises(DaemonUnreachable, match="it does not let you in"):
        client.request("stats")


@pytest.mark.parametrize("octets", [b"\x00\x00\x00\x02\xff\xff", b"HTTP/1.1 400 Bad Request\r\n", b"\x00\x00\x00\x00"])
def test_what_does_not_speak_vici_is_no_daemon(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "other"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        with Client(path) as client:
            peer, _ = server.accept()
            peer.sendall(octets)
            with pytest.raises(DaemonUnreachable, match="what answers is not an IKE daemon"):
                client.request("stats")
            peer.close()


def test_an_answer_of_another_kind_is_no_daemon(daemon: Any) -> None:
    daemon.answers["stats"] = ((), {})
    with Client(daemon.path) as client:
        client._send(Packet(PacketType.EVENT_REGISTER, "log"))
        with pytest.raises(DaemonUnreachable, match="answered `stats` with EVENT_CONFIRM"):
            client.request("stats")


def test_a_daemon_that_is_gone_when_we_ask(daemon: Any) -> None:
    daemon.hang_up = ("stats",)
    with Client(daemon.path) as client:
        with pytest.raises(DaemonUnreachable):
            client.request("stats")
        with pytest.raises(DaemonUnreachable, match="closed the connection"):
            client.request("stats")
