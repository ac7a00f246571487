"""negotiate.proposal_nearest: the sentence for the operator."""

from __future__ import annotations

from dataclasses import replace

from ikeengine.model.proposal import Proposal, Transform
from ikeengine.negotiate.proposals import nearest, offer, parse_ah, parse_esp, parse_ike
from ikeengine.registry import Protocol, TransformType

SPI = b"\xc0\xff\xee\x01"


def test_one_difference() -> None:
    text = nearest([parse_ike("aes128-sha256-ecp256")], [parse_ike("aes128-sha256-x25519")])
    assert text == "closest offer `aes128-sha256-ecp256` differs in key exchange: offered ecp256, wanted x25519"


def test_several_differences_in_the_order_of_the_types() -> None:
    text = nearest([parse_ike("aes128-sha1-x25519")], [parse_ike("aes256-aes192-sha256-x25519")])
    assert text == (
        "closest offer `aes128-sha1-x25519` differs in encryption: offered aes128, wanted aes256 or aes192; "
        "pseudo-random function: offered prfsha1, wanted prfsha256; integrity: offered sha1, wanted sha256"
    )


def test_the_closest_pair_counts() -> None:
    offered = [parse_ike("3des-sha1-modp1024"), parse_ike("aes256-sha256-ecp256"), parse_ike("aes128-sha512-x448")]
    configured = [parse_ike("aes128-sha1-modp2048"), parse_ike("aes256-sha256-x25519")]
    assert nearest(offered, configured).startswith("closest offer `aes256-sha256-ecp256` differs in key exchange:")


def test_a_type_that_one_side_lacks() -> None:
    text = nearest([parse_esp("aes128-sha256")], [parse_esp("aes128-sha256-x25519")])
    assert text == "closest offer `aes128-sha256` differs in key exchange: offered none, wanted x25519"
    text = nearest([parse_esp("aes128-sha256-x25519")], [parse_esp("aes128-sha256")])
    assert text.endswith("differs in key exchange: offered x25519, wanted none")


def test_key_exchange_does_not_count_in_ike_auth() -> None:
    offered, configured = [parse_esp("aes128-sha256-x25519")], [parse_esp("aes256-sha256-ecp256")]
    assert nearest(offered, configured, with_ke=False).endswith("in encryption: offered aes128, wanted aes256")


def test_extended_sequence_numbers() -> None:
    text = nearest([parse_esp("aes256gcm16")], [parse_esp("aes256gcm16-esn")])
    assert text.endswith("extended sequence numbers: offered noesn, wanted esn")


def test_types_that_we_do_not_know() -> None:
    strange = replace(parse_ike("aes128-sha256-x25519"), transforms=(Transform(TransformType(77), 3),))
    assert "transform type UNKNOWN_77: offered UNKNOWN_77_3, wanted none" in nearest(
        [strange], [parse_ike("aes128-sha256-x25519")]
    )


def test_attributes_that_we_do_not_know() -> None:
    wanted = parse_esp("aes256gcm16")
    strange = tuple(replace(t, unknown_attributes=b"\x80\x0f\x00\x01") for t in wanted.transforms)
    text = nearest([replace(wanted, transforms=strange)], [wanted])
    assert text.startswith("closest offer `aes256gcm16+UNKNOWN_ATTRIBUTES")
    assert "encryption: offered none, wanted aes256gcm16" in text


def test_other_protocols_and_nothing() -> None:
    assert nearest([parse_ah("sha256")], [parse_esp("aes128-sha256")]) == "offered AH, wanted ESP"
    assert nearest([], [parse_esp("aes128-sha256")]) == "offered nothing, wanted ESP"
    assert nearest([parse_ah("sha256")], []) == "offered AH, wanted nothing"


def test_a_bad_spi_is_named() -> None:
    wanted = parse_esp("aes128-sha256")
    assert nearest([replace(wanted, spi=b"\1")], [wanted]) == "offer `aes128-sha256` would do, but its SPI is malformed"
    assert nearest(offer([wanted], spi=SPI), [wanted]) == "offer `aes128-sha256` would do"


def test_a_flood_of_transforms_is_cut_short() -> None:
    flood = tuple(Transform(TransformType.ENCR, number) for number in range(1000, 3000))
    text = nearest([Proposal(Protocol.IKE, flood)], [parse_ike("aes128-sha256-x25519")])
    assert "or ...," in text
    assert "ENCR_UNKNOWN_1031-...`" in text
    assert len(text) < 1500
