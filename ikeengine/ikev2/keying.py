"""An IKE SA gets its keys (RFC 7296 section 2.14)."""

from __future__ import annotations

from ikeengine.crypto.cipher import packet_cipher
from ikeengine.crypto.keymat_v2 import IkeKeyMaterial
from ikeengine.ikev2.sa import IkeSa, Keys
from ikeengine.model.proposal import IkeSuite
from ikeengine.outputs import IkeKeys
from ikeengine.sa.context import Context


def set_keys(ctx: Context, sa: IkeSa, suite: IkeSuite, material: IkeKeyMaterial) -> None:
    """Give an IKE SA its keys. Which of them are ours depends on who was the original initiator."""
    initiator = packet_cipher(suite.encr, material.sk_ei.reveal(), suite.integ, material.sk_ai.reveal())
    responder = packet_cipher(suite.encr, material.sk_er.reveal(), suite.integ, material.sk_ar.reveal())
    sa.suite = suite
    sa.keys = Keys(
        sk_d=material.sk_d,
        sk_p_own=material.sk_pi if sa.is_initiator else material.sk_pr,
        sk_p_peer=material.sk_pr if sa.is_initiator else material.sk_pi,
        cipher_out=initiator if sa.is_initiator else responder,
        cipher_in=responder if sa.is_initiator else initiator,
    )
    if ctx.settings.keylog:
        _emit_keys(ctx, sa, suite, material)


def _emit_keys(ctx: Context, sa: IkeSa, suite: IkeSuite, material: IkeKeyMaterial) -> None:
    keys = (material.sk_ei, material.sk_er, material.sk_ai, material.sk_ar)
    ctx.emit(IkeKeys(sa.spi_i, sa.spi_r, *keys, suite.encr, suite.integ))
