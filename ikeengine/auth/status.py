"""Whether a certificate is revoked, as far as one can tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Verdict(Enum):
    """The status of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Status:
    """A verdict and where it comes from. `until`: when to look again; None if the answer is not to be kept."""

    verdict: Verdict
    detail: str
    until: datetime | None = None
    source: str = ""
    """`CRL` or `OCSP`."""
