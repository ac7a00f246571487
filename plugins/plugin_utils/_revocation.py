# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which certificates are revoked. Private to the collection.

The CA keeps every certificate that it has issued in a file C(HOST--SERIAL.pem), the serial number in hexadecimal.
"""

from __future__ import annotations

import os
import re
import typing as t

_ISSUED = re.compile(r"(?P<host>.+)--(?P<serial>[0-9a-f]+)\.pem")
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
