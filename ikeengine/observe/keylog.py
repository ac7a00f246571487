"""Keys for Wireshark: the tables `ikev2_decryption_table` and `esp_sa`, written only if the operator asks for them.

Whoever reads these files reads the traffic. They are created with mode 0600 in a directory with mode 0700.
Copy both files into a Wireshark profile, or point WIRESHARK_CONFIG_DIR to the directory.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ikeengine.errors import LocalMisuse
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import IpsecSa
from ikeengine.model.secret import Secret
from ikeengine.outputs import IkeKeys
from ikeengine.registry import EncrId, IntegId, Protocol

IKE_TABLE = "ikev2_decryption_table"
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
_IKE_INTEG = {
    IntegId.NONE: "NONE [RFC4306]",
    IntegId.HMAC_MD5_96: "HMAC_MD5_96 [RFC2403]",
    IntegId.HMAC_SHA1_96: "HMAC_SHA1_96 [RFC2404]",
    IntegId.HMAC_SHA2_256_128: "HMAC_SHA2_256_128 [RFC4868]",
    IntegId.HMAC_SHA2_384_192: "HMAC_SHA2_384_192 [RFC4868]",
    IntegId.HMAC_SHA2_512_256: "HMAC_SHA2_512_256 [RFC4868]",
}
_ESP_ENCR = {
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
    IntegId.HMAC_SHA2_384_192: "HMAC-SHA-384-192 [RFC4868]",
    IntegId.HMAC_SHA2_512_256: "HMAC-SHA-512-256 [RFC4868]",
}


class KeyLog:
    """Appends one line per SA to the two tables. Algorithms that Wireshark does not know are left out."""

    def __init__(self, directory: Path) -> None:
        """Create directory and files. Raises LocalMisuse if that is impossible or somebody else could read them."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._ike = _open_private(directory / IKE_TABLE)
            self._esp = _open_private(directory / ESP_TABLE)
        except OSError as error:
            raise LocalMisuse(f"cannot write the key log in {directory}: {error}") from error

    def close(self) -> None:
        """Close both tables."""
        os.close(self._ike)
        os.close(self._esp)

    def ike(self, keys: IkeKeys) -> None:
        """Add an IKE SA."""
        line = ike_line(keys)
        if line:
            os.write(self._ike, line.encode())

    def esp(self, sa: IpsecSa) -> None:
        """Add one direction of a Child SA."""
        line = esp_line(sa)
        if line:
            os.write(self._esp, line.encode())


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
    """The line of an IKE SA: SPIs, SK_ei, SK_er, cipher, SK_ai, SK_ar, integrity; empty for unknown algorithms."""
    encr = _IKE_ENCR.get(EncrId(keys.encr.id))
    integ = _IKE_INTEG.get(IntegId.NONE if keys.integ is None else IntegId(keys.integ.id))
    if encr is None or integ is None:
        return ""
    columns = (
        keys.spi_i.hex(),
        keys.spi_r.hex(),
        _hex(keys.sk_ei),
        _hex(keys.sk_er),
        f'"{encr.format(bits=keys.encr.key_length)}"',
        _hex(keys.sk_ai),
        _hex(keys.sk_ar),
        f'"{integ}"',
    )
    return ",".join(columns) + "\n"


def esp_line(sa: IpsecSa) -> str:
    """The line of one direction of a Child SA; empty for AH and for unknown algorithms."""
    if sa.protocol != Protocol.ESP or sa.encr is None:
        return ""
    encr, integ = _ESP_ENCR.get(EncrId(sa.encr.id)), _esp_integ_name(sa.integ)
    if encr is None or integ is None:
        return ""
    columns = (
        "IPv6" if ":" in sa.destination else "IPv4",
        sa.source,
        sa.destination,
        f"0x{sa.spi:08x}",
        encr,
        _prefixed(sa.encr_key),
        integ,
        _prefixed(sa.integ_key),
    )
    return ",".join(f'"{column}"' for column in columns) + "\n"


def _esp_integ_name(integ: Transform | None) -> str | None:
    return "NULL" if integ is None else _ESP_INTEG.get(IntegId(integ.id))


def _hex(secret: Secret) -> str:
    return secret.reveal().hex()


def _prefixed(secret: Secret) -> str:
    return "0x" + _hex(secret) if len(secret) else ""
