"""IKE fragmentation (RFC 7383): both directions, all sizes, and everything that is wrong with fragments (D05)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ikeengine import limits
from ikeengine.crypto.rng import SeededRng
from ikeengine.ikev2.messages.reassembly import TIMEOUT
from ikeengine.model.commands import Initiate, Rekey
from ikeengine.model.connection import Fragmentation
from ikeengine.outputs import Counted, Dropped, DropReason, Transmit
from ikeengine.registry import ExchangeType, NotifyType, Protocol
from ikeengine.wire.header import FLAG_INITIATOR, FLAG_RESPONSE, read_header
from ikeengine.wire.message import parse, write_chain
from ikeengine.wire.payloads import Delete, Notify, Payload, VendorId
from ikeengine.wire.sk import Head, seal_content
from tests.engine.pair.test_soak import leftovers
from tests.engine.support.certs import cert_pair
from tests.engine.support.forge import deliver, sealed
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, psk_pair

SKF = 53
OVERHEAD = 28
"""Octets of the IPv4 and UDP headers."""


def resize(host: Host, size: int) -> None:
    """Change a host's `fragment_size`."""
    host.endpoint.set_settings(replace(host.endpoint._ctx.settings, fragment_size=size))


def small_pair(size: int = 200, **changes: object) -> tuple[Net, Host, Host]:
    """A pair whose messages need several fragments."""
    net, left, right = psk_pair(**changes)
    resize(left, size)
    resize(right, size)
    return net, left, right


def up(size: int = 200) -> tuple[Net, Host, Host]:
    """The same, connected."""
    net, left, right = small_pair(size)
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def is_fragment(datagram: Transmit) -> bool:
    return datagram.data[16] == SKF


def reasons(outputs: list) -> list[DropReason]:
    return [output.reason for output in outputs if isinstance(output, Dropped)]


def responses(outputs: list) -> list[bytes]:
    """The datagrams of responses among outputs."""
    return [o.data for o in outputs if isinstance(o, Transmit) and o.data[19] & FLAG_RESPONSE]


def parts(payloads: Sequence[Payload], count: int) -> tuple[int, list[bytes]]:
    """The first payload's type, and the chain cut into so many parts."""
    first, content = write_chain(payloads)
    step = -(-len(content) // count)
    return first, [content[at : at + step] for at in range(0, len(content), step)]


def skf(host: Host, number: int, total: int, content: bytes, first: int = 0, message_id: int | None = None) -> bytes:
    """A fragment of the next INFORMATIONAL request that `host` would send."""
    (sa,) = host.endpoint._ctx.table
    assert sa.keys is not None
    sa.keys.sent += 1
    flags = FLAG_INITIATOR if sa.is_initiator else 0
    wanted = sa.window.next_request if message_id is None else message_id
    head = Head(sa.spi_i, sa.spi_r, ExchangeType.INFORMATIONAL, flags, wanted)
    iv = sa.keys.cipher_out.next_iv(sa.keys.sent, SeededRng(1))
    return seal_content(head, first, content, sa.keys.cipher_out, iv, fragment=(number, total))


def cut(host: Host, count: int, payloads: Sequence[Payload] = (VendorId(b"x" * 60),)) -> list[bytes]:
    """An INFORMATIONAL request of a host in so many fragments."""
    first, chunks = parts(payloads, count)
    assert len(chunks) == count
    return [skf(host, n, count, chunk, first if n == 1 else 0) for n, chunk in enumerate(chunks, 1)]


def memory(host: Host) -> int:
    return host.endpoint._ctx.table.fragments.total


# --- it works -------------------------------------------------------------------------------------------------


def test_life_of_a_tunnel_in_fragments() -> None:
    """Everything after IKE_SA_INIT that is long is cut, in both directions, and rekeyed IKE SAs go on with it."""
    net, left, right = up()
    for command in (Rekey(child="net"), Rekey(ike="left"), Rekey(child="net"), Rekey(ike="left")):
        before = len(net.sent)
        net.command(left, command)
        net.settle()
        fresh = [datagram for _, datagram in net.sent[before:]]
        assert {d.path.local for d in fresh if is_fragment(d)} == {LEFT, RIGHT}
    assert traffic_flows(left, right)
    protected = [d for _, d in net.sent if d.data[18] != ExchangeType.IKE_SA_INIT]
    assert max(len(d.data) for d in protected) <= 200 - OVERHEAD
    assert not left.failures()
    assert not memory(left)
    assert not memory(right)


def test_small_messages_stay_whole() -> None:
    net, left, _right = psk_pair()
    assert net.initiate(left).ok
    assert not any(is_fragment(d) for _, d in net.sent)


@pytest.mark.parametrize("loss", [0.2, 0.4])
def test_lost_duplicated_and_reordered_fragments(loss: float) -> None:
    """Each retransmission brings what is missing; what is there already is kept."""
    net = Net(seed=5, loss=loss, duplicate=0.2, jitter=0.5)
    net, left, right = small_pair(net=net, keyingtries=0)
    op = net.command(left, Initiate(child="net"))
    net.run(300)
    assert net.done(left, op).ok
    assert traffic_flows(left, right)


def test_retransmission_of_all_fragments_octet_for_octet() -> None:
    net, left, _right = small_pair()
    net.rewrite = lambda d: None if is_fragment(d) else d
    net.command(left, Initiate(child="net"))
    net.run(8)
    sent = [d.data for _, d in net.sent if is_fragment(d)]
    half = len(sent) // 2
    assert half >= 2
    assert sent[:half] == sent[half:]


def test_r01_the_same_fragmented_response_for_the_first_fragment_only() -> None:
    """Section 2.6.1: the other fragments of a repeated request trigger nothing."""
    net, left, right = small_pair()
    net.command(left, Initiate(child="net"))
    net.settle()
    request = [d.data for _, d in net.sent if d.path.local == LEFT and is_fragment(d)]
    response = [d.data for _, d in net.sent if d.path.local == RIGHT and is_fragment(d)]
    assert len(request) >= 2
    assert len(response) >= 2
    for _ in range(3):
        assert responses(deliver(net, right, request[0])) == response
        for later in request[1:]:
            assert responses(deliver(net, right, later)) == []
    assert len(right.ikes()) == 1


@pytest.mark.parametrize(
    ("left_mode", "right_mode", "cutting"),
    [
        ("yes", "yes", {LEFT, RIGHT}),
        ("yes", "accept", {LEFT}),
        ("yes", "no", set()),
        ("accept", "yes", {RIGHT}),
        ("no", "yes", set()),
        ("no", "force", {RIGHT}),
        ("force", "no", {LEFT}),
        ("force", "force", {LEFT, RIGHT}),
    ],
)
def test_modes(left_mode: str, right_mode: str, cutting: set[str]) -> None:
    """Who announces, who cuts; and that fragments are taken from anybody, as strongSwan does."""
    modes = {"left": {"fragmentation": Fragmentation(left_mode)}, "right": {"fragmentation": Fragmentation(right_mode)}}
    net, left, _right = small_pair(**modes)
    assert net.initiate(left).ok
    net.settle()
    assert {d.path.local for _, d in net.sent if is_fragment(d)} == cutting
    announced = {d.path.local for _, d in net.sent[:2] if announces(d.data)}
    assert (LEFT in announced) == (left_mode != "no")
    assert (RIGHT in announced) == (left_mode != "no" and right_mode != "no")


def announces(data: bytes) -> bool:
    payloads = parse(data, read_header(data)).payloads
    return any(isinstance(p, Notify) and p.kind == NotifyType.IKEV2_FRAGMENTATION_SUPPORTED for p in payloads)


# --- the MTU of the path (section 2.5.2) ----------------------------------------------------------------------


def narrow_pair(limit: int) -> tuple[Net, Host, Host]:
    """Certificates that need more than one datagram, on a path that takes no long ones."""
    net, left, right, _ = cert_pair(("rsa2048", "rsa2048"))
    net.rewrite = lambda d: None if len(d.data) + OVERHEAD > limit else d
    return net, left, right


def test_smaller_fragments_where_the_large_ones_do_not_pass() -> None:
    net, left, right = narrow_pair(700)
    resize(left, 1000)
    op = net.command(left, Initiate(child="net"))
    net.run(60)
    assert net.done(left, op).ok
    assert traffic_flows(left, right)
    totals = [int.from_bytes(d.data[34:36], "big") for _, d in net.sent if d.path.local == LEFT and is_fragment(d)]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1], "section 2.5.2: a new set has more fragments"
    answers = [d for _, d in net.sent if d.path.local == RIGHT and is_fragment(d)]
    assert max(len(d.data) for d in answers) <= 576 - OVERHEAD, "the responder takes the hint"
    assert any("smaller ones" in line.text for line in left.log if hasattr(line, "text"))


def test_the_size_that_passes_is_remembered() -> None:
    net, left, _right = narrow_pair(700)
    op = net.command(left, Initiate(child="net"))
    net.run(60)
    assert net.done(left, op).ok
    for _ in range(2):
        begin, before = net.now, len(net.sent)
        net.command(left, Rekey(ike="left"))
        net.settle(1)
        assert {when - begin < 1 for when, _ in net.sent[before:]} == {True}, "nothing was sent twice"
        assert len(left.ikes()) == 1


def test_a_path_that_takes_nothing_is_given_up() -> None:
    net, left, _right = narrow_pair(300)
    op = net.command(left, Initiate(child="net"))
    net.run(400)
    assert not net.done(left, op).ok
    assert not leftovers(left)


def test_the_request_was_answered_before_it_was_cut_smaller() -> None:
    """The response is lost, and comes again for the first fragment of another set."""
    net, left, right, _ = cert_pair(("rsa2048", "rsa2048"))
    net.rewrite = lambda d: None if d.path.local == RIGHT and d.data[18] == ExchangeType.IKE_AUTH else d
    op = net.command(left, Initiate(child="net"))
    net.run(11)
    assert len(right.ikes()) == 1
    net.rewrite = lambda d: d
    net.run(20)
    assert net.done(left, op).ok
    assert len(right.ikes()) == 1
    assert traffic_flows(left, right)


def test_ipv6_and_nat_t_leave_less_room() -> None:
    from ikeengine.ikev2.messages.fragmentation import FragmentState, message_limit
    from ikeengine.model.path import Path

    _net, left, _right = up(1280)
    (sa,) = left.endpoint._ctx.table
    settings = left.endpoint._ctx.settings
    sa.path = Path("192.0.2.1", 500, "192.0.2.2", 500)
    assert message_limit(settings, sa) == 1252
    sa.path = Path("192.0.2.1", 4500, "192.0.2.2", 4500)
    assert message_limit(settings, sa) == 1248
    sa.path = Path("2001:db8::1", 500, "2001:db8::2", 500)
    assert message_limit(settings, sa) == 1232
    assert message_limit(replace(settings, fragment_size=0), sa) == 1232
    sa.path = Path("192.0.2.1", 500, "192.0.2.2", 500)
    assert message_limit(replace(settings, fragment_size=0), sa) == 548
    sa.fragments = FragmentState()
    assert message_limit(settings, sa) is None


# --- D05 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "total"), [(1, 256), (1, 65535), (3, 2), (0, 2), (0, 0), (1, 0), (65535, 65535)])
def test_d05_impossible_numbers(number: int, total: int) -> None:
    net, left, right = up()
    outputs = deliver(net, right, skf(left, number, total, b"x"))
    assert reasons(outputs) == [DropReason.BAD_PAYLOADS]
    assert not memory(right)
    assert len(right.ikes()) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_d05_any_order(order: Sequence[int]) -> None:
    net, left, right = up()
    request = cut(left, 4)
    for position in order[:-1]:
        assert not responses(deliver(net, right, request[position]))
    assert len(responses(deliver(net, right, request[order[-1]]))) == 1
    assert not memory(right)


def test_d05_total_shrinks() -> None:
    """Section 2.6: discarded, and the newer set goes on."""
    net, left, right = up()
    newer, older = cut(left, 4), cut(left, 2)
    deliver(net, right, newer[0])
    for datagram in older:
        outputs = deliver(net, right, datagram)
        assert reasons(outputs) == [DropReason.FRAGMENT]
    deliver(net, right, newer[1])
    deliver(net, right, newer[2])
    assert responses(deliver(net, right, newer[3]))


def test_d05_total_grows() -> None:
    """Section 2.6: the older set is forgotten, and never mixed with the newer one."""
    net, left, right = up()
    older, newer = cut(left, 2), cut(left, 3)
    deliver(net, right, older[0])
    deliver(net, right, newer[0])
    assert reasons(deliver(net, right, older[1])) == [DropReason.FRAGMENT]
    assert not responses(deliver(net, right, newer[1]))
    assert responses(deliver(net, right, newer[2]))
    assert not memory(right)


def test_d05_overlap() -> None:
    """The same fragment with other content, even with a valid integrity check: the first one counts."""
    net, left, right = up()
    genuine = cut(left, 2)
    other = skf(left, 2, 2, b"\xff" * 40)
    deliver(net, right, genuine[1])
    held = memory(right)
    assert not deliver(net, right, other)
    assert memory(right) == held
    assert responses(deliver(net, right, genuine[0]))
    assert len(right.ikes()) == 1


def test_d05_mix_of_sk_and_skf() -> None:
    """A whole message with the same message ID is the message; what is left of the fragments comes too late."""
    net, left, right = up()
    (sa,) = right.endpoint._ctx.table
    fragments = cut(left, 3)
    deliver(net, right, fragments[0])
    deliver(net, right, fragments[1])
    whole = sealed(left, ExchangeType.INFORMATIONAL, sa.window.expected_request, [])
    answer = responses(deliver(net, right, whole))
    assert len(answer) == 1
    assert not responses(deliver(net, right, fragments[2]))
    net.run(TIMEOUT + 1)
    assert not memory(right)
    following = cut(left, 2)
    for datagram in following:
        deliver(net, right, datagram)
    assert sa.window.expected_request == 1 + read_header(whole).message_id


def test_d05_the_fragments_of_an_older_message_are_forgotten() -> None:
    net, left, right = up()
    (theirs,), (ours,) = right.endpoint._ctx.table, left.endpoint._ctx.table
    deliver(net, right, cut(left, 3)[0])
    deliver(net, right, sealed(left, ExchangeType.INFORMATIONAL, theirs.window.expected_request, []))
    ours.window.next_request += 1
    first, second = cut(left, 2)
    deliver(net, right, first)
    assert memory(right) == len(first)
    assert responses(deliver(net, right, second))


@pytest.mark.parametrize("position", [0, 20, 24, 31, 33, 35, 40, -1])
def test_d05_bad_icv(position: int) -> None:
    """Any changed octet: dropped without a trace, and the genuine fragments are still welcome."""
    net, left, right = up()
    genuine = cut(left, 2)
    forged = bytearray(genuine[0])
    forged[position] ^= 1
    outputs = deliver(net, right, bytes(forged))
    assert len(reasons(outputs)) == 1
    assert not memory(right)
    deliver(net, right, genuine[0])
    assert responses(deliver(net, right, genuine[1]))


def test_d05_incomplete_set_expires() -> None:
    net, left, right = up()
    first, second = cut(left, 2)
    deliver(net, right, first)
    net.run(TIMEOUT - 1)
    assert memory(right)
    net.run(2)
    assert not memory(right)
    assert reasons(right.log) == [DropReason.FRAGMENT]
    deliver(net, right, second)
    assert responses(deliver(net, right, first)), "it may come again"


def test_d05_incomplete_response_expires() -> None:
    """For the initiator it is as if the response were lost; the retransmission gets it."""
    net, left, _right = small_pair()
    left.endpoint.set_settings(replace(left.endpoint._ctx.settings, retransmit_timeout=40.0))
    net.rewrite = lambda d: None if d.path.local == RIGHT and is_fragment(d) and d.data[33] == 2 else d
    op = net.command(left, Initiate(child="net"))
    net.run(1)
    assert memory(left)
    net.run(TIMEOUT)
    assert not memory(left)
    net.rewrite = lambda d: d
    net.run(20)
    assert net.done(left, op).ok


def test_d05_more_than_64_kib() -> None:
    """Section 5: drop the connection, because no honest message is that long."""
    net, left, right = up()
    assert not reasons(deliver(net, right, skf(left, 1, 3, b"x" * 40_000, 43)))
    outputs = deliver(net, right, skf(left, 2, 3, b"x" * 40_000))
    assert len(responses(outputs)) == 1
    assert not right.endpoint.status()
    assert "65535" in right.failures()[0].reason
    assert not leftovers(right)


def test_d05_cap_per_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who is over the limit loses what he has sent, and others are not concerned."""
    monkeypatch.setattr(limits, "FRAGMENTS_OF_SOURCE", 1000)
    net, left, right = up()
    assert not reasons(deliver(net, right, skf(left, 1, 3, b"x" * 600, 43)))
    outputs = deliver(net, right, skf(left, 2, 3, b"x" * 600))
    assert reasons(outputs) == [DropReason.LIMIT]
    assert not memory(right)
    assert len(right.ikes()) == 1


def test_d05_half_open_with_fragments_is_forgotten() -> None:
    """Section 5: who completes IKE_SA_INIT and then never finishes IKE_AUTH costs memory only for a while."""
    net, left, right = small_pair()
    net.rewrite = lambda d: None if is_fragment(d) and d.data[33] == 2 else d
    net.command(left, Initiate(child="net"))
    net.run(5)
    assert memory(right)
    net.rewrite = lambda d: None
    net.run(40)
    assert not leftovers(right)


def test_d05_one_message_counts_once_and_never_again() -> None:
    net, left, right = up()
    (ours,) = left.endpoint._ctx.table
    request = cut(left, 3)
    outputs = [output for datagram in request for output in deliver(net, right, datagram)]
    assert [o.counter for o in outputs if isinstance(o, Counted)] == ["info-in-req", "info-out-resp"]
    ours.window.next_request += 1
    for datagram in cut(left, 2):
        deliver(net, right, datagram)
    for datagram in request:
        assert reasons(deliver(net, right, datagram)) == [DropReason.WRONG_MESSAGE_ID]


def test_d05_empty_and_single_fragments() -> None:
    """A fragment may be empty, and a message may be one fragment."""
    net, left, right = up()
    assert responses(deliver(net, right, skf(left, 1, 1, b"", 0)))
    (ours,) = left.endpoint._ctx.table
    ours.window.next_request += 1
    first, content = write_chain([Delete(Protocol.IKE, ())])
    deliver(net, right, skf(left, 1, 3, b"", first))
    deliver(net, right, skf(left, 3, 3, b""))
    assert responses(deliver(net, right, skf(left, 2, 3, content)))
    assert not right.endpoint.status()


def test_d05_nonsense_in_fragments_is_the_peers_fault() -> None:
    net, left, right = up()
    deliver(net, right, skf(left, 1, 2, b"\xff" * 30, 43))
    assert memory(right)
    assert responses(deliver(net, right, skf(left, 2, 2, b"\xff" * 30)))
    assert not right.endpoint.status()
    assert not leftovers(right)


def test_d05_fragments_before_there_are_keys() -> None:
    net, left, right = small_pair()
    net.command(left, Initiate(child="net"))
    header = net.sent[0][1].data[:8] + bytes(8) + bytes([SKF, 0x20, 34, FLAG_INITIATOR]) + bytes(4)
    body = b"\x28\0\0\x08\0\x01\0\x02"
    assert not responses(deliver(net, right, header + (28 + len(body)).to_bytes(4, "big") + body))
    assert not right.endpoint.status()
