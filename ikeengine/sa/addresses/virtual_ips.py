"""Virtual IP addresses of IKE SAs: which they are, how this host gets them, and how they go again."""

from __future__ import annotations

from ikeengine.model.path import packed
from ikeengine.outputs import DeleteAddress, DeleteNameServers, DeletePolicies, InstallAddress, LeaseChanged, OpId
from ikeengine.sa.addresses import vip_reasons
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa, VirtualIps

ANY_ADDRESSES = {4: "0.0.0.0", 16: "::"}  # noqa: S104 - an address to ask for, not to listen on


def own(sa: IkeSa) -> tuple[str, ...]:
    """The addresses that `dynamic` stands for in our traffic selectors.

    While we wait for a virtual IP it is any address of its family, which the peer narrows to what it gives us.
    """
    if sa.vips.local:
        return sa.vips.local
    asked = (ANY_ADDRESSES[len(packed(address))] for address in sa.vips.asked)
    return tuple(dict.fromkeys(asked)) or (sa.path.local,)


def is_missing(sa: IkeSa) -> bool:
    """Whether we have asked the peer for an address and got none: then a Child SA would be for nobody."""
    return bool(sa.vips.asked) and not sa.vips.local


def peers(sa: IkeSa) -> tuple[str, ...]:
    """The addresses that `dynamic` stands for in the peer's traffic selectors."""
    return sa.vips.remote or (sa.path.remote,)


def install(ctx: Context, sa: IkeSa, addresses: tuple[str, ...]) -> None:
    """The peer has given us addresses. One that an IKE SA has already, as while authenticating again, is shared."""
    sa.vips.local = addresses
    for address in addresses:
        users = ctx.own_addresses.setdefault(address, set())
        if not users:
            op = ctx.new_op()
            ctx.address_ops[op] = sa
            ctx.emit(InstallAddress(op, address, sa.path.local))
        users.add(sa.unique_id)


def rehome(ctx: Context, sa: IkeSa) -> None:
    """The IKE SA has another address of ours, perhaps on another interface: the virtual ones go there, too."""
    for address in sa.vips.local:
        op = ctx.new_op()
        ctx.address_ops[op] = sa
        ctx.emit(DeleteAddress(address))
        ctx.emit(InstallAddress(op, address, sa.path.local))


def failed(ctx: Context, op: OpId, error: object) -> bool:
    """An address could not be installed. False if the operation was about something else."""
    sa = ctx.address_ops.pop(op, None)
    if sa is None:
        return False
    ctx.fail(vip_reasons.vip_not_installed(ctx, sa, str(error)))
    return True


def move(ctx: Context, old: IkeSa, new: IkeSa) -> None:
    """An IKE SA was rekeyed: its addresses stay what they are."""
    new.vips, old.vips = old.vips, VirtualIps()
    ctx.leases.move(old.unique_id, new.unique_id)
    for users in ctx.own_addresses.values():
        if old.unique_id in users:
            users.remove(old.unique_id)
            users.add(new.unique_id)


def release(ctx: Context, sa: IkeSa) -> None:
    """An IKE SA has ended, and with it the right to its addresses."""
    give_back(ctx, sa)
    if sa.vips.dns_owner:
        ctx.emit(DeleteNameServers(sa.vips.dns_owner))
    if sa.vips.bypass_owner:
        ctx.emit(DeletePolicies(sa.vips.bypass_owner))
    for address in sa.vips.local:
        users = ctx.own_addresses.get(address, set())
        users.discard(sa.unique_id)
        if not users and ctx.own_addresses.pop(address, None) is not None:
            ctx.emit(DeleteAddress(address))
    sa.vips = VirtualIps()
    for op in [op for op, waiting in ctx.address_ops.items() if waiting is sa]:
        del ctx.address_ops[op]


def give_back(ctx: Context, sa: IkeSa) -> None:
    """The peer's addresses are free for its next IKE SA, or after that for others."""
    for lease in ctx.leases.release(sa.unique_id):
        ctx.emit(LeaseChanged(lease, sa.name, sa.unique_id))
