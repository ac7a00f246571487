"""NIST's Public Key Interoperability Test Suite, version 1.0.1 (2011), from the package cryptography-vectors.

Every test of the sections 4.1 to 4.16 is in one of the tables, with the result that the suite's documentation expects;
one line for each of its subtests. Every certificate authority of the suite is on offer as an intermediate and every CRL
is at hand in every test, so this also tests the search for them. Revocation is checked as `revocation: strict` does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import cryptography_vectors
import pytest

from ikeengine.auth.policies import PolicyRules
from ikeengine.auth.revocation import RevocationCheck, Surroundings
from ikeengine.auth.revocation_cache import RevocationCache
from ikeengine.auth.x509 import build_chain
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.crl import Crl
from ikeengine.crypto.policy_extensions import ANY_POLICY
from ikeengine.errors import AuthFailed
from ikeengine.model.connection import Revocation

DATA = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"
POLICY_ARC = "2.16.840.1.101.3.2.1.48."
"""NIST-test-policy-1 is the policy 1 below it, and so on."""
WHEN = datetime(2020, 1, 1, tzinfo=UTC)
UNUSABLE = {
    "DSACACert",
    "DSAParametersInheritedCACert",
    "InvalidDSASignatureTest6EE",
    "ValidDSAParameterInheritanceTest5EE",
    "ValidDSASignaturesTest4EE",
}

VALID = """
4.1.1    ValidCertificatePathTest1
4.2.3    Validpre2000UTCnotBeforeDateTest3
4.2.4    ValidGeneralizedTimenotBeforeDateTest4
4.2.8    ValidGeneralizedTimenotAfterDateTest8
4.3.3    ValidNameChainingWhitespaceTest3
4.3.4    ValidNameChainingWhitespaceTest4
4.3.5    ValidNameChainingCapitalizationTest5
4.3.6    ValidNameUIDsTest6
4.3.7    ValidRFC3280MandatoryAttributeTypesTest7
4.3.8    ValidRFC3280OptionalAttributeTypesTest8
4.3.9    ValidUTF8StringEncodedNamesTest9
4.3.10   ValidRolloverfromPrintableStringtoUTF8StringTest10
4.3.11   ValidUTF8StringCaseInsensitiveMatchTest11
4.4.7    ValidTwoCRLsTest7
4.4.13   ValidGeneralizedTimeCRLnextUpdateTest13
4.4.14   ValidNegativeSerialNumberTest14
4.4.16   ValidLongSerialNumberTest16
4.4.17   ValidLongSerialNumberTest17
4.4.19   ValidSeparateCertificateandCRLKeysTest19
4.5.1    ValidBasicSelfIssuedOldWithNewTest1
4.5.3    ValidBasicSelfIssuedNewWithOldTest3
4.5.4    ValidBasicSelfIssuedNewWithOldTest4
4.5.6    ValidBasicSelfIssuedCRLSigningKeyTest6
4.6.4    ValidbasicConstraintsNotCriticalTest4
4.6.7    ValidpathLenConstraintTest7
4.6.8    ValidpathLenConstraintTest8
4.6.13   ValidpathLenConstraintTest13
4.6.14   ValidpathLenConstraintTest14
4.6.15   ValidSelfIssuedpathLenConstraintTest15
4.6.17   ValidSelfIssuedpathLenConstraintTest17
4.7.3    ValidkeyUsageNotCriticalTest3
4.8.1.1  ValidCertificatePathTest1 explicit
4.8.1.2  ValidCertificatePathTest1 explicit 1
4.8.1.4  ValidCertificatePathTest1 explicit 1 2
4.8.2.1  AllCertificatesNoPoliciesTest2
4.8.3.1  DifferentPoliciesTest3
4.8.6.1  OverlappingPoliciesTest6
4.8.6.2  OverlappingPoliciesTest6 1
4.8.10.1 AllCertificatesSamePoliciesTest10
4.8.10.2 AllCertificatesSamePoliciesTest10 1
4.8.10.3 AllCertificatesSamePoliciesTest10 2
4.8.11.1 AllCertificatesanyPolicyTest11
4.8.11.2 AllCertificatesanyPolicyTest11 1
4.8.13.1 AllCertificatesSamePoliciesTest13 1
4.8.13.2 AllCertificatesSamePoliciesTest13 2
4.8.13.3 AllCertificatesSamePoliciesTest13 3
4.8.14.1 AnyPolicyTest14 1
4.8.15   UserNoticeQualifierTest15
4.8.16   UserNoticeQualifierTest16
4.8.17   UserNoticeQualifierTest17
4.8.18.1 UserNoticeQualifierTest18 1
4.8.18.2 UserNoticeQualifierTest18 2
4.8.19   UserNoticeQualifierTest19
4.8.20   CPSPointerQualifierTest20 explicit 1
4.9.1    ValidrequireExplicitPolicyTest1
4.9.2    ValidrequireExplicitPolicyTest2
4.9.4    ValidrequireExplicitPolicyTest4
4.9.6    ValidSelfIssuedrequireExplicitPolicyTest6
4.10.1.1 ValidPolicyMappingTest1 1
4.10.3.2 ValidPolicyMappingTest3 2
4.10.5.1 ValidPolicyMappingTest5 1
4.10.6.1 ValidPolicyMappingTest6 1
4.10.9   ValidPolicyMappingTest9
4.10.11  ValidPolicyMappingTest11
4.10.12.1 ValidPolicyMappingTest12 1
4.10.12.2 ValidPolicyMappingTest12 2
4.10.13  ValidPolicyMappingTest13
4.10.14  ValidPolicyMappingTest14
4.11.2   ValidinhibitPolicyMappingTest2
4.11.4   ValidinhibitPolicyMappingTest4
4.11.7   ValidSelfIssuedinhibitPolicyMappingTest7
4.12.2   ValidinhibitAnyPolicyTest2
4.12.3.1 inhibitAnyPolicyTest3
4.12.7   ValidSelfIssuedinhibitAnyPolicyTest7
4.12.9   ValidSelfIssuedinhibitAnyPolicyTest9
4.13.1   ValidDNnameConstraintsTest1
4.13.4   ValidDNnameConstraintsTest4
4.13.5   ValidDNnameConstraintsTest5
4.13.6   ValidDNnameConstraintsTest6
4.13.11  ValidDNnameConstraintsTest11
4.13.14  ValidDNnameConstraintsTest14
4.13.18  ValidDNnameConstraintsTest18
4.13.19  ValidDNnameConstraintsTest19
4.13.21  ValidRFC822nameConstraintsTest21
4.13.23  ValidRFC822nameConstraintsTest23
4.13.25  ValidRFC822nameConstraintsTest25
4.13.27  ValidDNandRFC822nameConstraintsTest27
4.13.30  ValidDNSnameConstraintsTest30
4.13.32  ValidDNSnameConstraintsTest32
4.13.34  ValidURInameConstraintsTest34
4.13.36  ValidURInameConstraintsTest36
4.14.1   ValiddistributionPointTest1
4.14.4   ValiddistributionPointTest4
4.14.5   ValiddistributionPointTest5
4.14.7   ValiddistributionPointTest7
4.14.10  ValidNoissuingDistributionPointTest10
4.14.13  ValidonlyContainsCACertsTest13
4.14.18  ValidonlySomeReasonsTest18
4.14.19  ValidonlySomeReasonsTest19
4.14.22  ValidIDPwithindirectCRLTest22
4.15.2   ValiddeltaCRLTest2
4.15.5   ValiddeltaCRLTest5
4.15.7   ValiddeltaCRLTest7
4.15.8   ValiddeltaCRLTest8
4.16.1   ValidUnknownNotCriticalCertificateExtensionTest1
"""
"""Number, name, and inputs of the path validation: `explicit`, `no-mapping`, `no-any`, numbers of initial policies."""

INVALID = """
4.1.2    InvalidCASignatureTest2 cert-validation-failed
4.1.3    InvalidEESignatureTest3 cert-validation-failed
4.1.6    InvalidDSASignatureTest6 cert-validation-failed
4.2.1    InvalidCAnotBeforeDateTest1 cert-expired
4.2.2    InvalidEEnotBeforeDateTest2 cert-expired
4.2.5    InvalidCAnotAfterDateTest5 cert-expired
4.2.6    InvalidEEnotAfterDateTest6 cert-expired
4.2.7    Invalidpre2000UTCEEnotAfterDateTest7 cert-expired
4.3.1    InvalidNameChainingTest1 cert-no-issuer
4.3.2    InvalidNameChainingOrderTest2 cert-no-issuer
4.4.1    InvalidMissingCRLTest1 revocation-unknown
4.4.2    InvalidRevokedCATest2 cert-revoked
4.4.3    InvalidRevokedEETest3 cert-revoked
4.4.4    InvalidBadCRLSignatureTest4 revocation-unknown
4.4.5    InvalidBadCRLIssuerNameTest5 revocation-unknown
4.4.6    InvalidWrongCRLTest6 revocation-unknown
4.4.8    InvalidUnknownCRLEntryExtensionTest8 revocation-unknown
4.4.9    InvalidUnknownCRLExtensionTest9 revocation-unknown
4.4.10   InvalidUnknownCRLExtensionTest10 revocation-unknown
4.4.11   InvalidOldCRLnextUpdateTest11 revocation-unknown
4.4.12   Invalidpre2000CRLnextUpdateTest12 revocation-unknown
4.4.15   InvalidNegativeSerialNumberTest15 cert-revoked
4.4.18   InvalidLongSerialNumberTest18 cert-revoked
4.4.20   InvalidSeparateCertificateandCRLKeysTest20 cert-revoked
4.4.21   InvalidSeparateCertificateandCRLKeysTest21 revocation-unknown
4.5.2    InvalidBasicSelfIssuedOldWithNewTest2 cert-revoked
4.5.5    InvalidBasicSelfIssuedNewWithOldTest5 cert-revoked
4.5.7    InvalidBasicSelfIssuedCRLSigningKeyTest7 cert-revoked
4.5.8    InvalidBasicSelfIssuedCRLSigningKeyTest8 cert-validation-failed
4.6.1    InvalidMissingbasicConstraintsTest1 cert-validation-failed
4.6.2    InvalidcAFalseTest2 cert-validation-failed
4.6.3    InvalidcAFalseTest3 cert-validation-failed
4.6.5    InvalidpathLenConstraintTest5 cert-exceeded-path-len
4.6.6    InvalidpathLenConstraintTest6 cert-exceeded-path-len
4.6.9    InvalidpathLenConstraintTest9 cert-exceeded-path-len
4.6.10   InvalidpathLenConstraintTest10 cert-exceeded-path-len
4.6.11   InvalidpathLenConstraintTest11 cert-exceeded-path-len
4.6.12   InvalidpathLenConstraintTest12 cert-exceeded-path-len
4.6.16   InvalidSelfIssuedpathLenConstraintTest16 cert-exceeded-path-len
4.7.1    InvalidkeyUsageCriticalkeyCertSignFalseTest1 cert-validation-failed
4.7.2    InvalidkeyUsageNotCriticalkeyCertSignFalseTest2 cert-validation-failed
4.7.4    InvalidkeyUsageCriticalcRLSignFalseTest4 revocation-unknown
4.7.5    InvalidkeyUsageNotCriticalcRLSignFalseTest5 revocation-unknown
4.8.1.3  ValidCertificatePathTest1 cert-policy-violation explicit 2
4.8.2.2  AllCertificatesNoPoliciesTest2 cert-policy-violation explicit
4.8.3.2  DifferentPoliciesTest3 cert-policy-violation explicit
4.8.3.3  DifferentPoliciesTest3 cert-policy-violation explicit 1 2
4.8.4    DifferentPoliciesTest4 cert-policy-violation
4.8.5    DifferentPoliciesTest5 cert-policy-violation
4.8.6.3  OverlappingPoliciesTest6 cert-policy-violation 2
4.8.7    DifferentPoliciesTest7 cert-policy-violation
4.8.8    DifferentPoliciesTest8 cert-policy-violation
4.8.9    DifferentPoliciesTest9 cert-policy-violation
4.8.12   DifferentPoliciesTest12 cert-policy-violation
4.8.14.2 AnyPolicyTest14 cert-policy-violation 2
4.9.3    InvalidrequireExplicitPolicyTest3 cert-policy-violation
4.9.5    InvalidrequireExplicitPolicyTest5 cert-policy-violation
4.9.7    InvalidSelfIssuedrequireExplicitPolicyTest7 cert-policy-violation
4.9.8    InvalidSelfIssuedrequireExplicitPolicyTest8 cert-policy-violation
4.10.1.2 ValidPolicyMappingTest1 cert-policy-violation 2
4.10.1.3 ValidPolicyMappingTest1 cert-policy-violation no-mapping
4.10.2.1 InvalidPolicyMappingTest2 cert-policy-violation
4.10.2.2 InvalidPolicyMappingTest2 cert-policy-violation no-mapping
4.10.3.1 ValidPolicyMappingTest3 cert-policy-violation 1
4.10.4   InvalidPolicyMappingTest4 cert-policy-violation
4.10.5.2 ValidPolicyMappingTest5 cert-policy-violation 6
4.10.6.2 ValidPolicyMappingTest6 cert-policy-violation 6
4.10.7   InvalidMappingFromanyPolicyTest7 cert-policy-violation
4.10.8   InvalidMappingToanyPolicyTest8 cert-policy-violation
4.10.10  InvalidPolicyMappingTest10 cert-policy-violation
4.11.1   InvalidinhibitPolicyMappingTest1 cert-policy-violation
4.11.3   InvalidinhibitPolicyMappingTest3 cert-policy-violation
4.11.5   InvalidinhibitPolicyMappingTest5 cert-policy-violation
4.11.6   InvalidinhibitPolicyMappingTest6 cert-policy-violation
4.11.8   InvalidSelfIssuedinhibitPolicyMappingTest8 cert-policy-violation
4.11.9   InvalidSelfIssuedinhibitPolicyMappingTest9 cert-policy-violation
4.11.10  InvalidSelfIssuedinhibitPolicyMappingTest10 cert-policy-violation
4.11.11  InvalidSelfIssuedinhibitPolicyMappingTest11 cert-policy-violation
4.12.1   InvalidinhibitAnyPolicyTest1 cert-policy-violation
4.12.3.2 inhibitAnyPolicyTest3 cert-policy-violation no-any
4.12.4   InvalidinhibitAnyPolicyTest4 cert-policy-violation
4.12.5   InvalidinhibitAnyPolicyTest5 cert-policy-violation
4.12.6   InvalidinhibitAnyPolicyTest6 cert-policy-violation
4.12.8   InvalidSelfIssuedinhibitAnyPolicyTest8 cert-policy-violation
4.12.10  InvalidSelfIssuedinhibitAnyPolicyTest10 cert-policy-violation
4.13.2   InvalidDNnameConstraintsTest2 cert-policy-violation
4.13.3   InvalidDNnameConstraintsTest3 cert-policy-violation
4.13.7   InvalidDNnameConstraintsTest7 cert-policy-violation
4.13.8   InvalidDNnameConstraintsTest8 cert-policy-violation
4.13.9   InvalidDNnameConstraintsTest9 cert-policy-violation
4.13.10  InvalidDNnameConstraintsTest10 cert-policy-violation
4.13.12  InvalidDNnameConstraintsTest12 cert-policy-violation
4.13.13  InvalidDNnameConstraintsTest13 cert-policy-violation
4.13.15  InvalidDNnameConstraintsTest15 cert-policy-violation
4.13.16  InvalidDNnameConstraintsTest16 cert-policy-violation
4.13.17  InvalidDNnameConstraintsTest17 cert-policy-violation
4.13.20  InvalidDNnameConstraintsTest20 cert-policy-violation
4.13.22  InvalidRFC822nameConstraintsTest22 cert-policy-violation
4.13.24  InvalidRFC822nameConstraintsTest24 cert-policy-violation
4.13.26  InvalidRFC822nameConstraintsTest26 cert-policy-violation
4.13.28  InvalidDNandRFC822nameConstraintsTest28 cert-policy-violation
4.13.29  InvalidDNandRFC822nameConstraintsTest29 cert-policy-violation
4.13.31  InvalidDNSnameConstraintsTest31 cert-policy-violation
4.13.33  InvalidDNSnameConstraintsTest33 cert-policy-violation
4.13.35  InvalidURInameConstraintsTest35 cert-policy-violation
4.13.37  InvalidURInameConstraintsTest37 cert-policy-violation
4.13.38  InvalidDNSnameConstraintsTest38 cert-policy-violation
4.14.2   InvaliddistributionPointTest2 cert-revoked
4.14.3   InvaliddistributionPointTest3 revocation-unknown
4.14.6   InvaliddistributionPointTest6 cert-revoked
4.14.8   InvaliddistributionPointTest8 revocation-unknown
4.14.9   InvaliddistributionPointTest9 revocation-unknown
4.14.11  InvalidonlyContainsUserCertsTest11 revocation-unknown
4.14.12  InvalidonlyContainsCACertsTest12 revocation-unknown
4.14.14  InvalidonlyContainsAttributeCertsTest14 revocation-unknown
4.14.15  InvalidonlySomeReasonsTest15 cert-revoked
4.14.16  InvalidonlySomeReasonsTest16 cert-revoked
4.14.17  InvalidonlySomeReasonsTest17 revocation-unknown
4.14.20  InvalidonlySomeReasonsTest20 cert-revoked
4.14.21  InvalidonlySomeReasonsTest21 cert-revoked
4.14.23  InvalidIDPwithindirectCRLTest23 cert-revoked
4.14.26  InvalidIDPwithindirectCRLTest26 revocation-unknown
4.14.27  InvalidcRLIssuerTest27 revocation-unknown
4.14.31  InvalidcRLIssuerTest31 revocation-unknown
4.14.32  InvalidcRLIssuerTest32 revocation-unknown
4.14.34  InvalidcRLIssuerTest34 cert-revoked
4.14.35  InvalidcRLIssuerTest35 revocation-unknown
4.15.1   InvaliddeltaCRLIndicatorNoBaseTest1 revocation-unknown
4.15.3   InvaliddeltaCRLTest3 cert-revoked
4.15.4   InvaliddeltaCRLTest4 cert-revoked
4.15.6   InvaliddeltaCRLTest6 cert-revoked
4.15.9   InvaliddeltaCRLTest9 cert-revoked
4.15.10  InvaliddeltaCRLTest10 revocation-unknown
4.16.2   InvalidUnknownCriticalCertificateExtensionTest2 cert-validation-failed
"""
"""The same with the check that fails in the third column."""

SKIPPED = """
4.1.4   ValidDSASignaturesTest4            DSA keys are not used (RFC 8247 section 3.2)
4.1.5   ValidDSAParameterInheritanceTest5  DSA keys are not used (RFC 8247 section 3.2)
4.14.24 ValidIDPwithindirectCRLTest24      indirect CRLs of another authority are not supported
4.14.25 ValidIDPwithindirectCRLTest25      indirect CRLs of another authority are not supported
4.14.28 ValidcRLIssuerTest28               CRLs of a cRLIssuer are not supported
4.14.29 ValidcRLIssuerTest29               CRLs of a cRLIssuer are not supported
4.14.30 ValidcRLIssuerTest30               CRLs of a cRLIssuer are not supported
4.14.33 ValidcRLIssuerTest33               CRLs of a cRLIssuer are not supported
"""
"""Tests of features that are not there: such a path is refused, though it is valid, and why."""

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


def rows(table: str) -> list[list[str]]:
    return [line.split(None, 2) for line in table.strip().splitlines()]


def cases(table: str, columns: int) -> list[object]:
    """Parameters: the name, further columns, and the inputs."""
    lines = [line.split() for line in table.strip().splitlines()]
    return [pytest.param(*line[1 : columns + 1], line[columns + 1 :], id=line[0]) for line in lines]


def rules(words: list[str]) -> PolicyRules:
    return PolicyRules(
        initial=frozenset(POLICY_ARC + word for word in words if word.isdecimal()) or frozenset((ANY_POLICY,)),
        require_explicit="explicit" in words,
        inhibit_mapping="no-mapping" in words,
        inhibit_any="no-any" in words,
    )


@cache
def certificates() -> dict[str, Certificate]:
    files = [path for path in (DATA / "certs").glob("*.crt") if path.stem not in UNUSABLE]
    return {path.stem: Certificate.from_der(path.read_bytes()) for path in files}


@cache
def authorities() -> tuple[Certificate, ...]:
    root = certificates()["TrustAnchorRootCertificate"]
    return tuple(one for name, one in certificates().items() if not name.endswith("EE") and one is not root)


@cache
def known_crls() -> RevocationCache:
    cache = RevocationCache()
    for path in (DATA / "crls").glob("*.crl"):
        cache.load(Crl.from_der(path.read_bytes()))
    return cache


def validate(name: str, words: list[str]) -> tuple[Certificate, ...]:
    root = certificates()["TrustAnchorRootCertificate"]
    leaf = Certificate.from_der((DATA / "certs" / f"{name}EE.crt").read_bytes())
    chain = build_chain(leaf, authorities(), [root], WHEN, rules(words))
    surroundings = Surroundings(
        cache=known_crls(),
        authority_of=lambda certificate: None,
        responders=(),
        random=bytes,
        pool=authorities(),
        anchors=(root,),
        policy=Revocation.STRICT,
    )
    check = RevocationCheck(chain, surroundings, WHEN)
    while check.advance(WHEN):
        check.fetched("there is no network in this test", WHEN)
    return chain


@pytest.mark.parametrize(("name", "words"), cases(VALID, 1))
def test_valid_paths(name: str, words: list[str]) -> None:
    found = validate(name, words)
    assert found[0] == certificates()[f"{name}EE"]
    assert found[-1] == certificates()["TrustAnchorRootCertificate"]


@pytest.mark.parametrize(("name", "check", "words"), cases(INVALID, 2))
def test_invalid_paths(name: str, check: str, words: list[str]) -> None:
    with pytest.raises(AuthFailed) as caught:
        validate(name, words)
    assert caught.value.check == check


@pytest.mark.parametrize(("name", "reason"), [row[1:] for row in rows(SKIPPED)])
def test_what_is_not_supported_is_refused(name: str, reason: str) -> None:
    with pytest.raises(AuthFailed):
        validate(name, [])


@pytest.mark.parametrize("name", sorted(UNUSABLE))
def test_dsa_is_not_used(name: str) -> None:
    with pytest.raises(AuthFailed):
        Certificate.from_der((DATA / "certs" / f"{name}.crt").read_bytes())


def test_the_whole_suite_is_there() -> None:
    assert len(certificates()) == 400
    tested = {row[1] for table in (VALID, INVALID, SKIPPED) for row in rows(table)}
    assert tested == {path.stem.removesuffix("EE") for path in (DATA / "certs").glob("*EE.crt")}
