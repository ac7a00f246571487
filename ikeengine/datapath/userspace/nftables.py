"""Just enough of nf_tables over netlink: a table of our own that goes away with its socket (nft(8), libnftnl).

Rules are made of expressions that load something into a register and compare it; see the functions at the end.
"""

from __future__ import annotations

import socket
from struct import Struct

from ikeengine.datapath.netlink import NLM_F_CREATE, NLM_F_EXCL, NetlinkError, attribute, read_attributes
from ikeengine.errors import DatapathError

NETLINK_NETFILTER = 12
DROP, ACCEPT, _JUMP = 0, 1, 0xFFFFFFFD

_SUBSYSTEM = 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NEWTABLE, _NEWCHAIN, _NEWRULE, _DELRULE = 0, 3, 6, 8
_INET = 1
_OWNER = 2
"""NFT_TABLE_F_OWNER (Linux 5.12): only this socket may change the table, and when it closes the table is gone."""

_REQUEST, _ACK, _ECHO, _APPEND = 0x01, 0x04, 0x08, 0x800
_NLMSG_ERROR = 2
_NESTED = 0x8000
PREROUTING, POSTROUTING = 0, 4
_PRIORITY_MANGLE = -150
_META_IIF, _META_OIF, _META_NFPROTO, _META_L4PROTO = 4, 5, 15, 16
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_REGISTER = 1
_EQUAL, _NOT_EQUAL = 0, 1
_TCP_OPTION, _MAXIMUM_SEGMENT_SIZE = 1, 2
_TCP_FLAGS_AT, _SYN = 13, b"\x02"
_NFPROTO = {4: 2, 16: 10}
_ADDRESS_OFFSETS = {4: (12, 16), 16: (8, 24)}

_HEADER = Struct("=IHHII")
_NFGENMSG = Struct(">BBH")
_BE32 = Struct(">I")
_BE32_SIGNED = Struct(">i")
_NATIVE = Struct("=I")
_BUFFER = 1 << 16


class NfTable:
    """One table of the family inet with a base chain for everything that arrives, and chains that it jumps to."""

    def __init__(self, name: str) -> None:
        """Raises DatapathError if the kernel cannot do this, or if another engine has the table."""
        self._name = name.encode() + b"\0"
        self._sequence = 0
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        except OSError as error:
            raise DatapathError(f"no netfilter: {error.strerror}") from error
        try:
            self._socket.bind((0, 0))
            self._socket.settimeout(2)
            self._change(_NEWTABLE, attribute(1, self._name) + attribute(2, _BE32.pack(_OWNER)), _EXCL_CREATE)
        except (OSError, DatapathError) as error:
            self._socket.close()
            raise error if isinstance(error, DatapathError) else DatapathError(f"no netfilter: {error}") from error

    def close(self) -> None:
        """Close the socket, and with it remove the table."""
        self._socket.close()

    def add_base_chain(self, name: str, hook_number: int = PREROUTING) -> None:
        """A chain that sees every packet that arrives, before it is routed, or that leaves. Raises DatapathError."""
        hook = attribute(1, _BE32.pack(hook_number)) + attribute(2, _BE32_SIGNED.pack(_PRIORITY_MANGLE))
        self._add_chain(name, attribute(_NESTED | 4, hook) + attribute(7, b"filter\0"))

    def add_chain(self, name: str) -> None:
        """A chain to jump to. Raises DatapathError."""
        self._add_chain(name, b"")

    def add_rule(self, chain: str, match: bytes, verdict: int = ACCEPT, *, jump: str = "") -> int:
        """Append a rule; its handle. Raises DatapathError."""
        code = attribute(1, _BE32.pack(_JUMP if jump else verdict))
        target = attribute(2, jump.encode() + b"\0") if jump else b""
        data = attribute(_NESTED | 2, attribute(_NESTED | 2, code + target))
        expressions = match + _expression("immediate", attribute(1, _BE32.pack(0)) + data)
        rule = self._rule(chain) + attribute(_NESTED | 4, expressions)
        return self._change(_NEWRULE, rule, NLM_F_CREATE | _APPEND | _ECHO)

    def delete_rule(self, chain: str, handle: int) -> None:
        """Remove a rule. Raises DatapathError."""
        self._change(_DELRULE, self._rule(chain) + attribute(3, handle.to_bytes(8, "big")), 0)

    def _rule(self, chain: str) -> bytes:
        return attribute(1, self._name) + attribute(2, chain.encode() + b"\0")

    def _add_chain(self, name: str, more: bytes) -> None:
        body = attribute(1, self._name) + attribute(3, name.encode() + b"\0") + more
        self._change(_NEWCHAIN, body, NLM_F_CREATE)

    def _change(self, kind: int, body: bytes, flags: int) -> int:
        """One transaction with one change; the handle of a rule that is echoed, else 0."""
        self._sequence += 1
        begin = self._message(_BATCH_BEGIN, b"", 0, 0, _SUBSYSTEM)
        change = self._message(_SUBSYSTEM << 8 | kind, body, flags | _ACK, _INET, 0)
        end = self._message(_BATCH_END, b"", 0, 0, _SUBSYSTEM)
        try:
            self._socket.send(begin + change + end)
            return self._answer()
        except OSError as error:
            raise DatapathError(f"netfilter does not answer: {error}") from error

    def _message(self, kind: int, body: bytes, flags: int, family: int, resource: int) -> bytes:
        payload = _NFGENMSG.pack(family, 0, resource) + body
        return _HEADER.pack(_HEADER.size + len(payload), kind, flags | _REQUEST, self._sequence, 0) + payload

    def _answer(self) -> int:
        """Read up to the acknowledgement, before which an echo may come. Raises NetlinkError."""
        handle, acknowledged = 0, False
        while not acknowledged:
            data, offset = self._socket.recv(_BUFFER), 0
            while offset < len(data):
                length, kind, _unused, sequence, _unused = _HEADER.unpack_from(data, offset)
                body = data[offset + _HEADER.size : offset + length]
                offset += length + 3 & ~3
                if sequence != self._sequence:
                    continue
                if kind == _NLMSG_ERROR:
                    code = int.from_bytes(body[:4], "little", signed=True)
                    if code:
                        raise NetlinkError(-code)
                    acknowledged = True
                elif kind == _SUBSYSTEM << 8 | _NEWRULE:
                    handle = int.from_bytes(read_attributes(body[_NFGENMSG.size :]).get(3, b""), "big")
        return handle


_EXCL_CREATE = NLM_F_CREATE | NLM_F_EXCL


def came_in_by(interface: int) -> bytes:
    """Packets of one interface."""
    return _meta(_META_IIF) + _compare(_NATIVE.pack(interface))


def goes_out_by(interface: int) -> bytes:
    """Packets to one interface."""
    return _meta(_META_OIF) + _compare(_NATIVE.pack(interface))


def of_family(length: int) -> bytes:
    """Packets of IPv4, whose addresses have a length of 4 octets, or of IPv6 with 16."""
    return _meta(_META_NFPROTO) + _compare(bytes([_NFPROTO[length]]))


def tcp_syn() -> bytes:
    """TCP segments that begin a connection."""
    mask = attribute(_NESTED | 4, attribute(1, _SYN)) + attribute(_NESTED | 5, attribute(1, b"\0"))
    numbers = b"".join(attribute(kind, _BE32.pack(n)) for kind, n in ((1, _REGISTER), (2, _REGISTER), (3, 1)))
    flags = _payload(_TRANSPORT_HEADER, _TCP_FLAGS_AT, 1) + _expression("bitwise", numbers + mask)
    return flags + _compare(b"\0", _NOT_EQUAL)


def lower_segment_size(octets: int) -> bytes:
    """No condition but a change: write the MSS option of a TCP segment. The kernel never makes it larger."""
    value = attribute(_NESTED | 2, attribute(1, octets.to_bytes(2, "big")))
    load = _expression("immediate", attribute(1, _BE32.pack(_REGISTER)) + value)
    numbers = ((3, 2), (4, 2), (6, _TCP_OPTION), (7, _REGISTER))
    where = attribute(2, bytes([_MAXIMUM_SEGMENT_SIZE])) + b"".join(attribute(k, _BE32.pack(n)) for k, n in numbers)
    return load + _expression("exthdr", where)


def of_protocol(protocol: int) -> bytes:
    """Packets of one upper-layer protocol."""
    return _meta(_META_L4PROTO) + _compare(bytes([protocol]))


def from_to(source: tuple[bytes, bytes], destination: tuple[bytes, bytes]) -> bytes:
    """Packets between two ranges of addresses of one family."""
    length = len(source[0])
    at_source, at_destination = _ADDRESS_OFFSETS[length]
    between = _payload(_NETWORK_HEADER, at_source, length) + _range(*source)
    return of_family(length) + between + _payload(_NETWORK_HEADER, at_destination, length) + _range(*destination)


def transport_octets(offset: int, first: int, last: int) -> bytes:
    """Packets with a number of two octets in their transport header: a port, or type and code of ICMP."""
    return _payload(_TRANSPORT_HEADER, offset, 2) + _range(first.to_bytes(2, "big"), last.to_bytes(2, "big"))


def no_later_fragment() -> bytes:
    """Packets whose transport header can be seen."""
    return _payload(_TRANSPORT_HEADER, 0, 1) + _range(b"\0", b"\xff")


def icmp_type(first: int, last: int) -> bytes:
    """ICMP messages with a type in a range."""
    return _payload(_TRANSPORT_HEADER, 0, 1) + _range(bytes([first]), bytes([last]))


def _meta(key: int) -> bytes:
    return _expression("meta", attribute(1, _BE32.pack(_REGISTER)) + attribute(2, _BE32.pack(key)))


def _payload(base: int, offset: int, length: int) -> bytes:
    numbers = (_REGISTER, base, offset, length)
    return _expression("payload", b"".join(attribute(kind, _BE32.pack(n)) for kind, n in enumerate(numbers, 1)))


def _compare(value: bytes, how: int = _EQUAL) -> bytes:
    data = attribute(_NESTED | 3, attribute(1, value))
    return _expression("cmp", attribute(1, _BE32.pack(_REGISTER)) + attribute(2, _BE32.pack(how)) + data)


def _range(first: bytes, last: bytes) -> bytes:
    ends = attribute(_NESTED | 3, attribute(1, first)) + attribute(_NESTED | 4, attribute(1, last))
    return _expression("range", attribute(1, _BE32.pack(_REGISTER)) + attribute(2, _BE32.pack(_EQUAL)) + ends)


def _expression(name: str, data: bytes) -> bytes:
    return attribute(_NESTED | 1, attribute(1, name.encode() + b"\0") + attribute(_NESTED | 2, data))
