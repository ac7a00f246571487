"""Revocation while phase 1 waits, and certificates in a PKCS #7 wrapping."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ikeengine.errors import LocalMisuse
from ikeengine.ikev1.peer import credential
from ikeengine.ikev1.wire.payloads import Cert
from ikeengine.model.connection import Revocation
from ikeengine.outputs import AskFetch
from ikeengine.registry import CertEncoding
from tests.engine import pki
from tests.engine.pair.ikev1.test_certificates import pair as cert_hosts
from tests.engine.pki import Issued, crl_at
from tests.engine.support import certs
from tests.engine.support.ikev1 import v1
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import psk_pair

CRL = "http://ca.example.com/root.crl"
Hosts = tuple[Net, Host, Host, Issued, dict[str, Issued]]


def pair(revocation: Revocation = Revocation.STRICT, *, aggressive: bool = False) -> Hosts:
    """Two hosts with certificates that name the CRL of their root."""
    anchor = certs.root()
    net, left, right = psk_pair()
    issued = {name: certs.gateway(name, anchor, extensions=[crl_at(CRL)]) for name in ("left", "right")}
    for host, name, peer in ((left, "left", "right"), (right, "right", "left")):
        certs.hold(host, issued[name])
        certs.trust(host, anchor)
        certs.use(net, host, certs.by_certificate(name), certs.demands_certificate(peer, revocation=revocation))
        ((_, config),) = host.endpoint.connections.items()
        host.endpoint.load_connection(v1(config, aggressive=aggressive), net.now)
        net.pump(host)
    return net, left, right, anchor, issued


@pytest.mark.parametrize("aggressive", [False, True])
def test_both_sides_fetch_the_crl(aggressive: bool) -> None:
    net, left, right, anchor, _issued = pair(aggressive=aggressive)
    left.web = right.web = lambda ask: pki.make_crl(anchor, at=certs.TODAY)
    done = net.initiate(left)
    assert done.ok, done.reason
    assert [ask.uri for ask in (*left.events(AskFetch), *right.events(AskFetch))] == [CRL, CRL]
    net.settle()
    assert traffic_flows(left, right)


@pytest.mark.parametrize("aggressive", [False, True])
@pytest.mark.parametrize("whose", ["left", "right"])
def test_revoked(aggressive: bool, whose: str) -> None:
    net, left, right, anchor, issued = pair(aggressive=aggressive)
    judge, other = (right, left) if whose == "left" else (left, right)
    judge.web = lambda ask: pki.make_crl(anchor, issued[whose], at=certs.TODAY)
    other.web = lambda ask: pki.make_crl(anchor, at=certs.TODAY)
    net.initiate(left)
    net.settle()
    assert judge.failures()[0].alert.value == "cert-revoked"
    assert not left.endpoint.status()
    assert not right.endpoint.status()


def test_nobody_knows_and_strict_wants_to() -> None:
    net, left, right, _anchor, _issued = pair()
    left.web = right.web = lambda ask: LocalMisuse("HTTP status 404 Not Found")
    assert not net.initiate(left).ok
    assert "404" in right.failures()[0].reason


def test_a_slow_server_does_not_end_phase_1() -> None:
    net, left, right, _anchor, _issued = pair(Revocation.RELAXED)
    left.web = right.web = lambda ask: None
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    assert traffic_flows(left, right)


@pytest.mark.parametrize("backwards", [False, True])
def test_wrapped_certificates(backwards: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order in the wrapping says nothing about whose certificate is which."""
    net, left, right = cert_hosts()
    another = certs.gateway("another", certs.root())

    def wrapped(sa: object, own: credential.OwnCredential) -> list[Cert]:
        inside = [x509.load_der_x509_certificate(der) for der in (own.certificate.der, another.der)]
        if backwards:
            inside.reverse()
        return [Cert(CertEncoding.PKCS7, pkcs7.serialize_certificates(inside, Encoding.DER))]

    monkeypatch.setattr(credential, "certificate_payloads", wrapped)
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    assert traffic_flows(left, right)


def test_a_broken_wrapping_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    net, left, right = cert_hosts()
    monkeypatch.setattr(credential, "certificate_payloads", lambda sa, own: [Cert(CertEncoding.PKCS7, b"\x30\x03abc")])
    assert not net.initiate(left).ok
    assert "PKCS #7 wrapping of the peer's certificate is unusable" in right.failures()[0].reason
