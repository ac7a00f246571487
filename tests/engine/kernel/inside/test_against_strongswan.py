"""strongSwan negotiates a Child SA; we install the same one elsewhere, and the kernel must show no difference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ikeengine.model.connection import Mode
from ikeengine.registry import EncrId, IntegId, Protocol
from tests.engine.kernel.inside.gateways import CBC_SHA256, GCM, LEFT, NAT_T, RIGHT, RIGHT_INSIDE, Pair, Suite
from tests.lab.charon import NETLINK, Charon, running
from tests.lab.control import Section
from tests.lab.netns import Namespace, veth, wait_until

PSK = "a test secret of no value"


@dataclass(frozen=True)
class Case:
    suite: Suite
    proposal: str
    mode: Mode = Mode.TUNNEL
    esn: bool = False
    encap: bool = False
    replay_window: int = 32
    options: Section = field(default_factory=dict)
    copies: tuple = ()


AH_SHA256 = Suite(None, 0, None, IntegId.HMAC_SHA2_256_128, 32, Protocol.AH)
CHACHA = Suite(EncrId.CHACHA20_POLY1305, 36, None)

CASES = {
    "tunnel-gcm": Case(GCM, "aes128gcm16"),
    "tunnel-cbc-esn": Case(CBC_SHA256, "aes128-sha256-esn", esn=True),
    "tunnel-window": Case(CBC_SHA256, "aes128-sha256", replay_window=128, options={"replay_window": "128"}),
    "tunnel-encap": Case(CHACHA, "chacha20poly1305", encap=True),
    "tunnel-headers": Case(
        GCM,
        "aes128gcm16",
        options={"copy_df": "no", "copy_ecn": "no", "copy_dscp": "in"},
        copies=(("copy_df", False), ("copy_ecn", False), ("copy_dscp", "in")),
    ),
    "transport-cbc": Case(CBC_SHA256, "aes128-sha256", mode=Mode.TRANSPORT),
    "tunnel-ah": Case(AH_SHA256, "sha256", mode=Mode.TUNNEL),
}


def connection(case: Case, local: str, remote: str, local_ts: str, remote_ts: str) -> dict[str, Any]:
    if case.mode is Mode.TRANSPORT:
        local_ts = remote_ts = "dynamic"
    return {
        "local_addrs": [local],
        "remote_addrs": [remote],
        "proposals": ["aes128-sha256-x25519"],
        "mobike": "no",
        "encap": "yes" if case.encap else "no",
        "local": {"auth": "psk", "id": local},
        "remote": {"auth": "psk", "id": remote},
        "children": {
            "net": {
                f"{case.suite.protocol.name.lower()}_proposals": [case.proposal],
                "local_ts": [local_ts],
                "remote_ts": [remote_ts],
                "mode": case.mode.value,
                **case.options,
            }
        },
    }


@pytest.fixture(scope="module")
def strongswans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Charon, Charon]]:
    """Two charons with the addresses that the gateways of `pair` have."""
    with ExitStack() as stack:
        left, right = (stack.enter_context(Namespace(name)) for name in ("moon", "sun"))
        veth(left, right)
        left.add_address("eth0", f"{LEFT}/24")
        right.add_address("eth0", f"{RIGHT}/24")
        left.add_address("lo", "10.1.0.1/32")
        right.add_address("lo", "10.2.0.1/32")
        directory = tmp_path_factory.mktemp("strongswans")
        moon, sun = (stack.enter_context(running(charon(gateway, directory))) for gateway in (left, right))
        yield moon, sun


def charon(gateway: Namespace, directory: Path) -> Charon:
    """Its socket is below /run, since those on hostfs do not work."""
    run = Path("/run/strongswans", gateway.name)
    run.mkdir(parents=True, exist_ok=True)
    return Charon(gateway, directory / gateway.name, kernel=NETLINK, run_directory=run)


def normal(text: str) -> list[str]:
    """`ip xfrm` output without what differs between any two SAs: SPIs, keys, reqids and bit maps.

    strongSwan also names the SPI in the templates of outbound policies, where our kernel takes the youngest state of
    the reqid, and repeats the addresses of the hosts in the selectors of transport mode states.
    """
    for pattern, replacement in (
        (r"(tmpl .*\n\t\t.*) spi 0x[0-9a-f]{8}", r"\1"),
        (r"sel src .*", ""),
        (r"spi 0x[0-9a-f]{8}", "spi X"),
        (r"reqid \d+", "reqid X"),
        (r" 0x[0-9a-f]{16,}", " KEY"),
        (r"\boseq 0x[0-9a-f]+", "oseq X"),
        (r"\bseq 0x[0-9a-f]+", "seq X"),
        (r"\n\s+([0-9a-f]{8} ?)+(?=\n|$)", ""),
        (r"\n\t *", " "),
    ):
        text = re.sub(pattern, replacement, text)
    return sorted(" ".join(line.split()) for line in text.splitlines())


@pytest.mark.parametrize("name", CASES)
def test_same_states_and_policies_as_strongswan(pair: Pair, strongswans: tuple[Charon, Charon], name: str):
    case = CASES[name]
    moon, sun = strongswans
    for daemon in strongswans:
        daemon.clear()
        daemon.load_psk(PSK)
    moon.load({"peer": connection(case, LEFT, RIGHT, "10.1.0.0/16", "10.2.0.0/16")})
    sun.load({"peer": connection(case, RIGHT, LEFT, "10.2.0.0/16", "10.1.0.0/16")})
    moon.initiate("net")
    wait_until(sun.children)
    target = RIGHT if case.mode is Mode.TRANSPORT else RIGHT_INSIDE
    assert moon.namespace.ping(target)
    theirs = moon.namespace.run("ip", "xfrm", "state").stdout, moon.namespace.run("ip", "xfrm", "policy").stdout
    moon.terminate(ike="peer")

    install_the_same(pair, case)
    assert normal(pair.left.xfrm("state")) == normal(theirs[0])
    assert normal(pair.left.xfrm("policy")) == [line for line in normal(theirs[1]) if "socket" not in line]


def install_the_same(pair: Pair, case: Case) -> None:
    fields = {"mode": case.mode, "esn": case.esn, "replay_window": case.replay_window, **dict(case.copies)}
    sockets = []
    if case.encap:
        fields["encap"] = NAT_T
        for gateway, address in ((pair.left, LEFT), (pair.right, RIGHT)):
            sockets.append(gateway.ike_socket(address, 4500, nat_t=True))
    tunnel = pair.tunnel(case.suite, **fields)
    pair.install(tunnel)
    transport = case.mode is Mode.TRANSPORT
    local, remote = (f"{LEFT}/32", f"{RIGHT}/32") if transport else ("10.1.0.0/16", "10.2.0.0/16")
    pair.protect(local, remote, mode=case.mode, protocol=case.suite.protocol)
    assert pair.left.ns.ping(RIGHT if transport else RIGHT_INSIDE)
    for sock in sockets:
        sock.close()
