"""The tokens of quick crash detection (RFC 6290), as they travel within the protection of an IKE SA.

A token can be computed from the SPIs of an IKE SA and a secret that outlives a crash. Who has lost an IKE SA can
therefore still prove to the peer that it was its own. The token is given in IKE_AUTH, and again for the new SPIs when
the IKE SA is rekeyed: by the responder in its response, by the initiator in an INFORMATIONAL exchange (section 4.3).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.secret import Secret
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.sa.context import Context
from ikeengine.wire.payloads import Notify, Payload

TOKEN_OCTETS = 16
"""The least that section 5 allows, so that our answer to a stranger is hardly longer than what it has sent."""

LEAST_TOKEN, LONGEST_TOKEN = 16, 128
"""Octets of a token that we take (section 5)."""


def make(secret: Secret, spi_i: bytes, spi_r: bytes) -> bytes:
    """The token of an IKE SA: a MAC over both SPIs (section 5.1)."""
    return hmac.digest(secret.reveal(), b"QCD token" + spi_i + spi_r, "sha256")[:TOKEN_OCTETS]


def offer(ctx: Context, sa: IkeSa) -> list[Payload]:
    """Our token for an IKE SA, to be sent under its protection; nothing if `qcd` is off."""
    if not sa.connection.qcd or ctx.qcd_secret is None:
        return []
    return [Notify(NotifyType.QUICK_CRASH_DETECTION, make(ctx.qcd_secret, sa.spi_i, sa.spi_r))]


def take(sa: IkeSa, message: Received) -> None:
    """Keep the peer's token for an IKE SA; a newer one replaces it (section 4.4)."""
    notify = message.notify(NotifyType.QUICK_CRASH_DETECTION)
    if notify is not None and sa.connection.qcd and LEAST_TOKEN <= len(notify.data) <= LONGEST_TOKEN:
        sa.peer_token = Secret(notify.data)


@dataclass(slots=True)
class SendToken(Exchange):
    """Give the peer our token for an IKE SA that we have made by rekeying (section 4.3)."""

    name: ClassVar[str] = "IKE_QCD_TOKEN"
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """Nothing to do if the configuration was changed meanwhile."""
        return offer(ctx, sa) or None

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The peer has it."""
