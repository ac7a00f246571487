"""The Configuration payload: addresses and what belongs to them, asked for in IKE_AUTH (RFC 7296 section 2.19).

initiator                              responder
SK {..., CP(CFG_REQUEST), SAi2, ...}  -->
                                      <--  SK {..., CP(CFG_REPLY), SAr2, ...}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from ikeengine.ikev2 import lookup
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.path import packed
from ikeengine.model.pool import Lease, PoolAttribute
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.client_values import domain, host_address
from ikeengine.negotiate.leases import Claim
from ikeengine.negotiate.selectors import prefix_length
from ikeengine.outputs import InstallNameServers, LeaseChanged, LogLine
from ikeengine.registry import CpAttribute, CpType, NotifyType
from ikeengine.sa import reasons
from ikeengine.sa.addresses import vip_reasons, virtual_ips
from ikeengine.sa.context import Context
from ikeengine.wire.payloads import Configuration, CpAttributeValue, Notify, Payload

MAX_ADDRESSES = 8
"""Addresses that one IKE SA may have."""
MAX_REPLY_ATTRIBUTES = 200
"""Attributes of the pools that are told to a client."""
MAX_NAME_SERVERS = 16
MAX_DOMAINS = 64

_IP4, _IP6 = CpAttribute.INTERNAL_IP4_ADDRESS, CpAttribute.INTERNAL_IP6_ADDRESS
_ADDRESSES = {_IP4: 4, _IP6: 16}
_DNS = {CpAttribute.INTERNAL_IP4_DNS: 4, CpAttribute.INTERNAL_IP6_DNS: 16}
_ASKED_WITH = {
    4: (CpAttribute.INTERNAL_IP4_DNS, CpAttribute.INTERNAL_IP4_NBNS, CpAttribute.INTERNAL_IP4_SUBNET),
    16: (CpAttribute.INTERNAL_IP6_DNS, CpAttribute.INTERNAL_IP6_SUBNET),
}
_ONLY_IF_ASKED = (CpAttribute.INTERNAL_DNS_DOMAIN, CpAttribute.INTERNAL_DNSSEC_TA)
"""RFC 8598 section 3.1: who does not ask for these does not want them."""
_WHOLE_HOST = 128
_SUPPORTED = (*_ADDRESSES, *_DNS, CpAttribute.APPLICATION_VERSION, CpAttribute.SUPPORTED_ATTRIBUTES)


# --- the client's side


def request(ctx: Context, sa: IkeSa) -> list[Payload]:
    """Ask for the addresses of `vips`; an IKE SA that authenticates another one again asks for what that has."""
    old = lookup.find(ctx, sa.replaces)
    asked = (old.vips.local if old is not None else ()) or sa.connection.vips
    sa.vips.asked = asked
    if not asked:
        return []
    attributes = [_address_attribute(address) for address in asked]
    for octets in dict.fromkeys(len(packed(address)) for address in asked):
        attributes += [CpAttributeValue(kind) for kind in _ASKED_WITH[octets]]
    attributes.append(CpAttributeValue(CpAttribute.INTERNAL_DNS_DOMAIN))
    return [Configuration(CpType.CFG_REQUEST, tuple(attributes))]


def read_reply(ctx: Context, sa: IkeSa, message: Received) -> None:
    """Take what the peer gives us, if we have asked for it."""
    reply = message.find(Configuration)
    if reply is None or reply.kind is not CpType.CFG_REPLY:
        return
    if not sa.vips.asked:
        ctx.emit(LogLine(1, "CFG", "ignoring a CFG_REPLY that we did not ask for", sa.name, sa.unique_id))
        return
    virtual_ips.install(ctx, sa, _given(sa, reply.attributes))
    for address in sa.vips.local:
        ctx.emit(LogLine(1, "IKE", f"installing new virtual IP {address}", sa.name, sa.unique_id))
    _use_name_servers(ctx, sa, reply.attributes)


def _given(sa: IkeSa, attributes: Iterable[CpAttributeValue]) -> tuple[str, ...]:
    """The addresses that we get: at most as many of each family as we have asked for."""
    given: list[str] = []
    for kind, octets in _ADDRESSES.items():
        wanted = sum(len(packed(address)) == octets for address in sa.vips.asked)
        found = (host_address(a.value[:octets]) for a in attributes if a.kind is kind and len(a.value) >= octets)
        given += list(dict.fromkeys(address for address in found if address))[:wanted]
    return tuple(given)


def _use_name_servers(ctx: Context, sa: IkeSa, attributes: Sequence[CpAttributeValue]) -> None:
    servers = [host_address(a.value) for a in attributes if len(a.value) == _DNS.get(a.kind, -1)]
    servers = list(dict.fromkeys(server for server in servers if server))[:MAX_NAME_SERVERS]
    if not servers or not sa.vips.local:
        return
    domains = [a.value for a in attributes if a.kind is CpAttribute.INTERNAL_DNS_DOMAIN]
    # RFC 8598 section 3: without a split tunnel the domains are to be ignored.
    names = () if _takes_everything(sa) else tuple(dict.fromkeys(filter(None, map(domain, domains))))[:MAX_DOMAINS]
    sa.vips.dns_owner = ctx.new_unique_id()
    ctx.emit(InstallNameServers(sa.vips.dns_owner, tuple(servers), names, sa.vips.local[0]))


def _takes_everything(sa: IkeSa) -> bool:
    selectors = [ts for child in sa.connection.children.values() for ts in child.remote_ts]
    return any(isinstance(ts, TrafficSelector) and prefix_length(ts) == 0 for ts in selectors)


# --- the server's side


def respond(ctx: Context, sa: IkeSa, message: Received) -> list[Payload]:
    """Answer the initiator's request. An error notify in the answer means that there can be no Child SA."""
    asked = message.find(Configuration)
    wanted = _wanted(asked.attributes) if asked is not None and asked.kind is CpType.CFG_REQUEST else []
    if asked is None or not wanted:
        return _without_addresses(ctx, sa, message)
    leases = _assign(ctx, sa, wanted)
    sa.vips.remote = tuple(str(ip_address(lease.address)) for lease in leases)
    if not leases:
        ctx.fail(vip_reasons.no_address_left(ctx, sa, message.describe()))
        return [Notify(NotifyType.INTERNAL_ADDRESS_FAILURE)]
    attributes = [_address_attribute(address) for address in sa.vips.remote]
    attributes += _pool_attributes(ctx, [lease.pool for lease in leases], {a.kind for a in asked.attributes})
    return [Configuration(CpType.CFG_REPLY, tuple(attributes))]


def refuses_child(payloads: Iterable[Payload]) -> bool:
    """Whether an answer says that the addresses could not be agreed upon."""
    return any(isinstance(payload, Notify) and payload.kind.is_error for payload in payloads)


def _wanted(attributes: Iterable[CpAttributeValue]) -> list[bytes]:
    """The addresses that are asked for, all zero where any will do."""
    found = [(a.value or bytes(_ADDRESSES[a.kind]))[: _ADDRESSES[a.kind]] for a in attributes if a.kind in _ADDRESSES]
    return found[:MAX_ADDRESSES]


def _without_addresses(ctx: Context, sa: IkeSa, message: Received) -> list[Payload]:
    if not sa.connection.pools:
        return []
    ctx.fail(vip_reasons.address_required(ctx, sa, message.describe()))
    return [Notify(NotifyType.FAILED_CP_REQUIRED)]


def _assign(ctx: Context, sa: IkeSa, wanted: Iterable[bytes]) -> list[Lease]:
    if sa.remote_id is None:
        raise AssertionError("addresses are given to authenticated peers only")
    claim = Claim(sa.remote_id, sa.unique_id, sa.path.remote, ctx.settings.lease_limit)
    leases = []
    for address in wanted:
        found = ctx.leases.acquire(sa.connection.pools, claim, address)
        if found is None:
            text = f"no virtual IP found for {ip_address(address)} requested by {reasons.identity_text(sa.remote_id)}"
            ctx.emit(LogLine(1, "IKE", text, sa.name, sa.unique_id))
            continue
        leases.append(Lease(*found, sa.remote_id, online=True))
        ctx.emit(LeaseChanged(leases[-1], sa.name, sa.unique_id))
    return leases


def _pool_attributes(ctx: Context, names: Iterable[str], asked: set[CpAttribute]) -> list[CpAttributeValue]:
    """What the pools of the assigned addresses tell their clients (RFC 7296 section 2.19: also what was not asked)."""
    pools = ctx.leases.pools()
    told: dict[PoolAttribute, None] = {}
    for name in names:
        told.update(dict.fromkeys(pools[name].attributes))
    values = [CpAttributeValue(a.kind, a.value) for a in told if a.kind not in _ONLY_IF_ASKED or a.kind in asked]
    return values[:MAX_REPLY_ATTRIBUTES]


def _address_attribute(address: str) -> CpAttributeValue:
    octets = packed(address)
    kind = _IP4 if len(octets) == 4 else _IP6
    if not any(octets):
        return CpAttributeValue(kind)
    return CpAttributeValue(kind, octets if kind is _IP4 else octets + bytes([_WHOLE_HOST]))


# --- in INFORMATIONAL


def inform(message: Received) -> list[Payload]:
    """Answer a CFG_REQUEST in INFORMATIONAL (RFC 7296 section 2.20): our version is nobody's business."""
    asked = message.find(Configuration)
    if asked is None or asked.kind is not CpType.CFG_REQUEST:
        return []
    kinds = {attribute.kind for attribute in asked.attributes}
    answers = []
    if CpAttribute.APPLICATION_VERSION in kinds:
        answers.append(CpAttributeValue(CpAttribute.APPLICATION_VERSION))
    if CpAttribute.SUPPORTED_ATTRIBUTES in kinds:
        supported = b"".join(kind.to_bytes(2) for kind in _SUPPORTED)
        answers.append(CpAttributeValue(CpAttribute.SUPPORTED_ATTRIBUTES, supported))
    return [Configuration(CpType.CFG_REPLY, tuple(answers))]
