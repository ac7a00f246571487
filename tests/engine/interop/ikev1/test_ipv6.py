"""IKEv1 over IPv6, and for IPv6: the tests of IKEv2, with the other version."""

from __future__ import annotations

import pytest

from tests.engine.interop import test_psk, test_traffic_selectors
from tests.engine.interop.ikev1.site import borrowed, with_ikev1


@pytest.fixture(autouse=True)
def _with_ikev1(monkeypatch: pytest.MonkeyPatch) -> None:
    with_ikev1(monkeypatch)


test_ipv6_over_ipv6 = borrowed(test_traffic_selectors.test_ipv6_over_ipv6, "ipv6/net2net-ikev1")
test_ipv4_over_ipv6 = borrowed(test_traffic_selectors.test_ipv4_over_ipv6, "ipv6/net2net-ip4-in-ip6-ikev1")
test_ipv6_over_ipv4 = borrowed(test_psk.test_ipv6_inside, "ipv6/net2net-ip6-in-ip4-ikev1")
