"""Manual SAs and bypass policies in the datapath, and reloads that fail half way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ikeengine.auth.credentials import CredentialStore
from ikeengine.config.configuration import EngineConfig
from ikeengine.config.load import ConfigErrors, load
from ikeengine.crypto.rng import SeededRng
from ikeengine.daemon.credentials import Credentials
from ikeengine.daemon.keystore import KeyStore
from ikeengine.daemon.observer import Observer
from ikeengine.daemon.reload import Loader
from ikeengine.daemon.service import Service
from ikeengine.datapath.memory import Call, MemoryDatapath
from ikeengine.endpoint import Endpoint
from ikeengine.errors import DatapathError
from ikeengine.model.connection import EngineSettings
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.negotiate.selectors import format_selector
from ikeengine.observe.log import EngineLog, LogSettings
from tests.engine.unit.config.test_build_manual import document
from tests.engine.unit.daemon.fakes import FakeSigner, FakeSockets

CONNECTION = {
    "local_addrs": "127.0.0.1",
    "remote_addrs": "127.0.0.2",
    "local": {"auth": "psk", "id": "left"},
    "remote": {"auth": "psk", "id": "right"},
    "children": {"net": {"local_ts": "10.1.0.0/24", "remote_ts": "10.2.0.0/24", "start_action": "trap"}},
}
PSK = {"ike-all": {"secret": "a secret of more than sixteen octets"}}


class Rig:
    """A daemon without sockets, with a real core and a datapath that remembers."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "ike.yml"
        self.file.touch(mode=0o600)
        self.datapath = MemoryDatapath()
        self.engines: list[EngineConfig] = []
        loop = asyncio.get_running_loop()
        store = CredentialStore()
        self.observer = Observer(EngineLog(LogSettings(1, {}), loop.time))
        self.service = Service(
            Endpoint(EngineSettings(), SeededRng("statics"), store),
            sockets=FakeSockets(), datapath=self.datapath, signer=FakeSigner(), observer=self.observer, loop=loop,
        )  # fmt: skip
        self.loader = Loader(self.file, self.service, Credentials(store, KeyStore()), self.engines.append)
        self.service.start()

    def write(self, content: dict[str, Any]) -> None:
        self.file.write_text(yaml.safe_dump(content))

    def start(self, content: dict[str, Any]) -> None:
        self.write(content)
        self.loader.start(load(self.file))

    async def apply(self, content: dict[str, Any]) -> None:
        self.write(content)
        await self.loader.apply()

    def state(self) -> tuple[object, ...]:
        """Everything that a failed reload must leave as it was."""
        policies = {replace(p, owner=0) for p in self.service.policies.values()}
        return (dict(self.datapath.sas), policies, dict(self.service.core.connections), self.loader.configuration)

    def calls(self, begin: int) -> list[str]:
        return [call.what for call in self.datapath.calls[begin:]]


@asynccontextmanager
async def rig(directory: Path) -> AsyncIterator[Rig]:
    made = Rig(directory)
    yield made
    made.service.stop()


def test_manual_sas_stay_when_they_do_not_change(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as made:
            made.start(document())
            assert len(made.datapath.sas) == 2
            (policies,) = made.service.policies.values()
            assert policies.action is PolicyAction.PROTECT
            assert policies.reqid in {sa.reqid for sa in made.datapath.sas.values()}
            begin = len(made.datapath.calls)
            await made.apply(document() | {"engine": {"keep_alive": "30s"}})
            assert made.calls(begin) == [], "sequence numbers go on"
            await made.apply(document(in__spi="0x1003"))
            assert made.calls(begin) == [
                "delete_policies",
                "delete_sa",
                "delete_sa",
                *["install_sa"] * 2,
                "install_policies",
            ]
            await made.apply({})
            assert not made.datapath.sas
            assert not made.service.policies

    asyncio.run(scenario())


@pytest.mark.parametrize("what", ["install_sa", "install_policies"])
def test_a_refused_manual_sa_leaves_everything_as_it_was(tmp_path: Path, what: str) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as made:
            made.start(document())
            before = made.state()
            failing = document(in__spi="0x2001")
            failing["manual"]["more"] = document(in__spi="0x3001", out__spi="0x3002")["manual"]["link"]

            def fail(call: Call) -> str:
                subject = call.subject
                new = getattr(subject, "spi", 0) == 0x3002 or (
                    isinstance(subject, PolicySet) and subject.owner == -1003
                )
                return "not today" if call.what == what and new else ""

            made.datapath.fail = fail
            with pytest.raises(DatapathError, match="not today"):
                await made.apply(failing)
            assert made.state() == before

    asyncio.run(scenario())


def test_a_refused_trap_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as made:
            made.start(document() | {"connections": {"old": CONNECTION}} | {"secrets": document()["secrets"] | PSK})
            before = made.state()
            spis = [sa.spi for sa in made.datapath.sas.values()]
            begin = len(made.datapath.calls)

            def fail(call: Call) -> str:
                bad = isinstance(call.subject, PolicySet) and call.subject.name.startswith("new/")
                return "another program has it" if bad else ""

            made.datapath.fail = fail
            fresh = {**CONNECTION, "children": {"web": {**CONNECTION["children"]["net"], "remote_ts": "10.3.0.0/24"}}}
            with pytest.raises(DatapathError, match="another program has it"):
                await made.apply({"connections": {"new": fresh, "third": fresh}, "secrets": PSK})
            assert made.state() == before
            assert [sa.spi for sa in made.datapath.sas.values()] == spis
            assert made.engines[-1] == made.loader.configuration.engine
            assert begin < len(made.datapath.calls), "it was tried"
            made.datapath.fail = lambda call: ""
            await made.apply({"connections": {"new": fresh}, "secrets": PSK})
            assert list(made.service.core.connections) == ["new"]

    asyncio.run(scenario())


def test_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as made:
            made.start(document())
            before = made.state()
            begin = len(made.datapath.calls)
            (tmp_path / "private").mkdir()
            (tmp_path / "private" / "key.pem").write_text("no key")
            with pytest.raises(ConfigErrors):
                await made.apply(document() | {"secrets": document()["secrets"] | {"private-a": {"file": "key.pem"}}})
            assert made.state() == before
            assert made.calls(begin) == []

    asyncio.run(scenario())


def test_bypass(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as made:
            engine = {"bypass_networks": ["192.0.2.0/24", "2001:db8::/64"], "bypass_ports": ["tcp/22"]}
            made.start({"engine": engine})
            by_name = {policies.name: policies for policies in made.service.policies.values()}
            assert set(by_name) == {"bypass/networks", "bypass/ports"}
            assert {p.action for p in by_name.values()} == {PolicyAction.PASS}
            assert {p.priority for p in by_name.values()} == {1}
            networks, ports = by_name["bypass/networks"], by_name["bypass/ports"]
            assert [format_selector(ts) for ts in networks.remote_ts] == ["192.0.2.0/24", "2001:db8::/64"]
            assert [format_selector(ts) for ts in ports.local_ts] == ["0.0.0.0/0[tcp/22]", "::/0[tcp/22]"]
            await made.apply({})
            assert not made.service.policies

    asyncio.run(scenario())
