"""The key exchange and NAT detection of Main Mode (RFC 2409 section 5, RFC 3947 section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.crypto.prf import hash_prf
from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.messages import nat_t
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.payloads import Ke, NatD, Nonce, Payload


def nat_payloads(sa: IkeSa) -> Sequence[Payload]:
    """Our NAT-D payloads, if both sides can do NAT traversal."""
    if sa.nat_traversal is None:
        return ()
    digest = hash_prf(sa.prf_id).hash
    return nat_t.payloads(sa.nat_traversal, digest, sa.spi_i, sa.spi_r, sa.path, fake=sa.connection.encap)


def detect_nat(sa: IkeSa, message: Received) -> None:
    """Learn from the peer's NAT-D payloads who is behind a NAT."""
    if sa.nat_traversal is None:
        return
    digest = hash_prf(sa.prf_id).hash
    found = nat_t.detect(message.all(NatD), sa.nat_traversal, digest, sa.spi_i, sa.spi_r, message.path)
    sa.nat_local, sa.nat_remote = found
    sa.nat_fake = sa.connection.encap and not any(found)


def finish(sa: IkeSa, message: Received) -> bytes:
    """g^xy with the peer's public value. Raises InvalidSyntax if the message is not one to answer ours."""
    handshake = sa.running_handshake()
    theirs, nonce = message.require(Ke).data, message.require(Nonce).data
    if handshake.ke is None:
        raise AssertionError("our half of the key exchange is made before the peer's is taken")
    if theirs == handshake.g_own or nonce == handshake.nonce_own:
        raise InvalidSyntax("our own KE or nonce is reflected")
    return handshake.ke.shared(theirs)


def take(sa: IkeSa, message: Received, shared: bytes) -> None:
    """Keep what the keys are made of."""
    handshake = sa.running_handshake()
    handshake.g_peer, handshake.nonce_peer = message.require(Ke).data, message.require(Nonce).data
    handshake.shared, handshake.ke = shared, None
    detect_nat(sa, message)
