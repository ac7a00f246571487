"""Vendor IDs: how IKEv1 peers announce extensions, and who they are.

Most are the MD5 of a text, as each entry says. A version or capabilities may follow.
"""

from __future__ import annotations

from typing import Final

from ikeengine.model.immutable import immutable


@immutable
class VendorIdentity:
    """A vendor ID that we know."""

    name: str
    """What logs call it."""
    octets: bytes
    """What is always the same."""
    suffixed: bool = False
    """Whether other octets may follow."""
    sent_with: bytes = b""
    """The ones that we send behind it."""

    def matches(self, data: bytes) -> bool:
        """Whether a received vendor ID is this one."""
        return data.startswith(self.octets) if self.suffixed else data == self.octets

    @property
    def announcement(self) -> bytes:
        """What we send."""
        return self.octets + self.sent_with


_hex = bytes.fromhex

XAUTH: Final = VendorIdentity("XAUTH", _hex("09002689dfd6b712"))
"""draft-beaulieu-ike-xauth-02 section 3: the first half of the MD5 of "draft-ietf-ipsra-isakmp-xauth-06.txt"."""
DPD: Final = VendorIdentity(
    "Dead Peer Detection", _hex("afcad71368a1f1c96b8696fc7757"), suffixed=True, sent_with=_hex("0100")
)
"""RFC 3706 section 5.1; the last two octets are its version."""
UNITY: Final = VendorIdentity(
    "Cisco Unity", _hex("12f5f28c457168a9702d9fe274cc"), suffixed=True, sent_with=_hex("0100")
)
"""The MD5 of "CISCO-UNITY", the last two octets replaced by a version."""
FRAGMENTATION: Final = VendorIdentity(
    "FRAGMENTATION", _hex("4048b7d56ebce88525e7de7f00d6c2d3"), suffixed=True, sent_with=_hex("80000000")
)
"""The MD5 of "FRAGMENTATION"; four octets of capabilities may follow."""
STRONGSWAN: Final = VendorIdentity("strongSwan", _hex("882fe56d6fd20dbc2251613b2ebe5beb"))
WINDOWS: Final = VendorIdentity("MS NT5 ISAKMPOAKLEY", _hex("1e2b516905991c7d7c96fcbfb587e461"), suffixed=True)
"""The MD5 of its name; a version of Windows follows."""

NAT_T_RFC_3947: Final = VendorIdentity("RFC 3947", _hex("4a131c81070358455c5728f20e95452f"))
"""RFC 3947 section 3.1."""
NAT_T_DRAFT_03: Final = VendorIdentity("draft-ietf-ipsec-nat-t-ike-03", _hex("7d9419a65310ca6f2c179d9215529d56"))
NAT_T_DRAFT_02: Final = VendorIdentity("draft-ietf-ipsec-nat-t-ike-02", _hex("cd60464335df21f87cfdb2fc68b6a448"))
NAT_T_DRAFT_02_NEWLINE: Final = VendorIdentity(
    r"draft-ietf-ipsec-nat-t-ike-02\n", _hex("90cb80913ebb696e086381b5ec427b1f")
)
"""The text of the draft ends in a newline by mistake; most peers send this one."""
NAT_T_DRAFT_01: Final = VendorIdentity("draft-ietf-ipsec-nat-t-ike-01", _hex("16f6ca16e4a4066d83821a0f0aeaa862"))
NAT_T_DRAFT_00: Final = VendorIdentity("draft-ietf-ipsec-nat-t-ike-00", _hex("4485152d18b6bbcd0be8a8469579ddcc"))

KNOWN: Final = (
    XAUTH,
    DPD,
    UNITY,
    FRAGMENTATION,
    STRONGSWAN,
    WINDOWS,
    NAT_T_RFC_3947,
    NAT_T_DRAFT_03,
    NAT_T_DRAFT_02,
    NAT_T_DRAFT_02_NEWLINE,
    NAT_T_DRAFT_01,
    NAT_T_DRAFT_00,
    # Whoever follows is only named.
    VendorIdentity("draft-ietf-ipsec-nat-t-ike-04", _hex("9909b64eed937c6573de52ace952fa6b")),
    VendorIdentity("draft-ietf-ipsec-nat-t-ike-05", _hex("80d0bb3def54565ee84645d4c85ce3ee")),
    VendorIdentity("draft-ietf-ipsec-nat-t-ike-06", _hex("4d1e0e136deafa34c4f3ea9f02ec7285")),
    VendorIdentity("draft-ietf-ipsec-nat-t-ike-07", _hex("439b59f8ba676c4c7737ae22eab8f582")),
    VendorIdentity("draft-ietf-ipsec-nat-t-ike-08", _hex("8f8d83826d246b6fc7a8a6a428c11de8")),
    VendorIdentity("draft-ietf-ipsec-nat-t-ike", _hex("4df37928e9fc4fd1b3262170d515c662")),
    VendorIdentity("draft-stenberg-ipsec-nat-traversal-01", _hex("27bab5dc01ea0760ea4e3190ac27c0d0")),
    VendorIdentity("draft-stenberg-ipsec-nat-traversal-02", _hex("6105c422e76847e43f9684801292aecd")),
    VendorIdentity("KAME/racoon", _hex("7003cbc1097dbe9c2600ba6983bc8b35")),
    VendorIdentity("MS-Negotiation Discovery Capable", _hex("fb1de3cdf341b7ea16b7e5be0855f120")),
    VendorIdentity("Vid-Initial-Contact", _hex("26244d38eddb61b3172a36e3d0cfb819")),
    VendorIdentity("IKE CGA version 1", _hex("e3a5966a76379fe707228231e5ce8652")),
    VendorIdentity("GSSAPI", _hex("621b04bb09882ac1e15935fefa24aeee")),
    VendorIdentity("Heartbeat Notify", b"Heartbeat_Notify", suffixed=True),
    VendorIdentity("Cisco VPN Concentrator", _hex("1f07f70eaa6514d3b0fa96542a"), suffixed=True),
    VendorIdentity("Check Point", _hex("f4ed19e0c114eb516faaac0ee37daf2807b4381f"), suffixed=True),
    VendorIdentity("SonicWall", _hex("404bf439522ca3f6"), suffixed=True),
    VendorIdentity("Nortel Contivity", b"BNES", suffixed=True),
    VendorIdentity("ZyXEL ZyWALL", _hex("b858d1addd08c1e8adafea150608aa4497aa6cc8")),
    VendorIdentity("ZyXEL ZyWALL USG", _hex("f758f22668750f03b08df6ebe1d0")),
)

_FRAGMENTS_OF_PHASE_1: Final = 0x80000000
"""The capability to take fragments of Main and Aggressive Mode messages; Cisco adds 0x40000000 for all others."""


def recognise(data: bytes) -> VendorIdentity | None:
    """The vendor ID that a peer sent, if we know it."""
    return next((known for known in KNOWN if known.matches(data)), None)


def takes_fragments(data: bytes) -> bool:
    """Whether a vendor ID says that its sender takes fragments: without capabilities, or with the one that matters."""
    capabilities = data[len(FRAGMENTATION.octets) :]
    if not FRAGMENTATION.matches(data) or len(capabilities) not in {0, 4}:
        return False
    return not capabilities or int.from_bytes(capabilities, "big") & _FRAGMENTS_OF_PHASE_1 != 0
