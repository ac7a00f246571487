"""What a failure record says, where a bare error code would send the operator the wrong way."""

from __future__ import annotations

from ikeengine.model.connection import AuthKind, LocalAuth
from ikeengine.negotiate.identities import parse_identity
from tests.engine.support.site import psk_pair


def test_a_peer_that_looks_for_another_identity_of_us() -> None:
    other = LocalAuth(AuthKind.PSK, parse_identity("other.example.com"))
    net, left, right = psk_pair(right={"local": (other,)})
    assert not net.initiate(left).ok
    (record,) = right.failures()
    assert "looking for right.example.com" in record.reason
    assert "right: remote left.example.com, local other.example.com" in record.reason
    assert "local.id" in record.advice
