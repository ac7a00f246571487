# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CA of somebody else's: a root, and below it the authority that signs.

    authority.py DIR sign [HOST ...]   sign DIR/requests/*.csr, or those of these hosts, into DIR/certificates, as its operator would
    authority.py DIR crl FILE [HOST ...]
                                       write a revocation list with the certificates in DIR/certificates of these hosts
    authority.py DIR serve PORTFILE    a stand-in for Vault: it speaks the documented POST /v1/pki/sign/ROLE, with this CA behind
"""

from __future__ import annotations

import datetime
import http.server
import json
import pathlib
import pickle
import sys
import typing as t

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOKEN = "s.token-for-the-test"
NOW = datetime.datetime.now(datetime.timezone.utc)
IPSEC_IKE = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.17")


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class Authority:
    """The root, and the authority below it."""

    def __init__(self, directory: pathlib.Path) -> None:
        keys = directory / "authority.pickle"
        if not keys.exists():
            made = [self._make(None, None, "Root", 1)]
            made.append(self._make(*made[0], "Gateways", 0))
            keys.write_bytes(pickle.dumps([(pem(certificate), self._text(key)) for certificate, key in made]))
            (directory / "root.pem").write_text(pem(made[0][0]))
        stored = pickle.loads(keys.read_bytes())
        self.root = x509.load_pem_x509_certificate(stored[0][0].encode())
        self.certificate = x509.load_pem_x509_certificate(stored[1][0].encode())
        self.key = t.cast(
            ec.EllipticCurvePrivateKey, serialization.load_pem_private_key(stored[1][1].encode(), password=None)
        )

    @staticmethod
    def _text(key: ec.EllipticCurvePrivateKey) -> str:
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @staticmethod
    def _make(issuer: t.Any, issuer_key: t.Any, name: str, length: int) -> tuple:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(hours=1))
            .not_valid_after(NOW + datetime.timedelta(days=900))
            .add_extension(x509.BasicConstraints(True, length), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
            )
            .sign(issuer_key or key, hashes.SHA256())
        )
        return certificate, key

    def sign(self, text: str) -> str:
        """A certificate for a request. Raises ValueError."""
        request = x509.load_pem_x509_csr(text.encode())
        if not request.is_signature_valid:
            raise ValueError("the signature of the request is wrong")
        names = [one for one in request.extensions if isinstance(one.value, x509.SubjectAlternativeName)]
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self.certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(hours=1))
            .not_valid_after(NOW + datetime.timedelta(days=400))
            .add_extension(x509.ExtendedKeyUsage([IPSEC_IKE]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for name in names:
            builder = builder.add_extension(name.value, critical=False)
        return pem(builder.sign(self.key, hashes.SHA256()))

    def revoke(self, texts: list[str]) -> str:
        """A revocation list with these certificates."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(NOW - datetime.timedelta(hours=1)).next_update(NOW + datetime.timedelta(days=10))
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        ).add_extension(x509.CRLNumber(int(NOW.timestamp() * 1000)), critical=False)
        for text in texts:
            serial = x509.load_pem_x509_certificate(text.encode()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class Vault(http.server.BaseHTTPRequestHandler):
    """The endpoint that signs."""

    authority: Authority

    def do_GET(self) -> None:
        """What is published: DIR/NAME.crl."""
        file = pathlib.Path(sys.argv[1], pathlib.Path(self.path).name)
        if file.suffix != ".crl" or not file.exists():
            return self._answer(404, {"errors": ["not found"]})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(file.read_bytes())
        return None

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("X-Vault-Token") != TOKEN:
            return self._answer(403, {"errors": ["permission denied"]})
        if self.path != "/v1/pki/sign/gateways" or not body.get("common_name"):
            return self._answer(400, {"errors": ["unknown role: " + self.path.rpartition("/")[2]]})
        try:
            certificate = self.authority.sign(body["csr"])
        except ValueError as error:
            return self._answer(400, {"errors": [str(error)]})
        chain = [pem(self.authority.certificate), pem(self.authority.root)]
        return self._answer(
            200, {"data": {"certificate": certificate.strip(), "issuing_ca": chain[0], "ca_chain": chain}}
        )

    def _answer(self, status: int, body: dict) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


def main() -> None:
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    authority = Authority(directory)
    if sys.argv[2] == "sign":
        for request in (directory / "requests").glob("*.csr"):
            if sys.argv[3:] and request.stem not in sys.argv[3:]:
                continue
            certificate = authority.sign(request.read_text()) + pem(authority.certificate)
            (directory / "certificates" / f"{request.stem}.pem").write_text(certificate)
        return
    if sys.argv[2] == "crl":
        certificates = [(directory / "certificates" / f"{host}.pem").read_text() for host in sys.argv[4:]]
        pathlib.Path(sys.argv[3]).write_text(authority.revoke(certificates))
        return
    Vault.authority = authority
    with http.server.HTTPServer(("127.0.0.1", 0), Vault) as server:
        pathlib.Path(sys.argv[3]).write_text(str(server.server_port))
        server.serve_forever()


if __name__ == "__main__":
    main()
