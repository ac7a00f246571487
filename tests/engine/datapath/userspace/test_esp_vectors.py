"""ESP packets that others have published, octet for octet."""

from dataclasses import replace

import pytest

from ikeengine.datapath.userspace.esp import EspReceiver, EspSender
from ikeengine.datapath.userspace.modes import mode_of
from ikeengine.model.connection import Mode
from ikeengine.model.sa import Direction
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, IntegId
from tests.engine.datapath.userspace.samples import encr, integ, make_sa

ICV_OCTETS = 12


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace("\n", " "))


class FixedIv:
    def __init__(self, iv: bytes) -> None:
        self.iv = iv

    def bytes(self, count: int) -> bytes:
        assert count == len(self.iv)
        return self.iv


# RFC 3602 section 4, cases 5 to 8: (mode, key, SPI, sequence number, IV, packet, encrypted data)
RFC_3602 = {
    5: (
        Mode.TRANSPORT,
        "90d382b4 10eeba7a d938c46c ec1a82bf",
        0x4321,
        1,
        "e96e8c08 ab465763 fd098d45 dd3ff893",
        """45000054 08f20000 4001f9fe c0a87b03 c0a87b64
        08000ebd a70a0000 8e9c083d b95b0700 08090a0b 0c0d0e0f 10111213 14151617
        18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637""",
        """f663c25d 325c18c6 a9453e19 4e120849 a4870b66 cc6b9965 330013b4 898dc856
        a4699e52 3a55db08 0b59ec3a 8e4b7e52 775b07d1 db34ed9c 538ab50c 551b874a
        a269add0 47ad2d59 13ac19b7 cfbad4a6""",
    ),
    6: (
        Mode.TRANSPORT,
        "90d382b4 10eeba7a d938c46c ec1a82bf",
        0x4321,
        8,
        "69d08df7 d203329d b093fc49 24e5bd80",
        """45000030 08fe0000 4001fa16 c0a87b03 c0a87b64
        0800b5e8 a80a0500 a69c083d 0b660e00 77777777 77777777 77777777""",
        "f5199588 1ec4e0c4 488987ce 742e8109 689bb379 d2d750c0 d915dca3 46a89f75",
    ),
    7: (
        Mode.TUNNEL,
        "01234567 89abcdef 01234567 89abcdef",
        0x8765,
        2,
        "f4e76524 4f6407ad f13dc138 0f673f37",
        """45000054 09040000 4001f988 c0a87b03 c0a87bc8
        08009f76 a90a0100 b49c083d 02a20400 08090a0b 0c0d0e0f 10111213 14151617
        18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637""",
        """773b5241 a4c44922 5e4f3ce5 ed611b0c 237ca96c f74a9301 3c1b0ea1 a0cf70f8
        e4ecaec7 8ac53aad 7a0f022b 859243c6 47752e94 a859352b 8a4d4d2d ecd136e5
        c177f132 ad3fbfb2 201ac990 4c74ee0a 109e0ca1 e4dfe9d5 a100b842 f1c22f0d""",
    ),
    8: (
        Mode.TUNNEL,
        "01234567 89abcdef 01234567 89abcdef",
        0x8765,
        5,
        "85d47224 b5f3dd5d 2101d4ea 8dffab22",
        """45000044 090c0000 4001f990 c0a87b03 c0a87bc8
        0800d63c aa0a0200 c69c083d a3de0300 ffffffff ffffffff ffffffff ffffffff
        ffffffff ffffffff ffffffff ffffffff""",
        """15b92683 819596a8 047232cc 00f7048f e45318e1 1f8a0f62 ede3c3fc 61203bb5
        0f980a08 c9843fd3 a1b06d5c 07ff9639 b7eb7dfb 3512e5de 435e7207 ed971ef3
        d2726d9b 5ef6affc 6d17a0de cbb13892""",
    ),
}


@pytest.mark.parametrize("case", RFC_3602)
def test_rfc_3602(case):
    """The RFC leaves authentication out, so that the ICV behind its packets is ours."""
    mode, key, spi, sequence, iv, packet, encrypted = RFC_3602[case]
    suite = encr(EncrId.AES_CBC, 128), integ(IntegId.HMAC_SHA1_96)
    sa = make_sa(Direction.OUT, suite, mode=mode, spi=spi, encr_key=Secret(octets(key)), encap=None)
    sender = EspSender(sa, FixedIv(octets(iv)))
    sender.sequence = sequence - 1
    sealed = sender.seal(*mode_of(sa).wrap(octets(packet)))
    expected = spi.to_bytes(4, "big") + sequence.to_bytes(4, "big") + octets(iv) + octets(encrypted)
    assert sealed[:-ICV_OCTETS] == expected
    payload, next_header = EspReceiver(replace(sa, direction=Direction.IN)).open(sealed)
    assert next_header == (4 if mode is Mode.TUNNEL else 1)
    assert octets(packet).endswith(payload)


def test_rfc_7634_appendix_a():
    keymat = bytes(range(0x80, 0xA4))
    sa = make_sa(Direction.IN, (encr(EncrId.CHACHA20_POLY1305), None), spi=0x01020304, encr_key=Secret(keymat))
    esp = octets(
        """01020304 00000005 10111213 14151617
        24039428 b97f417e 3c13753a 4f05087b 67c352e6 a7fab1b9 82d466ef 407ae5c6
        14ee8099 d52844eb 61aa95df ab4c02f7 2aa71e7c 4c4f64c9 befe2fac c638e8f3
        cbec163f ac469b50 2773f6fb 94e664da 9165b828 29f641e0
        76aaa826 6b7fb0f7 b11b3699 07e1ad43"""
    )
    packet = octets(
        """45000054 a6f20000 4001e778 c6336405 c0000205 08005b7a 3a080000 553bec10
        00073627 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f 20212223
        24252627 28292a2b 2c2d2e2f 30313233 34353637"""
    )
    assert EspReceiver(sa).open(esp) == (packet, 4)


def test_draft_mcgrew_gcm_test_01_with_esn():
    """draft-mcgrew-gcm-test-01 section 4, the first case: AES-128-GCM with the extended sequence number 87654321 << 32.

    Its next header is 1, although the payload is an IP packet.
    """
    key = octets("4c80cdefbb5d10da906ac73c3613a634 2e443b68")
    sa = make_sa(Direction.IN, spi=0x4321, encr_key=Secret(key), esn=True)
    esp = octets(
        """00004321 00000000 4956ed7e3b244cfe
        fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34
        cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce
        61bc17d768fd9732 459018148f6cbe722fd04796562dfdb4"""
    )
    packet = octets(
        """45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000
        00000000045f736970045f756470037369700963796265726369747902646b00 00210001"""
    )
    receiver = EspReceiver(sa)
    receiver.window.accept((0x87654321 << 32) - 1)
    assert receiver.open(esp) == (packet, 1)


def test_draft_mcgrew_gcm_test_01_with_a_192_bit_key():
    key = octets("feffe9928665731c6d6a8f9467308308feffe9928665731c cafebabe")
    sa = make_sa(Direction.IN, (encr(EncrId.AES_GCM_16, 192), None), spi=0xA5F8, encr_key=Secret(key))
    esp = octets(
        """0000a5f8 0000000a facedbaddecaf888
        a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0
        315b27452144cc77 95457b9652037f5318027b5b4cd7a636"""
    )
    packet = octets("45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d07568")
    assert EspReceiver(sa).open(esp) == (packet, 1)


def test_a_packet_of_freeswan_klips():
    """The first packet of tests/08-sunrise-sunset-aes.pcap of tcpdump: AES-256-CBC and HMAC-SHA1-96, tunnel mode.

    The keys are those of FreeS/WAN's test script that made it.
    """
    sa = make_sa(
        Direction.IN,
        (encr(EncrId.AES_CBC, 256), integ(IntegId.HMAC_SHA1_96)),
        spi=0xD1234567,
        encr_key=Secret(octets("aaaabbbbccccdddd4043434545464649494a4a4c4c4f4f515152525454575758")),
        integ_key=Secret(octets("87658765" * 5)),
    )
    esp = octets(
        """d123456700000001e6bb1ce8d0a88170da61de234d5618a09984c00c3ebcfc69e9287affec215449ffbe790ac7280eca8f6c88b1
        25deca11c870e4f851342d20200ff1189cc18c910a5f37e74f1528f26749bf998bc20cc645117e2bdcc9ba0b0ad3a80168619ac6
        6eb4b070d771e65f6077ea5366bf3bd88b5b5cbcd1e4d990b76e85b1"""
    )
    payload, next_header = EspReceiver(sa).open(esp)
    assert next_header == 4
    assert payload[:20] == octets("45000054 00004000 3f01b8a6 c0000201 c0000101")
    assert payload[-8:] == b"01234567"
