"""Raw public keys (RFC 7670), and which signature is negotiated (RFC 7427): S05 for keys without certificates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.ikev2.peer import authentication, raw_keys
from ikeengine.model.connection import AuthKind, LocalAuth, RemoteAuth, SendCert
from ikeengine.model.failure import Alert
from ikeengine.model.identity import ANY_IDENTITY, IdentityPattern
from ikeengine.negotiate.identities import parse_identity
from ikeengine.outputs import AskSignature
from ikeengine.registry import AuthMethod, CertEncoding, HashId
from ikeengine.wire.payloads import Auth, Cert, CertReq, Payload
from tests.engine.pair.test_authentication import assert_refused
from tests.engine.pair.test_rounds import change
from tests.engine.pki import private_key
from tests.engine.support.certs import by_certificate, cert_pair, demands_certificate
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import pattern, psk_pair


def raw_pair(kinds: tuple[str, str] = ("p256", "p256"), **options: object) -> tuple[Net, Host, Host]:
    """Two hosts with a key each that the other one knows."""
    net, left, right = psk_pair(**options)
    keys = [private_key(kind, f"raw {name}") for kind, name in zip(kinds, ("left", "right"), strict=True)]
    for host, name, peer, own, other in ((left, "left", "right", *keys), (right, "right", "left", *keys[::-1])):
        host.keys[own.key_id] = own
        host.endpoint.credentials.add_private_key_id(own.key_id)
        local = LocalAuth(AuthKind.PUBKEY, parse_identity(f"{name}.example.com"), pubkeys=(own.public.der,))
        remote = RemoteAuth(AuthKind.PUBKEY, pattern(f"{peer}.example.com"), pubkeys=(other.public.der,))
        change(net, host, local=(local,), remote=(remote,))
    return net, left, right


def adapt(net: Net, host: Host, side: str, **changes: object) -> None:
    """Change the only `local` or `remote` section of a host."""
    ((_unused, config),) = host.endpoint.connections.items()
    change(net, host, **{side: (replace(getattr(config, side)[0], **changes),)})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Payload]:
    """All payloads of protected messages."""
    from ikeengine.ikev2.messages import transport

    seen: list[Payload] = []
    seal = transport._seal

    def spy(ctx: object, sa: object, exchange: object, flags: int, message_id: int, payloads: list[Payload]) -> object:
        seen.extend(payloads)
        return seal(ctx, sa, exchange, flags, message_id, payloads)

    monkeypatch.setattr(transport, "_seal", spy)
    return seen


@pytest.mark.parametrize("kinds", [("p256", "p256"), ("rsa2048", "ed25519"), ("p384", "ed448")])
def test_raw_keys(sent: list[Payload], kinds: tuple[str, str]) -> None:
    """Both ask with encoding 15, both answer with their SubjectPublicKeyInfo."""
    net, left, right = raw_pair(kinds)
    done = net.initiate(left)
    assert done.ok, done.reason
    assert traffic_flows(left, right)
    requests = [payload for payload in sent if isinstance(payload, CertReq)]
    assert [(request.encoding, request.authorities) for request in requests] == [(CertEncoding.RAW_PUBLIC_KEY, b"")]
    certs = [payload for payload in sent if isinstance(payload, Cert)]
    assert [cert.encoding for cert in certs] == [CertEncoding.RAW_PUBLIC_KEY] * 2
    assert {cert.data for cert in certs} == {key.public.der for host in (left, right) for key in host.keys.values()}


@pytest.mark.parametrize("send", [SendCert.NEVER, SendCert.ALWAYS, SendCert.IF_ASKED])
def test_the_key_need_not_be_sent(sent: list[Payload], send: SendCert) -> None:
    net, left, _right = raw_pair(send_cert=send, send_certreq=False)
    assert net.initiate(left).ok
    # The responder's CERTREQ is in IKE_SA_INIT; the initiator's is what `send_certreq` suppresses.
    expected = {SendCert.NEVER: 0, SendCert.ALWAYS: 2, SendCert.IF_ASKED: 1}[send]
    assert len([payload for payload in sent if isinstance(payload, Cert)]) == expected


def test_the_key_is_the_identity_without_another() -> None:
    net, left, right = raw_pair()
    adapt(net, left, "local", id=None)
    (key,) = left.keys.values()
    identity = raw_keys.key_identity(key.public)
    adapt(net, right, "remote", id=IdentityPattern("keyid", identity))
    assert net.initiate(left).ok
    assert right.ikes()[0].remote_id == identity


def test_one_of_several_keys() -> None:
    net, left, right = raw_pair(send_cert=SendCert.NEVER)
    (key,) = left.keys.values()
    others = (private_key("rsa2048", "other").public.der, private_key("p256", "another").public.der)
    adapt(net, right, "remote", pubkeys=(*others, key.public.der), id=ANY_IDENTITY)
    assert net.initiate(left).ok


@pytest.mark.parametrize("send", [SendCert.IF_ASKED, SendCert.NEVER])
def test_s05_key_that_is_not_configured(send: SendCert) -> None:
    """Wrong key, right ID."""
    net, left, right = raw_pair(left={"send_cert": send})
    adapt(net, right, "remote", pubkeys=(private_key("p256", "other").public.der,))
    _done, record = assert_refused(net, left, right)
    assert record is not None
    assert record.alert is Alert.PEER_AUTH_FAILED
    assert ("none of `remote.pubkeys`" in record.reason) == (send is SendCert.IF_ASKED)


def test_s05_key_of_another() -> None:
    """Right key, wrong ID."""
    net, left, right = raw_pair()
    adapt(net, left, "local", id=parse_identity("somebody.example.com"))
    _done, record = assert_refused(net, left, right)
    assert record is not None
    assert "somebody.example.com" in record.reason


def test_s05_a_key_in_a_cert_payload_is_no_trust() -> None:
    """A peer whose connection demands a certificate cannot hand over a bare key instead."""
    net, left, right, _anchor = cert_pair()
    (key,) = left.keys.values()
    use = LocalAuth(AuthKind.PUBKEY, parse_identity("left.example.com"), pubkeys=(key.public.der,))
    change(net, left, local=(use,), send_cert=SendCert.ALWAYS)
    _done, record = assert_refused(net, left, right)
    assert record is not None
    assert "no certificate" in record.reason


def test_private_key_is_missing() -> None:
    net, left, _right = raw_pair()
    (key_id,) = left.keys
    left.endpoint.credentials.remove_private_key_id(key_id)
    done = net.initiate(left)
    assert "no private key is loaded for any of `local.pubkeys`" in done.reason


# --- RFC 7427


def scheme_of(host: Host) -> str:
    """The scheme that a host has signed with."""
    return host.events(AskSignature)[-1].scheme


@pytest.mark.parametrize(
    ("kind", "hashes", "scheme"),
    [
        ("rsa2048", (HashId.SHA2_512,), "rsa/pss-sha512"),
        ("rsa2048", (HashId.SHA2_384, HashId.SHA2_256), "rsa/pss-sha256"),
        ("p384", (HashId.SHA2_256, HashId.SHA2_512), "ecdsa-sha512"),
        ("p521", (HashId.SHA2_256,), "ecdsa-sha256"),
        ("ed25519", (HashId.IDENTITY,), "ed25519"),
        ("ed448", (HashId.IDENTITY, HashId.SHA2_256), "ed448"),
    ],
)
def test_hash_that_the_peer_announced(
    monkeypatch: pytest.MonkeyPatch, kind: str, hashes: tuple[HashId, ...], scheme: str
) -> None:
    net, left, right, _anchor = cert_pair((kind, kind))
    monkeypatch.setattr("ikeengine.ikev2.exchanges.ike_sa_init.read_hashes", lambda ctx, notify: hashes)
    done = net.initiate(left)
    assert done.ok, done.reason
    assert scheme_of(left) == scheme_of(right) == scheme


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "ed25519"])
def test_s05_no_hash_in_common(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """What the peer announced fits no scheme of our key: we say so instead of sending what it cannot read."""
    net, left, _right, _anchor = cert_pair((kind, "p256"))
    only = (HashId(1027),)
    monkeypatch.setattr("ikeengine.ikev2.exchanges.ike_sa_init.read_hashes", lambda ctx, notify: only)
    done = net.initiate(left)
    assert not done.ok
    assert "no signature scheme fits our" in done.reason


@pytest.mark.parametrize(("kind", "scheme"), [("rsa2048", "legacy-rsa-sha1"), ("p384", "legacy-ecdsa-384")])
@pytest.mark.parametrize("off", ["left", "right", "both"])
def test_without_signature_authentication(kind: str, scheme: str, off: str) -> None:
    """`signature_authentication: no` on either side: the methods of RFC 7296 and RFC 4754, as with old peers."""
    net, left, right, _anchor = cert_pair((kind, kind))
    for name, host in (("left", left), ("right", right)):
        if off in (name, "both"):
            host.endpoint.set_settings(replace(host.endpoint._ctx.settings, signature_authentication=False))
    done = net.initiate(left)
    assert done.ok, done.reason
    assert scheme_of(left) == scheme_of(right) == scheme


def test_edwards_curves_need_rfc_7427() -> None:
    net, left, right, _anchor = cert_pair(("ed25519", "p256"))
    right.endpoint.set_settings(replace(right.endpoint._ctx.settings, signature_authentication=False))
    done = net.initiate(left)
    assert "no signature scheme fits our ed25519 key" in done.reason
    assert "no SIGNATURE_HASH_ALGORITHMS" in done.reason


def test_s05_method_14_that_was_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that signs as in RFC 7427 although we did not announce it."""
    net, left, right, _anchor = cert_pair()
    right.endpoint.set_settings(replace(right.endpoint._ctx.settings, signature_authentication=False))
    monkeypatch.setattr(authentication, "finish_own", lambda handshake, signature: Auth(AuthMethod(14), b"\x01\x30x"))
    _done, record = assert_refused(net, left, right)
    assert record is not None
    assert "`engine.signature_authentication` is off" in record.reason


SHA1_RSA = bytes.fromhex("300d06092a864886f70d0101050500")
"""AlgorithmIdentifier of sha1WithRSAEncryption."""


@pytest.mark.parametrize("data", [b"", b"\x0f", b"\x0f" + SHA1_RSA, b"\x0f" + SHA1_RSA + bytes(256)])
def test_s05_sha1_in_method_14(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """A hash that is not in our SIGNATURE_HASH_ALGORITHMS, with an empty signature and with one."""
    net, left, right, _anchor = cert_pair(("rsa2048", "p256"))
    monkeypatch.setattr(authentication, "finish_own", lambda handshake, signature: Auth(AuthMethod(14), data))
    _done, record = assert_refused(net, left, right)
    assert record is not None
    assert record.alert is Alert.PEER_AUTH_FAILED


@pytest.mark.parametrize(
    ("local", "remote", "fits"),
    [
        (("rsa/pss-sha256",), ("rsa/pss",), True),
        (("rsa-sha256",), ("rsa/pss",), False),
        (("rsa-sha384",), ("rsa-sha384-sha512",), True),
        (("rsa-sha256",), ("rsa-sha384-sha512",), False),
        (("rsa/pss-sha512",), ("pubkey-sha512",), True),
        (("rsa",), ("rsa-3072",), False),
    ],
)
def test_s05_constraints_of_both_sides(local: tuple[str, ...], remote: tuple[str, ...], fits: bool) -> None:
    """`ike:` in `auth` says what we sign with and what we accept: padding, hash and size of the key."""
    net, left, right, _anchor = cert_pair(("rsa2048", "p256"))
    change(net, left, local=(by_certificate("left", schemes=local),))
    change(net, right, remote=(demands_certificate("left", schemes=remote),))
    if fits:
        done = net.initiate(left)
        assert done.ok, done.reason
        return
    _done, record = assert_refused(net, left, right)
    assert record is not None
    assert remote[0] in record.reason
