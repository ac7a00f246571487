"""What `default` stands for in proposals of IKEv1, as it goes into messages."""

from __future__ import annotations

from ikeengine.config.versions import DEFAULT_ESP_V1, DEFAULT_IKE_V1
from ikeengine.ikev1.proposals import ike
from ikeengine.ikev1.proposals.lifetime import lifetime
from ikeengine.ikev1.proposals.wishes import pfs_group
from ikeengine.ikev1.wire.algorithms import AuthMethod
from ikeengine.negotiate.proposals import weak


def test_the_first_message_fits_into_a_datagram() -> None:
    """It cannot be sent in fragments of IKE, and firewalls drop those of IP."""
    offered = ike.offer(DEFAULT_IKE_V1, [AuthMethod.PRE_SHARED_KEY], lifetime(14400.0))
    assert len(offered.write()) < 1200, "what is left is for the header and the vendor IDs"


def test_nothing_weak_is_offered() -> None:
    assert not [word for proposal in (*DEFAULT_IKE_V1, *DEFAULT_ESP_V1) for word in weak(proposal)]


def test_child_sas_begin_without_pfs() -> None:
    assert pfs_group(DEFAULT_ESP_V1) is None
