"""Marks and XFRM interface IDs of Child SAs: which numbers they get, and from whom they inherit them."""

from __future__ import annotations

from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.model.marks import NO_MARK, Allot, IfIdOption, Mark, MarkOption, Tags
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa


def choose(ctx: Context, sa: IkeSa, config: ChildConfig, rekeyed_reqid: int) -> Tags:
    """The tags of a new Child SA. One that is made by rekeying has those of the old one, whose reqid it shares."""
    if rekeyed_reqid:
        for child in sa.children.values():
            if child.reqid == rekeyed_reqid and child.config.name == config.name:
                return child.tags
    mark_in, mark_out = _marks(ctx, config.mark_in, config.mark_out)
    set_in, set_out = _set_mark(config.set_mark_in, mark_in), _set_mark(config.set_mark_out, mark_out)
    return Tags(mark_in, mark_out, set_in, set_out, *_if_ids(ctx, sa, config))


def fixed(connection: ConnectionConfig, child: ChildConfig) -> Tags:
    """The tags of a policy without SAs, which can only have fixed ones."""
    mark_in, mark_out = _mark(child.mark_in, child.mark_in.value), _mark(child.mark_out, child.mark_out.value)
    return Tags(
        mark_in=mark_in,
        mark_out=mark_out,
        set_mark_in=_set_mark(child.set_mark_in, mark_in),
        set_mark_out=_set_mark(child.set_mark_out, mark_out),
        if_id_in=child.if_id_in.value or connection.if_id_in.value,
        if_id_out=child.if_id_out.value or connection.if_id_out.value,
    )


def _marks(ctx: Context, inbound: MarkOption, outbound: MarkOption) -> tuple[Mark, Mark]:
    values = _numbers(ctx, (inbound.allot, inbound.value), (outbound.allot, outbound.value))
    return _mark(inbound, values[0]), _mark(outbound, values[1])


def _set_mark(option: MarkOption, matched: Mark) -> Mark:
    return _mark(option, matched.value if option.allot is Allot.SAME else option.value)


def _mark(option: MarkOption, value: int) -> Mark:
    return Mark(value & option.mask, option.mask) if option.is_set else NO_MARK


def _if_ids(ctx: Context, sa: IkeSa, config: ChildConfig) -> tuple[int, int]:
    """Those of the child, or else those of the connection, which all Child SAs of an IKE SA share."""
    whole = sa.connection.if_id_in, sa.connection.if_id_out
    if sa.if_ids is None and any(option.is_set for option in whole):
        sa.if_ids = _numbers(ctx, *(_pair(option) for option in whole))
    shared = sa.if_ids or (0, 0)
    own = _numbers(ctx, _pair(config.if_id_in), _pair(config.if_id_out))
    return own[0] or shared[0], own[1] or shared[1]


def _pair(option: IfIdOption) -> tuple[Allot, int]:
    return option.allot, option.value


def _numbers(ctx: Context, inbound: tuple[Allot, int], outbound: tuple[Allot, int]) -> tuple[int, int]:
    """Fixed numbers as they are; `%unique` ones are the same for both directions, `%unique-dir` ones are not."""
    both = ctx.new_tag() if Allot.UNIQUE in (inbound[0], outbound[0]) else 0
    chosen = [
        both if allot is Allot.UNIQUE else ctx.new_tag() if allot is Allot.UNIQUE_DIR else value
        for allot, value in (inbound, outbound)
    ]
    return chosen[0], chosen[1]
