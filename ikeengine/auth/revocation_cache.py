"""What is known about revoked certificates: CRLs and OCSP responses, bounded, and kept only after verification."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from ikeengine.auth.status import Status
from ikeengine.crypto import names
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.crl import Crl, Scope
from ikeengine.crypto.ocsp import OcspResponse
from ikeengine.model.immutable import immutable

MAX_CRLS = 256
MAX_CRL_OCTETS = 128 << 20
MAX_OCSP = 4096
MAX_UNREACHABLE = 256
PATIENCE = timedelta(seconds=30)
"""How long a URI that did not answer is left alone, so that a dead server does not delay every handshake."""

_CrlKey = tuple[bytes, tuple[names.Rdn, ...], Scope, bool]
_OcspKey = tuple[bytes, int]


@immutable
class _Answer:
    response: OcspResponse
    status: Status


class RevocationCache:
    """One per engine. `loaded` CRLs come from the configuration, all else from fetches and peers."""

    def __init__(self) -> None:
        self._loaded: dict[bytes, Crl] = {}
        self._crls: dict[_CrlKey, Crl] = {}
        self._news: deque[tuple[bytes, Crl]] = deque(maxlen=MAX_CRLS)
        self._ocsp: dict[_OcspKey, _Answer] = {}
        self._unreachable: dict[str, tuple[datetime, str]] = {}

    # --- CRLs

    def load(self, crl: Crl) -> None:
        """Add a CRL of the configuration. It is verified like every other one when it is used."""
        self._loaded[crl.der] = crl

    def unload(self, crl: Crl) -> None:
        """Forget a CRL of the configuration."""
        self._loaded.pop(crl.der, None)

    def add_crl(self, crl: Crl, signer: Certificate) -> bool:
        """Keep a CRL whose signature is verified. False if a newer one of the same kind is there."""
        key = (signer.public_key.key_id, crl.issuer_rdns, crl.scope, crl.base_number is not None)
        old = self._crls.get(key)
        if old is not None and (old.number, old.this_update) >= (crl.number, crl.this_update):
            return False
        self._crls.pop(key, None)
        self._crls[key] = crl
        self._news.append((signer.public_key.key_id, crl))
        while len(self._crls) > MAX_CRLS or (
            len(self._crls) > 1 and sum(len(kept.der) for kept in self._crls.values()) > MAX_CRL_OCTETS
        ):
            del self._crls[next(iter(self._crls))]
        return True

    def take_news(self) -> list[tuple[bytes, Crl]]:
        """The CRLs that came since the last call, with the identifiers of the keys that signed them."""
        news = list(self._news)
        self._news.clear()
        return news

    def crls(self, extra: Iterable[Crl] = ()) -> Iterator[Crl]:
        """Every CRL, and those that somebody brings along, each once."""
        return iter(dict.fromkeys((*self._loaded.values(), *self._crls.values(), *extra)))

    # --- OCSP

    def add_ocsp(self, certificate: Certificate, issuer: Certificate, response: OcspResponse, status: Status) -> None:
        """Keep a verified response until it says that there is news."""
        if status.until is None:
            return
        key = (issuer.public_key.key_id, certificate.serial)
        self._ocsp.pop(key, None)
        self._ocsp[key] = _Answer(response, status)
        if len(self._ocsp) > MAX_OCSP:
            del self._ocsp[next(iter(self._ocsp))]

    def find_ocsp(self, certificate: Certificate, issuer: Certificate, wall: datetime) -> _Answer | None:
        """What a responder has said about a certificate, unless that is out of date."""
        key = (issuer.public_key.key_id, certificate.serial)
        found = self._ocsp.get(key)
        if found is None or found.status.until is None or found.status.until < wall:
            self._ocsp.pop(key, None)
            return None
        return found

    def responses(self) -> tuple[OcspResponse, ...]:
        """Every response that is kept, each once."""
        return tuple(dict.fromkeys(answer.response for answer in self._ocsp.values()))

    # --- servers that do not answer

    def note_unreachable(self, uri: str, reason: str, wall: datetime) -> None:
        """Leave a URI alone for a while."""
        self._unreachable.pop(uri, None)
        self._unreachable[uri] = (wall + PATIENCE, reason)
        if len(self._unreachable) > MAX_UNREACHABLE:
            del self._unreachable[next(iter(self._unreachable))]

    def why_unreachable(self, uri: str, wall: datetime) -> str:
        """Why a URI is left alone now; empty if it is not."""
        until, reason = self._unreachable.get(uri, (wall, ""))
        return reason if until > wall else ""

    def flush(self, *, crls: bool = True, responses: bool = True) -> None:
        """Forget what was fetched or came from peers."""
        if crls:
            self._crls.clear()
        if responses:
            self._ocsp.clear()
        self._unreachable.clear()
