"""NIST's Public Key Interoperability Test Suite, version 1.0.1 (2011), from the package cryptography-vectors.

Every certificate authority of the suite is on offer as an intermediate in every test, so this also tests the search.
Left out are the sections about revocation (4.4, 4.14, 4.15), policies (4.8 to 4.12) and DSA (4.1.4 to 4.1.6).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import cryptography_vectors
import pytest

from ikeengine.auth.x509 import build_chain
from ikeengine.crypto.certificate import Certificate
from ikeengine.errors import AuthFailed

FOLDER = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data" / "certs"
WHEN = datetime(2020, 1, 1, tzinfo=UTC)
UNUSABLE = {
    "DSACACert",
    "DSAParametersInheritedCACert",
    "InvalidDSASignatureTest6EE",
    "ValidDSAParameterInheritanceTest5EE",
    "ValidDSASignaturesTest4EE",
}

VALID = """
4.1.1   ValidCertificatePathTest1
4.2.3   Validpre2000UTCnotBeforeDateTest3
4.2.4   ValidGeneralizedTimenotBeforeDateTest4
4.2.8   ValidGeneralizedTimenotAfterDateTest8
4.3.3   ValidNameChainingWhitespaceTest3
4.3.4   ValidNameChainingWhitespaceTest4
4.3.5   ValidNameChainingCapitalizationTest5
4.3.6   ValidNameUIDsTest6
4.3.7   ValidRFC3280MandatoryAttributeTypesTest7
4.3.8   ValidRFC3280OptionalAttributeTypesTest8
4.3.9   ValidUTF8StringEncodedNamesTest9
4.3.10  ValidRolloverfromPrintableStringtoUTF8StringTest10
4.3.11  ValidUTF8StringCaseInsensitiveMatchTest11
4.4.14  ValidNegativeSerialNumberTest14
4.4.16  ValidLongSerialNumberTest16
4.4.17  ValidLongSerialNumberTest17
4.5.1   ValidBasicSelfIssuedOldWithNewTest1
4.5.3   ValidBasicSelfIssuedNewWithOldTest3
4.5.4   ValidBasicSelfIssuedNewWithOldTest4
4.5.6   ValidBasicSelfIssuedCRLSigningKeyTest6
4.6.4   ValidbasicConstraintsNotCriticalTest4
4.6.7   ValidpathLenConstraintTest7
4.6.8   ValidpathLenConstraintTest8
4.6.13  ValidpathLenConstraintTest13
4.6.14  ValidpathLenConstraintTest14
4.6.15  ValidSelfIssuedpathLenConstraintTest15
4.6.17  ValidSelfIssuedpathLenConstraintTest17
4.7.3   ValidkeyUsageNotCriticalTest3
4.13.1  ValidDNnameConstraintsTest1
4.13.4  ValidDNnameConstraintsTest4
4.13.5  ValidDNnameConstraintsTest5
4.13.6  ValidDNnameConstraintsTest6
4.13.11 ValidDNnameConstraintsTest11
4.13.14 ValidDNnameConstraintsTest14
4.13.18 ValidDNnameConstraintsTest18
4.13.19 ValidDNnameConstraintsTest19
4.13.21 ValidRFC822nameConstraintsTest21
4.13.23 ValidRFC822nameConstraintsTest23
4.13.25 ValidRFC822nameConstraintsTest25
4.13.27 ValidDNandRFC822nameConstraintsTest27
4.13.30 ValidDNSnameConstraintsTest30
4.13.32 ValidDNSnameConstraintsTest32
4.13.34 ValidURInameConstraintsTest34
4.13.36 ValidURInameConstraintsTest36
4.16.1  ValidUnknownNotCriticalCertificateExtensionTest1
"""

INVALID = """
4.1.2   InvalidCASignatureTest2 cert-validation-failed
4.1.3   InvalidEESignatureTest3 cert-validation-failed
4.2.1   InvalidCAnotBeforeDateTest1 cert-expired
4.2.2   InvalidEEnotBeforeDateTest2 cert-expired
4.2.5   InvalidCAnotAfterDateTest5 cert-expired
4.2.6   InvalidEEnotAfterDateTest6 cert-expired
4.2.7   Invalidpre2000UTCEEnotAfterDateTest7 cert-expired
4.3.1   InvalidNameChainingTest1 cert-no-issuer
4.3.2   InvalidNameChainingOrderTest2 cert-no-issuer
4.5.8   InvalidBasicSelfIssuedCRLSigningKeyTest8 cert-validation-failed
4.6.1   InvalidMissingbasicConstraintsTest1 cert-validation-failed
4.6.2   InvalidcAFalseTest2 cert-validation-failed
4.6.3   InvalidcAFalseTest3 cert-validation-failed
4.6.5   InvalidpathLenConstraintTest5 cert-exceeded-path-len
4.6.6   InvalidpathLenConstraintTest6 cert-exceeded-path-len
4.6.9   InvalidpathLenConstraintTest9 cert-exceeded-path-len
4.6.10  InvalidpathLenConstraintTest10 cert-exceeded-path-len
4.6.11  InvalidpathLenConstraintTest11 cert-exceeded-path-len
4.6.12  InvalidpathLenConstraintTest12 cert-exceeded-path-len
4.6.16  InvalidSelfIssuedpathLenConstraintTest16 cert-exceeded-path-len
4.7.1   InvalidkeyUsageCriticalkeyCertSignFalseTest1 cert-validation-failed
4.7.2   InvalidkeyUsageNotCriticalkeyCertSignFalseTest2 cert-validation-failed
4.13.2  InvalidDNnameConstraintsTest2 cert-policy-violation
4.13.3  InvalidDNnameConstraintsTest3 cert-policy-violation
4.13.7  InvalidDNnameConstraintsTest7 cert-policy-violation
4.13.8  InvalidDNnameConstraintsTest8 cert-policy-violation
4.13.9  InvalidDNnameConstraintsTest9 cert-policy-violation
4.13.10 InvalidDNnameConstraintsTest10 cert-policy-violation
4.13.12 InvalidDNnameConstraintsTest12 cert-policy-violation
4.13.13 InvalidDNnameConstraintsTest13 cert-policy-violation
4.13.15 InvalidDNnameConstraintsTest15 cert-policy-violation
4.13.16 InvalidDNnameConstraintsTest16 cert-policy-violation
4.13.17 InvalidDNnameConstraintsTest17 cert-policy-violation
4.13.20 InvalidDNnameConstraintsTest20 cert-policy-violation
4.13.22 InvalidRFC822nameConstraintsTest22 cert-policy-violation
4.13.24 InvalidRFC822nameConstraintsTest24 cert-policy-violation
4.13.26 InvalidRFC822nameConstraintsTest26 cert-policy-violation
4.13.28 InvalidDNandRFC822nameConstraintsTest28 cert-policy-violation
4.13.29 InvalidDNandRFC822nameConstraintsTest29 cert-policy-violation
4.13.31 InvalidDNSnameConstraintsTest31 cert-policy-violation
4.13.33 InvalidDNSnameConstraintsTest33 cert-policy-violation
4.13.35 InvalidURInameConstraintsTest35 cert-policy-violation
4.13.37 InvalidURInameConstraintsTest37 cert-policy-violation
4.13.38 InvalidDNSnameConstraintsTest38 cert-policy-violation
4.16.2  InvalidUnknownCriticalCertificateExtensionTest2 cert-validation-failed
"""

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


def rows(table: str) -> list[list[str]]:
    return [line.split()[1:] for line in table.strip().splitlines()]


@cache
def certificates() -> dict[str, Certificate]:
    files = [path for path in FOLDER.glob("*.crt") if path.stem not in UNUSABLE]
    return {path.stem: Certificate.from_der(path.read_bytes()) for path in files}


@cache
def authorities() -> tuple[Certificate, ...]:
    root = certificates()["TrustAnchorRootCertificate"]
    return tuple(one for name, one in certificates().items() if not name.endswith("EE") and one is not root)


def chain(name: str) -> tuple[Certificate, ...]:
    root = certificates()["TrustAnchorRootCertificate"]
    return build_chain(certificates()[f"{name}EE"], authorities(), [root], WHEN)


@pytest.mark.parametrize("name", [name for (name,) in rows(VALID)])
def test_valid_paths(name: str) -> None:
    found = chain(name)
    assert found[0] == certificates()[f"{name}EE"]
    assert found[-1] == certificates()["TrustAnchorRootCertificate"]


@pytest.mark.parametrize(("name", "check"), rows(INVALID))
def test_invalid_paths(name: str, check: str) -> None:
    with pytest.raises(AuthFailed) as caught:
        chain(name)
    assert caught.value.check == check


@pytest.mark.parametrize("name", sorted(UNUSABLE))
def test_dsa_is_not_used(name: str) -> None:
    with pytest.raises(AuthFailed):
        Certificate.from_der((FOLDER / f"{name}.crt").read_bytes())


def test_the_whole_suite_is_there() -> None:
    assert len(certificates()) == 400
