"""Hash and URL in the place of certificates (RFC 7296 section 3.6): what is fetched, when, and what is never."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from ikeengine.ikev2.peer import authentication
from ikeengine.ikev2.peer.hash_and_url import MAX_CERTIFICATE_OCTETS
from ikeengine.model.commands import Initiate
from ikeengine.model.credentials import Authority
from ikeengine.outputs import AskFetch, CommandDone
from ikeengine.registry import CertEncoding
from ikeengine.wire.payloads import Cert, Payload
from tests.engine.pair.test_authentication import assert_refused
from tests.engine.pair.test_soak import leftovers
from tests.engine.support.certs import cert_pair
from tests.engine.support.pair import Host, Net, traffic_flows

BASE = "http://certs.example.com/"


def digest(der: bytes) -> bytes:
    return hashlib.sha1(der, usedforsecurity=False).digest()


def url_pair(*, enabled: tuple[bool, bool] = (True, True)) -> tuple[Net, Host, Host]:
    """Two hosts that publish their certificates, and fetch those of the other if they are allowed to."""
    net, left, right, anchor = cert_pair()
    published = {}
    for host, on in zip((left, right), enabled, strict=True):
        host.endpoint.set_settings(replace(host.endpoint._ctx.settings, hash_and_url=on))
        host.endpoint.credentials.remove_authority(anchor.subject)
        host.endpoint.credentials.add_authority(Authority("ours", anchor.der, cert_uri_base=BASE))
        for certificate in host.endpoint.credentials.certificates():
            published[f"{BASE}{digest(certificate.der).hex()}"] = certificate.der
    for host in (left, right):
        host.web = lambda ask: published[ask.uri]
    return net, left, right


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Cert]:
    """The CERT payloads of all messages."""
    from ikeengine.ikev2.messages import transport

    seen: list[Cert] = []
    seal = transport._seal

    def spy(ctx: object, sa: object, exchange: object, flags: int, message_id: int, payloads: list[Payload]) -> object:
        seen.extend(payload for payload in payloads if isinstance(payload, Cert))
        return seal(ctx, sa, exchange, flags, message_id, payloads)

    monkeypatch.setattr(transport, "_seal", spy)
    return seen


def test_both_sides_fetch(sent: list[Cert]) -> None:
    net, left, right = url_pair()
    done = net.initiate(left)
    assert done.ok, done.reason
    assert traffic_flows(left, right)
    assert [cert.encoding for cert in sent] == [CertEncoding.HASH_AND_URL_X509] * 2
    for host in (left, right):
        (ask,) = host.events(AskFetch)
        assert ask.uri.startswith(BASE)
        assert (ask.post, ask.max_octets) == (b"", MAX_CERTIFICATE_OCTETS)
        assert len(host.endpoint.credentials.certificates()) == 1, "what is fetched is not kept"


@pytest.mark.parametrize("enabled", [(True, False), (False, True), (False, False)])
def test_it_takes_two(sent: list[Cert], enabled: tuple[bool, bool]) -> None:
    """Off by default; a side that does not offer to fetch gets certificates, and is asked for nothing else."""
    net, left, right = url_pair(enabled=enabled)
    assert net.initiate(left).ok
    assert {cert.encoding for cert in sent} == {CertEncoding.X509_SIGNATURE}
    assert not left.events(AskFetch)
    assert not right.events(AskFetch)


def send(payloads: list[Cert]) -> Callable[..., list[Payload]]:
    return lambda ctx, sa, own, handshake: list(payloads) if sa.is_initiator else []


HASH = bytes(range(20))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([HASH + b"https://certs.example.com/1"], "only http"),
        ([HASH + b"file:///etc/passwd"], "only http"),
        ([HASH + b"ftp://example.com/1"], "only http"),
        ([HASH + b"http://example.com/ HTTP/1.1\r\nX: y"], "only http"),
        ([HASH + b"http://example.com/" + b"a" * 600], "512 octets"),
        ([HASH + b"http://\xff\xfe/"], "only http"),
        ([HASH], "only http"),
        ([b""], "only http"),
        ([HASH + b"http://example.com/%d" % number for number in range(5)], "5 certificates"),
    ],
)
def test_what_is_not_fetched(monkeypatch: pytest.MonkeyPatch, data: list[bytes], words: str) -> None:
    net, left, right = url_pair()
    payloads = [Cert(CertEncoding.HASH_AND_URL_X509, one) for one in data]
    monkeypatch.setattr(authentication, "certificate_payloads", send(payloads))
    _done, record = assert_refused(net, left, right)
    assert record is not None
    assert words in record.reason
    assert not right.events(AskFetch)


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("document", [b"", b"nonsense", None, bytes(MAX_CERTIFICATE_OCTETS)])
def test_what_is_not_believed(who: int, document: bytes | None) -> None:
    """Another document than the announced one, or none in time: refused, whatever it is."""
    net, *hosts = url_pair()
    hosts[who].web = lambda ask: document
    done = net.initiate(hosts[0])
    assert not done.ok
    net.run(200)
    record = hosts[who].failures()[0]
    assert "cannot be fetched" in record.reason if document is None else "does not have the hash" in record.reason
    assert "hash_and_url" in record.advice
    for host in hosts:
        assert not host.endpoint.status()
        assert not leftovers(host)


def test_right_hash_of_nonsense() -> None:
    """The hash is right, but it is no certificate."""
    net, left, right = url_pair()
    nonsense = b"these octets are well published"
    with pytest.MonkeyPatch.context() as patch:
        reference = Cert(CertEncoding.HASH_AND_URL_X509, digest(nonsense) + BASE.encode())
        patch.setattr(authentication, "certificate_payloads", send([reference]))
        right.web = lambda ask: nonsense
        _done, record = assert_refused(net, left, right)
    assert record is not None
    assert "certificate" in record.reason


def test_others_are_served_while_one_waits() -> None:
    """A server that never answers delays nobody but the peer that named it, and that one only for a while."""
    net, left, right = url_pair()
    right.web = lambda ask: None
    op = net.command(left, Initiate(child="net"))
    net.run(0.5)
    (ask,) = right.events(AskFetch)
    assert ask.timeout <= 30 * 0.7 / 4
    assert not right.events(CommandDone)
    assert right.endpoint.next_timeout() is not None
    net.run(120)
    done = net.done(left, op)
    assert done is not None
    assert not done.ok


def test_late_certificate() -> None:
    """What comes when the IKE SA is gone already is nobody's."""
    net, left, right = url_pair()
    right.web = lambda ask: None
    net.command(left, Initiate(child="net"))
    net.run(0.5)
    (ask,) = right.events(AskFetch)
    net.run(120)
    right.endpoint.complete(ask.op, b"late", net.now)
    net.pump(right)
    assert not right.endpoint.status()
