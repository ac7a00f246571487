"""A daemon with a VICI socket, strongSwan's or ours: the same client (from PyPI) and the same words drive both."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import vici
from vici.exception import CommandException

from tests.lab.netns import wait_until

Section = Mapping[str, Any]
"""A message, nested as in swanctl.conf."""


class Refused(RuntimeError):
    """A command failed; the text is what the daemon said."""


class Control:
    """The commands that tests give to a daemon, and what they ask of it."""

    def __init__(self, socket_path: Path, log_file: Path) -> None:
        self.socket_path = socket_path
        self.log_file = log_file
        self._mark = 0

    @contextlib.contextmanager
    def session(self) -> Iterator[vici.Session]:
        """A control connection."""
        session = vici.Session(self._connect())
        try:
            yield session
        finally:
            with contextlib.suppress(OSError):
                session.transport.close()

    def answers(self) -> bool:
        """Whether the daemon takes commands."""
        try:
            self._connect().close()
        except OSError:
            return False
        return True

    def log(self) -> str:
        """What the daemon has logged since `mark_log`."""
        with self.log_file.open(errors="replace") as file:
            file.seek(self._mark)
            return file.read()

    def mark_log(self) -> None:
        """Let `log` begin here."""
        self._mark = self.log_file.stat().st_size

    # --- configuration ----------------------------------------------------------------------------------------

    def load(self, connections: Section) -> None:
        """Load `connections.<name>` sections."""
        for name, section in connections.items():
            self.request("load_conn", {name: section})

    def unload(self, name: str) -> None:
        """Unload a connection."""
        self.request("unload_conn", {"name": name})

    def load_psk(self, secret: str, *owners: str, name: str = "psk") -> None:
        """Load a pre-shared key for these identities, or for everybody."""
        self.request("load_shared", {"id": name, "type": "IKE", "data": secret, "owners": list(owners)})

    def load_key(self, pem: bytes) -> None:
        """Load a private key."""
        self.request("load_key", {"type": "any", "data": pem})

    def load_certificate(self, pem: bytes) -> None:
        """Load an end entity or intermediate certificate."""
        self.request("load_cert", {"type": "X509", "flag": "NONE", "data": pem})

    def load_authority(self, pem: bytes) -> None:
        """Load a trust anchor."""
        self.request("load_cert", {"type": "X509", "flag": "CA", "data": pem})

    def clear(self) -> None:
        """Forget SAs, connections and credentials, so that the next test starts from nothing."""
        with self.session() as session:
            names = [text(name) for answer in session.list_conns() for name in answer]
        for name in names:
            self.unload(name)
        self.drop_sas()
        self.request("clear_creds")

    def drop_sas(self) -> None:
        """Close every IKE SA without waiting for the peer."""
        for sa in self.sas():
            with contextlib.suppress(Refused):
                self.stream("terminate", {"ike-id": sa["uniqueid"], "force": "yes", "timeout": "-1"})
        wait_until(lambda: not self.sas())

    # --- operation --------------------------------------------------------------------------------------------

    def initiate(self, child: str = "", *, ike: str = "", timeout: float = 60) -> list[str]:
        """Bring up a Child SA, or only the IKE SA. Returns the log lines. Raises Refused."""
        return self.stream("initiate", _target(child, ike) | {"timeout": _milliseconds(timeout)})

    def terminate(self, *, child: str = "", ike: str = "", timeout: float = 60) -> None:
        """Close SAs by name. Raises Refused."""
        self.stream("terminate", _target(child, ike) | {"timeout": _milliseconds(timeout)})

    def rekey(self, *, child: str = "", ike: str = "", child_id: str = "", ike_id: str = "") -> None:
        """Begin to rekey SAs by name or number: charon answers at once, the engine at the end. Raises Refused."""
        self.request("rekey", _target(child, ike, child_id, ike_id))

    def sas(self) -> list[dict[str, Any]]:
        """The IKE SAs as `list-sas` reports them, with their `name`."""
        with self.session() as session:
            answers = list(session.list_sas())
        return [{"name": text(name), **decoded(sa)} for answer in answers for name, sa in answer.items()]

    def ikes(self, state: str = "ESTABLISHED") -> list[dict[str, Any]]:
        """The IKE SAs in a state."""
        return [sa for sa in self.sas() if sa["state"] == state]

    def ike(self, state: str = "ESTABLISHED") -> dict[str, Any]:
        """The one IKE SA in a state."""
        return _only(self.ikes(state), f"IKE SA {state}", self.sas())

    def children(self, state: str = "INSTALLED") -> list[dict[str, Any]]:
        """The Child SAs in a state."""
        return [child for sa in self.sas() for child in sa["child-sas"].values() if child["state"] == state]

    def child(self, state: str = "INSTALLED") -> dict[str, Any]:
        """The one Child SA in a state."""
        return _only(self.children(state), f"Child SA {state}", self.sas())

    def shunts(self) -> list[list[str]]:
        """The remote traffic selectors of each policy that lets packets pass without protection."""
        with self.session() as session:
            answers = list(session.list_policies({"pass": "yes"}))
        return [policy["remote-ts"] for answer in answers for policy in decoded(answer).values()]

    @contextlib.contextmanager
    def events(self, *kinds: str) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        """Collect events while the block runs."""
        collected: list[tuple[str, dict[str, Any]]] = []
        session = vici.Session(self._connect())
        listens = threading.Event()
        reader = threading.Thread(target=_collect, args=(session, kinds, collected, listens), daemon=True)
        reader.start()
        wait_until(listens.is_set)
        try:
            yield collected
        finally:
            with contextlib.suppress(OSError):
                session.transport.close()
            reader.join(60)

    def request(self, command: str, message: Section | None = None) -> dict[str, Any]:
        """One command with one answer. Raises Refused."""
        with self.session() as session:
            try:
                return decoded(session.request(command.replace("_", "-"), message))
            except CommandException as error:
                raise Refused(str(error)) from None

    def stream(self, command: str, message: Section) -> list[str]:
        """A command that logs while it works. Raises Refused."""
        lines: list[str] = []
        with self.session() as session:
            try:
                lines.extend(text(line.get("msg", b"")) for line in getattr(session, command)(message))
            except CommandException as error:
                raise Refused("\n".join([*lines, str(error)])) from None
        return lines

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(120)
        try:
            sock.connect(str(self.socket_path))
        except OSError:
            sock.close()
            raise
        return sock


def _collect(
    session: vici.Session, kinds: Sequence[str], collected: list[tuple[str, dict[str, Any]]], listens: threading.Event
) -> None:
    with contextlib.suppress(OSError):
        for kind, message in session.listen(kinds, timeout=0.1):
            listens.set()
            # Without a kind, nothing has happened within the timeout.
            if kind:
                collected.append((text(kind), decoded(message or {})))


def in_parallel(call: Callable[[], object]) -> Callable[[], None]:
    """Start a call in a thread. What is returned waits for its end and raises what it raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait() -> None:
        thread.join(120)
        if errors:
            raise errors[0]
        if thread.is_alive():
            raise TimeoutError("the call has not ended")

    return wait


def text(value: Any) -> str:
    """A VICI value as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def decoded(value: Any) -> Any:
    """A VICI message with texts in the place of octets."""
    if isinstance(value, Mapping):
        return {text(key): decoded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [text(entry) for entry in value]
    return text(value) if isinstance(value, bytes) else value


def _target(child: str, ike: str, child_id: str = "", ike_id: str = "") -> dict[str, str]:
    keys = {"child": child, "ike": ike, "child-id": child_id, "ike-id": ike_id}
    return {key: value for key, value in keys.items() if value}


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


def _only(found: list[dict[str, Any]], what: str, everything: object) -> dict[str, Any]:
    assert len(found) == 1, f"{len(found)} of {what}: {everything}"
    return found[0]
