# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import socket
import threading
import typing as t
from unittest import mock

import pytest

from ansible_collections.keymesh.ike.plugins.module_utils import _vici
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon

# The example of strongSwan's vici/README.md.
EXAMPLE = {
    "key1": "value1",
    "section1": {"sub-section": {"key2": "value2"}, "list1": ["item1", "item2"]},
}
EXAMPLE_OCTETS = (
    b"\x03\x04key1\x00\x06value1"
    b"\x01\x08section1"
    b"\x01\x0bsub-section"
    b"\x03\x04key2\x00\x06value2"
    b"\x02"
    b"\x04\x05list1"
    b"\x05\x00\x05item1"
    b"\x05\x00\x05item2"
    b"\x06"
    b"\x02"
)


def test_encodes_the_example_of_the_specification() -> None:
    assert _vici.encode(EXAMPLE) == EXAMPLE_OCTETS


def test_decodes_the_example_of_the_specification() -> None:
    assert _vici.decode(EXAMPLE_OCTETS) == EXAMPLE


def test_encodes_numbers_booleans_octets_and_leaves_out_none() -> None:
    message = {"number": -1, "yes": True, "no": False, "octets": b"\x00\xff", "none": None, "list": [1, True]}
    decoded = _vici.decode(_vici.encode(message))
    assert decoded == {"number": "-1", "yes": "yes", "no": "no", "octets": "\x00\\xff", "list": ["1", "yes"]}


@pytest.mark.parametrize("length", range(1, len(EXAMPLE_OCTETS)))
def test_a_truncated_message_is_either_shorter_or_an_error(length: int) -> None:
    try:
        decoded = _vici.decode(EXAMPLE_OCTETS[:length])
    except _vici.ViciError:
        return
    assert decoded == {"key1": "value1"}


@pytest.mark.parametrize(
    "octets",
    [
        b"\x07",  # unknown element
        b"\x02",  # end without begin
        b"\x06",  # end of no list
        b"\x05\x00\x01x",  # item outside of a list
        b"\x04\x01l\x03\x01k\x00\x01v\x06",  # key within a list
        b"\x01\x01s",  # section that does not end
    ],
)
def test_malformed_messages_are_errors(octets: bytes) -> None:
    with pytest.raises(_vici.ViciError):
        _vici.decode(octets)


def test_request_returns_the_answer(daemon: FakeDaemon) -> None:
    with _vici.ViciSession(daemon.socket) as session:
        assert session.request("version") == daemon.version
        assert session.request("version") == daemon.version


def test_stream_returns_the_events_of_the_command(daemon: FakeDaemon) -> None:
    daemon.establish_ike()
    with _vici.ViciSession(daemon.socket) as session:
        events = session.stream("list-sas", "list-sa")
        assert [list(event) for event in events] == [["a--b"]]
        # The event is unregistered again, so the next command is undisturbed.
        assert session.request("list-sas") == {}


def test_a_command_that_fails_says_why_and_keeps_the_events(daemon: FakeDaemon) -> None:
    daemon.initiate_error = "establishing CHILD_SA 'net' failed"
    events: list = []
    with _vici.ViciSession(daemon.socket) as session:
        with pytest.raises(_vici.ViciCommandFailed, match="establishing CHILD_SA 'net' failed") as caught:
            session.stream("initiate", "control-log", {"ike": "a--b"}, events=events)
        assert session.request("version") == daemon.version
    assert caught.value.response["success"] == "no"
    assert events[0]["msg"].startswith("initiating")


def test_an_unknown_command_is_told_apart(daemon: FakeDaemon) -> None:
    with _vici.ViciSession(daemon.socket) as session:
        with pytest.raises(_vici.ViciUnknownCommand, match="does not know the command plan"):
            session.request("plan")


def test_a_missing_daemon_is_told_apart(tmp_path) -> None:
    with pytest.raises(_vici.ViciUnreachable, match="no daemon answers at .*nobody"):
        with _vici.ViciSession(str(tmp_path / "nobody")):
            pass


def test_a_daemon_that_does_not_answer(daemon: FakeDaemon) -> None:
    daemon.answer_delay = threading.Event()
    with _vici.ViciSession(daemon.socket) as session:
        with pytest.raises(_vici.ViciTimeout, match="did not answer version in time"):
            session.request("version", patience=0.1)
    daemon.answer_delay.set()


@pytest.mark.parametrize("sent", [b"", b"\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x00\x00\x00\x01\x09"])
def test_a_peer_that_is_no_daemon(tmp_path_factory, sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(sent)
    theirs.shutdown(socket.SHUT_WR)
    session = _vici.ViciSession("/nowhere", 1.0)
    session._socket = ours
    with ours, theirs, pytest.raises(_vici.ViciError):
        session.request("version")


def test_a_closed_session_is_an_error() -> None:
    with pytest.raises(_vici.ViciError, match="not open"):
        _vici.ViciSession("/nowhere").request("version")


@pytest.mark.parametrize(
    ("version", "command", "message"),
    [
        (
            {"daemon": "charon-systemd", "version": "5.9.8"},
            "failures",
            "strongSwan 5.9.8 at .* does not know the command failures; it needs ikeengine, because strongSwan keeps no",
        ),
        ({"daemon": "charon", "version": "5.1"}, "get-counters", "strongSwan 5.1 at .* with its plugin counters"),
        (
            {"daemon": "ikeengine", "version": "0.0.1"},
            "get-pools",
            "ikeengine 0.0.1 at .*; it needs ikeengine, or strongSwan 5.9 or newer",
        ),
    ],
)
def test_a_daemon_that_is_too_old(daemon: FakeDaemon, version: t.Dict[str, str], command: str, message: str) -> None:
    daemon.version = version
    daemon.unknown = {command}
    with _vici.ViciSession(daemon.socket) as session:
        with pytest.raises(_vici.ViciUnknownCommand, match=message):
            session.request(command)


def test_a_daemon_that_does_not_even_say_its_version(daemon: FakeDaemon) -> None:
    daemon.unknown = {"version", "plan"}
    with _vici.ViciSession(daemon.socket) as session:
        with pytest.raises(_vici.ViciUnknownCommand, match="a daemon without a name at .* the command plan"):
            session.request("plan")


@pytest.mark.parametrize(
    ("error", "path", "message"),
    [
        (errno.ENOENT, "/run/ikeengine/ikeengine.vici", "No such file .* check that the service ikeengine runs"),
        (errno.ENOENT, "/run/charon.vici", "No such file .* check that the service strongswan runs"),
        (errno.ECONNREFUSED, "/run/charon.vici", "the socket is a leftover"),
        (errno.EACCES, "/run/charon.vici", "may not use the socket /run/charon.vici: Permission denied; set become"),
    ],
)
def test_why_nobody_answers(error: int, path: str, message: str) -> None:
    failure = OSError(error, os.strerror(error))
    with mock.patch.object(socket.socket, "connect", side_effect=failure):
        with pytest.raises(_vici.ViciUnreachable, match=message):
            with _vici.ViciSession(path):
                pass


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x00\x00\x01\x05"])
def test_another_protocol(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    path = str(tmp_path_factory.mktemp("vici") / "other")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def answer() -> None:
            connection, unused = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(garbage)

        thread = threading.Thread(target=answer)
        thread.start()
        with _vici.ViciSession(path) as session:
            with pytest.raises(_vici.ViciError, match="does not speak VICI: it .*; check the option socket"):
                session.request("version")
        thread.join()
