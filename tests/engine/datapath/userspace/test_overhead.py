"""The longest packet that fits: none of that length makes an ESP packet that is too long, and one octet more does."""

from __future__ import annotations

import pytest

from ikeengine.datapath.userspace.esp import EspSender
from ikeengine.datapath.userspace.overhead import inner_mtu, segment_sizes
from ikeengine.model.sa import OuterAh
from ikeengine.registry import EncrId, IntegId, Protocol
from tests.engine.datapath.userspace.samples import (
    ENCAP,
    LEFT6,
    RIGHT6,
    SUITES,
    encr,
    integ,
    key,
    make_sa,
    suite_name,
)


class Zeros:
    def bytes(self, count: int) -> bytes:
        return bytes(count)


@pytest.mark.parametrize("encap", [ENCAP, None], ids=["udp", "plain"])
@pytest.mark.parametrize("suite", SUITES, ids=suite_name)
def test_exactly_what_fits(suite, encap) -> None:
    sa = make_sa(suite=suite, encap=encap)
    outer = 20 + (8 if encap else 0)
    for path in (1500, 1492, 1499):
        mtu = inner_mtu(sa, path)
        sender = EspSender(sa, Zeros())
        assert outer + len(sender.seal(bytes(mtu), 4)) <= path < outer + len(sender.seal(bytes(mtu + 1), 4))


def test_ipv6_outside_costs_more() -> None:
    over_ipv6 = make_sa(source=LEFT6, destination=RIGHT6)
    assert inner_mtu(make_sa(), 1500) - inner_mtu(over_ipv6, 1500) == 20


def test_ah() -> None:
    _cipher, mac = next(suite for suite in SUITES if suite[1] is not None)
    sa = make_sa(suite=(encr(EncrId.AES_CBC, 128), mac), protocol=Protocol.AH, encap=None)
    assert 1500 - 20 - 12 - 64 <= inner_mtu(sa, 1500) <= 1500 - 20 - 12 - 12


def test_ah_around_esp() -> None:
    suite = encr(EncrId.AES_CBC, 128), integ(IntegId.HMAC_SHA2_256_128)
    bundle = make_sa(suite=suite, encap=None, ah=OuterAh(1, suite[1], key(32)))
    header = 12 + 16
    assert inner_mtu(bundle, 1500) == inner_mtu(make_sa(suite=suite, encap=None), 1500 - header)


def test_an_algorithm_that_only_the_kernel_knows() -> None:
    unknown = make_sa(suite=SUITES[0])
    object.__setattr__(unknown, "encr", encr(9999, 128))
    assert 1300 < inner_mtu(unknown, 1500) < inner_mtu(make_sa(), 1500)


def test_there_is_a_least_one() -> None:
    assert inner_mtu(make_sa(), 300) == 576


def test_segment_sizes() -> None:
    assert segment_sizes(1400, 0) == {4: 1360, 16: 1340}
    assert segment_sizes(1400, 1200) == {4: 1200, 16: 1200}
