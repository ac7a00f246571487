"""What operators and configurations want: actions, traps, uniqueness, reloads, lifetimes, NATs, failing datapaths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ikeengine.ikev2.exchanges import create_child
from ikeengine.model.commands import Acquire, Initiate, Rekey, SaExpired, Shutdown, Terminate
from ikeengine.model.connection import Action, Mode, Unique
from ikeengine.model.failure import Alert, Side
from ikeengine.model.path import Path
from ikeengine.model.sa import Direction, PolicyAction
from ikeengine.negotiate.proposals import parse_esp
from ikeengine.negotiate.selectors import format_selector, parse_selector
from ikeengine.outputs import (
    AskConfirmation,
    ChildRekeyed,
    ChildUpdown,
    DeleteSa,
    IkeUpdown,
    InstallPolicies,
    InstallSa,
    LogLine,
    Output,
    Transmit,
    UpdateSa,
)
from ikeengine.sa.context import LAST_CONFIGURED_REQID
from tests.engine.pair.test_soak import leftovers
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import ESP, LEFT, RIGHT, connection, psk_pair


def up(**changes: object) -> tuple[Net, Host, Host]:
    net, left, right = psk_pair(**changes)
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def silence(net: Net) -> None:
    """The network is down."""
    net.rewrite = lambda datagram: None


def repair(net: Net) -> None:
    net.rewrite = lambda datagram: datagram


def reload(net: Net, host: Host, **changes: object) -> None:
    """Change the only connection of a host; `child_` for its child `net`."""
    ((_, config),) = host.endpoint.connections.items()
    child_changes = {key[6:]: value for key, value in changes.items() if key.startswith("child_")}
    if child_changes:
        config = replace(config, children={"net": replace(config.children["net"], **child_changes)})
    config = replace(config, **{key: value for key, value in changes.items() if not key.startswith("child_")})
    host.endpoint.load_connection(config, net.now)
    net.pump(host)


def ike_down(host: Host) -> list[IkeUpdown]:
    return [event for event in host.events(IkeUpdown) if not event.up]


# --- selectors, modes, children -------------------------------------------------------------------------------


def test_narrowing() -> None:
    net, left, right = psk_pair(
        left={"child_remote_ts": (parse_selector("10.0.0.0/8"),)},
        right={"child_remote_ts": (parse_selector("10.1.0.0/25"), parse_selector("10.1.0.192/26"))},
    )
    assert net.initiate(left).ok
    (pair,) = installed_pairs(left, right)
    assert [format_selector(ts) for ts in pair[0].local_ts] == ["10.1.0.0/25", "10.1.0.192/26"]
    assert [format_selector(ts) for ts in pair[0].remote_ts] == ["10.2.0.0/24"]
    assert pair[0].local_ts == pair[1].remote_ts
    assert pair[0].remote_ts == pair[1].local_ts


def test_nothing_in_common() -> None:
    net, left, right = psk_pair(right={"child_local_ts": (parse_selector("10.9.0.0/24"),)})
    done = net.initiate(left)
    assert not done.ok
    assert done.record.alert is Alert.TS_MISMATCH
    assert done.record.side is Side.PEER
    theirs = right.failures()[0]
    assert theirs.side is Side.LOCAL
    assert theirs.offered == ("10.1.0.0/24 === 10.2.0.0/24",)
    assert theirs.accepted == ("net: 10.9.0.0/24 === 10.1.0.0/24",)
    assert len(left.ikes()) == len(right.ikes()) == 1, "the IKE SA is established all the same (section 1.2)"


def test_no_common_esp_proposal_speaks_of_no_pfs() -> None:
    net, left, right = psk_pair(
        left={"child_esp_proposals": (parse_esp("aes256-sha512-ecp384"),)},
        right={"child_esp_proposals": (parse_esp("aes256-sha256-x25519"),)},
    )
    done = net.initiate(left)
    assert done.record.alert is Alert.PROPOSAL_MISMATCH_CHILD
    assert "integrity" in right.failures()[0].nearest
    assert "key exchange" not in right.failures()[0].nearest, "there is no PFS in IKE_AUTH"


@pytest.mark.parametrize("responder", [Mode.TRANSPORT, Mode.TUNNEL])
def test_transport_mode(responder: Mode) -> None:
    hosts = {"child_local_ts": (parse_selector("dynamic"),), "child_remote_ts": (parse_selector("dynamic"),)}
    net, left, right = psk_pair(left={**hosts, "child_mode": Mode.TRANSPORT}, right={**hosts, "child_mode": responder})
    assert net.initiate(left).ok
    (pair,) = installed_pairs(left, right)
    assert pair[0].mode is pair[1].mode is responder
    op = net.command(right, Rekey(child="net"))
    net.settle()
    assert net.done(right, op).ok
    (pair,) = installed_pairs(left, right)
    assert pair[0].mode is pair[1].mode is responder


def test_several_children_share_the_ike_sa() -> None:
    net, left, right = psk_pair()
    for host, nets in ((left, ("10.1.1.0/24", "10.2.1.0/24")), (right, ("10.2.1.0/24", "10.1.1.0/24"))):
        ((_, config),) = host.endpoint.connections.items()
        second = replace(
            config.children["net"],
            name="second",
            local_ts=(parse_selector(nets[0]),),
            remote_ts=(parse_selector(nets[1]),),
        )
        reload(net, host, children={**config.children, "second": second})
    ops = [net.command(left, Initiate(child=child)) for child in ("net", "second")]
    net.settle()
    assert all(net.done(left, op).ok for op in ops)
    assert len(left.endpoint.status()) == 1
    assert sorted(pair[1].name for pair in installed_pairs(left, right)) == ["net", "second"]
    reqids = {child.reqid for child in left.children()}
    assert len(reqids) == 2
    assert min(reqids) > LAST_CONFIGURED_REQID


def test_childless() -> None:
    net, left, _right = psk_pair()
    op = net.command(left, Initiate(ike="left"))
    net.settle()
    assert net.done(left, op).ok
    assert not left.sas
    op = net.command(left, Initiate(ike="left"))
    assert net.done(left, op).ok, "it is up already"
    assert net.initiate(left).ok
    assert len(left.ikes()) == 1


def test_childless_peer_wanted() -> None:
    net, left, _right = psk_pair()

    def strip(datagram: Transmit) -> Transmit:
        return datagram

    net.rewrite = strip
    op = net.command(left, Initiate(ike="left"))
    while not (sa := next(iter(left.endpoint._ctx.table))).handshake:
        net.step()
    from ikeengine.ikev2.exchanges import ike_sa_init

    read = ike_sa_init._read_extensions

    def without(ctx, handshake: object, message: object) -> None:
        read(ctx, handshake, message)  # type: ignore[arg-type]
        handshake.peer_is_childless = False  # type: ignore[attr-defined]

    ike_sa_init._read_extensions = without  # type: ignore[assignment]
    try:
        net.settle()
    finally:
        ike_sa_init._read_extensions = read
    done = net.done(left, op)
    assert not done.ok
    assert "CHILDLESS" in done.reason
    assert sa.state.value == "closed"


def test_own_reqid_and_unknown_names() -> None:
    net, left, _right = psk_pair(left={"child_reqid": 7})
    assert net.initiate(left).ok
    assert left.children()[0].reqid == 7
    for command, words in (
        (Initiate(child="nix"), "left/net"),
        (Initiate(ike="nix"), "nix"),
        (Initiate(ike="left", child="nix"), "nix"),
        (Terminate(child="nix"), "no SA"),
        (Terminate(), "no SA"),
        (Terminate(ike_id=99), "no SA"),
        (Terminate(child_id=99), "no SA"),
        (Rekey(ike="right"), "no SA"),
        (Initiate(), "configured"),
    ):
        done = net.done(left, net.command(left, command))
        assert not done.ok
        assert words in done.reason


def test_initiating_to_anybody_is_refused_with_the_reason() -> None:
    net, left, _right = psk_pair(left={"remote_addrs": ("%any",)})
    done = net.initiate(left)
    assert not done.ok
    assert "remote_addrs" in done.reason


def test_commands_by_number() -> None:
    net, left, right = up()
    (ike,), (child,) = left.ikes(), left.children()
    op = net.command(left, Rekey(child_id=child.unique_id))
    net.settle(10)
    assert net.done(left, op).ok
    op = net.command(left, Rekey(ike_id=ike.unique_id))
    net.settle(10)
    assert net.done(left, op).ok
    (ike,), (child,) = left.ikes(), left.children()
    op = net.command(left, Terminate(child_id=child.unique_id, force=True))
    assert net.done(left, op).ok
    net.settle(10)
    assert not left.sas
    op = net.command(left, Terminate(ike_id=ike.unique_id, force=True))
    assert net.done(left, op).ok
    net.settle(10)
    assert not right.endpoint.status(), "even in a hurry the peer is told once"


# --- starting, closing, dying ---------------------------------------------------------------------------------


def test_start_action_start_and_keyingtries() -> None:
    """`keyingtries: 0` goes on for ever, also after the peer said no; but with a pause."""
    net, left, right = (
        psk_pair(
            left={"child_start_action": Action.START, "keyingtries": 0},
            right={"child_esp_proposals": (ESP,), "remote": ()},
        )
        if False
        else psk_pair(left={"child_start_action": Action.START, "keyingtries": 0})
    )
    right.endpoint.credentials.remove_shared("psk")
    net.run(100)
    assert not left.ikes()
    attempts = len(left.failures())
    assert 3 <= attempts <= 11
    from ikeengine.model.credentials import SharedKey
    from tests.engine.support.site import PSK

    right.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    net.run(60)
    assert traffic_flows(left, right)


def test_start_action_start_gives_up_after_keyingtries() -> None:
    net, left, right = psk_pair(left={"child_start_action": Action.START, "keyingtries": 2})
    right.endpoint.credentials.remove_shared("psk")
    net.run(300)
    assert len(left.failures()) == 2
    assert not leftovers(left)


@pytest.mark.parametrize("action", [Action.CLEAR, Action.RESTART, Action.TRAP])
def test_dpd(action: Action) -> None:
    """The peer is gone: after the last retransmission the SAs go, and `dpd_action` says what happens then."""
    net, left, right = up(left={"dpd_delay": 30.0, "child_dpd_action": action, "keyingtries": 0})
    silence(net)
    net.run(30 + 160)
    assert traffic_flows(left, right), "not given up yet"
    net.run(30)
    record = left.failures()[-1]
    assert record.alert in (Alert.RETRANSMIT_SEND_TIMEOUT, Alert.PEER_INIT_UNREACHABLE)
    assert record.side is Side.NETWORK
    assert not left.sas
    assert len(ike_down(left)) == 1
    assert len(left.endpoint.status()) == (1 if action is Action.RESTART else 0)
    traps = [policies for policies in left.policies.values() if policies.action is PolicyAction.TRAP]
    assert len(traps) == (1 if action is Action.TRAP else 0)
    repair(net)
    if traps:
        net.command(left, Acquire(owner=traps[0].owner))
    net.run(200)
    assert len(list(installed_pairs(left, right))) == (0 if action is Action.CLEAR else 1)


def test_dpd_hears_any_message() -> None:
    """Liveness is asked for only after `dpd_delay` without any message of the peer (section 2.4)."""
    net, _left, _right = up(left={"dpd_delay": 30.0}, right={"dpd_delay": 20.0})
    begin = len(net.sent)
    net.run(200)
    asked = [d for _, d in net.sent[begin:] if d.path.local == LEFT and not d.data[19] & 0x20]
    assert not asked, "the questions of the right side are sign of life enough"


@pytest.mark.parametrize("action", [Action.NONE, Action.START, Action.TRAP, Action.TRAP_START])
@pytest.mark.parametrize("whole", [True, False])
def test_close_action(action: Action, whole: bool) -> None:
    net, left, right = up(left={"child_close_action": action})
    net.command(right, Terminate(ike="right") if whole else Terminate(child="net"))
    net.settle(10)
    again = action in (Action.START, Action.TRAP_START)
    assert len(list(installed_pairs(left, right))) == (1 if again else 0)
    traps = [policies for policies in left.policies.values() if policies.action is PolicyAction.TRAP]
    assert len(traps) == (1 if action in (Action.TRAP, Action.TRAP_START) else 0)


def test_trap() -> None:
    """The first packet brings the Child SA up; more of them do not bring up more."""
    net, left, right = psk_pair(left={"child_start_action": Action.TRAP, "child_dpd_action": Action.TRAP})
    (trap,) = left.policies.values()
    assert trap.action is PolicyAction.TRAP
    assert (trap.local, trap.remote) == (LEFT, RIGHT)
    for acquire in (Acquire(owner=trap.owner), Acquire(owner=0, reqid=trap.reqid), Acquire(owner=trap.owner)):
        assert net.done(left, net.command(left, acquire)).ok
    assert not net.done(left, net.command(left, Acquire(owner=12345))).ok
    net.settle()
    assert len(list(installed_pairs(left, right))) == 1
    assert left.children()[0].reqid == trap.reqid
    net.command(left, Terminate(ike="left"))
    net.settle()
    assert list(left.policies.values()) == [trap], "the trap stays"
    left.endpoint.unload_connection("left", net.now)
    net.pump(left)
    assert not leftovers(left)


def test_trap_without_a_way_to_the_peer() -> None:
    net = Net()
    left = net.add(LEFT)
    carry_out = net._carry_out
    answers: list[object] = ["no such host", "no such host"]

    def unresolved(host: Host, output: Output) -> None:
        from ikeengine.outputs import AskPath

        if isinstance(output, AskPath) and answers:
            host.endpoint.complete(output.op, answers.pop(), net.now)
        else:
            carry_out(host, output)

    net._carry_out = unresolved  # type: ignore[method-assign, assignment]
    config = connection(
        "left", RIGHT, "a.example.com", "b.example.com", ("10.1.0.0/24", "10.2.0.0/24"), child_start_action=Action.TRAP
    )
    left.endpoint.load_connection(config, net.now)
    net.pump(left)
    assert not left.policies
    net.run(25)
    assert len(left.policies) == 1
    anybody = replace(config, name="any", remote_addrs=("%any",))
    left.endpoint.load_connection(anybody, net.now)
    net.pump(left)
    assert len(left.policies) == 1
    assert any("remote_addrs" in line.text for line in left.events(LogLine))


@pytest.mark.parametrize(("mode", "action"), [(Mode.PASS, PolicyAction.PASS), (Mode.DROP, PolicyAction.DROP)])
def test_shunts(mode: Mode, action: PolicyAction) -> None:
    """`mode: pass` and `drop` are policies and nothing else."""
    net, left, _ = psk_pair(left={"child_mode": mode, "child_start_action": Action.TRAP, "remote_addrs": ("%any",)})
    (policies,) = left.policies.values()
    assert (policies.action, policies.local, policies.reqid) == (action, "", 0)
    left.endpoint.unload_connection("left", net.now)
    net.pump(left)
    assert not leftovers(left)
    net, left, _right = psk_pair(left={"child_mode": mode})
    assert net.initiate(left).ok
    assert [p.action for p in left.policies.values()] == [action]
    assert not net.done(left, net.command(left, Acquire(owner=0, reqid=5))).ok


def test_trap_policy_that_the_datapath_refuses() -> None:
    net, left, _right = psk_pair()
    left.refuse = lambda output: "no policies here" if isinstance(output, InstallPolicies) else ""
    reload(net, left, child_start_action=Action.TRAP)
    record = left.failures()[-1]
    assert (record.alert, record.child) == (Alert.INSTALL_CHILD_POLICY_FAILED, "net")
    assert "no policies here" in record.reason
    left.refuse = lambda output: ""
    net.run(15)
    assert [policies.action for policies in left.policies.values()] == [PolicyAction.TRAP], "it is tried again"


# --- uniqueness -----------------------------------------------------------------------------------------------


def test_initial_contact_after_a_crash() -> None:
    """A peer that has lost its memory says so, once it is authenticated; its old SAs go at once."""
    net, _left, right = up()
    fresh = Net()
    fresh, reborn, _ = psk_pair(fresh)
    net.hosts[LEFT] = reborn
    reborn.endpoint._ctx.rng = __import__("ikeengine.crypto.rng", fromlist=["SeededRng"]).SeededRng("reborn")
    assert net.initiate(reborn).ok
    net.run(20)
    assert len(right.ikes()) == 1
    assert len(right.sas) == 2
    assert traffic_flows(reborn, right)
    assert len(ike_down(right)) == 1, "the operator hears of it"


def test_r05_initial_contact_of_another_identity_harms_nobody() -> None:
    net, left, right = up()
    other = connection("other", RIGHT, "other.example.com", "right.example.com", ("10.3.0.0/24", "10.2.0.0/24"))
    mallory = net.add("192.0.2.66")
    from ikeengine.model.credentials import SharedKey
    from tests.engine.support.site import PSK

    mallory.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    mallory.endpoint.load_connection(other, net.now)
    accept = connection("mallory", "%any", "right.example.com", "other.example.com", ("10.2.0.0/24", "10.3.0.0/24"))
    right.endpoint.load_connection(accept, net.now)
    assert net.initiate(mallory).ok
    net.run(20)
    assert len(right.ikes()) == 2
    assert len(list(installed_pairs(left, right))) == 1


@pytest.mark.parametrize(
    ("unique", "ikes", "ok"),
    [(Unique.NO, 2, True), (Unique.NEVER, 2, True), (Unique.REPLACE, 1, True), (Unique.KEEP, 1, False)],
)
def test_unique(unique: Unique, ikes: int, ok: bool) -> None:
    net = Net()
    net, left, right = psk_pair(net, right={"unique": unique})
    left.endpoint._ctx.settings = replace(left.endpoint._ctx.settings, reuse_ikesa=False)
    assert net.initiate(left).ok
    net.run(60)
    op = net.command(left, Initiate(child="net"))
    net.run(60)
    assert net.done(left, op).ok == ok
    assert len(right.ikes()) == len(left.ikes()) == ikes
    assert traffic_flows(left, right)
    if not ok:
        assert right.failures()[0].alert is Alert.UNIQUE_KEEP


@pytest.mark.parametrize("seed", range(4))
def test_both_replace_and_both_initiate(seed: int) -> None:
    """Each side would close the other's IKE SA, and then there would be none: both must choose the same."""
    net, left, right = psk_pair(Net(seed, jitter=0.05), unique=Unique.REPLACE)
    for host in (left, right):
        net.command(host, Initiate(child="net"))
        net.run(0.005 * seed)
    net.run(200)
    assert len(left.ikes()) == len(right.ikes()) == 1
    assert len(list(installed_pairs(left, right))) == 1
    assert traffic_flows(left, right)


def test_r05_late_initial_contact() -> None:
    """Both initiate, and one IKE_AUTH request with INITIAL_CONTACT comes late: it was said in ignorance."""
    net, left, right = psk_pair()
    delayed = []

    def delay(datagram: Transmit) -> float:
        if datagram.data[18] == 35 and datagram.path.local == LEFT and not delayed:
            delayed.append(datagram)
            return 1.0
        return 0.0

    net.delay = delay
    for host in (left, right):
        net.command(host, Initiate(child="net"))
    net.run(20)
    assert len(left.ikes()) == len(right.ikes()) == 2
    assert traffic_flows(left, right)


# --- reloading ------------------------------------------------------------------------------------------------


def test_unchanged_connection_is_not_touched() -> None:
    net, left, _right = up()
    before = len(left.log)
    reload(net, left)
    assert len(left.log) == before


def test_changed_child_only() -> None:
    net, left, right = up(left={"child_start_action": Action.START})
    ike = left.ikes()[0].unique_id
    old = left.children()[0].spi_in
    reload(net, left, child_replay_window=128)
    net.settle()
    assert left.ikes()[0].unique_id == ike
    (pair,) = installed_pairs(left, right)
    assert pair[0].spi_in != old
    net.run(30)
    assert all(sa.replay_window == 128 for sa in left.sas.values()), "the old ones linger, and go"
    reload(net, left, children={})
    net.settle()
    assert not left.sas
    assert left.ikes()[0].unique_id == ike


@pytest.mark.parametrize("busy", [Rekey(child="net"), Rekey(ike="left")])
def test_child_that_changes_while_it_is_rekeyed(busy: Rekey) -> None:
    """Neither the old configuration nor the old Child SA survives."""
    net, left, right = up(left={"child_start_action": Action.START})
    net.command(left, busy)
    reload(net, left, child_replay_window=128)
    net.settle(30)
    assert len(list(installed_pairs(left, right))) == 1
    assert [sa.replay_window for sa in left.sas.values()] == [128, 128]


@pytest.mark.parametrize("steps", range(5))
def test_child_that_changes_while_it_comes_up(steps: int) -> None:
    net, left, right = psk_pair(left={"child_start_action": Action.START})
    op = net.command(left, Initiate(child="net"))
    for _ in range(steps):
        net.step()
    reload(net, left, child_replay_window=128)
    net.settle(30)
    assert net.done(left, op) is not None
    assert {sa.replay_window for sa in left.sas.values()} == {128}
    assert len(list(installed_pairs(left, right))) >= 1


@pytest.mark.parametrize("steps", range(5))
def test_child_that_is_removed_while_it_comes_up(steps: int) -> None:
    net, left, right = psk_pair()
    op = net.command(left, Initiate(child="net"))
    for _ in range(steps):
        net.step()
    reload(net, left, children={})
    net.settle(30)
    assert net.done(left, op) is not None
    assert not left.sas
    assert not right.sas


@pytest.mark.parametrize("steps", range(6))
def test_changed_ike_part_replaces_everything(steps: int) -> None:
    net, left, right = psk_pair(left={"child_start_action": Action.START})
    for _ in range(steps):
        net.step()
    reload(net, left, dpd_delay=33.0)
    net.run(60)
    assert len(left.ikes()) == len(right.ikes()) == 1
    assert len(list(installed_pairs(left, right))) == 1
    (sa,) = left.endpoint._ctx.table
    assert sa.connection.dpd_delay == 33.0


def test_unload_and_shutdown() -> None:
    net, left, right = up(left={"child_start_action": Action.TRAP})
    left.endpoint.unload_connection("left", net.now)
    left.endpoint.unload_connection("left", net.now)
    net.pump(left)
    net.settle()
    assert not leftovers(left)
    assert not leftovers(right)
    net, left, right = up(left={"child_start_action": Action.TRAP}, right={"child_close_action": Action.START})
    op = net.command(left, Shutdown())
    net.settle()
    assert net.done(left, op).ok
    assert not left.endpoint.status()
    assert not left.policies
    op = net.command(left, Shutdown())
    assert net.done(left, op).ok
    assert not net.done(left, net.command(left, Initiate(child="net"))).ok


# --- lifetimes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.CLEAR, Action.RESTART])
def test_r09_ike_lifetime_is_over(action: Action) -> None:
    """When the peer refuses every rekeying, the IKE SA ends at rekey_time + over_time."""
    net, left, right = up(
        left={"rekey_time": 100.0, "rand_time": 0.0, "over_time": 50.0, "child_dpd_action": action},
        right={"rekey_time": 0.0},
    )
    from ikeengine.ikev2.exchanges import rekey_ike
    from ikeengine.registry import NotifyType
    from ikeengine.wire.payloads import Notify

    respond = rekey_ike.respond
    rekey_ike.respond = lambda ctx, sa, message: [Notify(NotifyType.NO_PROPOSAL_CHOSEN)]  # type: ignore[assignment]
    try:
        net.run(140)
        assert len(left.ikes()) == 1
        refusals = [record for record in left.failures() if record.alert is Alert.PROPOSAL_MISMATCH_IKE]
        assert len(refusals) > 2
        net.run(15)
    finally:
        rekey_ike.respond = respond
    assert len(list(installed_pairs(left, right))) == (1 if action is Action.RESTART else 0)
    assert len(ike_down(left)) == 1


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("direction", [Direction.IN, Direction.OUT])
def test_r09_volume_limits(hard: bool, direction: Direction) -> None:
    net, left, right = up()
    before = left.children()[0].spi_in
    expired = next(sa.id for sa in left.sas.values() if sa.direction is direction)
    for _ in range(3):
        net.command(left, SaExpired(expired, hard))
    net.settle(30)
    (pair,) = installed_pairs(left, right)
    assert pair[0].spi_in != before
    assert len(left.events(ChildRekeyed)) == (0 if hard else 1)
    assert len(left.sas) == 2
    net.command(left, SaExpired(expired, hard))
    net.settle(10)
    assert next(iter(installed_pairs(left, right)))[0].spi_in == pair[0].spi_in, "that SA is long gone"


# --- NAT ------------------------------------------------------------------------------------------------------

OUTSIDE = "203.0.113.5"


class Nat:
    """A NAT in front of the left host."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.offset = 10000
        net.rewrite = self.rewrite
        net.hosts[OUTSIDE] = self.host = net.hosts[LEFT]

    def rewrite(self, datagram: Transmit) -> Transmit:
        path = datagram.path
        if path.local == LEFT:
            return replace(datagram, path=Path(OUTSIDE, path.local_port + self.offset, path.remote, path.remote_port))
        if path.remote == OUTSIDE:
            inner = path.remote_port - self.offset
            return replace(datagram, path=Path(path.local, path.local_port, LEFT, inner))
        return datagram


def behind_nat(**changes: object) -> tuple[Net, Host, Host, Nat]:
    net, left, right = psk_pair(**{"right": {"remote_addrs": ("%any",)}, **changes})
    nat = Nat(net)
    del net.hosts[OUTSIDE]
    assert net.initiate(left).ok
    net.settle()
    return net, left, right, nat


def test_nat_is_found_and_everything_floats() -> None:
    _net, left, right, _ = behind_nat()
    (ours,), (theirs,) = left.ikes(), right.ikes()
    assert (ours.nat_local, ours.nat_remote) == (True, False)
    assert (theirs.nat_local, theirs.nat_remote) == (False, True)
    assert ours.path == Path(LEFT, 4500, RIGHT, 4500)
    assert theirs.path == Path(RIGHT, 4500, OUTSIDE, 14500)
    for sa in right.sas.values():
        ports = (sa.encap.source_port, sa.encap.destination_port)
        assert ports == ((14500, 4500) if sa.direction is Direction.IN else (4500, 14500))
    assert traffic_flows(left, right)


def test_keepalives_come_from_behind_the_nat_only() -> None:
    net, left, _right, _ = behind_nat()
    before = len(net.sent)
    net.run(100)
    keepalives = [d for _, d in net.sent[before:] if d.keepalive]
    assert len(keepalives) == 5
    assert {d.path.local for d in keepalives} == {LEFT}
    assert {d.data for d in keepalives} == {b"\xff"}
    net.command(left, Rekey(ike="left"))
    net.settle()
    before = len(net.sent)
    net.run(100)
    assert len([d for _, d in net.sent[before:] if d.keepalive]) == 5, "the new IKE SA goes on with it"


def test_nat_rebinding() -> None:
    """R07. An authentic message from elsewhere moves the SAs; an unprotected or an old one does not."""
    net, left, right, nat = behind_nat(mobike=False)
    old_request = next(d.data for _, d in net.sent if d.path.local == LEFT and d.data[18] == 35)
    right.endpoint.receive_datagram(old_request, Path(RIGHT, 4500, "198.51.100.66", 4500), net.now)
    broken = old_request[:-1] + bytes([old_request[-1] ^ 1])
    right.endpoint.receive_datagram(broken, Path(RIGHT, 4500, "198.51.100.66", 4500), net.now)
    net.pump(right)
    assert right.ikes()[0].path.remote == OUTSIDE
    assert not right.events(UpdateSa)
    nat.offset = 20000
    op = net.command(left, Rekey(child="net"))
    net.settle(10)
    assert net.done(left, op).ok
    assert right.ikes()[0].path == Path(RIGHT, 4500, OUTSIDE, 24500)
    assert len(right.events(UpdateSa)) == 2
    assert {sa.encap.destination_port for sa in right.sas.values() if sa.direction is Direction.OUT} == {24500}
    assert not left.events(UpdateSa)


def test_no_rebinding_without_a_nat() -> None:
    net, left, right = up()
    net.rewrite = lambda d: replace(d, path=d.path._replace(local_port=777)) if d.path.local == LEFT else d
    net.command(left, Rekey(child="net"))
    net.settle()
    assert right.ikes()[0].path.remote_port == 4500


@pytest.mark.parametrize("who", ["left", "right"])
def test_encap_without_a_nat(who: str) -> None:
    """`encap: yes` makes the peer believe in a NAT; both sides must then encapsulate."""
    net, left, right = psk_pair(**{who: {"encap": True}})
    assert net.initiate(left).ok
    for host in (left, right):
        assert all(sa.encap is not None for sa in host.sas.values())
        assert host.ikes()[0].path[1::2] == (4500, 4500)
    faked = left if who == "left" else right
    assert faked.ikes()[0].nat_fake
    assert not faked.ikes()[0].nat_local
    net.command(left, Rekey(ike="left"))
    net.settle()
    op = net.command(left, Rekey(child="net"))
    net.settle(10)
    assert net.done(left, op).ok
    assert all(sa.encap is not None for host in (left, right) for sa in host.sas.values())


# --- a datapath that does not want ----------------------------------------------------------------------------

Refuse = Callable[[Output], bool]
INSTALLS: dict[str, Refuse] = {
    "inbound": lambda o: isinstance(o, InstallSa) and o.sa.direction is Direction.IN,
    "outbound": lambda o: isinstance(o, InstallSa) and o.sa.direction is Direction.OUT,
    "policies": lambda o: isinstance(o, InstallPolicies),
    "all": lambda o: True,
}


@pytest.mark.parametrize("what", INSTALLS)
@pytest.mark.parametrize("who", [0, 1])
def test_r06_installation_fails(who: int, what: str) -> None:
    """Nothing stays installed, the peer is told with a Delete, and who waits gets the reason."""
    net, *hosts = psk_pair()
    hosts[who].refuse = lambda output: "no buffer space available" if INSTALLS[what](output) else ""
    done = net.initiate(hosts[0])
    net.run(60)
    if who == 0:
        assert not done.ok
        assert done.record.alert is Alert.INSTALL_CHILD_SA_FAILED
        assert "no buffer space" in done.reason
    assert len(hosts[who].failures()) == 1
    for host in hosts:
        assert not host.sas
        assert not host.policies
        assert not host.children()
        assert len(host.ikes()) == 1
    hosts[who].refuse = lambda output: ""
    assert net.initiate(hosts[0]).ok
    assert traffic_flows(*hosts)


@pytest.mark.parametrize("what", INSTALLS)
@pytest.mark.parametrize("who", [0, 1])
def test_r06_installation_fails_when_rekeying(who: int, what: str) -> None:
    """The tunnel comes back as soon as the datapath is well again."""
    net, *hosts = up()
    hosts[who].refuse = lambda output: "no buffer space available" if INSTALLS[what](output) else ""
    op = net.command(hosts[0], Rekey(child="net"))
    net.run(8)
    if who == 0:
        assert not net.done(hosts[0], op).ok
    hosts[who].refuse = lambda output: ""
    net.run(120)
    assert traffic_flows(*hosts)
    assert len(list(installed_pairs(*hosts))) == 1
    assert len(hosts[0].sas) == len(hosts[1].sas) == 2


def test_command_is_done_only_when_the_datapath_is() -> None:
    net, left, _right = psk_pair()
    pending: list[AskConfirmation] = []
    carry_out = net._carry_out

    def slow(host: Host, output: Output) -> None:
        if isinstance(output, AskConfirmation) and host is left:
            pending.append(output)
        else:
            carry_out(host, output)

    net._carry_out = slow  # type: ignore[method-assign, assignment]
    op = net.command(left, Initiate(child="net"))
    net.settle()
    assert net.done(left, op) is None
    last = [type(output) for output in left.log if isinstance(output, InstallSa | InstallPolicies | AskConfirmation)]
    assert last[-1] is AskConfirmation
    left.endpoint.complete(pending[0].op, None, net.now)
    net.pump(left)
    assert net.done(left, op).ok
    op = net.command(left, Initiate(child="net"))
    net.settle()
    net.command(left, Terminate(ike="left", force=True))
    done = net.done(left, op)
    assert not done.ok
    assert "closed" in done.reason
    left.endpoint.complete(pending[1].op, None, net.now)
    net.run(10)
    assert not leftovers(left)


def test_deleting_what_is_not_there_is_fine() -> None:
    _net, left, _right = up()
    events = list(left.events(DeleteSa))
    assert not events
    assert [event.up for event in left.events(ChildUpdown)] == [True]


# --- busy peers -----------------------------------------------------------------------------------------------


def busy_peer(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """The next so many requests for a Child SA are answered with TEMPORARY_FAILURE."""
    from ikeengine.registry import NotifyType
    from ikeengine.wire.payloads import Notify

    respond, asked = create_child.respond, []

    def busy(ctx: object, sa: object, message: object) -> list:
        asked.append(1)
        if len(asked) <= times:
            return [Notify(NotifyType.TEMPORARY_FAILURE)]
        return respond(ctx, sa, message)  # type: ignore[arg-type]

    monkeypatch.setattr(create_child, "respond", busy)
    return asked


@pytest.mark.parametrize(("times", "ok"), [(1, True), (5, True), (6, False), (100, False)])
def test_temporary_failure(monkeypatch: pytest.MonkeyPatch, times: int, ok: bool) -> None:
    net, left, _right = psk_pair()
    net.command(left, Initiate(ike="left"))
    net.settle()
    busy_peer(monkeypatch, times)
    op = net.command(left, Initiate(child="net"))
    net.run(100)
    assert net.done(left, op).ok == ok
    if not ok:
        assert "TEMPORARY_FAILURE" in net.done(left, op).reason


def test_temporary_failure_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    net, left, right = psk_pair()
    net.command(left, Initiate(ike="left"))
    net.settle()
    asked = busy_peer(monkeypatch, 20)
    reload(net, left, child_start_action=Action.START)
    net.run(2500)
    assert len(asked) == 21
    assert traffic_flows(left, right)
