from __future__ import annotations

from hashlib import md5

import pytest

from ikeengine.ikev1.messages import vendor_ids
from ikeengine.ikev1.messages.vendor_ids import KNOWN, VendorIdentity, recognise, takes_fragments

HASHED = {
    vendor_ids.XAUTH: b"draft-ietf-ipsra-isakmp-xauth-06.txt",
    vendor_ids.UNITY: b"CISCO-UNITY",
    vendor_ids.FRAGMENTATION: b"FRAGMENTATION",
    vendor_ids.NAT_T_DRAFT_02_NEWLINE: b"draft-ietf-ipsec-nat-t-ike-02\n",
}


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_octets_are_the_hash_of_a_text(known: VendorIdentity):
    """Those that are not are short words or, from a product, nobody knows what."""
    text = HASHED.get(known, known.name.encode())
    if known not in KNOWN[-7:] and known is not vendor_ids.DPD:
        assert md5(text).digest().startswith(known.octets)


def test_dead_peer_detection():
    """RFC 3706 section 5.1."""
    assert vendor_ids.DPD.announcement == bytes.fromhex("afcad71368a1f1c96b8696fc77570100")
    assert recognise(vendor_ids.DPD.octets + b"\1\1") is vendor_ids.DPD


def test_nat_traversal():
    """RFC 3947 section 3.1."""
    assert vendor_ids.NAT_T_RFC_3947.announcement == bytes.fromhex("4a131c81070358455c5728f20e95452f")


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_each_is_recognised(known: VendorIdentity):
    assert recognise(known.announcement) is known
    assert recognise(known.octets) is known
    assert recognise(known.octets + b"version") is (known if known.suffixed else None)
    assert recognise(known.octets[:-1]) is None


@pytest.mark.parametrize("data", [b"", b"\0", bytes(16), b"x" * 65531], ids=len)
def test_strangers(data: bytes):
    assert recognise(data) is None
    assert not takes_fragments(data)


@pytest.mark.parametrize(
    ("capabilities", "taken"),
    [
        ("", True),
        ("80000000", True),
        ("c0000000", True),
        ("ffffffff", True),
        ("40000000", False),
        ("00000000", False),
        ("80", False),
        ("0080000000", False),
    ],
)
def test_capability_to_take_fragments(capabilities: str, taken: bool):
    data = vendor_ids.FRAGMENTATION.octets + bytes.fromhex(capabilities)
    assert takes_fragments(data) is taken
    assert recognise(data) is vendor_ids.FRAGMENTATION
    assert takes_fragments(vendor_ids.FRAGMENTATION.announcement)


def test_names_are_unique():
    assert len({known.name for known in KNOWN}) == len({known.octets for known in KNOWN}) == len(KNOWN)
