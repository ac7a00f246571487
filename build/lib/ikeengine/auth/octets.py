"""The octets that an AUTH payload proves (RFC 7296 section 2.15)."""

from __future__ import annotations

from ikeengine.crypto.prf import PRF
from ikeengine.model.secret import Secret


def signed_octets(message: bytes, peer_nonce: bytes, prf_id: int, sk_p: Secret, id_body: bytes) -> bytes:
    """The first message of the signing side as sent, the other side's nonce, and prf(SK_p, IDx').

    `message` is the whole IKE_SA_INIT message from its header on, `id_body` the ID payload without its generic header,
    both exactly as they travelled. `sk_p` is SK_pi for the initiator's octets and SK_pr for the responder's.
    """
    return message + peer_nonce + PRF[prf_id].compute(sk_p.reveal(), id_body)
