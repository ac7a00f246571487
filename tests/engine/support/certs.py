"""A pair that authenticates with certificates: one root, and intermediates where a test wants them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ikeengine.model.connection import AuthKind, LocalAuth, RemoteAuth
from ikeengine.model.credentials import Authority
from ikeengine.negotiate.identities import parse_identity
from tests.engine.pki import Issued, authority, dns, issue, private_key
from tests.engine.support.pair import WALL_OFFSET, Host, Net
from tests.engine.support.site import pattern, psk_pair

TODAY = datetime.fromtimestamp(WALL_OFFSET, UTC)
VALID = {"not_before": TODAY - timedelta(days=1), "not_after": TODAY + timedelta(days=30)}


def root(subject: str = "O=Example, CN=Root", **options: object) -> Issued:
    """A trusted authority."""
    return authority(subject, **{**VALID, **options})


def gateway(name: str, issuer: Issued, kind: str = "p256", **options: object) -> Issued:
    """The certificate of a gateway."""
    issued = {"sans": dns(f"{name}.example.com"), **VALID, **options}
    return issue(f"O=Example, CN={name}", issuer, kind=kind, **issued)


def hold(host: Host, certificate: Issued, kind: str = "p256", *chain: Issued) -> None:
    """Load a certificate with its private key, and the intermediates above it."""
    key = private_key(kind, certificate.subject)
    host.keys[key.key_id] = key
    host.endpoint.credentials.add_private_key_id(key.key_id)
    for issued in (certificate, *chain):
        host.endpoint.credentials.add_certificate(issued.der)


def trust(host: Host, *anchors: Issued) -> None:
    """Load trusted authorities."""
    for anchor in anchors:
        host.endpoint.credentials.add_authority(Authority(anchor.subject, anchor.certificate.der))


def use(net: Net, host: Host, local: LocalAuth | None = None, remote: RemoteAuth | None = None) -> None:
    """Change how a host authenticates itself or its peer."""
    ((_, config),) = host.endpoint.connections.items()
    config = replace(config, local=(local,) if local else config.local, remote=(remote,) if remote else config.remote)
    host.endpoint.load_connection(config, net.now)
    net.pump(host)


def by_certificate(name: str, **changes: object) -> LocalAuth:
    """A `local` section."""
    return replace(LocalAuth(AuthKind.PUBKEY, parse_identity(f"{name}.example.com")), **changes)


def demands_certificate(name: str, **changes: object) -> RemoteAuth:
    """A `remote` section."""
    return replace(RemoteAuth(AuthKind.PUBKEY, pattern(f"{name}.example.com")), **changes)


def cert_pair(kinds: tuple[str, str] = ("p256", "p256"), **options: object) -> tuple[Net, Host, Host, Issued]:
    """Two hosts with a certificate each from the same root."""
    anchor = root()
    net, left, right = psk_pair(**options)
    for host, name, peer, kind in ((left, "left", "right", kinds[0]), (right, "right", "left", kinds[1])):
        hold(host, gateway(name, anchor, kind), kind)
        trust(host, anchor)
        use(net, host, by_certificate(name), demands_certificate(peer))
    return net, left, right, anchor
