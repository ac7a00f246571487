"""Who we are on an ISAKMP SA, and what proves it."""

from __future__ import annotations

from dataclasses import dataclass

from ikeengine.crypto.certificate import Certificate
from ikeengine.model.identity import Identity


@dataclass(frozen=True, slots=True)
class OwnCredential:
    """Our identity; with a signature also the certificate whose key makes it."""

    identity: Identity
    certificate: Certificate | None = None
    intermediates: tuple[Certificate, ...] = ()
