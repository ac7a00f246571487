"""Limits of the IKEv1 codec beside those of `ikeengine.wire.caps`. Octets unless a name says otherwise."""

from __future__ import annotations

from typing import Final

MIN_NONCE: Final = 8
MAX_NONCE: Final = 256
"""RFC 2409 section 5."""

MAX_TRAILING: Final = 255
"""What may follow the last payload: padding to a block, or as much as peers like that hide lengths."""

MAX_TRANSFORM_ATTRIBUTES: Final = 32
"""Attributes of one transform; a group in all its details has 16."""
MAX_SA_ATTRIBUTES: Final = 4096
"""Attributes of all transforms of one SA payload: twice what 255 transforms have, so that nobody makes us read more."""
MAX_CONFIG_ATTRIBUTES: Final = 256
"""Attributes of one transaction message."""
MAX_ISAKMP_SPI: Final = 16
"""An ISAKMP SPI is the pair of cookies, or as little of it as the sender likes (RFC 2408 section 3.5)."""

MAX_DELETE_SPIS: Final = 1024
"""SPIs in one Delete payload."""
MAX_SAS: Final = 8
"""SA payloads in one Quick Mode message (RFC 2409 section 5.5)."""
MAX_NAT_D: Final = 10
"""NAT-D payloads in one message, the value of strongSwan."""
