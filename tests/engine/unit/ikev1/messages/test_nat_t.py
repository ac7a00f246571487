from __future__ import annotations

from hashlib import md5, sha1

import pytest

from ikeengine.ikev1.messages import nat_t, vendor_ids
from ikeengine.ikev1.messages.nat_t import VARIANTS, NatTraversal, address_hash, choose, detect, payloads
from ikeengine.ikev1.wire.message import parse
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import NatD, VendorId
from ikeengine.model.path import Path
from tests.engine.support.pcap import read_ike
from tests.engine.support.vectors import DATA
from tests.engine.support.wire_v1 import COOKIE_I, COOKIE_R

RFC_3947, DRAFT_03 = VARIANTS[:2]
HERE = Path("192.0.2.1", 500, "198.51.100.2", 500)
THERE = Path("198.51.100.2", 500, "192.0.2.1", 500)


def digest(octets: bytes) -> bytes:
    return sha1(octets).digest()


def seen(variant: NatTraversal, path: Path, *, fake: bool = False) -> list[NatD]:
    return payloads(variant, digest, COOKIE_I, COOKIE_R, path, fake=fake)


def told(sent: list[NatD], variant: NatTraversal = RFC_3947, path: Path = THERE) -> tuple[bool, bool]:
    return detect(sent, variant, digest, COOKIE_I, COOKIE_R, path)


@pytest.mark.parametrize(
    ("received", "chosen"),
    [
        ([], None),
        ([b"vendor", vendor_ids.DPD.announcement], None),
        ([vendor_ids.NAT_T_DRAFT_00.octets, vendor_ids.NAT_T_DRAFT_01.octets], None),
        ([vendor_ids.NAT_T_RFC_3947.octets + b"x"], None),
        ([vendor_ids.NAT_T_DRAFT_02.octets, vendor_ids.NAT_T_RFC_3947.octets], VARIANTS[0]),
        ([vendor_ids.NAT_T_DRAFT_02_NEWLINE.octets, vendor_ids.NAT_T_DRAFT_03.octets], VARIANTS[1]),
        ([vendor_ids.NAT_T_DRAFT_02_NEWLINE.octets, vendor_ids.NAT_T_DRAFT_02.octets], VARIANTS[2]),
        ([vendor_ids.NAT_T_DRAFT_02_NEWLINE.octets], VARIANTS[3]),
    ],
)
def test_the_best_way_is_chosen(received: list[bytes], chosen: NatTraversal | None):
    assert choose(received) == chosen
    assert choose(reversed(received)) == chosen


def test_numbers_of_the_rfc_and_of_the_drafts():
    """RFC 3947 sections 3.2, 5.1 and 5.2, and what they were before IANA assigned them."""
    assert [(v.nat_d, v.nat_oa, v.tunnel, v.transport) for v in VARIANTS] == [(20, 21, 3, 4)] + [
        (130, 131, 61443, 61444)
    ] * 3


def test_an_initiator_offers_what_it_can():
    assert [variant.vendor_id.name for variant in nat_t.ANNOUNCED] == ["RFC 3947", r"draft-ietf-ipsec-nat-t-ike-02\n"]
    assert set(nat_t.ANNOUNCED) <= set(VARIANTS)


def test_the_hash_covers_cookies_address_and_port():
    """RFC 3947 section 3.2: HASH(CKY-I | CKY-R | IP | Port), the address in 4 or 16 octets."""
    assert address_hash(bytes, COOKIE_I, COOKIE_R, "192.0.2.1", 0x1194) == COOKIE_I + COOKIE_R + bytes(
        (192, 0, 2, 1, 0x11, 0x94)
    )
    v6 = address_hash(bytes, COOKIE_I, COOKIE_R, "2001:db8::1", 500)
    assert v6 == COOKIE_I + COOKIE_R + bytes.fromhex("20010db8000000000000000000000001") + b"\1\xf4"


def test_the_hash_of_a_peer_that_we_did_not_write():
    """The third and fourth message of a capture: the responder has its own address, the initiator another one."""
    messages = [parse(octets) for octets in list(read_ike(DATA / "captures" / "isakmp4500.pcap"))[:4]]
    offered = [v.data for v in messages[1].chain.all(VendorId)]
    assert choose(offered) is RFC_3947
    path = Path("192.1.2.23", 500, "192.1.2.254", 500)
    head = messages[3].header
    by_initiator, by_responder = messages[2].chain.all(NatD), messages[3].chain.all(NatD)

    def md5_digest(octets: bytes) -> bytes:
        return md5(octets).digest()

    assert by_initiator[0].data == address_hash(md5_digest, head.spi_i, head.spi_r, path.local, 500)
    local, remote = detect(by_initiator, RFC_3947, md5_digest, head.spi_i, head.spi_r, path)
    assert (local, remote) == (False, True), "the initiator is behind NAT"
    assert by_responder[1] == payloads(RFC_3947, md5_digest, head.spi_i, head.spi_r, path, fake=False)[1]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.vendor_id.name)
def test_no_nat(variant: NatTraversal):
    sent = seen(variant, HERE)
    assert {payload.type for payload in sent} == {variant.nat_d}
    assert told(sent, variant) == (False, False)


def test_the_sender_is_behind_nat():
    assert told(seen(RFC_3947, HERE), path=THERE._replace(remote="203.0.113.9")) == (False, True)
    assert told(seen(RFC_3947, HERE), path=THERE._replace(remote_port=1024)) == (False, True)


def test_the_receiver_is_behind_nat():
    assert told(seen(RFC_3947, HERE._replace(remote="203.0.113.9"))) == (True, False)
    assert told(seen(RFC_3947, HERE._replace(remote_port=1024))) == (True, False)


def test_both_are():
    assert told(seen(RFC_3947, Path("10.0.0.1", 500, "203.0.113.9", 500))) == (True, True)


def test_a_forced_encapsulation():
    sent = seen(RFC_3947, HERE, fake=True)
    assert sent[1].data == bytes(20)
    assert told(sent) == (False, True)


def test_a_sender_with_several_addresses():
    """RFC 3947 section 3.2: NAT is detected if and only if none of the hashes match."""
    destination, source = seen(RFC_3947, HERE)
    assert told([destination, NatD(b"x" * 20), source, NatD(b"y" * 20)]) == (False, False)
    assert told([destination, NatD(b"x" * 20), NatD(b"y" * 20)]) == (False, True)
    assert told([source, destination]) == (True, True), "the first one is the receiver's"


def test_nothing_is_told_without_payloads_of_the_right_number():
    assert told([]) == (False, False)
    assert told([NatD(b"x" * 20, PayloadType.NAT_D_DRAFT)]) == (False, False)
    assert told([NatD(b"x" * 20)], DRAFT_03) == (False, False)
