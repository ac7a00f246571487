"""Limits of what the codec accepts, in one place. Octets unless a name says otherwise."""

from __future__ import annotations

from typing import Final

MAX_MESSAGE: Final = 65535
"""A whole IKE message, also when reassembled from fragments."""
MAX_BODY: Final = 65535 - 4
"""A payload without its generic header: the Payload Length field has 16 bits."""
MAX_PAYLOADS: Final = 64
"""Payloads in one message, clear and protected together."""
MAX_FRAGMENTS: Final = 255
"""Total Fragments of one message (RFC 7383); enough for 64 KiB in datagrams of 576 octets."""

MIN_NONCE: Final = 16
MAX_NONCE: Final = 256
"""RFC 7296 section 3.9."""

MAX_PROPOSALS: Final = 64
"""Proposals in one SA payload."""
MAX_TRANSFORMS: Final = 1024
"""Transforms in one SA payload, over all its proposals."""
MAX_ATTRIBUTES: Final = 16
"""Attributes of one transform; only one is known, the key length."""
MAX_CACHED_TRANSFORMS: Final = 512
"""Longer transforms of a proposal are decoded anew each time instead of being remembered."""
MAX_CP_ATTRIBUTES: Final = 256
"""Attributes in one Configuration payload."""

MAX_NOTIFIES: Final = 20
MAX_DELETES: Final = 20
MAX_CERTS: Final = 8
MAX_CERTREQS: Final = 20
MAX_VENDOR_IDS: Final = 20
"""Payloads of one type in one message, the values of strongSwan."""
