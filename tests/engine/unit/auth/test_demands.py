"""Demands of a connection on the chain of its peer."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ikeengine.auth.demands import check_demands
from ikeengine.config.certificate_kinds import REMOTE_AUTH_KIND
from ikeengine.errors import AuthFailed
from ikeengine.model.connection import AuthKind, RemoteAuth
from tests.engine.pki import Issued, authority, issue

RSA_ROOT = authority("CN=RSA Root", kind="rsa3072")
ECDSA_ROOT = authority("CN=ECDSA Root", kind="p384", algorithm=hashes.SHA384())


def remote(auth: str) -> RemoteAuth:
    methods = REMOTE_AUTH_KIND.parse(auth)
    return RemoteAuth(methods.kind, schemes=methods.schemes, chain_constraints=methods.chain)


def chain(*issued: Issued) -> list:
    return [one.certificate for one in issued]


@pytest.mark.parametrize(
    ("auth", "fine"),
    [
        ("pubkey", True),
        ("rsa", True),
        ("rsa-2048", True),
        ("rsa-3072-sha256", True),
        ("rsa-4096", False),
        ("rsa-3072-sha384", False),
        ("rsa-3072-sha256-sha384", True),
        ("ecdsa-256", False),
        ("rsa-2048-ecdsa-256-sha256", True),
        ("rsa/pss-2048", False),
        ("pubkey-sha256", True),
        ("pubkey-sha512", False),
        ("ike:rsa-sha512", True),
        ("rsa-3072-ike:rsa/pss-sha512", True),
    ],
)
def test_keys_and_hashes(auth: str, fine: bool) -> None:
    """Mirrors ikev2/strong-keys-certs."""
    found = chain(issue("CN=moon", RSA_ROOT, kind="rsa3072"), RSA_ROOT)
    if fine:
        check_demands(found, remote(auth))
    else:
        with pytest.raises(AuthFailed) as caught:
            check_demands(found, remote(auth))
        assert caught.value.check == "key-strength"
        assert auth in caught.value.detail


def test_the_whole_chain_counts() -> None:
    mixed = chain(issue("CN=moon", RSA_ROOT, kind="p256"), RSA_ROOT)
    check_demands(mixed, remote("rsa-2048-sha256-ecdsa-256"))
    with pytest.raises(AuthFailed):
        check_demands(mixed, remote("ecdsa-256"))
    strong = chain(issue("CN=moon", ECDSA_ROOT, kind="p384", algorithm=hashes.SHA384()), ECDSA_ROOT)
    check_demands(strong, remote("ecdsa-384-sha384"))
    weak = chain(issue("CN=moon", ECDSA_ROOT, kind="p256", algorithm=hashes.SHA384()), ECDSA_ROOT)
    with pytest.raises(AuthFailed, match="256 bits"):
        check_demands(weak, remote("ecdsa-384-sha384"))


def test_edwards_curves_have_their_hash_built_in() -> None:
    root = authority("CN=Ed Root", kind="ed25519")
    check_demands(chain(issue("CN=moon", root, kind="ed25519"), root), remote("ed25519"))


def test_what_the_text_means() -> None:
    methods = REMOTE_AUTH_KIND.parse("RSA-3072-sha256-ecdsa-256")
    assert methods.kind is AuthKind.PUBKEY
    assert methods.chain == ("rsa-3072-sha256-ecdsa-256",)
    assert methods.schemes == ("rsa-3072-sha256-rsa/pss-3072-sha256-ecdsa-256",)
    split = REMOTE_AUTH_KIND.parse("rsa-3072-ike:rsa/pss-sha512")
    assert (split.chain, split.schemes) == (("rsa-3072",), ("rsa/pss-sha512",))
    for text in ("rsa-md5", "rsa-3072-ike:", "rsa-ike:rsa-ike:rsa"):
        with pytest.raises(ValueError, match="not known here"):
            REMOTE_AUTH_KIND.parse(text)


def test_policies() -> None:
    """Mirrors ikev2/rw-ed25519-certpol."""
    policies = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)])
    root = authority("CN=Root")
    found = chain(issue("CN=moon", root, extensions=[(policies, False)]), root)
    check_demands(found, RemoteAuth(cert_policy=("1.2.3.4",)))
    with pytest.raises(AuthFailed, match=r"not valid for the policy 1.2.3.5 of `remote.cert_policy`, only for 1.2.3.4"):
        check_demands(found, RemoteAuth(cert_policy=("1.2.3.4", "1.2.3.5")))
    anything = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)])
    check_demands(
        chain(issue("CN=moon", root, extensions=[(anything, False)]), root), RemoteAuth(cert_policy=("1.2.3.5",))
    )
    with pytest.raises(AuthFailed, match="only for none"):
        check_demands(chain(issue("CN=moon", root), root), RemoteAuth(cert_policy=("1.2.3.4",)))
