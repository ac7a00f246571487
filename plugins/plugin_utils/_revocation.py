# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which certificates are revoked. Private to the collection.

The CA keeps every certificate that it has issued in a file C(HOST--SERIAL.pem), the serial number in hexadecimal.
"""

from __future__ import annotations

import hashlib
import os
import re
import typing as t

_ISSUED = re.compile(r"(?P<host>.+)--(?P<serial>[0-9a-f]+)\.pem")
_URL = re.compile(r"https?://", re.IGNORECASE)
_SERIAL = re.compile(r"(0x)?[0-9a-f]{2,}", re.IGNORECASE)


class RevocationError(ValueError):
    """C(pki_revoked) names something that does not exist."""


def issued_serials(files: t.Iterable[str]) -> t.Dict[str, t.List[int]]:
    """The serial numbers of the certificates of each host, from the names of the files."""
    serials: t.Dict[str, t.List[int]] = {}
    for file in files:
        found = _ISSUED.fullmatch(os.path.basename(file))
        if found:
            serials.setdefault(found["host"], []).append(int(found["serial"], 16))
    return serials


def revoked_serials(
    issued: t.Mapping[str, t.Sequence[int]], revoked: t.Iterable[t.Any], hosts: t.Container[str], absent: bool = False
) -> t.List[int]:
    """The serial numbers that the CRL has to list, in order.

    An item of C(revoked) is a host, all certificates of which are meant, or a serial number in hexadecimal, as the daemon
    prints it. C(hosts) are those of the inventory; with C(absent), all others are revoked too. Raises RevocationError.
    """
    serials: t.Set[int] = set()
    for item in map(str, revoked):
        digits = item.replace(":", "")
        if item in issued:
            serials.update(issued[item])
        elif item not in hosts and not _SERIAL.fullmatch(digits):
            raise RevocationError(
                f"pki_revoked: {item!r} is neither a host that has a certificate ({', '.join(sorted(issued)) or 'none has'}) "
                "nor a serial number in hexadecimal"
            )
        elif item not in hosts:
            serials.add(int(digits, 16))
    if absent:
        serials.update(serial for host, all_of_it in issued.items() if host not in hosts for serial in all_of_it)
    return sorted(serials)


def crl_files(sources: t.Iterable[str], directory: str) -> t.List[t.Dict[str, t.Any]]:
    """Where CRLs of other CAs are, on the controller (C(file)) and on the gateways (C(name)), and whether they are to be fetched."""
    files = []
    for source in dict.fromkeys(map(str, sources)):
        name = f"external-{hashlib.sha256(source.encode()).hexdigest()[:12]}.crl"
        remote = bool(_URL.match(source))
        files.append(
            {"source": source, "name": name, "remote": remote, "file": os.path.join(directory, name) if remote else source}
        )
    return files


def revoked_by(certificates: t.Mapping[str, t.Mapping[str, t.Any]], lists: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[str]:
    """Whose certificates are revoked, in order.

    C(certificates) is what M(community.crypto.x509_certificate_info) says of them, and C(lists) what M(community.crypto.x509_crl_info)
    says of CRLs. A serial number means something only together with the CA that has given it.
    """
    revoked: t.Set[t.Tuple[str, int]] = set()
    for one in lists:
        revoked.update((_name(one), entry["serial_number"]) for entry in one.get("revoked_certificates") or [])
    return sorted(who for who, info in certificates.items() if (_name(info), info.get("serial_number")) in revoked)


def _name(info: t.Mapping[str, t.Any]) -> str:
    return repr([list(part) for part in info.get("issuer_ordered") or []])
