"""IPComp and AH around ESP in the kernel: a state and a template for each; and what else a state may carry."""

from __future__ import annotations

import errno
import struct

import pytest

from ikeengine.datapath.netlink import NetlinkError, read_attributes
from ikeengine.datapath.xfrm.bundles import BundledAssociations
from ikeengine.datapath.xfrm.constants import XFRM_INF, Xfrma, XfrmDir, XfrmMode
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.datapath.xfrm.policy import USERPOLICY_INFO, policy_keys, write_policy
from ikeengine.datapath.xfrm.sad import SecurityAssociations
from ikeengine.datapath.xfrm.state import USERSA_INFO, write_state
from ikeengine.errors import DatapathError
from ikeengine.model.connection import TFC_PAD_TO_MTU, Mode
from ikeengine.model.sa import Direction, IpsecSa, Limits, OuterAh, SaId, UdpEncap
from ikeengine.model.secret import Secret
from ikeengine.registry import Protocol
from tests.engine.datapath.xfrm.fake_kernel import FakeEvents, FakeKernel, FakeSocket, set_counters
from tests.engine.datapath.xfrm.samples import LEFT, RIGHT, SHA256, cbc, protect, sa

CPI = 0x1234
AH_SPI = 0xA4000001
AROUND = OuterAh(AH_SPI, SHA256, Secret(b"A" * 32))
NEW_RIGHT = "192.0.2.202"
TEMPLATE_SIZE = 64


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def journal() -> Journal:
    return Journal(None)


@pytest.fixture
def database(kernel: FakeKernel, journal: Journal) -> BundledAssociations:
    states = SecurityAssociations(FakeSocket(kernel), journal, listen=lambda: FakeEvents(kernel, (3,)))
    return BundledAssociations(states)


def attributes(body: bytes) -> dict[int, bytes]:
    return read_attributes(body[USERSA_INFO.size :])


def mode(body: bytes) -> int:
    return int(USERSA_INFO.unpack_from(body)[23])


def test_two_states_for_one_sa(database: BundledAssociations, kernel: FakeKernel, journal: Journal):
    state = sa(0xC0FFEE01, cpi=CPI, encap=UdpEncap(4500, 4500), tfc_padding=500)
    database.install(state)
    compressing = kernel.states[SaId(Protocol.IPCOMP, RIGHT, CPI)]
    assert mode(compressing) == XfrmMode.TUNNEL
    assert attributes(compressing)[Xfrma.ALG_COMP].startswith(b"deflate\0")
    assert not attributes(compressing).keys() & {Xfrma.ENCAP, Xfrma.ALG_AEAD, Xfrma.TFCPAD}
    assert mode(kernel.states[state.id]) == XfrmMode.TRANSPORT
    assert Xfrma.ENCAP in attributes(kernel.states[state.id])
    assert Xfrma.TFCPAD not in attributes(kernel.states[state.id])
    assert state.id in database
    database.delete(state.id)
    assert not kernel.states
    assert not journal._entries


def test_ah_around_is_a_state_in_transport_mode(database: BundledAssociations, kernel: FakeKernel, journal: Journal):
    state = cbc(1, ah=AROUND, esn=True, tfc_padding=500, limits=Limits(soft_bytes=10, hard_bytes=20, hard_seconds=30))
    database.install(state)
    esp, around = kernel.states[state.id], kernel.states[SaId(Protocol.AH, RIGHT, AH_SPI)]
    assert list(kernel.states) == [state.id, SaId(Protocol.AH, RIGHT, AH_SPI)]
    assert (mode(esp), mode(around)) == (XfrmMode.TUNNEL, XfrmMode.TRANSPORT)
    assert attributes(around).keys() == {Xfrma.ALG_AUTH_TRUNC}
    assert AROUND.integ_key.reveal() in attributes(around)[Xfrma.ALG_AUTH_TRUNC]
    assert USERSA_INFO.unpack_from(around)[5:13] == (XFRM_INF,) * 4 + (0, 30, 0, 0)
    database.delete(state.id)
    assert not kernel.states
    assert not journal._entries


def test_compression_within_esp_within_ah(database: BundledAssociations, kernel: FakeKernel):
    database.install(cbc(1, cpi=CPI, ah=AROUND))
    assert [name.protocol for name in kernel.states] == [Protocol.IPCOMP, Protocol.ESP, Protocol.AH]
    assert [mode(body) for body in kernel.states.values()] == [1, 0, 0]
    database.update(sa(1).id, LEFT, NEW_RIGHT, None)
    assert {found.destination for found in kernel.states} == {NEW_RIGHT}
    database.delete(SaId(Protocol.ESP, NEW_RIGHT, 1))
    assert not kernel.states


def test_what_ah_refuses_counts_too(database: BundledAssociations, kernel: FakeKernel):
    """A packet that AH refuses never comes to ESP."""
    database.install(cbc(1, ah=AROUND, direction=Direction.IN))
    set_counters(kernel, sa(1).id, octets=500, packets=5, used=0, stats=(0, 0, 1))
    set_counters(kernel, SaId(Protocol.AH, RIGHT, AH_SPI), octets=900, packets=9, used=0, stats=(2, 3, 4))
    usage = database.usage(sa(1).id)
    assert usage is not None
    assert (usage.bytes, usage.packets, usage.replay_drops, usage.integrity_failures) == (500, 5, 5, 5)


def test_without_its_ah_nothing_of_it_is_left(database: BundledAssociations, kernel: FakeKernel, journal: Journal):
    database.install(cbc(1, ah=AROUND))
    with pytest.raises(DatapathError, match="another program"):
        database.install(cbc(2, ah=AROUND, reqid=2))
    assert [name.spi for name in kernel.states] == [1, AH_SPI]
    assert len(journal._entries) == 2


def test_the_next_engine_removes_both_after_a_crash(
    database: BundledAssociations, kernel: FakeKernel, journal: Journal
):
    database.install(cbc(1, ah=AROUND))
    for entry in list(journal._entries):
        database.delete_stale(entry)
    assert not kernel.states


def test_what_cannot_be_installed_leaves_nothing(database: BundledAssociations, kernel: FakeKernel):
    database.install(sa(1))
    with pytest.raises(DatapathError, match="another program"):
        database.install(sa(1, cpi=CPI))
    assert list(kernel.states) == [sa(1).id]


def test_both_states_move(database: BundledAssociations, kernel: FakeKernel):
    state = sa(1, cpi=CPI)
    database.install(state)
    database.update(state.id, state.source, NEW_RIGHT, None)
    assert {found.destination for found in kernel.states} == {NEW_RIGHT}
    database.delete(SaId(Protocol.ESP, NEW_RIGHT, 1))
    assert not kernel.states


def test_all_are_removed(database: BundledAssociations, kernel: FakeKernel):
    database.install(sa(1, cpi=CPI))
    database.install(sa(2))
    database.delete_all()
    assert not kernel.states


@pytest.mark.parametrize(("direction", "optional"), [(XfrmDir.IN, 1), (XfrmDir.FWD, 1), (XfrmDir.OUT, 0)])
def test_policies_compress_first_and_take_what_is_not_compressed(direction: XfrmDir, optional: int):
    policies = protect(ipcomp=True)
    key = next(key for key in policy_keys(policies) if key.direction is direction)
    templates = read_attributes(write_policy(key, policies)[USERPOLICY_INFO.size :])[Xfrma.TMPL]
    assert len(templates) == 2 * TEMPLATE_SIZE
    found = [
        (part[20], part[48], part[50], any(part[:16]))
        for part in (templates[:TEMPLATE_SIZE], templates[TEMPLATE_SIZE:])
    ]
    assert found == [(108, XfrmMode.TUNNEL, optional, True), (50, XfrmMode.TRANSPORT, 0, False)]


@pytest.mark.parametrize("direction", [XfrmDir.IN, XfrmDir.FWD, XfrmDir.OUT])
@pytest.mark.parametrize("ipcomp", [False, True])
def test_policies_want_both_esp_and_the_ah_around_it(direction: XfrmDir, ipcomp: bool):
    policies = protect(ah=True, ipcomp=ipcomp)
    key = next(key for key in policy_keys(policies) if key.direction is direction)
    templates = read_attributes(write_policy(key, policies)[USERPOLICY_INFO.size :])[Xfrma.TMPL]
    parts = [templates[at : at + TEMPLATE_SIZE] for at in range(0, len(templates), TEMPLATE_SIZE)]
    *compression, esp, around = [(part[20], part[48], part[50], any(part[:16])) for part in parts]
    assert len(compression) == ipcomp
    assert esp == (50, XfrmMode.TRANSPORT if ipcomp else XfrmMode.TUNNEL, 0, not ipcomp)
    assert around == (51, XfrmMode.TRANSPORT, 0, False)


@pytest.mark.parametrize(("padding", "octets"), [(500, 500), (TFC_PAD_TO_MTU, 0xFFFFFFFF)])
def test_tfc_padding(padding: int, octets: int):
    assert attributes(write_state(sa(tfc_padding=padding)))[Xfrma.TFCPAD] == struct.pack("=I", octets)
    assert Xfrma.TFCPAD not in attributes(write_state(sa(tfc_padding=padding, mode=Mode.TRANSPORT)))


class _Card(FakeSocket):
    """A kernel whose network card takes no SA."""

    refuses: bool = True

    def _newsa(self, body: bytes) -> None:
        if self.refuses and Xfrma.OFFLOAD_DEV in attributes(body):
            raise NetlinkError(errno.EOPNOTSUPP)
        super()._newsa(body)


def offloading(kernel: FakeKernel, *, refuses: bool) -> SecurityAssociations:
    card = _Card(kernel)
    card.refuses = refuses
    return SecurityAssociations(card, Journal(None), device_of=lambda sa: 7)


@pytest.mark.parametrize(("wanted", "refuses", "offloaded"), [("auto", True, False), ("auto", False, True)])
def test_offload_where_possible(kernel: FakeKernel, wanted: str, refuses: bool, offloaded: bool):
    state = sa(hw_offload=wanted, direction=Direction.IN)
    offloading(kernel, refuses=refuses).install(state)
    found = attributes(kernel.states[state.id])
    assert (Xfrma.OFFLOAD_DEV in found) == offloaded
    if offloaded:
        assert found[Xfrma.OFFLOAD_DEV] == struct.pack("=iB3x", 7, 2)


def test_offload_or_nothing(kernel: FakeKernel):
    state: IpsecSa = sa(hw_offload="crypto")
    with pytest.raises(DatapathError):
        offloading(kernel, refuses=True).install(state)
    assert not kernel.states
    offloading(kernel, refuses=False).install(sa(2))
    assert Xfrma.OFFLOAD_DEV not in attributes(kernel.states[sa(2).id]), "not wanted"
