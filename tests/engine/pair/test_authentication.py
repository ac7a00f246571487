"""IKE_AUTH with pre-shared keys and certificates, and every way to fail it (S05, S07, S13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ikeengine.ikev2.peer import authentication
from ikeengine.model.connection import AuthKind, LocalAuth, RemoteAuth, SendCert
from ikeengine.model.credentials import SharedKey
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.model.identity import Identity, IdentityPattern
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_identity
from ikeengine.outputs import AskSignature, CommandDone, Transmit
from ikeengine.registry import AuthMethod, IdType
from ikeengine.wire.payloads import Auth, Cert, CertReq, IdInitiator, IdResponder, Notify
from tests.engine.pair.test_soak import leftovers
from tests.engine.support.certs import (
    TODAY,
    by_certificate,
    cert_pair,
    demands_certificate,
    gateway,
    hold,
    root,
    trust,
    use,
)
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT, connection, pattern, psk_pair

KINDS = ["rsa2048", "p256", "p384", "p521", "ed25519"]


def assert_refused(net: Net, left: Host, right: Host) -> tuple[CommandDone, FailureRecord | None]:
    """The command fails with a reason, both sides end with nothing, and whoever decided has a record."""
    done = net.initiate(left)
    assert not done.ok
    assert done.reason
    assert done.record is not None
    net.run(200)
    for host in (left, right):
        assert not host.endpoint.status()
        assert not host.sas
        assert not leftovers(host)
        for record in host.failures():
            assert record.reason
            assert record.advice
            assert record.phase
    return done, right.failures()[0] if right.failures() else None


@pytest.mark.parametrize(
    ("ours", "wanted"),
    [
        ("CN=moon", Identity(IdType.ID_DER_ASN1_DN, bytes.fromhex("300f310d300b06035504030c046d6f6f6e"))),
        ("moon.example.com", Identity(IdType.ID_FQDN, b"Moon.Example.COM")),
    ],
    ids=["utf8-string", "capitals"],
)
def test_a_peer_that_writes_our_identity_otherwise(ours: str, wanted: Identity) -> None:
    """Our CN=moon is a PrintableString. The IDr of an initiator may be the same name in UTF-8, as in a certificate."""
    moon = parse_identity(ours)
    assert moon != wanted
    net, left, _right = psk_pair(
        left={"remote": (RemoteAuth(AuthKind.PSK, IdentityPattern(ours, wanted)),)},
        right={"local": (LocalAuth(AuthKind.PSK, moon),)},
    )
    done = net.initiate(left)
    assert done.ok, done.reason


@pytest.mark.parametrize("kind", KINDS)
def test_certificates(kind: str) -> None:
    net, left, right, _ = cert_pair((kind, "p256"))
    done = net.initiate(left)
    assert done.ok, done.reason
    assert traffic_flows(left, right)
    assert len(left.events(AskSignature)) == len(right.events(AskSignature)) == 1


def test_psk_one_way_and_certificate_the_other() -> None:
    """Each side may authenticate in its own way (RFC 7296 section 2.15)."""
    net, left, right, _ = cert_pair()
    use(net, left, local=LocalAuth(AuthKind.PSK, parse_identity("left.example.com")))
    use(net, right, remote=RemoteAuth(AuthKind.PSK, pattern("left.example.com")))
    done = net.initiate(left)
    assert done.ok, done.reason
    assert not left.events(AskSignature)
    assert len(right.events(AskSignature)) == 1


def test_intermediate_is_sent_with_the_certificate() -> None:
    net, left, right, anchor = cert_pair()
    middle = root("O=Example, CN=Middle", issuer=anchor)
    leaf = gateway("left", middle)
    for certificate in left.endpoint.credentials.certificates():
        left.endpoint.credentials.remove_certificate(certificate.der)
    hold(left, leaf, "p256", middle)
    done = net.initiate(left)
    assert done.ok, done.reason
    net, left, right, anchor = cert_pair()
    for certificate in left.endpoint.credentials.certificates():
        left.endpoint.credentials.remove_certificate(certificate.der)
    hold(left, gateway("left", root("O=Example, CN=Middle", issuer=anchor)), "p256")
    _, record = assert_refused(net, left, right)
    assert record is not None
    assert record.alert is Alert.CERT_NO_ISSUER


def test_certreq_selects_among_our_certificates() -> None:
    net, left, _right, anchor = cert_pair()
    other = root("O=Other, CN=Root")
    for certificate in left.endpoint.credentials.certificates():
        left.endpoint.credentials.remove_certificate(certificate.der)
    hold(left, gateway("left", other, key="O=Example, CN=left"), "p256")
    hold(left, gateway("left", anchor), "p256")
    trust(left, other)
    assert net.initiate(left).ok, "the first certificate fits the identity, but the peer asked for the other authority"


def payload_kinds(monkeypatch: pytest.MonkeyPatch) -> list[list[type]]:
    """The payloads of every protected message that is sent."""
    from ikeengine.ikev2.messages import transport

    seen: list[list[type]] = []
    seal = transport._seal

    def spy(ctx: object, sa: object, exchange: object, flags: int, message_id: int, payloads: list) -> bytes:
        seen.append([type(payload) for payload in payloads])
        return seal(ctx, sa, exchange, flags, message_id, payloads)

    monkeypatch.setattr(transport, "_seal", spy)
    return seen


@pytest.mark.parametrize(
    ("send", "asks", "sent"),
    [
        (SendCert.IF_ASKED, True, True),
        (SendCert.IF_ASKED, False, False),
        (SendCert.ALWAYS, False, True),
        (SendCert.NEVER, True, False),
    ],
)
def test_send_cert_and_certreq(monkeypatch: pytest.MonkeyPatch, send: SendCert, asks: bool, sent: bool) -> None:
    net, left, _right, anchor = cert_pair(left={"send_certreq": asks}, right={"send_cert": send})
    left.endpoint.credentials.add_certificate(gateway("right", anchor).der)
    seen = payload_kinds(monkeypatch)
    assert net.initiate(left).ok
    assert (CertReq in seen[0]) == asks
    assert (Cert in seen[1]) == sent
    assert IdInitiator in seen[0]
    assert IdResponder in seen[1]


def test_pinned_certificate() -> None:
    """`remote.certs`: exactly this certificate, no authority needed."""
    net, left, right, anchor = cert_pair()
    mine = left.endpoint.credentials.certificates()[0].der
    use(net, right, remote=demands_certificate("left", certs=(mine,)))
    assert net.initiate(left).ok
    net, left, right, anchor = cert_pair()
    use(net, right, remote=demands_certificate("left", certs=(gateway("left", anchor).der,)))
    _, record = assert_refused(net, left, right)
    assert record is not None
    assert "remote.certs" in record.reason


Setup = Callable[[], tuple[Net, Host, Host]]


def wrong_psk() -> tuple[Net, Host, Host]:
    net, left, right = psk_pair()
    right.endpoint.credentials.remove_shared("psk")
    right.endpoint.credentials.add_shared(SharedKey("psk", Secret(b"another secret that nobody told left")))
    return net, left, right


def no_psk_at_responder() -> tuple[Net, Host, Host]:
    net, left, right = psk_pair()
    right.endpoint.credentials.remove_shared("psk")
    return net, left, right


def unknown_initiator() -> tuple[Net, Host, Host]:
    net, left, right = psk_pair()
    use(net, left, local=LocalAuth(AuthKind.PSK, parse_identity("stranger.example.com")))
    return net, left, right


def other_responder_wanted() -> tuple[Net, Host, Host]:
    net, left, right = psk_pair()
    use(net, left, remote=RemoteAuth(AuthKind.PSK, pattern("somebody.example.com")))
    return net, left, right


def untrusted_root() -> tuple[Net, Host, Host]:
    net, left, right, _ = cert_pair()
    right.endpoint.credentials.remove_authority("O=Example, CN=Root")
    trust(right, root("O=Other, CN=Root"))
    return net, left, right


def expired() -> tuple[Net, Host, Host]:
    net, left, right, anchor = cert_pair()
    for certificate in left.endpoint.credentials.certificates():
        left.endpoint.credentials.remove_certificate(certificate.der)
    hold(left, gateway("left", anchor, not_after=TODAY - timedelta(hours=1)))
    return net, left, right


def psk_where_certificate_is_demanded() -> tuple[Net, Host, Host]:
    net, left, right, _ = cert_pair()
    use(net, left, local=LocalAuth(AuthKind.PSK, parse_identity("left.example.com")))
    return net, left, right


def certificate_where_psk_is_demanded() -> tuple[Net, Host, Host]:
    net, left, right, _ = cert_pair()
    use(net, right, remote=RemoteAuth(AuthKind.PSK, pattern("left.example.com")))
    return net, left, right


def scheme_not_allowed() -> tuple[Net, Host, Host]:
    net, left, right, _ = cert_pair()
    use(net, right, remote=demands_certificate("left", schemes=("ecdsa-sha384",)))
    use(net, left, local=by_certificate("left", schemes=("ecdsa-sha256",)))
    return net, left, right


def certificate_of_another() -> tuple[Net, Host, Host]:
    """The right key for the wrong identity."""
    net, left, right, _anchor = cert_pair()
    use(net, left, local=by_certificate("left", id=None))
    use(net, right, remote=demands_certificate("other"))
    return net, left, right


def no_certificate_known() -> tuple[Net, Host, Host]:
    net, left, right, _ = cert_pair(left={"send_cert": SendCert.NEVER})
    return net, left, right


def broken_signature() -> tuple[Net, Host, Host]:
    """The wrong key for the right certificate."""
    net, left, right, _ = cert_pair()
    (key_id,) = left.keys
    left.keys[key_id] = next(iter(right.keys.values()))
    return net, left, right


@pytest.mark.parametrize(
    ("setup", "alert", "words"),
    [
        (wrong_psk, Alert.PEER_AUTH_FAILED, "same pre-shared key"),
        (no_psk_at_responder, Alert.PEER_AUTH_FAILED, "no pre-shared key"),
        (unknown_initiator, Alert.PEER_AUTH_FAILED, "stranger.example.com"),
        (other_responder_wanted, Alert.PEER_AUTH_FAILED, "somebody.example.com"),
        (untrusted_root, Alert.CERT_NO_ISSUER, "left"),
        (expired, Alert.CERT_EXPIRED, ""),
        (psk_where_certificate_is_demanded, Alert.PEER_AUTH_FAILED, "pre-shared key"),
        (certificate_where_psk_is_demanded, Alert.PEER_AUTH_FAILED, "`remote.auth` is psk"),
        (scheme_not_allowed, Alert.PEER_AUTH_FAILED, "ecdsa"),
        (certificate_of_another, Alert.PEER_AUTH_FAILED, "other.example.com"),
        (no_certificate_known, Alert.PEER_AUTH_FAILED, "no certificate"),
        (broken_signature, Alert.PEER_AUTH_FAILED, "signature"),
    ],
)
def test_responder_refuses(setup: Setup, alert: Alert, words: str) -> None:
    """S05. The peer hears AUTHENTICATION_FAILED and nothing else; the record says why."""
    net, left, right = setup()
    done, record = assert_refused(net, left, right)
    assert record is not None
    assert (record.alert, record.side, record.phase) == (alert, Side.LOCAL, "IKE_AUTH request")
    assert words in record.reason
    assert done.record is not None
    assert done.record.side is Side.PEER
    assert "AUTHENTICATION_FAILED" in done.reason


@pytest.mark.parametrize("lost", [False, True])
def test_initiator_refuses(lost: bool) -> None:
    """S05. The responder believes that all is well until we tell it, even if the first telling is lost."""
    net, left, right, _ = cert_pair()
    use(net, left, remote=demands_certificate("right", schemes=("rsa",)))
    if lost:
        net.rewrite = lambda datagram: None if net.sent[-1] in net.sent[4:5] else datagram
    done, record = assert_refused(net, left, right)
    assert done.record is not None
    assert done.record.side is Side.LOCAL
    assert done.record.phase == "IKE_AUTH response"
    assert record is not None
    assert "AUTHENTICATION_FAILED" in record.reason
    assert record.phase == "INFORMATIONAL request"


def test_responder_with_another_identity_than_ours() -> None:
    """IDr is a wish; what counts is whether the responder's identity fits `remote.id`."""
    net, left, right = psk_pair()
    use(net, left, remote=RemoteAuth(AuthKind.PSK, pattern("*.example.org")))
    done, _ = assert_refused(net, left, right)
    assert "right.example.com" in done.reason
    assert "*.example.org" in done.reason


def test_our_own_credential_is_missing() -> None:
    net, left, right = psk_pair()
    left.endpoint.credentials.remove_shared("psk")
    done, _ = assert_refused(net, left, right)
    assert done.record is not None
    assert (done.record.alert, done.record.phase) == (Alert.LOCAL_AUTH_FAILED, "IKE_AUTH request")
    net, left, right, _ = cert_pair()
    for certificate in left.endpoint.credentials.certificates():
        left.endpoint.credentials.remove_certificate(certificate.der)
    done, _ = assert_refused(net, left, right)
    assert "no certificate" in done.reason


def test_responders_own_credential_is_missing() -> None:
    net, left, right, _ = cert_pair()
    for certificate in right.endpoint.credentials.certificates():
        right.endpoint.credentials.remove_certificate(certificate.der)
    _, record = assert_refused(net, left, right)
    assert record is not None
    assert record.alert is Alert.LOCAL_AUTH_FAILED


@pytest.mark.parametrize("who", [0, 1])
def test_the_key_does_not_sign(who: int) -> None:
    """The answer to AskSignature may be an error; then nobody hangs."""
    net, *hosts, _ = cert_pair()

    class Broken:
        def sign(self, scheme: str, data: bytes) -> str:
            return "the token was pulled out"

    hosts[who].keys = dict.fromkeys(hosts[who].keys, Broken())  # type: ignore[arg-type]
    assert_refused(net, hosts[0], hosts[1])
    assert "pulled out" in hosts[who].failures()[0].reason


@pytest.mark.parametrize("who", [0, 1])
def test_signature_after_the_end(who: int) -> None:
    """A late signature finds nobody who wants it."""
    net, *hosts, _ = cert_pair()
    pending: list[AskSignature] = []
    carry_out = net._carry_out

    def hold_back(host: Host, output: object) -> None:
        if isinstance(output, AskSignature) and host is hosts[who]:
            pending.append(output)
        else:
            carry_out(host, output)

    net._carry_out = hold_back  # type: ignore[method-assign, assignment]
    from ikeengine.model.commands import Initiate, Terminate

    op = net.command(hosts[0], Initiate(child="net"))
    net.run(60)
    assert pending
    net.command(hosts[0], Terminate(ike="left"))
    net.run(300)
    assert not net.done(hosts[0], op).ok
    hosts[who].endpoint.complete(pending[0].op, b"late", net.now)
    net.run(10)
    for host in hosts:
        assert not leftovers(host)


@pytest.mark.parametrize("method", [AuthMethod(1), AuthMethod(9), AuthMethod(3), AuthMethod(14), AuthMethod(201)])
@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 64, bytes(64)])
def test_s05_nonsense_in_auth(monkeypatch: pytest.MonkeyPatch, method: AuthMethod, data: bytes) -> None:
    net, left, right, _ = cert_pair()
    monkeypatch.setattr(authentication, "finish_own", lambda handshake, signature: Auth(method, data))
    _, record = assert_refused(net, left, right)
    assert record is not None
    assert record.alert is Alert.PEER_AUTH_FAILED


@pytest.mark.parametrize("sender", [0, 1])
@pytest.mark.parametrize("position", ["nonce", "hashes", "childless", "nat"])
def test_s07_any_change_of_ike_sa_init_is_noticed(sender: int, position: str) -> None:
    """An attacker on the way changes one octet that is not needed for the keys: AUTH covers it all the same."""
    net, left, right = psk_pair()
    marks = {"hashes": b"\x40\x2f", "childless": b"\x40\x22", "nat": b"\x40\x04", "nonce": b""}
    changed = []

    def rewrite(datagram: Transmit) -> Transmit:
        if datagram.data[18] != 34 or (datagram.path.local == LEFT) != (sender == 0):
            return datagram
        data = bytearray(datagram.data)
        at = data.find(marks[position]) if marks[position] else -1
        if position == "nonce":
            at = len(data) - 1
            data[at] ^= 1
        elif at < 0:
            return datagram
        else:
            data[at + 1] = 0xFF
        changed.append(at)
        return replace(datagram, data=bytes(data))

    net.rewrite = rewrite
    if position == "childless" and sender == 0:
        assert net.initiate(left).ok, "the initiator does not send that"
        assert not changed
        return
    done = net.initiate(left)
    assert changed
    assert not done.ok
    net.run(30)
    assert not left.sas
    assert not right.sas


def test_responder_selects_the_connection_by_identities() -> None:
    """Several connections fit the addresses: IDi and IDr decide, an exact identity goes before a wildcard."""
    net, left, right = psk_pair()
    base = right.endpoint.connections["right"]
    for name, own, peer in (
        ("wild", "right.example.com", "*.example.com"),
        ("exact", "right.example.com", "left.example.com"),
        ("other", "other.example.com", "left.example.com"),
        ("any", "right.example.com", "%any"),
    ):
        nets = ("10.2.0.0/24", "10.1.0.0/24")
        right.endpoint.load_connection(connection(name, LEFT, own, peer, nets), net.now)
    right.endpoint.unload_connection(base.name, net.now)
    assert net.initiate(left).ok
    assert right.ikes()[0].name == "exact"
    net, left, right = psk_pair()
    right.endpoint.load_connection(connection("other", LEFT, "other.example.com", "left.example.com", nets), net.now)
    use(net, left, remote=RemoteAuth(AuthKind.PSK, pattern("other.example.com")))
    assert net.initiate(left).ok
    assert right.ikes()[0].name == "other"


def test_a_weaker_connection_does_not_open_a_stronger_one() -> None:
    """The proposal was chosen for one connection; only connections that allow it too may be selected by identity."""
    from ikeengine.negotiate.proposals import parse_ike

    net, left, right = psk_pair(left={"proposals": (parse_ike("aes128gcm16-prfsha256-x25519"),)})
    right.endpoint.load_connection(
        replace(right.endpoint.connections["right"], proposals=(parse_ike("aes128gcm16-prfsha256-ecp521"),)), net.now
    )
    weak = connection("weak", LEFT, "right.example.com", "weak.example.com", ("10.2.0.0/24", "10.1.0.0/24"))
    right.endpoint.load_connection(weak, net.now)
    _, record = assert_refused(net, left, right)
    assert record is not None
    assert "left.example.com" in record.reason


@pytest.mark.parametrize(
    "identity",
    ["left.example.com\0.evil.org", "*.example.com", "xn--left.example.com", "::ffff:10.0.0.1", "left.example.com."],
)
def test_s13_odd_identities_are_no_keys_to_the_door(identity: str) -> None:
    from ikeengine.model.identity import Identity
    from ikeengine.registry import IdType

    net, left, right = psk_pair()
    use(net, left, local=LocalAuth(AuthKind.PSK, Identity(IdType.ID_FQDN, identity.encode())))
    assert_refused(net, left, right)
    use(net, left, local=LocalAuth(AuthKind.PSK, Identity(IdType.ID_FQDN, b"")))
    assert_refused(net, left, right)


def test_reserved_octets_of_identities_go_into_auth() -> None:
    """W07: RESERVED is ignored, but AUTH covers what was really sent."""
    body = IdInitiator.read
    assert body is not None
    _net, _left, _right = psk_pair()
    identity = parse_identity("left.example.com")
    plain, odd = IdInitiator(identity), IdInitiator(identity, reserved=b"abc")
    assert plain.body != odd.body
    assert odd.body[1:4] == b"abc"


def test_connection_that_changes_during_the_handshake() -> None:
    """A reload between IKE_SA_INIT and IKE_AUTH must not let in what the new configuration would not."""
    net, left, right = psk_pair()
    reloaded = []

    def rewrite(datagram: Transmit) -> Transmit:
        if datagram.data[18] == 35 and not reloaded:
            reloaded.append(True)
            config = right.endpoint.connections["right"]
            remote = RemoteAuth(AuthKind.PSK, pattern("nobody.example.com"))
            right.endpoint.load_connection(replace(config, remote=(remote,)), net.now)
        return datagram

    net.rewrite = rewrite
    assert_refused(net, left, right)


def test_connection_that_changes_while_the_responder_signs() -> None:
    net, left, right, _ = cert_pair()
    carry_out = net._carry_out

    def reload(host: Host, output: object) -> None:
        if isinstance(output, AskSignature) and host is right:
            right.endpoint.unload_connection("right", net.now)
        carry_out(host, output)

    net._carry_out = reload  # type: ignore[method-assign, assignment]
    _, record = assert_refused(net, left, right)
    assert record is not None
    assert "changed" in record.reason


def test_notify_is_all_that_a_stranger_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    net, left, _right = wrong_psk()
    seen = payload_kinds(monkeypatch)
    net.initiate(left)
    assert seen[1] == [Notify]
