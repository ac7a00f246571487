"""Moving, rekeying and removing SAs, with and without foreign ones beside them, and after a killed engine."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ikeengine.datapath.xfrm import XfrmDatapath
from ikeengine.errors import DatapathError
from ikeengine.model.sa import PolicyAction, PolicySet, UdpEncap
from tests.engine.kernel.inside.gateways import (
    CBC_SHA256,
    GCM,
    LEFT,
    LEFT_INSIDE,
    RIGHT,
    RIGHT_INSIDE,
    Gateway,
    Pair,
    Suite,
    Tunnel,
    ts,
)

ROOT = Path(__file__).parents[4]
NEW_LEFT = "192.0.2.101"
FOREIGN_STATE = f"src {LEFT} dst {RIGHT} proto esp spi 0x1000"
FOREIGN_ALGORITHM = ["reqid", "77", "mode", "tunnel", "aead", "rfc4106(gcm(aes))", "0x" + "11" * 20, "128"]
FOREIGN_POLICY = "src 10.1.0.0/16 dst 10.2.0.0/16 dir out"
FOREIGN_TEMPLATE = f"tmpl src {LEFT} dst 192.0.2.77 proto esp reqid 77 mode tunnel"


def flood(pair: Pair, count: int) -> subprocess.Popen[str]:
    command = ["ping", "-f", "-q", "-c", str(count), "-W", "2", "-I", LEFT_INSIDE, RIGHT_INSIDE]
    return pair.left.ns.popen(*command, stdout=subprocess.PIPE)


def lost(ping: subprocess.Popen[str]) -> tuple[int, int]:
    """Sent and lost pings, once the flood is over."""
    output, _ = ping.communicate(timeout=300)
    words = next(line for line in output.splitlines() if "transmitted" in line).split()
    return int(words[0]), int(words[0]) - int(words[3])


def add_foreign(gateway: Gateway) -> None:
    gateway.xfrm("state", "add", *FOREIGN_STATE.split(), *FOREIGN_ALGORITHM)
    gateway.xfrm("policy", "add", *FOREIGN_POLICY.split(), *FOREIGN_TEMPLATE.split())


def move_left(pair: Pair, out, back) -> tuple:
    """What MOBIKE does: both gateways learn of the new address."""
    pair.left.ns.add_address("eth0", f"{NEW_LEFT}/24")
    pair.left.move(out.id, NEW_LEFT, RIGHT)
    pair.left.move(back.id, RIGHT, NEW_LEFT)
    pair.right.move(out.id, NEW_LEFT, RIGHT)
    pair.right.move(back.id, RIGHT, NEW_LEFT)
    here, there = (ts("10.1.0.0/16"),), (ts("10.2.0.0/16"),)
    policies = PolicySet(1, PolicyAction.PROTECT, here, there, reqid=1, local=NEW_LEFT, remote=RIGHT)
    pair.left.datapath.install_policies(policies)
    mirrored = replace(policies, local_ts=there, remote_ts=here, local=RIGHT, remote=NEW_LEFT)
    pair.right.datapath.install_policies(mirrored)
    return replace(out, source=NEW_LEFT), replace(back, destination=NEW_LEFT)


@pytest.mark.parametrize("esn", [False, True], ids=["noesn", "esn"])
@pytest.mark.parametrize("suite", [GCM, CBC_SHA256], ids=["gcm", "cbc"])
def test_a_moved_sa_keeps_its_sequence_number_and_counters(pair: Pair, suite: Suite, esn: bool):
    tunnel = pair.connect(suite, esn=esn)
    assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, count=3)
    before = pair.left.datapath.usage(tunnel.out.id)
    out, back = move_left(pair, tunnel.out, tunnel.back)
    assert before is not None
    after = pair.left.datapath.usage(out.id)
    assert after is not None
    assert (after.bytes, after.packets) == (before.bytes, before.packets)
    with pair.sniff("esp") as esp:
        assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, count=2)
        packets = esp.packets()
    assert [int.from_bytes(p[24:28], "big") for p in packets] == [4, 5]
    assert [p[12:16] for p in packets] == [bytes([192, 0, 2, 101])] * 2
    assert pair.left.datapath.usage(tunnel.back.id) is None
    received = pair.left.datapath.usage(back.id)
    assert received is not None
    assert (received.packets, received.replay_drops) == (5, 0)


def test_a_replay_window_survives_the_move(pair: Pair):
    tunnel = pair.connect(CBC_SHA256)
    with pair.sniff("esp") as esp:
        assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, count=3)
        packets = esp.packets()
    out, _ = move_left(pair, tunnel.out, tunnel.back)
    pair.left.send_again(packets)
    pair.right.wait_for_usage(out.id, packets=3, replay_drops=3)


def test_no_sequence_number_is_used_twice_by_a_move_under_load(pair: Pair):
    """With a counter mode a second use of a sequence number would mean a second use of an IV."""
    tunnel = pair.connect()
    pair.left.ns.add_address("eth0", f"{NEW_LEFT}/24")
    with pair.sniff("esp") as esp:
        ping = flood(pair, 2000)
        for turn in range(1, 21):
            pair.left.move(tunnel.out.id, NEW_LEFT if turn % 2 else LEFT, RIGHT)
        sent, _ = lost(ping)
        numbers = [int.from_bytes(p[24:28], "big") for p in esp.packets()]
    assert sent == 2000
    assert len(numbers) > 1000
    assert len(numbers) == len(set(numbers))


def test_a_move_behind_a_nat_turns_on_encapsulation(pair: Pair):
    sockets = [pair.left.ike_socket(LEFT, 4500, nat_t=True), pair.right.ike_socket(RIGHT, 4500, nat_t=True)]
    tunnel = pair.connect()
    for gateway in (pair.left, pair.right):
        gateway.move(tunnel.out.id, LEFT, RIGHT, UdpEncap(4500, 4500))
        gateway.move(tunnel.back.id, RIGHT, LEFT, UdpEncap(4500, 4500))
    with pair.sniff("udp") as udp:
        assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, count=2)
        assert len(udp.packets()) >= 2
    for sock in sockets:
        sock.close()


def test_an_sa_that_is_gone_cannot_be_moved(pair: Pair):
    tunnel = pair.connect()
    pair.left.xfrm("state", "flush")
    with pytest.raises(DatapathError, match=r"cannot move ESP SA 00001000 .*ESRCH"):
        pair.left.move(tunnel.out.id, NEW_LEFT, RIGHT)


def rekey(pair: Pair, old: Tunnel, spi: int) -> Tunnel:
    """In the order in which IKE does it, `left` being the initiator."""
    new = pair.tunnel(spi=spi)
    new_on_right = new.on_right()
    pair.right.datapath.install_sa(new_on_right[0])  # the responder is ready to receive before it answers
    for sa in new.on_left():
        pair.left.datapath.install_sa(sa)
    pair.right.datapath.install_sa(new_on_right[1])
    time.sleep(0.05)  # what is on its way may use the old SA
    for gateway in (pair.left, pair.right):
        gateway.datapath.delete_sa(old.out.id)
        gateway.datapath.delete_sa(old.back.id)
    return new


def test_rekeying_under_a_ping_flood_loses_nothing(pair: Pair):
    tunnel = pair.connect()
    ping = flood(pair, 5000)
    rekeyed = 0
    while ping.poll() is None:
        rekeyed += 1
        tunnel = rekey(pair, tunnel, spi=0x1000 + 0x100 * rekeyed)
    assert lost(ping) == (5000, 0)
    assert rekeyed >= 3


def test_policies_are_replaced_under_a_ping_flood_without_loss(pair: Pair):
    pair.connect()
    ping = flood(pair, 3000)
    for owner in range(2, 30):
        pair.protect("10.1.0.0/16", "10.2.0.0/16", owner=owner)
        for gateway in (pair.left, pair.right):
            gateway.datapath.delete_policies(owner - 1)
    assert lost(ping) == (3000, 0)


def test_stop_removes_ours_and_nothing_else(pair: Pair):
    pair.left.xfrm("state", "add", *FOREIGN_STATE.replace("0x1000", "0x9999").split(), *FOREIGN_ALGORITHM)
    pair.left.xfrm("policy", "add", *FOREIGN_POLICY.replace("10.2", "10.9").split(), *FOREIGN_TEMPLATE.split())
    state, policy = pair.left.xfrm("state"), pair.left.xfrm("policy")
    pair.connect()
    pair.protect("fd00:1::/64", "fd00:2::/64", owner=2)
    assert pair.left.xfrm("state") != state
    pair.left.datapath.stop()
    assert pair.left.xfrm("state") == state
    assert pair.left.xfrm("policy") == policy
    assert pair.left.ns.run("ip", "route", "show", "table", "220", check=False).stdout == ""
    assert "220" not in pair.left.ns.run("ip", "rule").stdout


def test_a_foreign_sa_of_the_same_name_stays(pair: Pair):
    add_foreign(pair.left)
    before = pair.left.xfrm("state"), pair.left.xfrm("policy")
    tunnel = pair.tunnel()
    with pytest.raises(DatapathError, match=r"cannot install ESP SA 00001000 .*another program .*EEXIST"):
        pair.left.datapath.install_sa(tunnel.out)
    pair.left.datapath.delete_sa(tunnel.out.id)
    assert pair.left.datapath.usage(tunnel.out.id) is None
    with pytest.raises(DatapathError, match="there is no SA"):
        pair.left.move(tunnel.out.id, NEW_LEFT, RIGHT)
    assert (pair.left.xfrm("state"), pair.left.xfrm("policy")) == before


def test_a_foreign_policy_of_the_same_selectors_stays(pair: Pair):
    add_foreign(pair.left)
    before = pair.left.xfrm("policy")
    with pytest.raises(DatapathError, match=r"cannot install the policy out .*another program .*EEXIST"):
        pair.protect("10.1.0.0/16", "10.2.0.0/16")
    pair.left.datapath.delete_policies(1)
    assert pair.left.xfrm("policy") == before


def test_an_sa_that_somebody_else_removed_can_be_deleted(pair: Pair):
    tunnel = pair.connect()
    pair.left.xfrm("state", "flush")
    pair.left.xfrm("policy", "flush")
    pair.left.datapath.delete_sa(tunnel.out.id)
    pair.left.datapath.delete_policies(1)


KILLED_ENGINE = """
    import pathlib, sys, time
    from tests.engine.kernel.inside.gateways import Host, Pair, ts, LEFT, RIGHT
    from ikeengine.datapath.xfrm import XfrmDatapath
    from ikeengine.model.sa import PolicyAction, PolicySet

    datapath = XfrmDatapath(journal=pathlib.Path(sys.argv[1]))
    datapath.start(Host())
    for sa in Pair.tunnel(None).on_left():
        datapath.install_sa(sa)
    here, there = (ts("10.1.0.0/16"),), (ts("10.2.0.0/16"),)
    datapath.install_policies(PolicySet(1, PolicyAction.PROTECT, here, there, reqid=1, local=LEFT, remote=RIGHT))
    print("installed", flush=True)
    time.sleep(600)
"""


def start_doomed_engine(pair: Pair, journal: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(KILLED_ENGINE), str(journal)]
    engine = pair.left.ns.popen(*command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    assert engine.stdout is not None
    assert engine.stdout.readline() == "installed\n"
    return engine


def test_what_a_killed_engine_left_behind_is_removed(pair: Pair, tmp_path: Path):
    pair.left.xfrm("state", "add", *FOREIGN_STATE.replace("0x1000", "0x9999").split(), *FOREIGN_ALGORITHM)
    before = pair.left.xfrm("state"), pair.left.xfrm("policy"), pair.left.ns.run("ip", "rule").stdout
    engine = start_doomed_engine(pair, tmp_path / "journal")
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    assert "0x00001000" in pair.left.xfrm("state")
    assert "lookup 220" in pair.left.ns.run("ip", "rule").stdout
    pair.left.start(journal=tmp_path / "journal")
    after = pair.left.xfrm("state"), pair.left.xfrm("policy"), pair.left.ns.run("ip", "rule").stdout
    assert after == before
    pair.connect()
    assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE)
    pair.left.datapath.stop()
    assert not (tmp_path / "journal").exists()


def test_names_that_others_took_over_from_a_killed_engine_stay(pair: Pair, tmp_path: Path):
    engine = start_doomed_engine(pair, tmp_path / "journal")
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    pair.left.xfrm("state", "flush")
    pair.left.xfrm("policy", "flush")
    add_foreign(pair.left)
    before = pair.left.xfrm("state"), pair.left.xfrm("policy")
    pair.left.start(journal=tmp_path / "journal")
    assert (pair.left.xfrm("state"), pair.left.xfrm("policy")) == before


def test_two_engines_cannot_share_a_journal(pair: Pair, tmp_path: Path):
    engine = start_doomed_engine(pair, tmp_path / "journal")
    second = XfrmDatapath(journal=tmp_path / "journal")
    with pair.left.ns.entered(), pytest.raises(DatapathError, match="another engine is using it"):
        second.start(pair.left.host)
    assert "0x00001000" in pair.left.xfrm("state")
    engine.kill()
