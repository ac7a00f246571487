"""A little web server in a network namespace that publishes CRLs and answers OCSP requests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.lab.certs import Authority, Issued
from tests.lab.netns import Namespace


@dataclass
class Responder:
    """Answers OCSP requests about the certificates of an authority."""

    authority: Authority
    known: list[Issued]
    revoked: list[Issued] = field(default_factory=list)
    signer: Issued | None = None
    """Who signs the responses; the authority itself if nobody is named."""
    sends_signer: bool = True
    nonce: bytes | None = None
    """A nonce to send instead of the one in the request."""
    minutes: tuple[float, float] = (-1, 60)
    """thisUpdate and nextUpdate, from now."""

    def answer(self, encoded: bytes) -> bytes:
        """The response to a request."""
        request = ocsp.load_der_ocsp_request(encoded)
        found = [i for i in self.known if i.certificate.serial_number == request.serial_number]
        if not found:
            return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED).public_bytes(
                Encoding.DER
            )
        now = datetime.now(UTC)
        is_revoked = found[0] in self.revoked
        signer = self.signer or self.authority
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=found[0].certificate,
            issuer=self.authority.certificate,
            algorithm=hashes.SHA1(),
            cert_status=ocsp.OCSPCertStatus.REVOKED if is_revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=now + timedelta(minutes=self.minutes[0]),
            next_update=now + timedelta(minutes=self.minutes[1]),
            revocation_time=now - timedelta(days=1) if is_revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if is_revoked else None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        if self.sends_signer and self.signer is not None:
            builder = builder.certificates([signer.certificate])
        nonces = [e.value.nonce for e in request.extensions if isinstance(e.value, x509.OCSPNonce)]
        if self.nonce or nonces:
            builder = builder.add_extension(x509.OCSPNonce(self.nonce or nonces[0]), critical=False)
        edwards = isinstance(signer.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
        return builder.sign(signer.key, None if edwards else hashes.SHA256()).public_bytes(Encoding.DER)


class Publisher:
    """What is published: documents by path, and OCSP responders by path. A `hole` takes requests and never answers."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.reset()
        self.closed = threading.Event()

    def reset(self) -> None:
        """Publish nothing."""
        self.documents: dict[str, bytes] = {}
        self.responders: dict[str, Responder] = {}
        self.redirects: dict[str, str] = {}
        self.holes: set[str] = set()
        self.asked: list[str] = []

    def uri(self, path: str) -> str:
        """The URI of a path."""
        return f"http://{self.address}:{self.port}/{path}"


@contextlib.contextmanager
def publishing(namespace: Namespace, address: str, port: int = 8880) -> Iterator[Publisher]:
    """Serve in a namespace while the block runs."""
    publisher = Publisher(address, port)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve(publisher.documents.get(self._path()))

        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            responder = publisher.responders.get(self._path())
            self._serve(responder.answer(request) if responder else None)

        def _path(self) -> str:
            path = self.path.lstrip("/")
            publisher.asked.append(path)
            if path in publisher.holes:
                publisher.closed.wait()
            return path

        def _serve(self, document: bytes | None) -> None:
            target = publisher.redirects.get(self.path.lstrip("/"))
            self.send_response(302 if target else 404 if document is None else 200)
            if target:
                self.send_header("Location", target)
            self.send_header("Content-Length", str(len(document or b"")))
            self.end_headers()
            self.wfile.write(document or b"")

        def log_message(self, *arguments: object) -> None:
            """Silence."""

    with namespace.entered():
        server = ThreadingHTTPServer((address, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield publisher
    finally:
        publisher.closed.set()
        server.shutdown()
        server.server_close()
