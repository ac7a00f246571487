"""Makes a ConnectionConfig out of the values of a `connections.<conn>` section, with swanctl's derived defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ikeengine.config.build_child import build_child
from ikeengine.config.certificates import CertificateSource
from ikeengine.config.durations import format_duration
from ikeengine.config.options import connection as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Option, Values
from ikeengine.crypto.certificate import Certificate
from ikeengine.model.connection import Action, ChildConfig, ConnectionConfig, LocalAuth, Mode, RemoteAuth

DEFAULT_REKEY_TIME = 14400.0
"""Seconds, unless `reauth_time` is set (swanctl.conf(5))."""
SHUNTS = (Mode.PASS, Mode.DROP)
CERTIFICATES, AUTHORITIES = "x509", "x509ca"
"""Directories that relative file names start from, as in swanctl's own directory."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A connection with what the checks across sections need: the places of its options and its certificates."""

    config: ConnectionConfig
    values: Values
    own: tuple[Certificate, ...]
    """Our end entity certificates."""
    intermediates: tuple[Certificate, ...]

    @property
    def local(self) -> Values:
        """The values of the `local` section."""
        return _round(self.values, "local")

    @property
    def remote(self) -> Values:
        """The values of the `remote` section."""
        return _round(self.values, "remote")


def build_connection(name: str, values: Values, certificates: CertificateSource, problems: Problems) -> Draft:
    """The connection. Contradictions, and certificates that cannot be read, go to `problems`."""
    for kind in ("local", "remote"):
        _check_rounds(values, kind, problems)
    rekey_time, over_time, rand_time = _times(values, problems)
    local, chain = _local(_round(values, "local"), certificates, problems)
    config = ConnectionConfig(
        name=name,
        proposals=values[options.PROPOSALS] or options.PROPOSALS.default_value(),
        version=values[options.IKE_VERSION],
        local_addrs=values[options.LOCAL_ADDRS] or ("%any",),
        remote_addrs=values[options.REMOTE_ADDRS] or ("%any",),
        local_port=values[options.LOCAL_PORT],
        remote_port=values[options.REMOTE_PORT],
        encap=values[options.ENCAP],
        dpd_delay=values[options.DPD_DELAY],
        keyingtries=values[options.KEYINGTRIES],
        unique=values[options.UNIQUE],
        reauth_time=values[options.REAUTH_TIME],
        rekey_time=rekey_time,
        over_time=over_time,
        rand_time=rand_time,
        send_cert=values[options.SEND_CERT],
        send_certreq=values[options.SEND_CERTREQ],
        vips=values[options.VIPS],
        pools=values[options.POOLS],
        local=(local,),
        remote=(_remote(_round(values, "remote"), certificates, problems),),
        children=_children(values, problems),
    )
    return Draft(config, values, tuple(c[0] for c in chain), tuple(rest for c in chain for rest in c[1:]))


def _round(values: Values, kind: str) -> Values:
    """The first authentication round; an absent one has swanctl's defaults."""
    rounds = values.named(kind)
    return next(iter(rounds.values())) if rounds else values.one(kind)


def _check_rounds(values: Values, kind: str, problems: Problems) -> None:
    for further in list(values.named(kind).values())[1:]:
        problems.add(further.mark, further.path, "a second authentication round (RFC 4739) is not supported yet")


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
    children = {name: build_child(name, child, problems) for name, child in values.named("children").items()}
    reachable = any(address != "%any" and "/" not in address for address in values[options.REMOTE_ADDRS])
    for name, child in children.items():
        starts = child.start_action in (Action.START, Action.TRAP, Action.TRAP_START)
        if starts and not reachable and child.mode not in SHUNTS and values.sound(options.REMOTE_ADDRS):
            section = values.named("children")[name]
            problems.add(
                section.marks.get("start_action", section.mark),
                section.key("start_action"),
                f"`{child.start_action.value}` needs an address or host name in remote_addrs to connect to",
            )
    return children


Chain = tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class _Loader:
    """Loads the certificates of one authentication round."""

    values: Values
    certificates: CertificateSource
    problems: Problems

    def load(self, option: Option[tuple[str, ...]], prefix: str, directory: str) -> tuple[Chain, ...]:
        """The certificates of a list and of the `cert<suffix>` sections beside it, each a chain of at least one."""
        chains = [self._one(self.values, option, name, directory) for name in self.values[option]]
        for section in self.values.named(prefix).values():
            if file := section[options.CERTIFICATE_FILE]:
                chains.append(self._one(section, options.CERTIFICATE_FILE, file, directory))
            elif section.sound(options.CERTIFICATE_FILE):
                self.problems.add(section.mark, section.path, "`file` is missing")
        return tuple(chain for chain in chains if chain)

    def _one(self, values: Values, option: Option[Any], name: str, directory: str) -> Chain:
        try:
            return self.certificates.load(name, directory)
        except ValueError as error:
            self.problems.add(values.mark_of(option), values.key(option), str(error))
            values.broken.add(option.name)
            return ()


def _local(values: Values, certificates: CertificateSource, problems: Problems) -> tuple[LocalAuth, tuple[Chain, ...]]:
    chains = _Loader(values, certificates, problems).load(options.LOCAL_CERTS, "cert", CERTIFICATES)
    auth = values[options.LOCAL_AUTH]
    local = LocalAuth(auth.kind, values[options.LOCAL_ID], tuple(chain[0].der for chain in chains), auth.schemes)
    return local, chains


def _remote(values: Values, certificates: CertificateSource, problems: Problems) -> RemoteAuth:
    loader = _Loader(values, certificates, problems)
    certs = loader.load(options.REMOTE_CERTS, "cert", CERTIFICATES)
    cacerts = loader.load(options.REMOTE_CACERTS, "cacert", AUTHORITIES)
    auth = values[options.REMOTE_AUTH]
    return RemoteAuth(
        auth.kind,
        values[options.REMOTE_ID],
        tuple(chain[0].der for chain in certs),
        tuple(authority.der for chain in cacerts for authority in chain),
        auth.schemes,
    )
