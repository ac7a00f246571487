"""Two sites with the same network, which the engine's gateway shows to each other under other addresses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import Lab, child, lab

SAME = "10.1.0.0/24"
LEFT_AS, RIGHT_AS = "10.11.0.0/24", "10.12.0.0/24"
RIGHT_CLIENT = "10.1.0.20"

MAPPINGS = f"""
    table ip mappings {{
        chain marking {{
            type filter hook prerouting priority mangle
            iifname "inside" ip daddr {RIGHT_AS} meta mark set 8
        }}
        chain arrive {{
            type nat hook prerouting priority dstnat
            iifname "inside" ip daddr {RIGHT_AS} dnat ip prefix to {SAME}
            iifname "ike0" ip daddr {LEFT_AS} dnat ip prefix to {SAME}
        }}
        chain leave {{
            type nat hook postrouting priority srcnat
            oifname "ike0" ip saddr {SAME} snat ip prefix to {LEFT_AS}
            oifname "inside" ip saddr {SAME} snat ip prefix to {RIGHT_AS}
        }}
    }}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The network of the left site is there a second time on the right."""
    with lab(tmp_path_factory.mktemp("same")) as running:
        running.right.gateway.add_address("inside", "10.1.0.1/24")
        running.right.client.add_address("eth0", f"{RIGHT_CLIENT}/24")
        running.right.client.run("ip", "route", "add", LEFT_AS, "via", "10.1.0.1", "src", RIGHT_CLIENT)
        running.left.gateway.run("nft", "-f", "-", input=MAPPINGS)
        running.left.gateway.run("ip", "rule", "add", "fwmark", "8/8", "lookup", "220", "priority", "219")
        yield running


@pytest.mark.scenario("ikev2/net2net-same-nets")
def test_same_nets(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-same-nets: one gateway maps both networks, the other knows nothing of it."""
    site.connect(engine=child(local_ts=[LEFT_AS], remote_ts=[SAME]), charon=child(local_ts=[SAME], remote_ts=[LEFT_AS]))
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    assert site.left.client.ping("10.12.0.20", count=2)
    assert site.right.client.ping("10.11.0.10", count=2)
    for direction in ("packets-in", "packets-out"):
        assert int(site.engine.child()[direction]) >= 4
