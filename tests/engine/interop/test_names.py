"""Peers that are known by a name whose address changes: it is resolved for each try, in the daemon's own threads."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.lab import Lab, child
from tests.lab import charon as charons
from tests.lab import engine as engines
from tests.lab.charon import Charon
from tests.lab.engine import Engine
from tests.lab.netns import Namespace, wait_until
from tests.lab.topology import Site, two_sites

ELSEWHERE = "192.0.2.33"
NOWHERE = "192.0.2.99"
QUICK_ENGINE = {
    "retransmit_timeout": 0.5,
    "retransmit_tries": 4,
    "retransmit_base": 1.2,
    "retry_initiate_interval": 0.5,
    "retry_initiate_limit": 1,
}
NAMED = {"remote_addrs": ["right.test"], "dpd_delay": "1s", "mobike": "no"}


class Names:
    """The hosts file that everything in a namespace sees (`ip netns exec` puts it over /etc/hosts)."""

    def __init__(self, namespace: Namespace) -> None:
        self.directory = Path("/etc/netns") / namespace.name
        self.directory.mkdir(parents=True)
        (self.directory / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.say({})

    def say(self, addresses: dict[str, str]) -> None:
        """What names mean from now on. Written in place, because the file is mounted elsewhere."""
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in addresses.items())]
        with (self.directory / "hosts").open("w") as file:
            file.write("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def places() -> Iterator[tuple[Site, Site, Names]]:
    with two_sites() as (left, right):
        names = Names(left.gateway)
        right.gateway.add_address("eth0", f"{ELSEWHERE}/24")
        try:
            yield left, right, names
        finally:
            shutil.rmtree(names.directory)


@pytest.fixture
def names(places: tuple[Site, Site, Names]) -> Names:
    return places[2]


@pytest.fixture(scope="module")
def site(places: tuple[Site, Site, Names], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    left, right, _names = places
    directory = tmp_path_factory.mktemp("names")
    mine, theirs = Engine(left.gateway, directory / "engine", QUICK_ENGINE), Charon(right.gateway, directory / "charon")
    with contextlib.ExitStack() as stack:
        stack.enter_context(engines.running(mine))
        stack.enter_context(charons.running(theirs))
        yield Lab(left, right, mine, theirs)


IKEV1 = {"version": "1", "proposals": ["aes128-sha256-x25519"]}


@pytest.mark.parametrize(
    "version",
    [
        pytest.param({}, marks=pytest.mark.scenario("ikev2/dynamic-initiator"), id="ikev2"),
        pytest.param(
            IKEV1,
            marks=[pytest.mark.scenario(f"ikev1/dynamic-{who}") for who in ("initiator", "responder")],
            id="ikev1",
        ),
    ],
)
def test_peer_known_by_name(site: Lab, initiator: str, names: Names, version: dict[str, Any]) -> None:
    """Mirrors dynamic-initiator and dynamic-responder: whoever begins, the other side is known by a name only."""
    names.say({"right.test": site.right.address})
    site.connect(engine=NAMED, charon={"remote_addrs": [site.left.address]}, **version)
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/dynamic-initiator", role="initiator")
def test_peer_moves_and_its_name_follows(site: Lab, names: Names) -> None:
    """Mirrors ikev2/dynamic-initiator: the name means nothing at first, then an address, then another one."""
    names.say({})
    site.connect(engine={**NAMED, **child(keep_up="yes")}, charon={"local_addrs": ["%any"], "dpd_delay": "1s"})
    wait_until(lambda: site.engine.failures(site.name))
    assert site.engine.failures(site.name)[0]["alert"] == "peer-addr-failed"
    names.say({"right.test": site.right.address})
    wait_until(lambda: [sa["remote-host"] for sa in site.engine.ikes()] == [site.right.address])
    site.assert_same_child()
    site.assert_traffic()
    names.say({"right.test": ELSEWHERE})
    site.charon.drop_sas()
    wait_until(lambda: [sa["remote-host"] for sa in site.engine.ikes()] == [ELSEWHERE])
    site.assert_same_child()
    site.assert_traffic()


def test_several_addresses_are_tried_in_order(site: Lab, names: Names) -> None:
    """Mirrors ikev2/net2net-start with a first gateway that is down, which strongSwan never gets past."""
    names.say({"right.test": site.right.address})
    site.connect(engine={**NAMED, "remote_addrs": [NOWHERE, "right.test"], **child(keep_up="yes")})
    wait_until(lambda: [sa["remote-host"] for sa in site.engine.ikes()] == [site.right.address])
    site.assert_same_child()
    site.assert_traffic()
    assert site.engine.failures(site.name)[-1]["peer"].startswith(NOWHERE)


def test_own_address_appears_later(site: Lab, names: Names) -> None:
    """Mirrors ikev2/net2net-start before the interface is up: the address is there a moment later."""
    names.say({"right.test": site.right.address})
    late = "192.0.2.44"
    site.connect(
        engine={**NAMED, "local_addrs": [late], **child(keep_up="yes")}, charon={"remote_addrs": ["192.0.2.0/24"]}
    )
    wait_until(lambda: site.engine.failures(site.name))
    assert not site.engine.ikes()
    site.left.gateway.add_address("eth0", f"{late}/24")
    wait_until(lambda: [sa["local-host"] for sa in site.engine.ikes()] == [late])
    site.assert_same_child()
    site.assert_traffic()
