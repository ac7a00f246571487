"""Makes a ConnectionConfig out of the values of a `connections.<conn>` section, with swanctl's derived defaults."""

from __future__ import annotations

from ikeengine.config.build_auth import build_local, build_remote
from ikeengine.config.build_child import build_child, check_trap_tags
from ikeengine.config.build_interface import build_interface
from ikeengine.config.certificates import CertificateSource
from ikeengine.config.draft import Draft
from ikeengine.config.durations import format_duration
from ikeengine.config.options import connection as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Values
from ikeengine.config.versions import check_version, ike_proposals
from ikeengine.config.weakness import warn_of_weakness
from ikeengine.model.connection import Action, ChildConfig, ConnectionConfig, Mode
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.marks import Allot, IfIdOption
from ikeengine.negotiate.addresses import is_fixed

DEFAULT_REKEY_TIME = 14400.0
"""Seconds, unless `reauth_time` is set (swanctl.conf(5))."""
KEEP_UP_DPD_DELAY = 30.0
SHUNTS = (Mode.PASS, Mode.DROP)


def build_connection(name: str, values: Values, certificates: CertificateSource, problems: Problems) -> Draft:
    """The connection. Contradictions, and certificates that cannot be read, go to `problems`."""
    rekey_time, over_time, rand_time = _times(values, problems)
    local = build_local(values, certificates, problems)
    remote = build_remote(values, certificates, problems)
    children = _children(values, problems)
    interface = build_interface(values, children, problems)
    version = values[options.IKE_VERSION]
    config = ConnectionConfig(
        name=name,
        proposals=ike_proposals(values[options.PROPOSALS] or options.PROPOSALS.default_value(), version),
        version=version,
        aggressive=values[options.AGGRESSIVE],
        pull=values[options.PULL],
        local_addrs=values[options.LOCAL_ADDRS] or ("%any",),
        remote_addrs=values[options.REMOTE_ADDRS] or ("%any",),
        local_port=values[options.LOCAL_PORT],
        remote_port=values[options.REMOTE_PORT],
        encap=values[options.ENCAP],
        qcd=values[options.QCD],
        fragmentation=values[options.FRAGMENTATION],
        mobike=values[options.MOBIKE],
        dpd_delay=_dpd_delay(values, children),
        dpd_timeout=values[options.DPD_TIMEOUT],
        keyingtries=values[options.KEYINGTRIES],
        retransmit_timeout=values[options.RETRANSMIT_TIMEOUT],
        retransmit_base=values[options.RETRANSMIT_BASE],
        retransmit_tries=values[options.RETRANSMIT_TRIES],
        retransmit_jitter=values[options.RETRANSMIT_JITTER],
        retransmit_limit=values[options.RETRANSMIT_LIMIT],
        unique=values[options.UNIQUE],
        reauth_time=values[options.REAUTH_TIME],
        rekey_time=rekey_time,
        over_time=over_time,
        rand_time=rand_time,
        childless=values[options.CHILDLESS],
        send_cert=values[options.SEND_CERT],
        send_certreq=values[options.SEND_CERTREQ],
        if_id_in=_if_id(values[options.IF_ID_IN], interface),
        if_id_out=_if_id(values[options.IF_ID_OUT], interface),
        interface=interface,
        vips=values[options.VIPS],
        pools=values[options.POOLS],
        ocsp=values[options.OCSP],
        local=tuple(round.auth for round in local),
        remote=tuple(round.auth for round in remote),
        children=children,
    )
    draft = Draft(config, values, local, remote)
    check_version(draft, problems)
    warn_of_weakness(draft, problems)
    return draft


def _if_id(written: IfIdOption, interface: InterfaceConfig | None) -> IfIdOption:
    return written if interface is None else IfIdOption(Allot.FIXED, interface.if_id)


def _dpd_delay(values: Values, children: dict[str, ChildConfig]) -> float:
    """A tunnel that is to be kept up needs somebody who notices when the peer is gone."""
    delay: float | None = values[options.DPD_DELAY]
    if delay is not None:
        return delay
    return KEEP_UP_DPD_DELAY if any(child.keep_up for child in children.values()) else 0.0


def _times(values: Values, problems: Problems) -> tuple[float, float, float]:
    reauth, rekey = values[options.REAUTH_TIME], values[options.REKEY_TIME]
    if rekey is None:
        rekey = 0.0 if reauth else DEFAULT_REKEY_TIME
    over = values[options.OVER_TIME]
    if over is None:
        over = max(rekey, reauth) / 10
    soonest = min((time for time in (rekey, reauth) if time), default=0.0)
    rand = values[options.RAND_TIME]
    if rand is None:
        rand = min(over, soonest / 2)
    sound = values.sound(options.REKEY_TIME, options.REAUTH_TIME, options.OVER_TIME, options.RAND_TIME)
    if sound and soonest and rand >= soonest:
        problems.add(
            values.mark_of(options.RAND_TIME),
            values.key(options.RAND_TIME),
            f"{format_duration(rand)} is not less than the time to rekey or reauthenticate "
            f"({format_duration(soonest)}): that could happen at once",
        )
    return rekey, over, rand


def _children(values: Values, problems: Problems) -> dict[str, ChildConfig]:
    children = {
        name: build_child(name, child, values[options.IKE_VERSION], problems)
        for name, child in values.named("children").items()
    }
    has_interface = "interface" in values.sections
    reachable = is_fixed(values[options.REMOTE_ADDRS])
    for name, child in children.items():
        if_ids = (values[options.IF_ID_IN], values[options.IF_ID_OUT])
        check_trap_tags(values.named("children")[name], child, () if has_interface else if_ids, problems)
        starts = child.start_action in (Action.START, Action.TRAP, Action.TRAP_START)
        key, word = ("keep_up", "yes") if child.keep_up else ("start_action", child.start_action.value)
        begins = (starts or child.keep_up) and child.mode not in SHUNTS
        if child.start_action is Action.TRAP and child.mode is Mode.TRANSPORT and not child.keep_up:
            continue  # the packet names the peer
        if begins and not reachable and values.sound(options.REMOTE_ADDRS):
            section = values.named("children")[name]
            problems.add(
                section.marks.get(key, section.mark),
                section.key(key),
                f"`{word}` needs an address or host name in remote_addrs to connect to",
            )
    return children
