"""EAP (RFC 7296 section 2.16) is not implemented: whatever a peer tries with it, it gets in by no door (S04)."""

from __future__ import annotations

import pytest

from ikeengine.ikev2.states import IkeState
from ikeengine.model.identity import Identity
from ikeengine.negotiate.proposals import offer, parse_esp
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.registry import ExchangeType, IdType, NotifyType, Protocol
from ikeengine.wire.payloads import Eap, IdInitiator, Notify, Payload, Sa, TsInitiator, TsResponder
from tests.engine.pair.test_states import half_way, protected_by_peer
from tests.engine.support.forge import TO_LEFT, TO_RIGHT, deliver
from tests.engine.support.site import psk_pair

SUCCESS, FAILURE, IDENTITY_REQUEST, IDENTITY_RESPONSE = (
    bytes.fromhex("03010004"),
    bytes.fromhex("04010004"),
    bytes.fromhex("0101000501"),
    bytes.fromhex("0201000a0165766500") + b"!",
)
WHO = IdInitiator(Identity(IdType.ID_FQDN, b"left.example.com"))
CHILD: list[Payload] = [
    Sa(offer((parse_esp("aes128gcm16"),), spi=b"\x10\x00\x00\x01", with_ke=False)),
    TsInitiator((parse_selector("10.1.0.0/24"),)),  # type: ignore[arg-type]
    TsResponder((parse_selector("10.2.0.0/24"),)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("eap", [SUCCESS, FAILURE, IDENTITY_REQUEST, IDENTITY_RESPONSE, SUCCESS * 100], ids=len)
@pytest.mark.parametrize("who", [[], [WHO], [WHO, *CHILD]], ids=["alone", "identity", "child"])
def test_s04_initiator_without_auth(eap: bytes, who: list[Payload]) -> None:
    """An IKE_AUTH request without AUTH asks for EAP (section 2.16): refused, at whatever step the EAP begins."""
    net, _left, right = half_way(ExchangeType.IKE_AUTH, response=False)
    (sa,) = right.endpoint._ctx.table
    data = protected_by_peer(sa, ExchangeType.IKE_AUTH, 1, [*who, Eap(eap)], response=False)
    deliver(net, right, data, TO_RIGHT)
    assert sa.state is IkeState.REFUSED
    assert not right.ikes()
    assert not right.sas


@pytest.mark.parametrize("eap", [SUCCESS, IDENTITY_REQUEST], ids=["success", "identity"])
def test_s04_responder_answers_with_eap(eap: bytes) -> None:
    """The responder wants EAP, or says that it has succeeded, in the place of its AUTH: nobody is authenticated."""
    net, left, _right = half_way(ExchangeType.IKE_AUTH, response=True)
    (sa,) = left.endpoint._ctx.table
    data = protected_by_peer(sa, ExchangeType.IKE_AUTH, 1, [Eap(eap)], response=True)
    deliver(net, left, data, TO_LEFT)
    assert not left.ikes()
    assert not left.sas
    assert left.failures()


@pytest.mark.parametrize("exchange", [ExchangeType.IKE_AUTH, ExchangeType.INFORMATIONAL, ExchangeType.CREATE_CHILD_SA])
def test_s04_eap_after_auth(exchange: ExchangeType) -> None:
    """EAP on an established IKE SA never changes who the peer is, and never makes an SA."""
    net, left, right = psk_pair()
    assert net.initiate(left).ok
    net.settle()
    (sa,) = right.endpoint._ctx.table
    before, installed = sa.remote_id, set(right.sas)
    for _unused in range(20):
        data = protected_by_peer(sa, exchange, sa.window.expected_request, [Eap(SUCCESS)], response=False)
        deliver(net, right, data, TO_RIGHT)
    assert sa.remote_id == before
    assert set(right.sas) <= installed


def test_s04_eap_only_announcement_is_ignored() -> None:
    """EAP_ONLY_AUTHENTICATION of the initiator (RFC 5998) does not let us leave our own AUTH out."""
    net, _left, right = half_way(ExchangeType.IKE_AUTH, response=False)
    (sa,) = right.endpoint._ctx.table
    chain = [WHO, Notify(NotifyType(16417), b"", Protocol.NONE), *CHILD]
    deliver(net, right, protected_by_peer(sa, ExchangeType.IKE_AUTH, 1, chain, response=False), TO_RIGHT)
    assert sa.state is IkeState.REFUSED
    assert not right.sas
