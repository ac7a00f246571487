# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A daemon for the tests: a VICI server on a unix socket that plays strongSwan or ikeengine."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import tempfile
import threading
import time
import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils import _vici

Message = t.Dict[str, t.Any]
Command = t.Callable[[Message], Message]
OK = {"success": "yes"}


def failed(reason: str, **more: t.Any) -> Message:
    return dict(success="no", errmsg=reason, **more)


class FakeDaemon:
    """Knows one connection C(a--b) with the children C(net) and C(backup), and establishes any other one."""

    def __init__(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="ike-")
        self.socket = os.path.join(self.directory, "vici")
        self.requests: t.List[t.Tuple[str, Message]] = []
        self.ike: t.Dict[int, Message] = {}
        self.log_lines = ["initiating IKE_SA a--b[1] to 192.0.2.2"]
        self.initiate_error = ""
        self.unreachable_peers: t.Set[str] = set()
        self.version = {"daemon": "fake", "version": "1.0"}
        self.unknown: t.Set[str] = set()
        self.rekey_hangs = False
        self.rekey_is_waited_for = False
        self.answer_delay: t.Optional[threading.Event] = None
        self.failures: t.Optional[Message] = None
        self.before_list: t.Callable[[], None] = lambda: None
        self.before_terminate: t.Callable[[], t.Any] = lambda: None
        self.after_terminate: t.Callable[[], t.Any] = lambda: None
        self.plan_answer: t.Optional[Message] = None
        self.apply_answer: t.Optional[Message] = None
        self.meeting: t.Optional[threading.Barrier] = None
        self.connections: Message = {"a--b": CONNECTION}
        self.loaded: t.List[str] = []
        self.shared: t.Dict[str, Message] = {}
        self.certificates: t.List[Message] = []
        self.pools: Message = {}
        self.counters: Message = {}
        self.load_error = ""
        self._next_id = 1
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> FakeDaemon:
        self._server.bind(self.socket)
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._server.close()
        shutil.rmtree(self.directory)

    # State of the daemon.

    def number(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def establish_ike(self, age: int = 0, state: str = "ESTABLISHED", name: str = "a--b") -> Message:
        sa = {
            "connection": name,
            "uniqueid": self.number(),
            "version": "2",
            "state": state,
            "local-host": "192.0.2.1",
            "local-port": "4500",
            "local-id": "a.example",
            "remote-host": "192.0.2.2",
            "remote-port": "4500",
            "remote-id": "b.example",
            "initiator": "yes",
            "initiator-spi": "b67c540ed033ba20",
            "responder-spi": "c3b235402fe50780",
            "nat-remote": "yes",
            "nat-any": "yes",
            "encr-alg": "AES_GCM_16",
            "encr-keysize": "256",
            "prf-alg": "PRF_HMAC_SHA2_384",
            "dh-group": "CURVE_25519",
            "established": str(age),
            "rekey-time": "13538",
            "child-sas": {},
        }
        self.ike[sa["uniqueid"]] = sa
        return sa

    def establish_child(self, sa: Message, name: str = "net", age: int = 0, state: str = "INSTALLED") -> Message:
        number = self.number()
        child = {
            "name": name,
            "uniqueid": number,
            "reqid": "1",
            "state": state,
            "mode": "TUNNEL",
            "protocol": "ESP",
            "encap": "yes",
            "spi-in": f"{number:08x}",
            "spi-out": "8a299cf6",
            "encr-alg": "AES_GCM_16",
            "encr-keysize": "256",
            "bytes-in": "840",
            "packets-in": "10",
            "use-in": "2",
            "bytes-out": "0",
            "packets-out": "0",
            "rekey-time": "3323",
            "life-time": "3960",
            "install-time": str(age),
            "local-ts": ["10.1.0.0/16"],
            "remote-ts": ["10.2.0.0/16"],
        }
        sa["child-sas"][f"{name}-{number}"] = child
        return child

    # Commands. Each takes a message and returns the answer; `_events` tells what it raises before.

    def _initiate(self, message: Message) -> Message:
        if self.meeting is not None:
            self.meeting.wait(60)
        name = message.get("ike", "a--b")
        if self.initiate_error or name in self.unreachable_peers:
            return failed(self.initiate_error or f"{name}: giving up")
        own = [sa for sa in self.ike.values() if sa["connection"] == name]
        sa = own[0] if own else self.establish_ike(name=name)
        if message.get("child"):
            self.establish_child(sa, message["child"])
        return OK

    def _terminate(self, message: Message) -> Message:
        self.before_terminate()
        if not self.ike:
            self.after_terminate()
            return failed("no matching SAs to terminate found", matches="0")
        for number, sa in list(self.ike.items()):
            if not message.get("child"):
                del self.ike[number]
                continue
            for key, child in list(sa["child-sas"].items()):
                if child["name"] == message["child"]:
                    del sa["child-sas"][key]
        self.after_terminate()
        return dict(OK, matches="1")

    def _rekey(self, message: Message) -> Message:
        if self.rekey_is_waited_for and self.rekey_hangs:
            time.sleep(int(message["timeout"]) / 1000)
            return failed(f"CHILD_SA not rekeyed after {message['timeout']}ms")
        if self.rekey_hangs:
            return dict(OK, matches="1")
        if "ike-id" in message:
            old = self.ike.pop(int(message["ike-id"]))
            new = self.establish_ike(name=old["connection"])
            new["child-sas"] = old["child-sas"]
            if message.get("reauth") == "yes":
                new["child-sas"] = {}
                for child in old["child-sas"].values():
                    self.establish_child(new, child["name"])
            return dict(OK, matches="1")
        for sa in self.ike.values():
            for child in list(sa["child-sas"].values()):
                if child["uniqueid"] == int(message["child-id"]):
                    child["state"] = "REKEYED"
                    self.establish_child(sa, child["name"])
                    return dict(OK, matches="1")
        return failed("no matching SAs to rekey found")

    def _load_conn(self, message: Message) -> Message:
        if self.load_error:
            return failed(self.load_error)
        for name, section in message.items():
            children = section.get("children", {})
            self.connections[name] = {
                "local_addrs": section.get("local_addrs", []),
                "remote_addrs": section.get("remote_addrs", []),
                "version": "IKEv2",
                "local-1": {"class": "pre-shared key", "id": section.get("local", {}).get("id", "%any")},
                "children": {
                    child: {"mode": "TUNNEL", "local-ts": children[child].get("local_ts", ["dynamic"])}
                    for child in children
                },
            }
            self.loaded.append(name)
        return OK

    def _unload_conn(self, message: Message) -> Message:
        self.loaded.remove(message["name"])
        del self.connections[message["name"]]
        return OK

    def _load_shared(self, message: Message) -> Message:
        self.shared[message["id"]] = message
        return OK

    def _unload_shared(self, message: Message) -> Message:
        self.shared.pop(message["id"], None)
        return OK

    def _get_counters(self, message: Message) -> Message:
        if message.get("all"):
            return dict(OK, counters={name: found for name, found in self.counters.items() if name})
        return dict(OK, counters={"": self.counters[""]})

    def _failures(self, message: Message) -> Message:
        return {"failures": {"1": self.failures}, "hints": {}} if self.failures else {"failures": {}}

    def commands(self) -> t.Dict[str, Command]:
        known: t.Dict[str, Command] = {
            "version": lambda message: self.version,
            "list-sas": lambda message: {},
            "list-conns": lambda message: {},
            "initiate": self._initiate,
            "terminate": self._terminate,
            "rekey": self._rekey,
            "load-conn": self._load_conn,
            "unload-conn": self._unload_conn,
            "get-conns": lambda message: {"conns": self.loaded},
            "load-shared": self._load_shared,
            "unload-shared": self._unload_shared,
            "get-shared": lambda message: {"keys": list(self.shared)},
            "list-certs": lambda message: {},
            "get-pools": lambda message: {
                name: pool for name, pool in self.pools.items() if message.get("name") in (None, name)
            },
            "get-counters": self._get_counters,
        }
        if self.failures is not None:
            known["failures"] = self._failures
        if self.plan_answer is not None:
            known["plan"] = lambda message: t.cast(Message, self.plan_answer)
            known["apply"] = lambda message: t.cast(Message, self.apply_answer or self.plan_answer)
        return {name: command for name, command in known.items() if name not in self.unknown}

    def events(self, command: str, message: Message) -> t.List[t.Tuple[str, Message]]:
        if command == "list-sas":
            self.before_list()
            wanted = message.get("ike")
            sas = [sa for sa in self.ike.values() if wanted in (None, sa["connection"])]
            return [("list-sa", {sa["connection"]: sa}) for sa in sas]
        if command == "list-conns":
            wanted = message.get("ike")
            found = {name: one for name, one in self.connections.items() if wanted in (None, name)}
            return [("list-conn", {name: one}) for name, one in found.items()]
        if command == "list-certs":
            return [("list-cert", certificate) for certificate in self.certificates]
        if command == "initiate":
            return [("control-log", {"group": "IKE", "level": "1", "msg": line}) for line in self.log_lines]
        return []

    # The wire.

    def _accept(self) -> None:
        while True:
            try:
                connection, unused = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        subscribed: t.Set[str] = set()
        with connection, contextlib.suppress(OSError, struct.error):
            while True:
                kind, name, body = self._receive(connection)
                if kind in (_vici.EVENT_REGISTER, _vici.EVENT_UNREGISTER):
                    subscribed.symmetric_difference_update({name})
                    self._send(connection, bytes([_vici.EVENT_CONFIRM]))
                else:
                    self._answer(connection, subscribed, name, _vici.decode(body))

    def _answer(self, connection: socket.socket, subscribed: t.Set[str], name: str, message: Message) -> None:
        self.requests.append((name, message))
        if self.answer_delay is not None:
            self.answer_delay.wait(10)
        command = self.commands().get(name)
        if command is None:
            self._send(connection, bytes([_vici.CMD_UNKNOWN]))
            return
        for event, content in self.events(name, message):
            if event in subscribed:
                self._send(connection, bytes([_vici.EVENT, len(event)]) + event.encode() + _vici.encode(content))
        self._send(connection, bytes([_vici.CMD_RESPONSE]) + _vici.encode(command(message)))

    @staticmethod
    def _receive(connection: socket.socket) -> t.Tuple[int, str, bytes]:
        (length,) = struct.unpack("!I", connection.recv(4, socket.MSG_WAITALL))
        packet = connection.recv(length, socket.MSG_WAITALL)
        end = 2 + packet[1]
        return packet[0], packet[2:end].decode(), packet[end:]

    @staticmethod
    def _send(connection: socket.socket, packet: bytes) -> None:
        connection.sendall(struct.pack("!I", len(packet)) + packet)


CONNECTION: Message = {
    "local_addrs": ["192.0.2.1"],
    "remote_addrs": ["192.0.2.2"],
    "version": "IKEv2",
    "reauth_time": "0",
    "rekey_time": "14400",
    "local-1": {"class": "pre-shared key", "id": "a.example", "certs": []},
    "remote-1": {"class": "pre-shared key", "id": "b.example", "certs": []},
    "children": {
        "net": {"mode": "TUNNEL", "local-ts": ["10.1.0.0/16"], "remote-ts": ["10.2.0.0/16"]},
        "backup": {"mode": "TUNNEL", "local-ts": ["10.1.9.0/24"], "remote-ts": ["10.2.9.0/24"]},
    },
}
