# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pre-shared keys out of one secret of the mesh (HKDF, RFC 5869). Private to the collection. Pure."""

from __future__ import annotations

import base64
import typing as t

try:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

KEY_OCTETS = 32
SHORTEST_TEXT = 32
"""Characters of a secret that is text: a character of a passphrase has less than eight bits."""
SHORTEST = 16
"""Octets of a secret in hexadecimal or Base64: 128 bits."""
FEWEST_DIFFERENT = 8
"""Different characters or octets."""

MAKE_ONE = "make one with `openssl rand -base64 48` and keep it with ansible-vault"


class WeakSecret(ValueError):
    """The secret of the mesh could be guessed. The text never contains it."""


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int, algorithm: t.Any = None) -> bytes:
    """HKDF-Extract and HKDF-Expand, by default with SHA-256."""
    if not HAS_CRYPTOGRAPHY:
        raise ValueError("the Python library cryptography is missing on the controller")
    return HKDF(algorithm=algorithm or SHA256(), length=length, salt=salt, info=info).derive(secret)


def derived_psk(secret: str, mesh: str, epoch: str, identities: t.Sequence[str]) -> str:
    """The key of two identities: HKDF(secret, salt=mesh, info=epoch | both identities in order), as C(0x...).

    Each part of info is preceded by its length in two octets, so that no two lists of parts look alike. Raises
    WeakSecret, and ValueError for anything but two identities.
    """
    if len(identities) != 2 or not all(identities):
        raise ValueError(f"a key is for two identities, not for {', '.join(map(str, identities)) or 'nobody'}")
    parts = [str(part).encode() for part in (epoch, *sorted(identities))]
    info = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    return "0x" + hkdf(mesh_secret(secret), mesh.encode(), info, KEY_OCTETS).hex()


def mesh_secret(text: str) -> bytes:
    """The octets of the secret: C(0x) and hexadecimal, C(0s) and Base64, or text as it is. Raises WeakSecret."""
    octets = _decoded(str(text).strip())
    if len(octets) < (SHORTEST if text[:2] in _DECODERS else SHORTEST_TEXT):
        raise WeakSecret(f"is too short for the keys of a whole mesh; {MAKE_ONE}")
    if len(set(octets)) < FEWEST_DIFFERENT:
        raise WeakSecret(f"repeats itself too much for the keys of a whole mesh; {MAKE_ONE}")
    return octets


_DECODERS: t.Dict[str, t.Callable[[str], bytes]] = {
    "0x": bytes.fromhex,
    "0s": lambda text: base64.b64decode(text, validate=True),
}


def _decoded(text: str) -> bytes:
    prefix, rest = text[:2], text[2:]
    if prefix not in _DECODERS:
        return text.encode()
    try:
        return _DECODERS[prefix](rest)
    except ValueError:
        kind = "hexadecimal" if prefix == "0x" else "Base64"
        raise WeakSecret(f"begins with {prefix} but is not {kind}") from None
