"""IKE_SA_INIT under every kind of weather: cookies, other groups, duplicates, liars (S02, S06, S08, S11, D01-D06)."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ikeengine.cookies import SECRET_LIFETIME
from ikeengine.model.commands import Initiate, Terminate
from ikeengine.model.failure import Alert, Side
from ikeengine.model.path import Path
from ikeengine.negotiate.proposals import offer, parse_ike
from ikeengine.outputs import CommandDone, Dropped, DropReason, Transmit
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.header import read_header
from ikeengine.wire.message import parse
from ikeengine.wire.payloads import Delete, Ke, Nonce, Notify, Sa, VendorId
from tests.engine.pair.test_soak import leftovers
from tests.engine.support.forge import TO_LEFT, TO_RIGHT, X25519, deliver, init_request, init_response
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import IKE, LEFT, RIGHT, psk_pair


def notifies(outputs: list, kind: NotifyType) -> list[bytes]:
    """The data of the notifies of one type in clear messages among outputs."""
    found = []
    for output in outputs:
        if isinstance(output, Transmit):
            payloads = parse(output.data, read_header(output.data)).payloads
            found += [p.data for p in payloads if isinstance(p, Notify) and p.kind == kind]
    return found


def reasons(outputs: list) -> list[DropReason]:
    return [output.reason for output in outputs if isinstance(output, Dropped)]


def is_answered(outputs: list) -> bool:
    return any(isinstance(output, Transmit) for output in outputs)


def source(host: int, port: int = 500) -> Path:
    """A sender that is not one of the two hosts."""
    return Path(RIGHT, 500, f"198.51.100.{host}", port)


def open_right(**settings: object) -> tuple[Net, Host]:
    """A responder that talks to everybody."""
    net = Net()
    net, _, right = psk_pair(net)
    host = net.hosts[RIGHT] = Host(RIGHT, right.endpoint)
    config = replace(right.endpoint.connections["right"], remote_addrs=("%any",))
    host.endpoint.load_connection(config, net.now)
    host.endpoint._ctx.settings = replace(host.endpoint._ctx.settings, **settings)
    return net, host


# --- retransmission -------------------------------------------------------------------------------------------


def test_retransmission_schedule() -> None:
    """4 s times 1.8 to the n, five times, octet for octet; then the peer is given up after 165 s in all."""
    net, left, _right = psk_pair()
    net.rewrite = lambda datagram: None
    begin = net.now
    op = net.command(left, Initiate(child="net"))
    net.run(170)
    times = [round(when - begin, 1) for when, _ in net.sent]
    assert times == [0.0, 4.0, 11.2, 24.2, 47.5, 89.5]
    assert len({datagram.data for _, datagram in net.sent}) == 1
    done = net.done(left, op)
    assert not done.ok
    assert done.record.alert is Alert.PEER_INIT_UNREACHABLE
    assert done.record.side is Side.NETWORK
    assert done.record.phase == "IKE_SA_INIT request"
    assert "6 datagrams" in done.reason
    assert "firewall" in done.record.advice
    assert not leftovers(left)


def test_no_answer_to_ike_auth() -> None:
    """The typical fault of a firewall that lets only small datagrams or only port 500 pass."""
    net, left, right = psk_pair()
    net.rewrite = lambda datagram: None if datagram.data[18] == 35 else datagram
    op = net.command(left, Initiate(child="net"))
    net.run(200)
    assert net.done(left, op).record.phase == "IKE_AUTH request"
    (record,) = right.failures()
    assert record.alert is Alert.HALF_OPEN_TIMEOUT
    assert "UDP 500" in record.advice
    assert not leftovers(right)


def test_jitter_and_limit() -> None:
    net = Net()
    left = net.add(LEFT, retransmit_jitter=20.0, retransmit_limit=10.0, retransmit_tries=4)
    from tests.engine.support.site import connection

    config = connection("left", RIGHT, "a.example.com", "b.example.com", ("10.1.0.0/24", "10.2.0.0/24"))
    left.endpoint.load_connection(config, net.now)
    net.command(left, Initiate(child="net"))
    net.run(100)
    times = [when for when, _ in net.sent]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(most * 0.8 <= gap <= most for gap, most in zip(gaps, [4.0, 7.2, 10.0, 10.0], strict=True))
    assert gaps[2] != gaps[3]


@pytest.mark.parametrize("tries", [1, 3])
def test_keyingtries_and_several_addresses(tries: int) -> None:
    """Each try takes the next of the remote addresses."""
    net, left, _right = psk_pair(left={"keyingtries": tries, "remote_addrs": ("192.0.2.77", "192.0.2.78", RIGHT)})
    op = net.command(left, Initiate(child="net"))
    net.run(600)
    assert net.done(left, op).ok == (tries == 3)
    assert {datagram.path.remote for _, datagram in net.sent if datagram.path.local == LEFT} == (
        {"192.0.2.77", "192.0.2.78", RIGHT} if tries == 3 else {"192.0.2.77"}
    )


@pytest.mark.parametrize("tries", [0, 1])
def test_no_way_to_the_peer(tries: int) -> None:
    """A name that does not resolve: with `keyingtries` left it is tried again, after pauses that grow."""
    net, left, _right = psk_pair(left={"keyingtries": tries})
    carry_out = net._carry_out
    asked = []

    def unresolved(host: Host, output: object) -> None:
        from ikeengine.outputs import AskPath

        if isinstance(output, AskPath) and len(asked) < 5:
            asked.append(output)
            host.endpoint.complete(output.op, OSError("name or service not known"), net.now)
        else:
            carry_out(host, output)

    net._carry_out = unresolved  # type: ignore[method-assign, assignment]
    op = net.command(left, Initiate(child="net"))
    net.run(45)
    assert len(asked) == (3 if tries == 0 else 1)
    net.run(200)
    done = net.done(left, op)
    assert done.ok == (tries == 0)
    record = left.failures()[0]
    assert record.alert is Alert.PEER_ADDR_FAILED
    assert "not known" in record.reason


# --- duplicates -----------------------------------------------------------------------------------------------


def test_r01_duplicate_request_gets_the_same_response() -> None:
    net, host = open_right()
    request = init_request()
    (first,) = [o for o in deliver(net, host, request, source(1)) if isinstance(o, Transmit)]
    for _ in range(5):
        assert [o for o in deliver(net, host, request, source(1)) if isinstance(o, Transmit)] == [first]
    assert len(host.endpoint.status()) == 1


def test_r01_modified_duplicate_is_not_processed() -> None:
    net, host = open_right()
    request = init_request(spi=b"12345678")
    assert is_answered(deliver(net, host, request, source(1)))
    for other in (init_request(2, spi=b"12345678"), init_request(0, VendorId(b"x"), spi=b"12345678")):
        outputs = deliver(net, host, other, source(1))
        assert not is_answered(outputs)
        assert reasons(outputs) == [DropReason.UNEXPECTED]
    assert len(host.endpoint.status()) == 1


def test_duplicate_of_ike_sa_init_after_the_handshake() -> None:
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    request = net.sent[0][1].data
    assert not is_answered(deliver(net, right, request))
    assert len(right.endpoint.status()) == 1


# --- another group --------------------------------------------------------------------------------------------


def test_invalid_ke_leads_to_an_offered_group() -> None:
    both = parse_ike("aes128gcm16-prfsha256-ecp256-x25519")
    net, left, _right = psk_pair(left={"proposals": (both,)})
    assert net.initiate(left).ok
    assert len(net.sent) == 6
    assert left.ikes()[0].suite.ke.id == X25519
    assert net.sent[0][1].data != net.sent[2][1].data


@pytest.mark.parametrize("data", [(14).to_bytes(2, "big"), b"", b"\0", b"\0\0", b"\0\0\x1f", (31).to_bytes(2, "big")])
def test_s08_invalid_ke_only_to_an_offered_group(data: bytes) -> None:
    """A group that we did not offer, the one that we use, or nonsense: ignored, and the genuine answer is awaited."""
    net, left, _right = psk_pair()
    op = net.command(left, Initiate(child="net"))
    request = net.sent[0][1].data
    forged = init_response(request, Notify(NotifyType.INVALID_KE_PAYLOAD, data))
    assert not is_answered(deliver(net, left, forged))
    net.settle()
    assert net.done(left, op).ok


@pytest.mark.parametrize("kind", [NotifyType.INVALID_KE_PAYLOAD, NotifyType.COOKIE])
def test_s08_bounded_restarts(kind: NotifyType) -> None:
    both = parse_ike("aes128gcm16-prfsha256-ecp256-x25519")
    net, left, _right = psk_pair(left={"proposals": (both,)})
    net.rewrite = lambda datagram: None
    net.command(left, Initiate(child="net"))
    for turn in range(20):
        group = (31 if turn % 2 == 0 else 19).to_bytes(2, "big")
        data = group if kind is NotifyType.INVALID_KE_PAYLOAD else bytes([turn + 1]) * 8
        deliver(net, left, init_response(net.sent[-1][1].data, Notify(kind, data)))
    assert len(net.sent) == 6
    assert DropReason.LIMIT in reasons(left.log)


@pytest.mark.parametrize(
    "kind",
    [
        NotifyType.NO_PROPOSAL_CHOSEN,
        NotifyType.INVALID_SYNTAX,
        NotifyType.INVALID_MAJOR_VERSION,
        NotifyType.AUTHENTICATION_FAILED,
        NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD,
        NotifyType.REDIRECT,
    ],
)
def test_s08_forged_error_does_not_stop_the_handshake(kind: NotifyType) -> None:
    """Even if the genuine response is lost once: the retransmission has its chance."""
    net, left, _right = psk_pair()
    lost = []

    def rewrite(datagram: Transmit) -> Transmit | None:
        if datagram.path.local == RIGHT and not lost:
            lost.append(datagram)
            return None
        return datagram

    net.rewrite = rewrite
    op = net.command(left, Initiate(child="net"))
    deliver(net, left, init_response(net.sent[0][1].data, Notify(kind, b"\0")))
    net.run(10)
    assert net.done(left, op).ok
    assert not left.failures()


@pytest.mark.parametrize("tries", [1, 0])
def test_genuine_refusal_is_believed_in_the_end(tries: int) -> None:
    other = {"proposals": (parse_ike("aes256-sha512-ecp384"),), "keyingtries": tries}
    net, left, right = psk_pair(left=other)
    op = net.command(left, Initiate(child="net"))
    net.run(10)
    done = net.done(left, op)
    assert not done.ok
    assert done.record.alert is Alert.PROPOSAL_MISMATCH_IKE
    assert done.record.side is Side.PEER
    ours = right.failures()[0]
    assert ours.side is Side.LOCAL
    assert ours.offered
    assert ours.accepted
    assert "ecp384" in ours.nearest or "aes256" in ours.nearest
    net.run(200)
    assert not leftovers(left), "a command fails once and for all, whatever keyingtries says"
    assert not leftovers(right)


def test_error_before_and_silence_after() -> None:
    """Retransmissions that end before the grace does: the error is the better explanation than silence."""
    net = Net()
    left = net.add(LEFT, retransmit_tries=0, retransmit_timeout=1.0)
    from tests.engine.support.site import connection

    config = connection("left", RIGHT, "a.example.com", "b.example.com", ("10.1.0.0/24", "10.2.0.0/24"))
    left.endpoint.load_connection(config, net.now)
    op = net.command(left, Initiate(child="net"))
    deliver(net, left, init_response(net.sent[0][1].data, Notify(NotifyType.NO_PROPOSAL_CHOSEN)))
    net.run(5)
    assert net.done(left, op).record.alert is Alert.PROPOSAL_MISMATCH_IKE


# --- liars ----------------------------------------------------------------------------------------------------


def test_s06_reflected_request() -> None:
    """Somebody sends our own request back to us."""
    net, left, _right = psk_pair()
    net.command(left, Initiate(child="net"))
    outputs = deliver(net, left, net.sent[0][1].data)
    assert reasons(outputs) == [DropReason.REFLECTED]
    assert len(left.endpoint.status()) == 1


def test_s06_connection_to_ourselves() -> None:
    net, left, _right = psk_pair(left={"remote_addrs": (LEFT,)})
    op = net.command(left, Initiate(child="net"))
    net.run(200)
    assert not net.done(left, op).ok
    assert not leftovers(left)


@pytest.mark.parametrize("what", ["ke", "nonce", "spi", "zero spi", "group", "proposal", "no ke"])
def test_s06_s08_unacceptable_response(what: str) -> None:
    """Our own values reflected, or an answer that our offer does not allow: dropped, the genuine one counts."""
    net, left, _right = psk_pair()
    op = net.command(left, Initiate(child="net"))
    request = net.sent[0][1].data
    ours = parse(request, read_header(request)).payloads
    ke = next(p for p in ours if isinstance(p, Ke))
    nonce = next(p for p in ours if isinstance(p, Nonce))
    other = parse_ike("aes128gcm16-prfsha256-ecp256")
    values = {
        "ke": (Sa(offer((IKE,))), ke, Nonce(bytes(32))),
        "nonce": (Sa(offer((IKE,))), Ke(X25519, b"\x09" + bytes(31)), nonce),
        "zero spi": (Sa(offer((IKE,))), Ke(X25519, b"\x09" + bytes(31)), Nonce(bytes(32))),
        "spi": (Sa(offer((IKE,))), Ke(X25519, bytes(32)), Nonce(bytes(32))),
        "group": (Sa(offer((IKE,))), Ke(19, bytes(64)), Nonce(bytes(32))),
        "proposal": (Sa(offer((other,))), Ke(19, bytes(64)), Nonce(bytes(32))),
        "no ke": (Sa(offer((IKE,))), Nonce(bytes(32)), Notify(NotifyType.INVALID_SYNTAX)),
    }[what]
    forged = init_response(request, *values, spi_r=bytes(8) if what == "zero spi" else b"attacker")
    outputs = deliver(net, left, forged)
    assert reasons(outputs)
    net.settle()
    assert net.done(left, op).ok


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_s11_key_exchange_of_wrong_length_or_low_order(length: int) -> None:
    net, host = open_right()
    for data in (bytes(length), bytes([1]) + bytes(31), b"\xff" * length):
        if len(data) == 32 and data[0] == 0xFF:
            continue
        outputs = deliver(net, host, init_request(length, ke=Ke(X25519, data)), source(1))
        assert not is_answered(outputs)
        assert reasons(outputs) == [DropReason.BAD_PAYLOADS]
    assert not host.endpoint.status()


@pytest.mark.parametrize("group", [14, 19])
def test_s11_values_outside_the_group(group: int) -> None:
    from ikeengine.crypto.kex import KEX

    word = {14: "modp2048", 19: "ecp256"}[group]
    net, host = open_right()
    suite = parse_ike(f"aes128gcm16-prfsha256-{word}")
    config = replace(host.endpoint.connections["right"], proposals=(suite,))
    host.endpoint.load_connection(config, net.now)
    size = KEX[group].public_length
    for data in (bytes(size), bytes(size - 1) + b"\1", b"\xff" * size, bytes(size - 1), b"\1" * (size + 1)):
        sent = init_request(0, sa=Sa(offer((suite,))), ke=Ke(group, data))
        assert not is_answered(deliver(net, host, sent, source(1)))
    assert not host.endpoint.status()


@pytest.mark.parametrize("missing", ["sa", "ke", "nonce"])
def test_s02_payload_missing_or_twice(missing: str) -> None:
    net, host = open_right()
    assert not is_answered(deliver(net, host, init_request(1, **{missing: None}), source(1)))
    twice = {"sa": Sa(offer((IKE,))), "ke": Ke(X25519, b"\x09" + bytes(31)), "nonce": Nonce(bytes(32))}[missing]
    assert not is_answered(deliver(net, host, init_request(1, twice), source(1)))
    assert not is_answered(deliver(net, host, init_request(1, Delete(1, ())), source(1)))  # type: ignore[arg-type]
    assert not host.endpoint.status()


def test_s02_order_of_payloads_does_not_matter() -> None:
    net, host = open_right()
    assert is_answered(deliver(net, host, init_request(1, nonce=None, sa=None), source(1))) is False
    nonce, ke = Nonce(b"n" * 32), Ke(X25519, b"\x09" + bytes(31))
    data = init_request(1, nonce, ke, Sa(offer((IKE,))), sa=None, ke=None, nonce=None)
    assert is_answered(deliver(net, host, data, source(1)))


def test_unsupported_critical_payload_is_named() -> None:
    from ikeengine.wire.payloads import UnknownPayload

    net, host = open_right()
    outputs = deliver(net, host, init_request(1, UnknownPayload(200, True, b"")), source(1))
    assert notifies(outputs, NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD) == [b"\xc8"]
    assert is_answered(deliver(net, host, init_request(1, UnknownPayload(200, False, b"")), source(1)))


@pytest.mark.parametrize(("major", "answered"), [(0, False), (1, False), (3, True), (15, True)])
def test_w03_other_versions(major: int, answered: bool) -> None:
    net, host = open_right()
    data = bytearray(init_request(1))
    data[17] = major << 4
    outputs = deliver(net, host, bytes(data), source(1))
    assert reasons(outputs) == [DropReason.BAD_VERSION]
    assert bool(notifies(outputs, NotifyType.INVALID_MAJOR_VERSION)) == answered
    data[17], data[19] = 0x20 | major, 0x08 | 0x10
    assert is_answered(deliver(net, host, bytes(data), source(1))), "minor versions and the version flag are ignored"


@pytest.mark.parametrize(
    ("offset", "value"), [(0, bytes(8)), (8, b"\1" * 8), (19, b"\0"), (19, b"\x28"), (20, b"\0\0\0\1"), (18, b"\xf0")]
)
def test_w04_wrong_spis_flags_and_message_ids(offset: int, value: bytes) -> None:
    net, host = open_right()
    data = bytearray(init_request(1))
    data[offset : offset + len(value)] = value
    outputs = deliver(net, host, bytes(data), source(1))
    assert not is_answered(outputs)
    assert reasons(outputs)
    assert not host.endpoint.status()


def test_no_connection_for_these_addresses() -> None:
    net, _left, right = psk_pair()
    outputs = deliver(net, right, init_request(1), source(1))
    assert reasons(outputs) == [DropReason.NO_CONNECTION]
    assert notifies(outputs, NotifyType.NO_PROPOSAL_CHOSEN)
    assert not right.endpoint.status()


# --- cookies and limits ---------------------------------------------------------------------------------------


def flood(net: Net, host: Host, count: int, first: int = 0, per_source: int = 1) -> list:
    """IKE_SA_INIT requests from `count` senders that never come back."""
    outputs = []
    for number in range(first, first + count):
        path = Path(RIGHT, 500, f"198.18.{number // per_source // 250}.{number // per_source % 250 + 1}", 500)
        outputs += deliver(net, host, init_request(f"flood {number}"), path)
    return outputs


def test_d01_flood_leads_to_cookies_and_no_more_state() -> None:
    net, host = open_right(cookie_threshold=10)
    flood(net, host, 10)
    assert len(host.endpoint.status()) == 10
    outputs = flood(net, host, 500, first=10)
    assert len(notifies(outputs, NotifyType.COOKIE)) == 500
    assert len(host.endpoint.status()) == 10
    assert len(host.endpoint._deadlines) == 10
    net.run(31)
    assert not leftovers(host)
    assert not notifies(deliver(net, host, init_request("after"), source(1)), NotifyType.COOKIE)


def test_d03_legitimate_peer_gets_through_the_flood() -> None:
    net, left, right = psk_pair()
    right.endpoint._ctx.settings = replace(right.endpoint._ctx.settings, cookie_threshold=5)
    config = replace(right.endpoint.connections["right"], remote_addrs=("%any",))
    right.endpoint.load_connection(config, net.now)
    flood(net, right, 100)
    done = net.initiate(left)
    assert done.ok, done.reason
    assert traffic_flows(left, right)
    assert right.endpoint._ctx.table.limits.total == 5


def test_d03_one_source_is_limited() -> None:
    """Three half-open IKE SAs, then a cookie, and with valid cookies two more; then silence."""
    net, host = open_right()
    flood(net, host, 3, per_source=100)
    assert len(host.endpoint.status()) == 3
    request = "flood 4"
    path = Path(RIGHT, 500, "198.18.0.1", 500)
    for number in (4, 5):
        request = f"flood {number}"
        (cookie,) = notifies(deliver(net, host, init_request(request), path), NotifyType.COOKIE)
        deliver(net, host, init_request(request, Notify(NotifyType.COOKIE, cookie)), path)
    assert len(host.endpoint.status()) == 5
    outputs = flood(net, host, 5, first=6, per_source=100)
    assert not is_answered(outputs)
    assert set(reasons(outputs)) == {DropReason.LIMIT}
    assert is_answered(deliver(net, host, init_request("other"), source(9))), "other senders are not affected"


def test_ikesa_limit_and_shutdown() -> None:
    from ikeengine.model.commands import Shutdown

    net, host = open_right(ikesa_limit=2)
    flood(net, host, 3)
    assert len(host.endpoint.status()) == 2
    net.command(host, Shutdown())
    assert not host.endpoint.status()
    assert reasons(deliver(net, host, init_request("late"), source(3))) == [DropReason.LIMIT]


def cookie_for(net: Net, host: Host, seed: str = "c", path: Path | None = None, spi: bytes = b"cookiesp") -> bytes:
    (cookie,) = notifies(deliver(net, host, init_request(seed, spi=spi), path or source(1)), NotifyType.COOKIE)
    return cookie


def with_cookie(net: Net, host: Host, cookie: bytes, path: Path | None = None, **changes: object) -> bool:
    seed, spi = str(changes.get("seed", "c")), changes.get("spi", b"cookiesp")
    data = init_request(seed, Notify(NotifyType.COOKIE, cookie), spi=spi)  # type: ignore[arg-type]
    outputs = deliver(net, host, data, path or source(1))
    accepted = is_answered(outputs) and not notifies(outputs, NotifyType.COOKIE)
    assert accepted or DropReason.BAD_COOKIE in reasons(outputs)
    return accepted


def test_d02_cookies() -> None:
    net, host = open_right(cookie_threshold=1)
    flood(net, host, 1)
    cookie = cookie_for(net, host)
    assert 1 <= len(cookie) <= 64
    for wrong in (b"", cookie[:-1], cookie + b"\0", bytes(65), bytes(len(cookie)), bytes([cookie[0] ^ 1]) + cookie[1:]):
        assert not with_cookie(net, host, wrong)
    assert not with_cookie(net, host, cookie, source(2)), "from another address"
    assert not with_cookie(net, host, cookie, source(1, 501)), "from another port"
    assert not with_cookie(net, host, cookie, spi=b"otherspi")
    assert not with_cookie(net, host, cookie, seed="other nonce")
    assert with_cookie(net, host, cookie)


@pytest.mark.parametrize(("age", "valid"), [(0.5, True), (1.5, True), (2.1, False), (5.0, False)])
def test_d02_age_of_cookies(age: float, valid: bool) -> None:
    """The secret before the present one is still good, the one before that is not."""
    net, host = open_right(cookie_threshold=1, half_open_timeout=10000.0)
    flood(net, host, 1)
    cookie_for(net, host, "begin", spi=b"otherspi")
    cookie = cookie_for(net, host)
    steps = int(age * 4)
    for _ in range(steps):
        net.run(SECRET_LIFETIME / 4)
        cookie_for(net, host, "rotate", spi=b"otherspi")
    assert with_cookie(net, host, cookie) == valid


@pytest.mark.parametrize("size", [1, 64])
def test_cookie_as_initiator(size: int) -> None:
    """The request comes again with the cookie in front and nothing else changed (RFC 7296 section 2.6)."""
    net, left, _right = psk_pair()
    net.rewrite = lambda datagram: None
    net.command(left, Initiate(child="net"))
    first = net.sent[0][1].data
    deliver(net, left, init_response(first, Notify(NotifyType.COOKIE, b"c" * size), spi_r=bytes(8)))
    second = net.sent[1][1].data
    payloads = parse(second, read_header(second)).payloads
    assert payloads[0] == Notify(NotifyType.COOKIE, b"c" * size)
    assert payloads[1:] == parse(first, read_header(first)).payloads
    assert read_header(second).message_id == 0


@pytest.mark.parametrize("size", [0, 65, 1000])
def test_cookie_of_wrong_size_is_ignored(size: int) -> None:
    net, left, _right = psk_pair()
    op = net.command(left, Initiate(child="net"))
    forged = init_response(net.sent[0][1].data, Notify(NotifyType.COOKIE, b"c" * size))
    assert not is_answered(deliver(net, left, forged))
    net.settle()
    assert net.done(left, op).ok


def test_d04_junk_in_ike_auth_does_not_kill_the_handshake() -> None:
    net, left, right = psk_pair()
    op = net.command(left, Initiate(child="net"))
    while not any(d.data[18] == 35 for _, d in net.sent):
        net.step()
    genuine = next(d.data for _, d in net.sent if d.data[18] == 35)
    for at in (len(genuine) - 1, 40, 33):
        junk = bytearray(genuine)
        junk[at] ^= 0x55
        assert reasons(deliver(net, right, bytes(junk))) == [DropReason.INTEGRITY]
    clear = init_response(genuine, Notify(NotifyType.AUTHENTICATION_FAILED), spi_r=genuine[8:16])
    deliver(net, left, clear[:18] + b"\x23" + clear[19:20] + genuine[20:24] + clear[24:])
    net.settle()
    assert net.done(left, op).ok


def test_d06_no_reply_is_larger_than_its_request_by_much_and_none_comes_unasked() -> None:
    net, host = open_right()
    request = init_request(1)
    replies = [o for o in deliver(net, host, request, source(1)) if isinstance(o, Transmit)]
    assert len(replies) == 1
    assert len(replies[0].data) < 2 * len(request)
    count = len(net.sent)
    net.run(100)
    assert len(net.sent) == count, "a responder never retransmits on its own"
    assert deliver(net, host, b"\xff" * 100, source(1))[0].reason is DropReason.BAD_HEADER
    assert deliver(net, host, b"\xff", source(1))[0].reason is DropReason.TOO_SHORT


def test_d06_error_replies_are_limited() -> None:
    net, _left, right = psk_pair()
    outputs = []
    for number in range(200):
        outputs += deliver(net, right, init_request(number), source(number))
    assert len([o for o in outputs if isinstance(o, Transmit)]) == 50
    net.now += 1.0
    assert is_answered(deliver(net, right, init_request("later"), source(1)))


def test_mismatch_records_are_limited_too() -> None:
    net, host = open_right()
    other = Sa(offer((parse_ike("aes256-sha512-ecp384"),)))
    for number in range(200):
        deliver(net, host, init_request(number, sa=other), source(number % 250))
    assert len(host.failures()) == 50
    assert len(host.endpoint.failures("right")) == 16


def test_r05_both_sides_initiate_at_once() -> None:
    """Two IKE SAs come up; each side uses what it has, and traffic flows."""
    net, left, right = psk_pair()
    ops = [(host, net.command(host, Initiate(child="net"))) for host in (left, right)]
    net.settle()
    for host, op in ops:
        assert net.done(host, op).ok
    assert traffic_flows(left, right)
    net.command(left, Terminate(ike="left"))
    net.run(60)
    assert not leftovers(left)
    assert not leftovers(right)


def test_ike_messages_for_nobody() -> None:
    net, left, right = psk_pair()
    for exchange in ExchangeType:
        data = bytearray(init_request(1))
        data[8:16] = b"somebody"
        data[18] = exchange
        for flags in (0, 0x08, 0x20, 0x28):
            data[19] = flags
            for host, path in ((left, TO_LEFT), (right, TO_RIGHT)):
                outputs = deliver(net, host, bytes(data), path)
                assert not is_answered(outputs)
                assert not host.endpoint.status()
    assert not [output for output in left.log if isinstance(output, CommandDone)]
