"""Whatever a client sends with whatever command, it gets an answer, and never one about an internal error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikeengine.auth.credentials import CredentialStore
from ikeengine.daemon.control import Control
from ikeengine.daemon.credentials import Credentials
from ikeengine.daemon.keystore import KeyStore
from ikeengine.daemon.reload import Loader
from ikeengine.daemon.trial import Trial
from ikeengine.daemon.vici.bridge import EventBridge
from ikeengine.daemon.vici.codec import encode
from ikeengine.daemon.vici.commands import COMMANDS
from ikeengine.daemon.vici.hub import EventHub
from ikeengine.daemon.vici.peer import Peer
from ikeengine.daemon.vici.session import Session
from tests.engine.unit.daemon.fakes import Rig, connection, ike_status

KEYS = [
    "name", "ike", "child", "ike-id", "child-id", "timeout", "loglevel", "force", "reauth", "type", "flag",
    "subject", "data", "id", "owners", "all", "trap", "pass", "drop", "connection", "path", "cacert", "crl_uris",
    "local", "remote", "children", "proposals", "esp_proposals", "local_ts", "auth", "certs", "x", "noblock",
]  # fmt: skip
VALUES = (
    st.sampled_from([b"", b"yes", b"no", b"gw-gw", b"net-net", b"-1", b"1", b"X509", b"CA", b"IKE", b"psk", b"%any"])
    | st.integers(-(2**70), 2**70).map(lambda number: str(number).encode())
    | st.binary(max_size=30)
)
MESSAGES = st.recursive(
    st.dictionaries(st.sampled_from(KEYS), VALUES | st.lists(VALUES, max_size=3), max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(KEYS), VALUES | st.lists(VALUES, max_size=3) | inner, max_size=5),
    max_leaves=8,
)


class FakeSession:
    """Takes events and checks that they can be sent."""

    peer = Peer(1, 12345, frozenset())

    async def stream(self, event: str, message: Mapping[str, object]) -> None:
        encode(message)

    def push_event(self, event: str, message: Mapping[str, object]) -> None:
        encode(message)


def make_control(directory: Path) -> Control:
    rig = Rig()
    rig.service.start()
    rig.core.sas = [ike_status()]
    rig.core.connections["gw-gw"] = connection()
    config = directory / "engine.yml"
    config.write_text("connections: {}\n")
    credentials = Credentials(CredentialStore(), KeyStore())
    loader = Loader(config, rig.service, credentials, lambda engine: None)
    bridge = EventBridge(rig.service, EventHub())
    trial = Trial(loader, print)
    return Control(rig.service, loader, credentials, rig.observer, bridge, trial, rig.service.now())


@pytest.mark.parametrize("name", sorted(COMMANDS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=MESSAGES)
def test_every_command_answers_every_message(tmp_path: Path, name: str, message: dict[str, Any]) -> None:
    async def main() -> Mapping[str, object]:
        run = make_control(tmp_path).find_command(name)
        assert run is not None
        return await asyncio.wait_for(run(cast("Session", FakeSession()), name, message), 10)

    answer = asyncio.run(main())
    encode(answer)
    assert "internal error" not in str(answer.get("errmsg", ""))
    if answer.get("success") == "no":
        assert answer["errmsg"]
