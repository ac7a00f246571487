"""Which documents a check asks for, in which order, and what it makes of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from ikeengine.auth.revocation import MAX_FETCHES, RevocationCheck, Surroundings
from ikeengine.auth.revocation_cache import MAX_OCSP, MAX_UNREACHABLE, PATIENCE, RevocationCache
from ikeengine.auth.status import Status, Verdict
from ikeengine.crypto.crl import Crl
from ikeengine.crypto.ocsp import OcspResponse
from ikeengine.errors import AuthFailed
from ikeengine.model.connection import Revocation
from ikeengine.model.credentials import Authority
from tests.engine import pki
from tests.engine.pki import DAY, NOW, Issued, authority, crl_at, issue, make_crl, make_ocsp, ocsp_at

CRL, OCSP = "http://ca.example.com/root.crl", "http://ca.example.com/ocsp"
ROOT = authority("CN=Root")


def check(
    *chain: Issued, cache: RevocationCache | None = None, configured: Authority | None = None, **options: object
) -> RevocationCheck:
    settings = {"policy": Revocation.STRICT, **options}
    around = Surroundings(
        cache=cache or RevocationCache(),
        authority_of=lambda certificate: configured,
        responders=settings.pop("responders", ()),
        random=bytes,
        **settings,
    )
    return RevocationCheck([issued.certificate for issued in chain], around, NOW)


def leaf(*extensions: object, issuer: Issued = ROOT, name: str = "CN=moon") -> Issued:
    return issue(name, issuer, extensions=extensions)


def run(it: RevocationCheck, documents: dict[str, bytes | str]) -> list[str]:
    """Answer every fetch; the URIs that were asked for."""
    asked = []
    while fetch := it.advance(NOW):
        asked.append(fetch.uri)
        it.fetched(documents.get(fetch.uri, "HTTP status 404"), NOW)
    return asked


def refused(it: RevocationCheck, documents: dict[str, bytes | str] | None = None) -> AuthFailed:
    with pytest.raises(AuthFailed) as caught:
        run(it, documents or {})
    return caught.value


def test_top_down() -> None:
    """The URIs of a certificate are used only once its issuer is known to be fine."""
    middle = authority("CN=Middle", ROOT, extensions=[crl_at("http://a/root.crl")])
    end = leaf(crl_at("http://a/middle.crl"), issuer=middle)
    crls = {"http://a/root.crl": make_crl(ROOT), "http://a/middle.crl": make_crl(middle)}
    assert run(check(end, middle, ROOT), crls) == ["http://a/root.crl", "http://a/middle.crl"]
    revoked = {**crls, "http://a/root.crl": make_crl(ROOT, middle)}
    error = refused(check(end, middle, ROOT), revoked)
    assert error.check == "cert-revoked"
    assert "CN=Middle" in error.detail
    assert f"serial {middle.certificate.serial:x}" in error.detail


def test_policies_about_the_unknown() -> None:
    silent, pointing = leaf(), leaf(crl_at(CRL))
    assert refused(check(silent, ROOT)).check == "revocation-unknown"
    run(check(silent, ROOT, policy=Revocation.IF_URI), {})
    assert "HTTP status 404" in refused(check(pointing, ROOT, policy=Revocation.IF_URI)).detail
    relaxed = check(pointing, ROOT, policy=Revocation.RELAXED)
    run(relaxed, {})
    assert "HTTP status 404" in relaxed.remarks[0]
    quiet = check(silent, ROOT, policy=Revocation.RELAXED)
    run(quiet, {})
    assert not quiet.remarks


def test_configured_uris_come_first() -> None:
    configured = Authority("root", ROOT.der, ("file:///crl",), ("http://own/ocsp",))
    it = check(leaf(crl_at(CRL), ocsp_at(OCSP)), ROOT, configured=configured, policy=Revocation.RELAXED)
    assert run(it, {}) == ["http://own/ocsp", OCSP, "file:///crl", CRL]


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "ldap://ca.example.com/cn=root", "ftp://ca/crl", "crl"])
def test_what_certificates_may_not_name(uri: str) -> None:
    it = check(leaf(crl_at(uri)), ROOT)
    error = refused(it)
    assert "are not fetched" in error.detail


def test_switched_off() -> None:
    end = leaf(crl_at(CRL), ocsp_at(OCSP))
    assert run(check(end, ROOT, enable_ocsp=False), {CRL: make_crl(ROOT)}) == [CRL]
    good = {OCSP: make_ocsp(end, ROOT)}
    assert run(check(end, ROOT, enable_crl=False), good) == [OCSP]
    assert refused(check(end, ROOT, enable_crl=False, enable_ocsp=False)).check == "revocation-unknown"


def test_limits() -> None:
    end = leaf(crl_at(*(f"http://a/{number}" for number in range(MAX_FETCHES + 3))))
    it = check(end, ROOT, policy=Revocation.RELAXED)
    assert len(run(it, {})) == MAX_FETCHES
    late = check(leaf(crl_at(CRL)), ROOT, deadline=NOW)
    assert "the time is up" in refused(late).detail


def test_cached_until_next_update() -> None:
    cache, end = RevocationCache(), leaf(ocsp_at(OCSP), crl_at(CRL))
    assert run(check(end, ROOT, cache=cache), {OCSP: make_ocsp(end, ROOT)}) == [OCSP]
    assert run(check(end, ROOT, cache=cache), {}) == []
    later = NOW + timedelta(hours=2)
    assert cache.find_ocsp(end.certificate, ROOT.certificate, later) is None
    cache.flush()
    with pytest.raises(AuthFailed):
        run(check(end, ROOT, cache=cache), {})


def test_response_without_next_update_is_for_now_only() -> None:
    cache, end = RevocationCache(), leaf(ocsp_at(OCSP))
    documents = {OCSP: make_ocsp(end, ROOT, lifetime=None)}
    assert run(check(end, ROOT, cache=cache), documents) == [OCSP]
    assert run(check(end, ROOT, cache=cache), documents) == [OCSP]


def test_only_verified_crls_are_kept() -> None:
    cache, end = RevocationCache(), leaf(crl_at(CRL))
    forged = make_crl(ROOT, sign_with=pki.library_key("p256", "forger"))
    assert "not signed by" in refused(check(end, ROOT, cache=cache), {CRL: forged}).detail
    assert list(cache.crls()) == []
    foreign = make_crl(authority("CN=Other"))
    assert "the CRL is that of `CN=Other`" in refused(check(end, ROOT), {CRL: foreign}).detail
    assert "the CRL is that of" not in refused(check(end, ROOT), {CRL: b"nonsense"}).detail


def test_peer_sends_documents() -> None:
    cache, end = RevocationCache(), leaf()
    run(check(end, ROOT, cache=cache, crls=[Crl.from_der(make_crl(ROOT))]), {})
    assert len(list(cache.crls())) == 1
    response = OcspResponse.from_der(make_ocsp(end, ROOT, status="revoked"))
    assert refused(check(end, ROOT, responses=[response])).check == "cert-revoked"
    forged = Crl.from_der(make_crl(ROOT, sign_with=pki.library_key("p256", "forger")))
    assert refused(check(end, ROOT, crls=[forged])).check == "revocation-unknown"


def test_delta_crls() -> None:
    end = leaf(crl_at(CRL))
    freshest = x509.FreshestCRL(
        [x509.DistributionPoint([x509.UniformResourceIdentifier("http://a/delta")], *[None] * 3)]
    )
    base = make_crl(ROOT, number=5, extensions=[(freshest, False)])
    documents = {CRL: base, "http://a/delta": make_crl(ROOT, end, number=6, base=5)}
    assert refused(check(end, ROOT), documents).check == "cert-revoked"
    assert run(check(end, ROOT), {CRL: base}) == [CRL, "http://a/delta"]
    removed = make_crl(ROOT, end, number=6, base=5, reason=x509.ReasonFlags.remove_from_crl)
    listed = make_crl(ROOT, end, number=5, extensions=[(freshest, False)])
    cache = RevocationCache()
    cache.load(Crl.from_der(listed))
    cache.load(Crl.from_der(removed))
    run(check(end, ROOT, cache=cache), {})


def test_stale_and_early_crls() -> None:
    end = leaf(crl_at(CRL))
    old = make_crl(ROOT, at=NOW - 3 * DAY)
    assert "its status is unknown" in refused(check(end, ROOT), {CRL: old}).detail
    cache = RevocationCache()
    cache.load(Crl.from_der(old))
    assert "expired on 2025-05-30 12:00:00 UTC" in refused(check(leaf(), ROOT, cache=cache)).detail
    early = RevocationCache()
    early.load(Crl.from_der(make_crl(ROOT, at=NOW + DAY)))
    assert "is not valid before" in refused(check(leaf(), ROOT, cache=early)).detail


def test_newer_crl_replaces_the_older_one() -> None:
    cache, end = RevocationCache(), leaf()
    assert cache.add_crl(Crl.from_der(make_crl(ROOT, number=2)), ROOT.certificate)
    assert not cache.add_crl(Crl.from_der(make_crl(ROOT, number=1)), ROOT.certificate)
    assert cache.add_crl(Crl.from_der(make_crl(ROOT, end, number=3)), ROOT.certificate)
    assert len(list(cache.crls())) == 1
    assert refused(check(end, ROOT, cache=cache)).check == "cert-revoked"
    assert [crl.number for _key, crl in cache.take_news()] == [2, 3]
    assert cache.take_news() == []


def test_caches_are_bounded() -> None:
    cache = RevocationCache()
    end = leaf()
    response = OcspResponse.from_der(make_ocsp(end, ROOT))
    status = Status(Verdict.GOOD, "", NOW + DAY)
    for number in range(MAX_OCSP + 5):
        object.__setattr__(end.certificate, "serial", number)
        cache.add_ocsp(end.certificate, ROOT.certificate, response, status)
    assert len(cache._ocsp) == MAX_OCSP
    for number in range(MAX_UNREACHABLE + 5):
        cache.note_unreachable(f"http://a/{number}", "no answer", NOW)
    assert len(cache._unreachable) == MAX_UNREACHABLE


def test_silent_server_is_left_alone() -> None:
    cache, end = RevocationCache(), leaf(crl_at(CRL))
    refused(check(end, ROOT, cache=cache), {CRL: "no answer within 10 s"})
    it = check(end, ROOT, cache=cache)
    with pytest.raises(AuthFailed, match="no answer within 10 s"):
        it.advance(NOW)
    assert cache.why_unreachable(CRL, NOW + PATIENCE) == ""
