"""Keys for Wireshark: a table for each of IKEv2, IKEv1 and ESP, written only if the operator asks for them.

Whoever reads these files reads the traffic. They are created with mode 0600 in a directory with mode 0700.
Copy the files into a Wireshark profile, or point WIRESHARK_CONFIG_DIR to the directory. An SA with an algorithm that
Wireshark does not know becomes a comment, because Wireshark refuses a table with an unknown name in it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ikeengine.errors import LocalMisuse
from ikeengine.model.sa import IpsecSa, SaId
from ikeengine.model.secret import Secret
from ikeengine.outputs import IkeKeys, IsakmpKeys
from ikeengine.registry import EncrId, IntegId, Protocol

IKE_TABLE = "ikev2_decryption_table"
ISAKMP_TABLE = "ikev1_decryption_table"
ESP_TABLE = "esp_sa"

_IKE_ENCR = {
    EncrId.NULL: "NULL [RFC2410]",
    EncrId.TRIPLE_DES_CBC: "3DES [RFC2451]",
    EncrId.AES_CBC: "AES-CBC-{bits} [RFC3602]",
    EncrId.AES_CTR: "AES-CTR-{bits} [RFC5930]",
    EncrId.AES_GCM_8: "AES-GCM-{bits} with 8 octet ICV [RFC5282]",
    EncrId.AES_GCM_12: "AES-GCM-{bits} with 12 octet ICV [RFC5282]",
    EncrId.AES_GCM_16: "AES-GCM-{bits} with 16 octet ICV [RFC5282]",
    EncrId.AES_CCM_8: "AES-CCM-{bits} with 8 octet ICV [RFC5282]",
    EncrId.AES_CCM_12: "AES-CCM-{bits} with 12 octet ICV [RFC5282]",
    EncrId.AES_CCM_16: "AES-CCM-{bits} with 16 octet ICV [RFC5282]",
}
_UNCHECKED_96 = "ANY 96-bits of Authentication [No Checking]"
"""Of an integrity algorithm that Wireshark cannot compute, it only needs the length; the key column stays empty."""
_IKE_INTEG = {
    IntegId.NONE: "NONE [RFC4306]",
    IntegId.AES_XCBC_96: _UNCHECKED_96,
    IntegId.AES_CMAC_96: _UNCHECKED_96,
    IntegId.HMAC_MD5_96: "HMAC_MD5_96 [RFC2403]",
    IntegId.HMAC_SHA1_96: "HMAC_SHA1_96 [RFC2404]",
    IntegId.HMAC_SHA2_256_128: "HMAC_SHA2_256_128 [RFC4868]",
    IntegId.HMAC_SHA2_384_192: "HMAC_SHA2_384_192 [RFC4868]",
    IntegId.HMAC_SHA2_512_256: "HMAC_SHA2_512_256 [RFC4868]",
}
_ESP_ENCR = {
    EncrId.DES_CBC: "DES-CBC [RFC2405]",
    EncrId.NULL: "NULL",
    EncrId.TRIPLE_DES_CBC: "TripleDES-CBC [RFC2451]",
    EncrId.AES_CBC: "AES-CBC [RFC3602]",
    EncrId.AES_CTR: "AES-CTR [RFC3686]",
    EncrId.AES_GCM_8: "AES-GCM with 8 octet ICV [RFC4106]",
    EncrId.AES_GCM_12: "AES-GCM with 12 octet ICV [RFC4106]",
    EncrId.AES_GCM_16: "AES-GCM with 16 octet ICV [RFC4106]",
}
_ESP_INTEG = {
    IntegId.HMAC_MD5_96: "HMAC-MD5-96 [RFC2403]",
    IntegId.HMAC_SHA1_96: "HMAC-SHA-1-96 [RFC2404]",
    IntegId.AES_XCBC_96: "ANY 96 bit authentication [no checking]",
    IntegId.AES_CMAC_96: "ANY 96 bit authentication [no checking]",
    IntegId.HMAC_SHA2_256_128: "HMAC-SHA-256-128 [RFC4868]",
    IntegId.HMAC_SHA2_256_96: "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]",
    IntegId.HMAC_SHA2_384_192: "HMAC-SHA-384-192 [RFC4868]",
    IntegId.HMAC_SHA2_512_256: "HMAC-SHA-512-256 [RFC4868]",
}


class KeyLog:
    """Appends one line per SA to the tables of IKEv2, IKEv1 and ESP."""

    def __init__(self, directory: Path) -> None:
        """Create directory and files. Raises LocalMisuse if that is impossible or somebody else could read them."""
        self.directory = directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._ike = _open_private(directory / IKE_TABLE)
            self._isakmp = _open_private(directory / ISAKMP_TABLE)
            self._esp = _open_private(directory / ESP_TABLE)
        except OSError as error:
            raise LocalMisuse(f"cannot write the key log in {directory}: {error}") from error
        self._live: dict[SaId, IpsecSa] = {}

    def close(self) -> None:
        """Close all tables."""
        os.close(self._ike)
        os.close(self._isakmp)
        os.close(self._esp)

    def ike(self, keys: IkeKeys) -> None:
        """Add an IKE SA."""
        os.write(self._ike, ike_line(keys).encode())

    def isakmp(self, keys: IsakmpKeys) -> None:
        """Add an IKEv1 SA."""
        os.write(self._isakmp, f"{keys.spi_i.hex()},{_hex(keys.key)}\n".encode())

    def esp(self, sa: IpsecSa) -> None:
        """Add one direction of a Child SA."""
        self._live[sa.id] = sa
        os.write(self._esp, esp_line(sa).encode())

    def moved(self, sa: SaId, source: str, destination: str) -> None:
        """An SA has other addresses now; Wireshark finds the keys by them."""
        known = self._live.pop(sa, None)
        if known is not None:
            self.esp(replace(known, source=source, destination=destination))

    def gone(self, sa: SaId) -> None:
        """An SA was deleted. Its line stays, for captures of the time when it lived."""
        self._live.pop(sa, None)


def _open_private(path: Path) -> int:
    # O_NONBLOCK: a FIFO under this name must not stop the daemon.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        os.close(descriptor)
        raise LocalMisuse(f"{path} is not a file of our own")
    os.fchmod(descriptor, 0o600)
    return descriptor


def ike_line(keys: IkeKeys) -> str:
    """The line of an IKE SA: SPIs, SK_ei, SK_er, cipher, SK_ai, SK_ar, integrity."""
    encr = _IKE_ENCR.get(EncrId(keys.encr.id), "")
    number = IntegId.NONE if keys.integ is None else IntegId(keys.integ.id)
    integ = _IKE_INTEG.get(number, "")
    checked = integ != _UNCHECKED_96
    columns = (
        keys.spi_i.hex(),
        keys.spi_r.hex(),
        _hex(keys.sk_ei),
        _hex(keys.sk_er),
        f'"{encr.format(bits=keys.encr.key_length) or EncrId(keys.encr.id).name}"',
        _hex(keys.sk_ai) if checked else "",
        _hex(keys.sk_ar) if checked else "",
        f'"{integ or number.name}"',
    )
    return _line(columns, known=bool(encr and integ))


def esp_line(sa: IpsecSa) -> str:
    """The line of one direction of a Child SA; empty for AH, which encrypts nothing."""
    if sa.protocol != Protocol.ESP or sa.encr is None:
        return ""
    encr = _ESP_ENCR.get(EncrId(sa.encr.id), "")
    integ = "NULL" if sa.integ is None else _ESP_INTEG.get(IntegId(sa.integ.id), "")
    columns = (
        "IPv6" if ":" in sa.destination else "IPv4",
        sa.source,
        sa.destination,
        f"0x{sa.spi:08x}",
        encr or EncrId(sa.encr.id).name,
        _prefixed(sa.encr_key),
        integ or str(sa.integ and IntegId(sa.integ.id).name),
        _prefixed(sa.integ_key),
    )
    return _line([f'"{column}"' for column in columns], known=bool(encr and integ))


def _line(columns: Sequence[str], *, known: bool) -> str:
    return ("" if known else "# not known to Wireshark: ") + ",".join(columns) + "\n"


def _hex(secret: Secret) -> str:
    return secret.reveal().hex()


def _prefixed(secret: Secret) -> str:
    return "0x" + _hex(secret) if len(secret) else ""
