"""Several SAs in one Quick Mode, with a peer that knows but one."""

from __future__ import annotations

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab
from tests.lab.netns import wait_until

STRONG, PLAIN = "aes256gcm16-modp3072", "aes128-sha256-modp3072"


def test_strongswan_answers_the_first_sa_payload_alone(site: Lab) -> None:
    """The first child comes up at once, and the other one in a Quick Mode of its own."""
    both = {"start_action": "start", "local_ts": [site.left.net], "remote_ts": [site.right.net]}
    ours = {"net": both | {"esp_proposals": [STRONG]}, "other": both | {"esp_proposals": [PLAIN]}}
    connect(site, engine={"children": ours}, charon={"children": {"net": {"esp_proposals": [STRONG, PLAIN]}}})
    wait_until(lambda: sorted(entry["name"] for entry in site.engine.children()) == ["net", "other"])
    site.assert_same_ike()
    assert "[ HASH SA SA No KE ID ID ]" in site.charon.log()
    wait_until(lambda: len(site.charon.children()) == 2)
    here = {entry["spi-in"]: entry["encr-alg"] for entry in site.engine.children()}
    there = {entry["spi-out"]: entry["encr-alg"] for entry in site.charon.children()}
    assert here == there
    assert len(set(here.values())) == 2
    assert site.left.client.ping(site.right.host, count=3)
