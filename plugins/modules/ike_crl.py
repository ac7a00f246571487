#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_crl
short_description: Keep the revocation list of a certification authority
version_added: 0.2.0
description:
  - Makes the certificate revocation list (CRL) of a certification authority (CA), with the CRL number and the authority key identifier
    that RFC 5280 demands, and makes a new one before it ends.
  - A certificate that was revoked stays revoked. The list itself remembers since when.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - ansible.builtin.files
  - keymesh.ike._attributes
  - keymesh.ike._attributes.platform_linux
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - The Python library C(cryptography) on the host that executes the module.
options:
  path:
    description:
      - The file with the list, in PEM format.
    type: path
    required: true
  der_path:
    description:
      - A file for the same list in DER, as RFC 5280 wants it at distribution points.
    type: path
  authority:
    description:
      - The file with the certificate of the CA.
    type: path
    required: true
  privatekey:
    description:
      - The file with the private key of the CA.
    type: path
    required: true
  passphrase:
    description:
      - The passphrase of the private key, if it has one.
    type: str
  serial_numbers:
    description:
      - The serial numbers of the certificates that are revoked, besides those that the list has already.
    type: list
    elements: int
    default: []
  days:
    description:
      - How many days a new list is valid.
    type: int
    default: 30
  renew_days:
    description:
      - A list that is valid for fewer days than this is made anew.
    type: int
    default: 10
seealso:
  - module: community.crypto.x509_crl
"""

EXAMPLES = r"""
- name: The list is there, and ends in more than ten days
  keymesh.ike.ike_crl:
    path: /srv/ca/ca.crl
    der_path: /srv/www/ca.crl
    authority: /srv/ca/ca.pem
    privatekey: /srv/ca/ca.key
    serial_numbers:
      - 387734929573058274059374
    mode: "0644"
"""

RETURN = r"""
crl:
  description: The list in PEM format. In check mode it is the old one, V(none) if there is none.
  type: str
  returned: success
number:
  description: The CRL number, which grows with each new list.
  type: int
  returned: success
  sample: 4
next_update:
  description: The end of the list, as an ASN.1 time. Empty in check mode if there is no list.
  type: str
  returned: success
  sample: 20261231235959Z
serial_numbers:
  description: All serial numbers on the list.
  type: list
  elements: int
  returned: success
reason:
  description: Why a new list was made, empty if it was not.
  type: str
  returned: success
  sample: it ends at 2026-12-31 23:59:59 UTC
"""

import datetime
import os
import tempfile
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519

    MISSING: t.Optional[str] = None
except ImportError:
    MISSING = traceback.format_exc()

UTC = datetime.timezone.utc
CURVE_HASHES = {384: "SHA384", 521: "SHA512"}


class CrlManager:
    """One CA and its list."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.authority = x509.load_pem_x509_certificate(self._read("authority"))
        self.old = self._load_old()
        self.now = datetime.datetime.now(UTC).replace(microsecond=0)

    def _read(self, option: str) -> bytes:
        try:
            with open(self.module.params[option], "rb") as file:
                return file.read()
        except OSError as error:
            self.module.fail_json(msg=f"{option}: {self.module.params[option]} cannot be read: {error.strerror}")

    def _load_old(self) -> t.Any:
        if not os.path.exists(self.module.params["path"]):
            return None
        try:
            return x509.load_pem_x509_crl(self._read("path"))
        except ValueError:
            return None

    def key(self) -> t.Any:
        """The private key of the CA. Fails the module if it cannot be used."""
        passphrase = self.module.params["passphrase"]
        try:
            key = serialization.load_pem_private_key(
                self._read("privatekey"), passphrase.encode() if passphrase else None
            )
        except (ValueError, TypeError) as error:
            self.module.fail_json(msg=f"privatekey: {self.module.params['privatekey']}: {error}; look at passphrase")
        if _public(key.public_key()) != _public(self.authority.public_key()):
            self.module.fail_json(msg="privatekey: this is not the key of the certificate in authority")
        return key

    def is_ours(self) -> bool:
        """Whether this CA, and not an earlier one, has made the old list."""
        return self.old is not None and self.old.is_signature_valid(self.authority.public_key())

    def entries(self) -> t.Dict[int, t.Any]:
        """What the old list has, by serial number."""
        return {entry.serial_number: entry for entry in self.old} if self.is_ours() else {}

    def reason(self) -> str:
        """Why the old list will not do; empty if it will."""
        if self.old is None:
            return "there is no list that can be read"
        if not self.is_ours():
            return "another CA has made it"
        missing = set(self.module.params["serial_numbers"]) - set(self.entries())
        if missing:
            return "it lacks " + ", ".join(f"{serial:x}" for serial in sorted(missing))
        end = next_update(self.old)
        if end - self.now < datetime.timedelta(days=self.module.params["renew_days"]):
            return f"it ends at {end:%Y-%m-%d %H:%M:%S} UTC"
        return ""

    def number(self) -> int:
        """The number of the old list, 0 if there is none."""
        if self.old is None:
            return 0
        try:
            return self.old.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except x509.ExtensionNotFound:
            return 0

    def make(self) -> t.Any:
        """A new list."""
        key = self.key()
        known = self.entries()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.authority.subject)
            .last_update(self.now)
            .next_update(self.now + datetime.timedelta(days=self.module.params["days"]))
            .add_extension(x509.CRLNumber(self.number() + 1), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )
        for serial in sorted({*known, *self.module.params["serial_numbers"]}):
            builder = builder.add_revoked_certificate(known.get(serial) or self._entry(serial))
        return builder.sign(key, _hash_for(key))

    def _entry(self, serial: int) -> t.Any:
        return x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(self.now).build()

    def _key_identifier(self) -> t.Any:
        try:
            found = self.authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except x509.ExtensionNotFound:
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)

    def write(self, path: str, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self.module.tmpdir)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        self.module.atomic_move(temporary, path, unsafe_writes=self.module.params["unsafe_writes"])

    def write_der(self, crl: t.Any) -> bool:
        """Keep the list in DER, if that is wanted. Returns whether it differs."""
        path, check_mode = self.module.params["der_path"], self.module.check_mode
        if path is None or crl is None:
            return False
        wanted = crl.public_bytes(serialization.Encoding.DER)
        differs = not os.path.exists(path) or self._read("der_path") != wanted
        if differs and not check_mode:
            self.write(path, wanted)
        if not os.path.exists(path):
            return differs
        arguments = self.module.load_file_common_arguments(self.module.params, path=path)
        return self.module.set_fs_attributes_if_different(arguments, differs)


def pem(crl: t.Any) -> bytes:
    return crl.public_bytes(serialization.Encoding.PEM)


def next_update(crl: t.Any) -> datetime.datetime:
    """The end of a list, also with a C(cryptography) that is older than version 42."""
    moment = getattr(crl, "next_update_utc", None)
    return moment if moment is not None else crl.next_update.replace(tzinfo=UTC)


def summary(crl: t.Any) -> t.Dict[str, t.Any]:
    """What the module returns of a list, and what its diff shows."""
    if crl is None:
        return {"next_update": "", "serial_numbers": []}
    return {
        "next_update": f"{next_update(crl):%Y%m%d%H%M%SZ}",
        "serial_numbers": sorted(entry.serial_number for entry in crl),
    }


def _public(key: t.Any) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _hash_for(key: t.Any) -> t.Any:
    if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return getattr(hashes, CURVE_HASHES.get(key.curve.key_size, "SHA256"))()
    return hashes.SHA256()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "der_path": {"type": "path"},
            "authority": {"type": "path", "required": True},
            # The name of a file.
            "privatekey": {"type": "path", "required": True, "no_log": False},
            "passphrase": {"type": "str", "no_log": True},
            "serial_numbers": {"type": "list", "elements": "int", "default": []},
            "days": {"type": "int", "default": 30},
            "renew_days": {"type": "int", "default": 10},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    if MISSING:
        module.fail_json(msg=missing_required_lib("cryptography"), exception=MISSING)
    manager = CrlManager(module)
    crl, number, reason = manager.old, manager.number(), manager.reason()
    if reason and not module.check_mode:
        crl, number = manager.make(), number + 1
        manager.write(module.params["path"], pem(crl))
    changed = bool(reason)
    if not (reason and module.check_mode):
        changed |= manager.write_der(crl)
    if crl is not None and os.path.exists(module.params["path"]):
        arguments = module.load_file_common_arguments(module.params)
        changed = module.set_fs_attributes_if_different(arguments, changed)
    result: t.Dict[str, t.Any] = {"changed": changed, "crl": pem(crl).decode() if crl is not None else None}
    if module._diff:  # pylint: disable=protected-access
        result["diff"] = {"before": summary(manager.old), "after": summary(crl)}
    module.exit_json(number=number, reason=reason, **summary(crl), **result)


if __name__ == "__main__":
    main()
