"""Certificates that strongSwan's own tool made."""

from __future__ import annotations

from datetime import UTC, datetime

from ikeengine.auth.x509 import build_chain, matches_identity
from ikeengine.crypto.certificate import Certificate
from ikeengine.negotiate.identities import format_identity, parse_identity
from tests.engine.vectors.records import Record, each

WHEN = datetime(2035, 1, 1, tzinfo=UTC)


@each("strongswan-pki.txt")
def test_chains_and_identities(record: Record) -> None:
    root, moon, carol = (Certificate.from_der(record[name]) for name in ("root", "moon", "carol"))
    for leaf in (moon, carol):
        assert build_chain(leaf, [], [root], WHEN) == (leaf, root)
    assert [format_identity(identity) for identity in moon.identities] == [
        "moon.strongswan.org",
        "192.0.2.1",
        "fec0::1",
        "moon@strongswan.org",
        "C=CH, O=strongSwan Project, CN=moon.strongswan.org",
    ]
    for text in ("moon.strongswan.org", "192.0.2.1", "C=CH, O=strongSwan Project, CN=moon.strongswan.org"):
        assert parse_identity(text) in moon.identities, "octet by octet what strongSwan encodes"
        assert matches_identity(moon, parse_identity(text))
    assert matches_identity(carol, parse_identity("carol@strongswan.org"))
