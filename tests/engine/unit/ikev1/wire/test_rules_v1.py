from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.numbers import IdType, NotifyType, PayloadType, ProtocolId
from ikeengine.ikev1.wire.payloads import (
    Attributes,
    Cert,
    CertReq,
    Delete,
    Fragment,
    Hash,
    Id,
    Ke,
    NatD,
    NatOa,
    Nonce,
    Notify,
    Payload,
    Sa,
    Signature,
    UnknownPayload,
    VendorId,
)
from ikeengine.ikev1.wire.rules import RULES, Step, check
from ikeengine.registry import CertEncoding, CpType
from ikeengine.wire import caps
from tests.engine.support.wire_v1 import ESP_PROPOSAL, IKE_PROPOSAL, SAMPLES

SA, SA2, KE, NONCE = Sa((IKE_PROPOSAL,)), Sa((ESP_PROPOSAL,)), Ke(b"k" * 128), Nonce(b"n" * 16)
ID, HASH, SIG, CERT = Id(IdType.ID_FQDN, b"a"), Hash(b"h"), Signature(b"s"), Cert(CertEncoding.X509_SIGNATURE, b"c")
CERTREQ, VID, NAT_D = CertReq(CertEncoding.X509_SIGNATURE), VendorId(b"v"), NatD(b"d" * 20)
OLD_NAT_D, NAT_OA = NatD(b"d" * 20, PayloadType.NAT_D_DRAFT), NatOa(b"abcd")
NOTIFY, DELETE, ATTR = (
    Notify(NotifyType.INITIAL_CONTACT),
    Delete(ProtocolId.ESP, (b"abcd",)),
    Attributes(CpType.CFG_SET, 1),
)
FRAGMENT, UNKNOWN = Fragment(1, 1, True, b"f"), UnknownPayload(PayloadType(99), b"")

PSK, SIGNED = PayloadType.HASH, PayloadType.SIG
CLEAR, ENCRYPTED = False, True

Message = tuple[Step, bool, PayloadType, list[Payload]]

GOOD: list[Message] = [
    (Step.MAIN_1, CLEAR, PSK, [SA]),
    (Step.MAIN_1, CLEAR, PSK, [SA, *[VID] * 20, UNKNOWN]),
    (Step.MAIN_2, CLEAR, PSK, [SA, VID]),
    (Step.MAIN_3, CLEAR, PSK, [KE, NONCE]),
    (Step.MAIN_3, CLEAR, SIGNED, [NONCE, KE, NAT_D, NAT_D, NAT_D, VID, CERTREQ]),
    (Step.MAIN_4, CLEAR, SIGNED, [KE, NONCE, CERTREQ, OLD_NAT_D, OLD_NAT_D]),
    (Step.MAIN_5, ENCRYPTED, PSK, [ID, HASH]),
    (Step.MAIN_5, ENCRYPTED, PSK, [ID, HASH, NOTIFY]),
    (Step.MAIN_5, ENCRYPTED, SIGNED, [ID, CERT, CERT, SIG, CERTREQ, NOTIFY]),
    (Step.MAIN_6, ENCRYPTED, SIGNED, [CERT, SIG, ID]),
    (Step.AGGRESSIVE_1, CLEAR, PSK, [SA, KE, NONCE, ID, VID]),
    (Step.AGGRESSIVE_2, CLEAR, PSK, [SA, KE, NONCE, ID, HASH, NAT_D, NAT_D, VID]),
    (Step.AGGRESSIVE_2, CLEAR, SIGNED, [SA, KE, NONCE, ID, CERT, SIG, CERTREQ]),
    (Step.AGGRESSIVE_3, CLEAR, PSK, [HASH]),
    (Step.AGGRESSIVE_3, ENCRYPTED, PSK, [NAT_D, NAT_D, HASH, NOTIFY]),
    (Step.AGGRESSIVE_3, ENCRYPTED, SIGNED, [CERT, SIG]),
    (Step.QUICK_1, ENCRYPTED, PSK, [HASH, SA2, NONCE]),
    (Step.QUICK_1, ENCRYPTED, PSK, [HASH, SA2, SA2, NONCE, KE, ID, ID, NAT_OA, NAT_OA, NOTIFY]),
    (Step.QUICK_2, ENCRYPTED, PSK, [HASH, SA2, NONCE, KE, ID, ID, NOTIFY]),
    (Step.QUICK_3, ENCRYPTED, PSK, [HASH]),
    (Step.CONNECTED, ENCRYPTED, PSK, [HASH, NOTIFY]),
    (Step.INFORMATIONAL, ENCRYPTED, PSK, [HASH, NOTIFY]),
    (Step.INFORMATIONAL, ENCRYPTED, PSK, [HASH, DELETE, DELETE, NOTIFY]),
    (Step.UNPROTECTED_INFORMATIONAL, CLEAR, PSK, [NOTIFY]),
    (Step.TRANSACTION, ENCRYPTED, PSK, [HASH, ATTR]),
    (Step.FRAGMENT, CLEAR, PSK, [FRAGMENT]),
]

BAD: list[tuple[Message, str]] = [
    ((Step.MAIN_1, ENCRYPTED, PSK, [SA]), "first message of Main Mode encrypted"),
    ((Step.MAIN_1, CLEAR, PSK, []), "without payload SA"),
    ((Step.MAIN_1, CLEAR, PSK, [SA, SA]), "2 payloads SA where 1"),
    ((Step.MAIN_1, CLEAR, PSK, [VID, SA]), "does not begin with SA"),
    ((Step.MAIN_1, CLEAR, PSK, [UNKNOWN, SA]), "does not begin with SA"),
    ((Step.MAIN_1, CLEAR, PSK, [SA, KE]), "1 payloads KE where 0"),
    ((Step.MAIN_1, CLEAR, PSK, [SA, *[VID] * 21]), "21 payloads VENDOR_ID where 20"),
    ((Step.MAIN_3, CLEAR, PSK, [KE]), "without payload NONCE"),
    ((Step.MAIN_3, CLEAR, PSK, [NONCE]), "without payload KE"),
    ((Step.MAIN_3, CLEAR, PSK, [KE, NONCE, NONCE]), "2 payloads NONCE"),
    ((Step.MAIN_3, CLEAR, PSK, [KE, NONCE, ID]), "payloads ID where 0"),
    ((Step.MAIN_3, CLEAR, PSK, [KE, NONCE, *[NAT_D] * 11]), "11 payloads NAT_D"),
    ((Step.MAIN_5, CLEAR, PSK, [ID, HASH]), "fifth message of Main Mode in the clear"),
    ((Step.MAIN_5, ENCRYPTED, PSK, [ID]), "without payload HASH"),
    ((Step.MAIN_5, ENCRYPTED, PSK, [HASH]), "without payload ID"),
    ((Step.MAIN_5, ENCRYPTED, PSK, [ID, SIG]), "1 payloads SIG where 0"),
    ((Step.MAIN_5, ENCRYPTED, SIGNED, [ID, HASH]), "1 payloads HASH where 0"),
    ((Step.MAIN_5, ENCRYPTED, SIGNED, [ID, CERT]), "without payload SIG"),
    ((Step.MAIN_5, ENCRYPTED, SIGNED, [ID, SIG, SIG]), "2 payloads SIG"),
    ((Step.MAIN_5, ENCRYPTED, SIGNED, [ID, SIG, *[CERT] * 9]), "9 payloads CERT where 8"),
    ((Step.AGGRESSIVE_1, CLEAR, PSK, [SA, KE, NONCE]), "without payload ID"),
    ((Step.AGGRESSIVE_1, CLEAR, PSK, [SA, KE, NONCE, ID, HASH]), "payloads HASH where 0"),
    ((Step.AGGRESSIVE_2, CLEAR, PSK, [SA, KE, NONCE, ID]), "without payload HASH"),
    ((Step.AGGRESSIVE_2, CLEAR, PSK, [KE, SA, NONCE, ID, HASH]), "does not begin with SA"),
    ((Step.AGGRESSIVE_3, ENCRYPTED, PSK, []), "without payload HASH"),
    ((Step.QUICK_1, CLEAR, PSK, [HASH, SA2, NONCE]), "in the clear"),
    ((Step.QUICK_1, ENCRYPTED, PSK, [SA2, NONCE]), "without payload HASH"),
    ((Step.QUICK_1, ENCRYPTED, PSK, [SA2, HASH, NONCE]), "does not begin with HASH, SA"),
    ((Step.QUICK_1, ENCRYPTED, PSK, [HASH, NONCE, SA2]), "does not begin with HASH, SA"),
    ((Step.QUICK_1, ENCRYPTED, PSK, [HASH, SA2]), "without payload NONCE"),
    ((Step.QUICK_1, ENCRYPTED, PSK, [HASH, *[SA2] * 9, NONCE]), "9 payloads SA where 8"),
    ((Step.QUICK_1, ENCRYPTED, PSK, [HASH, SA2, NONCE, ID]), "only one payload ID"),
    ((Step.QUICK_1, ENCRYPTED, PSK, [HASH, SA2, NONCE, ID, ID, ID]), "3 payloads ID"),
    ((Step.QUICK_2, ENCRYPTED, PSK, [HASH, SA2, NONCE, DELETE]), "payloads DELETE where 0"),
    ((Step.QUICK_3, ENCRYPTED, PSK, []), "without payload HASH"),
    ((Step.QUICK_3, ENCRYPTED, PSK, [NOTIFY, HASH]), "does not begin with HASH"),
    ((Step.CONNECTED, ENCRYPTED, PSK, [HASH]), "without payload NOTIFY"),
    ((Step.INFORMATIONAL, ENCRYPTED, PSK, [NOTIFY]), "without payload HASH"),
    ((Step.INFORMATIONAL, ENCRYPTED, PSK, [DELETE, HASH]), "does not begin with HASH"),
    ((Step.INFORMATIONAL, ENCRYPTED, PSK, [HASH, *[DELETE] * 21]), "21 payloads DELETE where 20"),
    ((Step.UNPROTECTED_INFORMATIONAL, ENCRYPTED, PSK, [NOTIFY]), "encrypted"),
    ((Step.TRANSACTION, ENCRYPTED, PSK, [HASH]), "without payload ATTRIBUTES"),
    ((Step.TRANSACTION, ENCRYPTED, PSK, [HASH, ATTR, ATTR]), "2 payloads ATTRIBUTES"),
    ((Step.TRANSACTION, ENCRYPTED, PSK, [ATTR, HASH]), "does not begin with HASH"),
    ((Step.FRAGMENT, CLEAR, PSK, [FRAGMENT, FRAGMENT]), "2 payloads FRAGMENT"),
    ((Step.FRAGMENT, CLEAR, PSK, [FRAGMENT, VID]), "payloads VENDOR_ID where 0"),
]


def name(value: object) -> str:
    match value:
        case (Step() as step, bool(), PayloadType(), list() as payloads):
            return f"{step.name}-" + "-".join(p.type.name for p in payloads[:8])
    return ""


@pytest.mark.parametrize("message", GOOD, ids=name)
def test_allowed(message: Message):
    step, encrypted, proof, payloads = message
    check(step, payloads, encrypted=encrypted, proof=proof)


@pytest.mark.parametrize(("message", "words"), BAD, ids=name)
def test_refused(message: Message, words: str):
    step, encrypted, proof, payloads = message
    with pytest.raises(InvalidSyntax, match=words):
        check(step, payloads, encrypted=encrypted, proof=proof)


@pytest.mark.parametrize("message", GOOD, ids=name)
def test_each_payload_that_is_needed_is_missed(message: Message):
    """CVE-2013-6467: drop each payload in turn."""
    step, encrypted, proof, payloads = message
    row = RULES[step]
    needed = {kind for kind, rule in row.payloads.items() if rule.minimum} | ({proof} if row.proves else set())
    for kind in needed:
        with pytest.raises(InvalidSyntax):
            check(step, [p for p in payloads if p.type != kind], encrypted=encrypted, proof=proof)


def test_every_message_has_rules_and_an_example():
    assert RULES.keys() == set(Step)
    assert {message[0] for message in GOOD} == set(Step)


@pytest.mark.parametrize("step", Step)
def test_w05_no_message_takes_everything(step: Step):
    for encrypted in (False, True):
        for proof in (PSK, SIGNED):
            with pytest.raises(InvalidSyntax):
                check(step, SAMPLES, encrypted=encrypted, proof=proof)


def test_phase_2_begins_with_a_hash():
    """RFC 2409 section 5.5. Whatever else is encrypted after phase 1 proves nothing."""
    for step in (Step.QUICK_1, Step.QUICK_2, Step.QUICK_3, Step.CONNECTED, Step.INFORMATIONAL, Step.TRANSACTION):
        assert RULES[step].leading[0] is PayloadType.HASH
        assert RULES[step].encrypted is True
    assert max(sum(r.minimum for r in row.payloads.values()) for row in RULES.values()) < caps.MAX_PAYLOADS
