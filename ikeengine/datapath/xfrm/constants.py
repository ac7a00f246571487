"""Numbers of linux/xfrm.h, linux/in.h and linux/udp.h, under the names they have there."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class XfrmMsg(IntEnum):
    """Message types of NETLINK_XFRM."""

    NEWSA = 0x10
    DELSA = 0x11
    GETSA = 0x12
    NEWPOLICY = 0x13
    DELPOLICY = 0x14
    GETPOLICY = 0x15
    ACQUIRE = 0x17
    EXPIRE = 0x18
    UPDPOLICY = 0x19
    MAPPING = 0x26


class XfrmGroup(IntEnum):
    """Multicast groups (XFRMNLGRP_*)."""

    ACQUIRE = 1
    EXPIRE = 2
    SA = 3
    MAPPING = 8


class Xfrma(IntEnum):
    """Attribute types."""

    ALG_CRYPT = 2
    ALG_COMP = 3
    ENCAP = 4
    TMPL = 5
    SA = 6
    LTIME_VAL = 9
    REPLAY_VAL = 10
    LASTUSED = 15
    ALG_AEAD = 18
    ALG_AUTH_TRUNC = 20
    MARK = 21
    TFCPAD = 22
    REPLAY_ESN_VAL = 23
    SA_EXTRA_FLAGS = 24
    OFFLOAD_DEV = 28
    SET_MARK = 29
    SET_MARK_MASK = 30
    IF_ID = 31


class XfrmDir(IntEnum):
    """Directions of a policy. FWD is for packets that came out of a tunnel and travel on."""

    IN = 0
    OUT = 1
    FWD = 2


class XfrmMode(IntEnum):
    """Modes of a state or template."""

    TRANSPORT = 0
    TUNNEL = 1


class StateFlag(IntFlag):
    """`xfrm_usersa_info.flags`."""

    NOECN = 1
    DECAP_DSCP = 2
    NOPMTUDISC = 4
    AF_UNSPEC = 32
    ALIGN4 = 64
    ESN = 128


SA_XFLAG_DONT_ENCAP_DSCP = 1

POLICY_ALLOW = 0
POLICY_BLOCK = 1

XFRM_INF = 0xFFFFFFFFFFFFFFFF
"""No limit, for octets and packets."""

ANY_ALGORITHM = 0xFFFFFFFF

REPLAY_ESN_MAX_PACKETS = 4096
"""The largest replay window that the kernel takes (XFRMA_REPLAY_ESN_MAX is 4096 bits)."""

IPPROTO_ESP = 50
IPPROTO_AH = 51
IPPROTO_COMP = 108

OFFLOAD_IPV6 = 1
OFFLOAD_INBOUND = 2
"""`xfrm_user_offload.flags`."""

IP_XFRM_POLICY = 17
IPV6_XFRM_POLICY = 35
UDP_ENCAP = 100
UDP_ENCAP_ESPINUDP = 2
