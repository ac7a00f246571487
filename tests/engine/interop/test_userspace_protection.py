"""What the userspace datapath does with headers and with packets that come without protection (RFC 4301 section 5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.interop.lab import Lab, child
from tests.lab.netns import wait_until
from tests.lab.traffic import captured

PAST_THE_TUNNEL = 77
"""Mark and table of packets that leave the right gateway unprotected."""

ENCAPSULATED = "udp port 4500 and udp[8:4] != 0"


@pytest.mark.parametrize("options", [{}, {"copy_dscp": "no"}, {"copy_df": "no"}], ids=["copied", "no-dscp", "no-df"])
def test_outer_header_in_udp(site: Lab, options: dict[str, str], tmp_path: Path) -> None:
    """DSCP and DF follow the packet inside, as configured."""
    site.connect(engine=child(**options))
    site.engine.initiate("net")
    with captured(site.left.gateway, tmp_path / "outer.pcap", direction="out") as capture:
        for fragmentation in ("do", "dont"):
            assert site.left.client.ping(site.right.host, "-Q", "0xb8", "-M", fragmentation, count=2)
    sent = capture.count(ENCAPSULATED)
    marked = capture.count(f"{ENCAPSULATED} and ip[1] & 0xfc = 0xb8")
    with_df = capture.count(f"{ENCAPSULATED} and ip[6] & 0x40 != 0")
    assert sent >= 4
    assert marked == 0 if "copy_dscp" in options else marked >= 4
    assert with_df == 0 if "copy_df" in options else 2 <= with_df < sent


def test_unprotected_packets_are_refused(site: Lab, tmp_path: Path) -> None:
    """RFC 4301 section 5.2: what a policy wants protected is dropped if it is not, as long as there is the policy."""
    gateway = site.right.gateway
    mark = str(PAST_THE_TUNNEL)
    gateway.run("ip", "route", "replace", f"{site.left.host}/32", "via", site.left.address, "table", mark)
    gateway.run("ip", "rule", "add", "fwmark", mark, "lookup", mark, "priority", "10")
    unprotected = ("-m", mark, "-I", site.right.inside)
    seen = f"icmp and src host {site.right.inside}"
    try:
        with captured(site.left.client, tmp_path / "before.pcap") as before:
            wait_until(lambda: gateway.ping(site.left.host, *unprotected, wait=0.5) or True)
        site.connect()
        site.engine.initiate("net")
        site.assert_traffic()
        with captured(site.left.client, tmp_path / "after.pcap") as after:
            assert not gateway.ping(site.left.host, *unprotected, wait=0.5)
            assert site.right.client.ping(site.left.host)
        assert before.count(seen) > 0
        assert after.count(seen) == 0
    finally:
        gateway.run("ip", "rule", "del", "fwmark", mark, "lookup", mark, "priority", "10")
