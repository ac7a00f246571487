"""Whether a certificate is revoked, as far as one can tell."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from ikeengine.model.immutable import immutable


class Verdict(Enum):
    """The status of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@immutable
class Status:
    """A verdict and where it comes from. `until`: when to look again; None if the answer is not to be kept."""

    verdict: Verdict
    detail: str
    until: datetime | None = None
    source: str = ""
    """`CRL` or `OCSP`."""
