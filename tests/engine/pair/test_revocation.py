"""Revocation while IKE_AUTH waits: who fetches what and when, and OCSP inside IKE (RFC 4806)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ikeengine.errors import LocalMisuse
from ikeengine.model.commands import Initiate, Terminate
from ikeengine.model.connection import Ocsp, Revocation
from ikeengine.outputs import AskFetch, CrlVerified, LogLine
from ikeengine.registry import CertEncoding
from ikeengine.wire.payloads import Cert
from tests.engine import pki
from tests.engine.pki import Issued, crl_at, ocsp_at
from tests.engine.support import certs
from tests.engine.support.pair import Host, Net
from tests.engine.support.site import psk_pair

CRL, OCSP = "http://ca.example.com/root.crl", "http://ca.example.com/ocsp"


def pair(
    *extensions: object, revocation: Revocation = Revocation.RELAXED, ocsp: tuple[Ocsp, Ocsp] = (Ocsp.REPLY, Ocsp.REPLY)
) -> tuple[Net, Host, Host, Issued, dict[str, Issued]]:
    """Two hosts with certificates that point to the servers of their root."""
    anchor = certs.root()
    net, left, right = psk_pair(left={"ocsp": ocsp[0]}, right={"ocsp": ocsp[1]})
    issued = {name: certs.gateway(name, anchor, extensions=extensions) for name in ("left", "right")}
    for host, name, peer in ((left, "left", "right"), (right, "right", "left")):
        certs.hold(host, issued[name])
        certs.trust(host, anchor)
        certs.use(net, host, certs.by_certificate(name), certs.demands_certificate(peer, revocation=revocation))
    return net, left, right, anchor, issued


def serves(document: bytes | LocalMisuse | None) -> Callable[[AskFetch], bytes | LocalMisuse | None]:
    return lambda ask: document


def responder(anchor: Issued, issued: dict[str, Issued], name: str, status: str = "good") -> Callable:
    def answer(ask: AskFetch) -> bytes:
        return pki.make_ocsp(issued[name], anchor, at=certs.TODAY, status=status, nonce=pki.nonce_of(ask.post))

    return answer


def test_a_crl_is_fetched_once() -> None:
    net, left, right, anchor, _issued = pair(crl_at(CRL), revocation=Revocation.STRICT)
    left.web = right.web = serves(pki.make_crl(anchor, at=certs.TODAY))
    assert net.initiate(left).ok
    assert [ask.uri for ask in right.events(AskFetch)] == [CRL]
    assert [ask.uri for ask in left.events(AskFetch)] == [CRL]
    assert not left.events(CrlVerified)
    net.settle()
    assert len(right.children()) == 1


def test_a_crl_is_announced_to_be_kept() -> None:
    net, left, right, anchor, _issued = pair(crl_at(CRL))
    right.endpoint.set_settings(replace(right.endpoint._ctx.settings, cache_crls=True))
    crl = pki.make_crl(anchor, at=certs.TODAY)
    left.web = right.web = serves(crl)
    assert net.initiate(left).ok
    assert [kept.der for kept in right.events(CrlVerified)] == [crl]


def test_nothing_is_fetched_for_a_stranger() -> None:
    """CVE-2022-40617: the URIs of a certificate that is not trusted, or whose owner proves nothing, are left alone."""
    net, left, right, _anchor, _issued = pair(crl_at(CRL), ocsp_at(OCSP))
    stranger = certs.root("O=Evil, CN=Root")
    false = certs.gateway("left", stranger, extensions=[crl_at(CRL)])
    left.endpoint.credentials._certificates.clear()
    certs.hold(left, false)
    certs.trust(left, stranger)
    assert not net.initiate(left).ok
    assert not right.events(AskFetch)


def test_nothing_is_fetched_for_a_wrong_signature() -> None:
    net, left, right, _anchor, _issued = pair(crl_at(CRL))
    for key_id in list(left.keys):
        left.keys[key_id] = pki.private_key("p256", "somebody else")
    assert not net.initiate(left).ok
    assert not right.events(AskFetch)


@pytest.mark.parametrize("who", ["left", "right"])
def test_revoked(who: str) -> None:
    net, left, right, anchor, issued = pair(crl_at(CRL))
    left.web = right.web = serves(pki.make_crl(anchor, issued[who], at=certs.TODAY))
    assert not net.initiate(left).ok
    judge = right if who == "left" else left
    record = judge.failures()[0]
    assert record.alert.value == "cert-revoked"
    assert f"serial {issued[who].certificate.serial:x}" in record.reason
    net.run(60)
    assert not left.children()
    assert not right.children()


@pytest.mark.parametrize("who", ["left", "right"])
def test_black_hole_is_fatal_only_if_strict(who: str) -> None:
    """D11: a server that never answers costs a while, and then the policy decides."""
    for policy in Revocation:
        net, left, right, anchor, _issued = pair(crl_at(CRL), revocation=policy)
        left.web = right.web = serves(pki.make_crl(anchor, at=certs.TODAY))
        judge = right if who == "left" else left
        judge.web = serves(None)
        done = net.initiate(left)
        net.settle(30)
        if policy is Revocation.RELAXED:
            assert done.ok
            assert any("status is unknown" in line.text for line in judge.events(LogLine))
        else:
            assert not judge.children()
            (record,) = judge.failures()
            assert f"{CRL}: no answer" in record.reason
            assert f"`remote.revocation` is {policy.value}" in record.reason
            assert record.alert.value == "cert-validation-failed"


def test_retransmissions_are_ignored_while_a_document_is_fetched() -> None:
    net, left, right, _anchor, _issued = pair(crl_at(CRL))
    right.web = serves(None)
    left.web = serves(LocalMisuse("HTTP status 404 Not Found"))
    assert net.initiate(left).ok
    assert len(right.events(AskFetch)) == 1
    sent = [t for at, t in net.sent if t.path.local == left.address and t.data[18] == 35]
    assert len(sent) > 1, "the initiator has repeated its request meanwhile"
    net.settle()
    assert len(right.ikes()) == len(left.ikes()) == 1


def test_a_dead_server_is_left_alone_for_a_while() -> None:
    net, left, right, _anchor, _issued = pair(crl_at(CRL))
    left.web = right.web = serves(None)
    assert net.initiate(left).ok
    net.settle()
    net.command(left, Terminate(ike="left"))
    net.settle()
    begun = net.now
    net.command(left, Initiate(child="net"))
    net.settle()
    assert len(right.children()) == 1
    assert net.now - begun < 3
    assert len(right.events(AskFetch)) == len(left.events(AskFetch)) == 1


def test_connection_changed_meanwhile() -> None:
    net, left, right, _anchor, _issued = pair(crl_at(CRL))
    right.web = serves(None)
    op = net.command(left, Initiate(child="net"))
    while not right.events(AskFetch):
        net.step()
    right.endpoint.unload_connection("right", net.now)
    net.pump(right)
    net.run(200)
    assert net.done(left, op) is not None
    assert not right.ikes()


def test_the_responder_gives_up_meanwhile() -> None:
    """The initiator still asks around when the responder deletes the IKE SA: the command ends, and says so."""
    net, left, right, _anchor, _issued = pair(crl_at(CRL))
    left.web = serves(None)
    op = net.command(left, Initiate(child="net"))
    while not left.events(AskFetch):
        net.step()
    net.command(right, Terminate(ike="right"))
    net.settle()
    done = net.done(left, op)
    assert done is not None
    assert not done.ok
    net.run(200)
    assert not left.ikes()
    assert not left.children()
    assert not left.sas


def test_the_responder_asks_for_a_sign_of_life_meanwhile() -> None:
    net, left, right, _anchor, _issued = pair(crl_at(CRL))
    left.web = serves(None)
    certs.use(net, right)
    ((_, config),) = right.endpoint.connections.items()
    right.endpoint.load_connection(replace(config, dpd_delay=1.0), net.now)
    net.pump(right)
    assert net.initiate(left).ok
    net.settle(5)
    assert len(right.ikes()) == len(left.ikes()) == 1


def test_ocsp_goes_first_and_the_crl_helps() -> None:
    net, left, right, anchor, issued = pair(crl_at(CRL), ocsp_at(OCSP), revocation=Revocation.STRICT)

    def web(ask: AskFetch) -> bytes | LocalMisuse:
        return LocalMisuse("HTTP status 500") if ask.post else pki.make_crl(anchor, at=certs.TODAY)

    right.web = web
    left.web = responder(anchor, issued, "right")
    assert net.initiate(left).ok
    assert [ask.uri for ask in right.events(AskFetch)] == [OCSP, CRL]
    assert [ask.uri for ask in left.events(AskFetch)] == [OCSP]


def test_wrong_nonce() -> None:
    net, left, right, anchor, issued = pair(ocsp_at(OCSP), revocation=Revocation.STRICT)
    right.web = serves(pki.make_ocsp(issued["left"], anchor, at=certs.TODAY, nonce=bytes(32)))
    assert not net.initiate(left).ok
    assert "another nonce" in right.failures()[0].reason


# --- OCSP inside IKE (RFC 4806)


def encodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The encodings of all CERT payloads that are sent from now on."""
    sent: list[int] = []
    write = Cert.write

    def note(self: Cert) -> bytes:
        sent.append(int(self.encoding))
        return write(self)

    monkeypatch.setattr(Cert, "write", note)
    return sent


def test_each_side_staples_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ikev2/ocsp-rfc4806-both: each side fetches its own status and sends it; nobody asks about the other."""
    modes = (Ocsp.BOTH, Ocsp.BOTH)
    net, left, right, anchor, issued = pair(ocsp_at(OCSP), revocation=Revocation.STRICT, ocsp=modes)
    left.web, right.web = responder(anchor, issued, "left"), responder(anchor, issued, "right")
    sent = encodings(monkeypatch)
    assert net.initiate(left).ok
    assert sent.count(CertEncoding.OCSP_CONTENT) == 2
    assert len(left.events(AskFetch)) == len(right.events(AskFetch)) == 1


@pytest.mark.parametrize("who", ["left", "right"])
def test_stapled_revocation(who: str) -> None:
    """RFC 4806: that it is revoked is what a side has to say about itself."""
    modes = (Ocsp.BOTH, Ocsp.BOTH)
    net, left, right, anchor, issued = pair(ocsp_at(OCSP), ocsp=modes)
    for host, name in ((left, "left"), (right, "right")):
        host.web = responder(anchor, issued, name, "revoked" if name == who else "good")
    assert not net.initiate(left).ok
    judge = right if who == "left" else left
    assert judge.failures()[0].alert.value == "cert-revoked"


@pytest.mark.parametrize(
    ("modes", "count"),
    [
        ((Ocsp.REPLY, Ocsp.REPLY), 0),
        ((Ocsp.REQUEST, Ocsp.REPLY), 1),
        ((Ocsp.REPLY, Ocsp.REQUEST), 1),
        ((Ocsp.REQUEST, Ocsp.REQUEST), 0),
        ((Ocsp.NEVER, Ocsp.BOTH), 0),
    ],
)
def test_who_staples(monkeypatch: pytest.MonkeyPatch, modes: tuple[Ocsp, Ocsp], count: int) -> None:
    net, left, right, anchor, issued = pair(ocsp_at(OCSP), ocsp=modes)
    both = {"left": responder(anchor, issued, "left"), "right": responder(anchor, issued, "right")}

    def web(ask: AskFetch) -> bytes:
        named = pki.ocsp.load_der_ocsp_request(ask.post).serial_number
        return both["left" if named == issued["left"].certificate.serial else "right"](ask)

    left.web = right.web = web
    sent = encodings(monkeypatch)
    assert net.initiate(left).ok
    assert sent.count(CertEncoding.OCSP_CONTENT) == count


def test_no_status_to_staple(monkeypatch: pytest.MonkeyPatch) -> None:
    """The responder is down: the peer has to look for itself."""
    net, left, _right, _anchor, _issued = pair(ocsp_at(OCSP), ocsp=(Ocsp.BOTH, Ocsp.BOTH))
    sent = encodings(monkeypatch)
    assert net.initiate(left).ok
    assert CertEncoding.OCSP_CONTENT not in sent
