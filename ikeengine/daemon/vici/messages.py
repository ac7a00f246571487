"""SAs, connections and failures as VICI messages, with strongSwan's keys and formats (vici/README.md, swanctl(8))."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from ikeengine.config.weakness import weaknesses
from ikeengine.model.connection import (
    Action,
    AuthKind,
    ChildConfig,
    ConnectionConfig,
    LocalAuth,
    Mode,
    RemoteAuth,
)
from ikeengine.model.identity import Identity
from ikeengine.model.marks import WHOLE_MARK, Tags
from ikeengine.model.proposal import ADDITIONAL_KE, ChildSuite, IkeSuite, Transform
from ikeengine.model.sa import PolicySet, SaId, Usage
from ikeengine.model.static import StaticEntry
from ikeengine.model.status import AhPair, ChildStatus, IkeStatus
from ikeengine.negotiate.identities import format_identity
from ikeengine.negotiate.selectors import format_selector
from ikeengine.registry import EncrId, IntegId, KeId, PrfId

Section = dict[str, object]
UsageOf = Callable[[SaId | None], Usage | None]
SubjectOf = Callable[[bytes], str]

_WITH_SAS = ("INSTALLED", "UPDATING", "REKEYING", "REKEYED", "DELETING", "DELETED")
"""Child SA states in which there are SAs to report on."""
_ENCR_NAMES = {EncrId.TRIPLE_DES_CBC: "3DES_CBC", EncrId.NULL_AUTH_AES_GMAC: "NULL_AES_GMAC"}
_VERSIONS = {0: "IKEv1/2", 1: "IKEv1", 2: "IKEv2"}
_AUTH_CLASSES = {AuthKind.PSK: "pre-shared key", AuthKind.PUBKEY: "public key", AuthKind.XAUTH: "XAuth"}


_selector_text = lru_cache(maxsize=4096)(format_selector)
_identity_text = lru_cache(maxsize=4096)(format_identity)


def encr_name(encr: int) -> str:
    """strongSwan's name of a cipher."""
    return _ENCR_NAMES.get(EncrId(encr), EncrId(encr).name)


def ike_section(ike: IkeStatus, now: float) -> Section:
    """One IKE SA, without its Child SAs."""
    section: Section = {
        "uniqueid": ike.unique_id,
        "version": ike.version,
        "state": ike.state,
        "local-host": ike.path.local,
        "local-port": ike.path.local_port,
        "local-id": identity_text(ike.local_id),
        "remote-host": ike.path.remote,
        "remote-port": ike.path.remote_port,
        "remote-id": identity_text(ike.remote_id),
    }
    if ike.remote_xauth_id is not None:
        section["remote-xauth-id"] = identity_text(ike.remote_xauth_id)
    section |= _flags({"initiator": ike.initiator})
    section |= {"initiator-spi": ike.spi_i.hex(), "responder-spi": ike.spi_r.hex()}
    nat = ike.nat_local or ike.nat_remote or ike.nat_fake
    section |= _flags(
        {"nat-local": ike.nat_local, "nat-remote": ike.nat_remote, "nat-fake": ike.nat_fake, "nat-any": nat}
    )
    section |= _if_ids(*ike.if_ids)
    if ike.interface:
        section["interface"] = ike.interface
    if ike.suite is not None:
        section |= _ike_suite(ike.suite)
    if ike.established_at is not None:
        section["established"] = _since(ike.established_at, now)
        section |= _until({"rekey-time": ike.rekey_at, "reauth-time": ike.reauth_at}, now)
    if ike.shared_key:
        section["shared-key"] = ike.shared_key
    section |= {key: list(vips) for key, vips in _vips(ike).items() if vips}
    tasks = {"tasks-queued": ike.tasks_queued, "tasks-active": ike.tasks_active, "tasks-passive": ike.tasks_passive}
    return section | {key: list(names) for key, names in tasks.items() if names}


def _if_ids(inbound: int, outbound: int) -> Section:
    ids = {"if-id-in": inbound, "if-id-out": outbound}
    return {key: f"{if_id:08x}" for key, if_id in ids.items() if if_id}


def _tags(tags: Tags) -> Section:
    """Marks and XFRM interface IDs, in hexadecimal as strongSwan has them."""
    section: Section = {}
    for direction, mark in (("in", tags.mark_in), ("out", tags.mark_out)):
        if mark:
            section[f"mark-{direction}"] = f"{mark.value:08x}"
        if mark and mark.mask != WHOLE_MARK:
            section[f"mark-mask-{direction}"] = f"{mark.mask:08x}"
    return section | _if_ids(tags.if_id_in, tags.if_id_out)


def _vips(ike: IkeStatus) -> dict[str, tuple[str, ...]]:
    return {"local-vips": ike.local_vips, "remote-vips": ike.remote_vips}


def child_section(child: ChildStatus, usage_of: UsageOf, now: float) -> Section:
    """One Child SA."""
    section: Section = {
        "name": child.name,
        "uniqueid": child.unique_id,
        "reqid": child.reqid,
        "state": child.state,
        "mode": child.mode.name,
    }
    if child.state in _WITH_SAS:
        section |= _installed(child, usage_of, now)
    section["local-ts"] = [_selector_text(ts) for ts in child.local_ts]
    section["remote-ts"] = [_selector_text(ts) for ts in child.remote_ts]
    return section


def _installed(child: ChildStatus, usage_of: UsageOf, now: float) -> Section:
    section: Section = {"protocol": child.protocol.name}
    section |= _flags({"encap": child.encap})
    section |= _tags(child.tags)
    section |= {"spi-in": f"{child.spi_in:08x}", "spi-out": f"{child.spi_out:08x}"}
    if child.cpi_in:
        section |= {"cpi-in": f"{child.cpi_in:04x}", "cpi-out": f"{child.cpi_out:04x}"}
    if child.suite is not None:
        section |= _child_suite(child.suite)
    if child.ah is not None:
        section |= _around(child.ah)
    section |= _usage("in", usage_of(child.sa_in)) | _usage("out", usage_of(child.sa_out))
    section |= _until({"rekey-time": child.rekey_at, "life-time": child.expires_at}, now)
    section["install-time"] = _since(child.installed_at, now)
    return section


def _around(ah: AhPair) -> Section:
    """The AH around the ESP; strongSwan has no such thing, so the names are ours."""
    spis = {"spi-in": f"{ah.spi_in:08x}", "spi-out": f"{ah.spi_out:08x}"}
    return {f"ah-{key}": value for key, value in (spis | _child_suite(ah.suite)).items() if key != "dh-group"}


def sa_section(ike: IkeStatus, children: Iterable[ChildStatus], usage_of: UsageOf, now: float) -> Section:
    """An IKE SA and some of its Child SAs, under the name of the connection."""
    child_sas = {f"{child.name}-{child.unique_id}": child_section(child, usage_of, now) for child in children}
    return {ike.name: ike_section(ike, now) | {"child-sas": child_sas}}


@lru_cache(maxsize=256)
def _ike_suite(suite: IkeSuite) -> Section:
    return (
        _cipher(suite.encr)
        | _integrity(suite.integ)
        | {"prf-alg": PrfId(suite.prf.id).name, "dh-group": KeId(suite.ke.id).name}
        | _additional(suite.additional)
    )


@lru_cache(maxsize=256)
def _child_suite(suite: ChildSuite) -> Section:
    section = _cipher(suite.encr) | _integrity(suite.integ)
    if suite.ke is not None:
        section["dh-group"] = KeId(suite.ke.id).name
    section |= _additional(suite.additional)
    if suite.esn:
        section["esn"] = 1
    return section


def _additional(methods: Iterable[Transform]) -> Section:
    """The additional key exchanges (RFC 9370), by the number that each has in the proposal."""
    return {f"ake{ADDITIONAL_KE.index(method.type) + 1}": KeId(method.id).name for method in methods}


def _cipher(encr: Transform | None) -> Section:
    if encr is None:
        return {}
    section: Section = {"encr-alg": encr_name(encr.id)}
    if encr.key_length:
        section["encr-keysize"] = encr.key_length
    return section


def _integrity(integ: Transform | None) -> Section:
    return {} if integ is None else {"integ-alg": IntegId(integ.id).name}


def _usage(direction: str, usage: Usage | None) -> Section:
    usage = usage or Usage(bytes=0, packets=0, last_use=None)
    section: Section = {f"bytes-{direction}": usage.bytes, f"packets-{direction}": usage.packets}
    if usage.last_use is not None:
        section[f"use-{direction}"] = int(usage.last_use)
    return section


def _flags(flags: dict[str, bool]) -> Section:
    """strongSwan leaves out what is not so."""
    return {key: "yes" for key, value in flags.items() if value}


def _since(then: float, now: float) -> int:
    return max(0, int(now - then))


def _until(times: dict[str, float | None], now: float) -> Section:
    return {key: int(then - now) for key, then in times.items() if then is not None}


def identity_text(identity: Identity | None) -> str:
    """An identity, `%any` for none."""
    return "%any" if identity is None else _identity_text(identity)


def connection_section(config: ConnectionConfig, subject_of: SubjectOf) -> Section:
    """One configured connection. `subject_of` gives the subject of a DER certificate."""
    section: Section = {
        "local_addrs": list(config.local_addrs),
        "remote_addrs": list(config.remote_addrs),
        "version": _VERSIONS[config.version],
        "reauth_time": int(config.reauth_time),
        "rekey_time": int(config.rekey_time),
        "unique": f"UNIQUE_{config.unique.name}",
    }
    if config.interface is not None:
        section["interface"] = config.interface.name
    if config.dpd_delay:
        section["dpd_delay"] = int(config.dpd_delay)
    for number, auth in enumerate(config.local, 1):
        section[f"local-{number}"] = _local_auth(auth, subject_of)
    for number, remote in enumerate(config.remote, 1):
        section[f"remote-{number}"] = _remote_auth(remote, subject_of)
    if weak := weaknesses(config):
        section["warnings"] = [f"{weakness.key}: {weakness.message}" for weakness in weak]
    section["children"] = {name: _child_config(child) for name, child in config.children.items()}
    return {config.name: section}


def _local_auth(auth: LocalAuth, subject_of: SubjectOf) -> Section:
    identity: Section = {} if auth.id is None else {"id": format_identity(auth.id)}
    if auth.xauth_id is not None:
        identity["xauth_id"] = format_identity(auth.xauth_id)
    return identity | _auth_round(auth.auth, auth.certs, (), subject_of)


def _remote_auth(auth: RemoteAuth, subject_of: SubjectOf) -> Section:
    identity: Section = {} if auth.id.text == "%any" else {"id": auth.id.text}
    if auth.auth is AuthKind.XAUTH:
        identity["xauth"] = auth.xauth.value
    return identity | _auth_round(auth.auth, auth.certs, auth.cacerts, subject_of)


def _auth_round(auth: AuthKind, certs: tuple[bytes, ...], cacerts: tuple[bytes, ...], subject_of: SubjectOf) -> Section:
    return {
        "class": _AUTH_CLASSES[auth],
        "groups": [],
        "cert_policy": [],
        "certs": [subject_of(der) for der in certs],
        "cacerts": [subject_of(der) for der in cacerts],
    }


def _child_config(child: ChildConfig) -> Section:
    return {
        "mode": child.mode.name,
        "rekey_time": int(child.rekey_time),
        "rekey_bytes": child.rekey_bytes,
        "rekey_packets": child.rekey_packets,
        "dpd_action": _action(child.dpd_action),
        "close_action": _action(child.close_action),
        "local-ts": [_selector_text(ts) for ts in child.local_ts],
        "remote-ts": [_selector_text(ts) for ts in child.remote_ts],
    }


def _action(action: Action) -> str:
    """strongSwan says `none` for clear, which is what it does with the SA's policies."""
    return "none" if action is Action.CLEAR else "start" if action is Action.RESTART else action.value


def policy_section(connection: str, child: ChildConfig) -> Section:
    """An installed trap, pass or drop policy."""
    return {
        f"{connection}/{child.name}": {
            "child": child.name,
            "ike": connection,
            "mode": child.mode.name,
            "local-ts": [_selector_text(ts) for ts in child.local_ts],
            "remote-ts": [_selector_text(ts) for ts in child.remote_ts],
        }
    }


def manual_section(entry: StaticEntry, usage_of: UsageOf) -> Section:
    """A pair of manually keyed SAs."""
    inbound, outbound = entry.sas
    policies = entry.policies
    section: Section = {
        "protocol": inbound.protocol.name,
        "mode": inbound.mode.name,
        "local-host": policies.local,
        "remote-host": policies.remote,
        "reqid": policies.reqid,
        "spi-in": f"{inbound.spi:08x}",
        "spi-out": f"{outbound.spi:08x}",
    }
    section |= _cipher(inbound.encr) | _integrity(inbound.integ)
    section |= _usage("in", usage_of(inbound.id)) | _usage("out", usage_of(outbound.id))
    section["local-ts"] = [_selector_text(ts) for ts in policies.local_ts]
    section["remote-ts"] = [_selector_text(ts) for ts in policies.remote_ts]
    return section


def static_policy_section(policies: PolicySet) -> Section:
    """An installed policy that belongs to no child, such as a bypass of the `engine` section."""
    connection, _unused, child = policies.name.partition("/")
    return {
        policies.name: {
            "child": child,
            "ike": connection,
            "mode": policies.action.name,
            "local-ts": [_selector_text(ts) for ts in policies.local_ts],
            "remote-ts": [_selector_text(ts) for ts in policies.remote_ts],
        }
    }


def is_shunt(child: ChildConfig) -> bool:
    """Whether a child is a policy without SAs."""
    return child.mode in (Mode.PASS, Mode.DROP)
