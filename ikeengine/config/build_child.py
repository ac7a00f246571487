"""Makes a ChildConfig out of the values of a `children.<child>` section, with swanctl's derived defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ikeengine.config.durations import format_duration
from ikeengine.config.options import child as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Option, Values
from ikeengine.config.versions import esp_proposals
from ikeengine.model.connection import Action, ChildConfig
from ikeengine.model.marks import Allot, IfIdOption
from ikeengine.model.proposal import Proposal

N = TypeVar("N", int, float)
Limits = tuple[Option[int], Option[int | None], Option[int | None]]

_BYTES: Limits = (options.REKEY_BYTES, options.LIFE_BYTES, options.RAND_BYTES)
_PACKETS: Limits = (options.REKEY_PACKETS, options.LIFE_PACKETS, options.RAND_PACKETS)


def build_child(name: str, values: Values, version: int, problems: Problems) -> ChildConfig:
    """The Child SA configuration. Contradictions between options go to `problems`."""
    rekey_time, life_time, rand_time = _times(values, problems)
    rekey_bytes, life_bytes, rand_bytes = _volumes(values, _BYTES, problems)
    rekey_packets, life_packets, rand_packets = _volumes(values, _PACKETS, problems)
    return ChildConfig(
        name=name,
        esp_proposals=esp_proposals(_proposals(values), version),
        local_ts=values[options.LOCAL_TS] or options.LOCAL_TS.default_value(),
        remote_ts=values[options.REMOTE_TS] or options.REMOTE_TS.default_value(),
        mode=values[options.MODE],
        start_action=values[options.START_ACTION],
        close_action=values[options.CLOSE_ACTION],
        dpd_action=values[options.DPD_ACTION],
        rekey_time=rekey_time,
        life_time=life_time,
        rand_time=rand_time,
        rekey_bytes=rekey_bytes,
        life_bytes=life_bytes,
        rand_bytes=rand_bytes,
        rekey_packets=rekey_packets,
        life_packets=life_packets,
        rand_packets=rand_packets,
        inactivity=values[options.INACTIVITY],
        keep_up=values[options.KEEP_UP],
        replay_window=values[options.REPLAY_WINDOW],
        reqid=values[options.REQID],
        priority=values[options.PRIORITY],
        policies=values[options.POLICIES],
        copy_df=values[options.COPY_DF],
        copy_ecn=values[options.COPY_ECN],
        copy_dscp=values[options.COPY_DSCP],
        mark_in=values[options.MARK_IN],
        mark_in_sa=values[options.MARK_IN_SA],
        mark_out=values[options.MARK_OUT],
        set_mark_in=values[options.SET_MARK_IN],
        set_mark_out=values[options.SET_MARK_OUT],
        if_id_in=values[options.IF_ID_IN],
        if_id_out=values[options.IF_ID_OUT],
        ipcomp=values[options.IPCOMP],
        tfc_padding=values[options.TFC_PADDING],
        hw_offload=values[options.HW_OFFLOAD],
        single_pair=values[options.SINGLE_PAIR],
        ah_proposals=_bundled(values),
        sha256_96=values[options.SHA256_96],
    )


def check_trap_tags(values: Values, child: ChildConfig, connection: tuple[IfIdOption, ...], problems: Problems) -> None:
    """A trap is there before its Child SA, so it can only have numbers that are known before."""
    traps = (Action.TRAP, Action.TRAP_START)
    marks, if_ids = (child.mark_in, child.mark_out), (child.if_id_in, child.if_id_out, *connection)
    allotted = [*(mark.allot for mark in marks), *(if_id.allot for if_id in if_ids)]
    if child.start_action in traps and any(allot is not Allot.FIXED for allot in allotted):
        problems.add(
            values.mark_of(options.START_ACTION),
            values.key(options.START_ACTION),
            f"`{child.start_action.value}` needs fixed marks and interface IDs, not `%unique` ones",
        )


def _proposals(values: Values) -> tuple[Proposal, ...]:
    """ESP or AH proposals; the protocol inside each proposal says which. Nothing written means ESP's default."""
    ah = values[options.AH]
    if ah and options.ESP not in values:
        return ah
    return values[options.ESP] or options.ESP.default_value()


def _bundled(values: Values) -> tuple[Proposal, ...]:
    """AH proposals beside ESP ones (RFC 2408 section 4.2: proposals of the same number belong together)."""
    ah = values[options.AH]
    return ah if ah and options.ESP in values else ()


def _times(values: Values, problems: Problems) -> tuple[float, float, float]:
    rekey, life, rand = values[options.REKEY_TIME], values[options.LIFE_TIME], values[options.RAND_TIME]
    if life is None:
        life = rekey + rekey / 10
    if rand is None:
        rand = _spread(rekey, life)
    written = (options.REKEY_TIME, options.LIFE_TIME, options.RAND_TIME)
    _check_order(values, written, (rekey, life, rand), format_duration, problems)
    return rekey, life, rand


def _volumes(values: Values, written: Limits, problems: Problems) -> tuple[int, int, int]:
    rekey_option, life_option, rand_option = written
    rekey, life, rand = values[rekey_option], values[life_option], values[rand_option]
    if life is None:
        life = rekey + rekey // 10
    if rand is None:
        rand = int(_spread(rekey, life))
    _check_order(values, written, (rekey, life, rand), str, problems)
    return rekey, life, rand


def _spread(rekey: float, life: float) -> float:
    """The default of `rand_time` and its like: swanctl's, but an SA always lives at least half of its time."""
    return max(0.0, min(life - rekey, rekey / 2))


def _check_order(
    values: Values,
    written: tuple[Option[Any], Option[Any], Option[Any]],
    limits: tuple[N, N, N],
    show: Callable[[N], str],
    problems: Problems,
) -> None:
    """An SA must not end before it is rekeyed, nor be rekeyed at once."""
    (rekey_option, life_option, rand_option), (rekey, life, rand) = written, limits
    if not rekey or not values.sound(*written):
        return
    if 0 < life < rekey:
        problems.add(
            values.mark_of(life_option),
            values.key(life_option),
            f"{show(life)} is shorter than {rekey_option.name} ({show(rekey)}): the SA would end before it is rekeyed",
        )
    elif rand >= rekey:
        problems.add(
            values.mark_of(rand_option),
            values.key(rand_option),
            f"{show(rand)} is not less than {rekey_option.name} ({show(rekey)}): the SA could be rekeyed at once",
        )
