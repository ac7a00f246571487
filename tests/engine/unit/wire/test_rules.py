from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax, UnsupportedCriticalPayload
from ikeengine.model.identity import Identity
from ikeengine.registry import (
    AuthMethod,
    CertEncoding,
    CpType,
    ExchangeType,
    IdType,
    NotifyType,
    PayloadType,
    Protocol,
)
from ikeengine.wire import caps
from ikeengine.wire.payloads import (
    Auth,
    Cert,
    CertReq,
    Configuration,
    Delete,
    Eap,
    IdInitiator,
    IdResponder,
    Ke,
    Nonce,
    Notify,
    Sa,
    TsInitiator,
    TsResponder,
    UnknownPayload,
    VendorId,
)
from ikeengine.wire.rules import REQUEST, RESPONSE, RULES, check
from tests.engine.support.wire import ESP_PROPOSAL, IKE_PROPOSAL, SAMPLES, SELECTOR

SA, SA2, KE, NONCE = Sa((IKE_PROPOSAL,)), Sa((ESP_PROPOSAL,)), Ke(31, b"k" * 32), Nonce(b"n" * 32)
TSI, TSR = TsInitiator((SELECTOR,)), TsResponder((SELECTOR,))
IDI, IDR = IdInitiator(Identity(IdType.ID_FQDN, b"a")), IdResponder(Identity(IdType.ID_FQDN, b"b"))
AUTH, CERT = Auth(AuthMethod.SHARED_KEY, b"a"), Cert(CertEncoding.X509_SIGNATURE, b"c")
CERTREQ, CP = CertReq(CertEncoding.X509_SIGNATURE, b""), Configuration(CpType.CFG_REQUEST)
EAP, DELETE, VID = Eap(bytes((1, 1, 0, 5, 1))), Delete(Protocol.IKE), VendorId(b"v")
STATUS, ERROR = Notify(NotifyType.MOBIKE_SUPPORTED), Notify(NotifyType.NO_PROPOSAL_CHOSEN)
COOKIE, REDIRECT = Notify(NotifyType.COOKIE, b"c"), Notify(NotifyType.REDIRECT)
UNKNOWN = UnknownPayload(99, False, b"")

INIT, IKE_AUTH = ExchangeType.IKE_SA_INIT, ExchangeType.IKE_AUTH
CCSA, INFORMATIONAL = ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL
INTERMEDIATE, FOLLOWUP = ExchangeType.IKE_INTERMEDIATE, ExchangeType.IKE_FOLLOWUP_KE

GOOD = [
    (INIT, REQUEST, [SA, KE, NONCE], []),
    (INIT, REQUEST, [COOKIE, SA, KE, NONCE, STATUS, VID, UNKNOWN], []),
    (INIT, RESPONSE, [SA, KE, NONCE, STATUS, CERTREQ, VID], []),
    (INIT, RESPONSE, [COOKIE], []),
    (INIT, RESPONSE, [REDIRECT], []),
    (INIT, RESPONSE, [ERROR, VID], []),
    (IKE_AUTH, REQUEST, [], [IDI, CERT, CERTREQ, IDR, AUTH, CP, SA2, TSI, TSR, STATUS, VID]),
    (IKE_AUTH, REQUEST, [], [IDI, SA2, TSI, TSR]),
    (IKE_AUTH, REQUEST, [], [EAP]),
    (IKE_AUTH, REQUEST, [], [AUTH]),
    (IKE_AUTH, REQUEST, [], [IDI, AUTH]),
    (IKE_AUTH, RESPONSE, [], [IDR, CERT, AUTH, CP, SA2, TSI, TSR]),
    (IKE_AUTH, RESPONSE, [], [IDR, CERT, AUTH, EAP]),
    (IKE_AUTH, RESPONSE, [], [IDR, AUTH, Notify(NotifyType.TS_UNACCEPTABLE)]),
    (IKE_AUTH, RESPONSE, [], [EAP]),
    # RFC 4739 sections 2.4 and 2.5
    (IKE_AUTH, RESPONSE, [], [SA2, TSI, TSR]),
    (IKE_AUTH, REQUEST, [], []),
    (IKE_AUTH, RESPONSE, [], [Notify(NotifyType.AUTHENTICATION_FAILED)]),
    (IKE_AUTH, RESPONSE, [Notify(NotifyType.INVALID_MAJOR_VERSION)], []),
    (CCSA, REQUEST, [], [Notify(NotifyType.REKEY_SA, b"", Protocol.ESP, b"spi!"), SA2, NONCE, KE, TSI, TSR, CP]),
    (CCSA, REQUEST, [], [SA, NONCE, KE]),
    (CCSA, RESPONSE, [], [SA2, NONCE, TSI, TSR]),
    (CCSA, RESPONSE, [], [ERROR]),
    (INFORMATIONAL, REQUEST, [], []),
    (INFORMATIONAL, REQUEST, [], [DELETE, DELETE, STATUS, CP]),
    (INFORMATIONAL, RESPONSE, [], []),
    (INFORMATIONAL, RESPONSE, [Notify(NotifyType.INVALID_IKE_SPI)], []),
    (INTERMEDIATE, REQUEST, [], [KE]),
    (INTERMEDIATE, RESPONSE, [], [STATUS]),
    (FOLLOWUP, REQUEST, [], [KE, Notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, b"l")]),
    (FOLLOWUP, RESPONSE, [], [Notify(NotifyType.STATE_NOT_FOUND)]),
]

BAD = [
    (INIT, REQUEST, [ERROR], [], "without payload SA"),
    (INIT, REQUEST, [], [], "without payload SA"),
    (INIT, REQUEST, [], [SA, KE, NONCE], "encrypted"),
    (INIT, REQUEST, [SA, KE, NONCE, CERTREQ], [], "CERTREQ"),
    (INIT, RESPONSE, [STATUS], [], "without payload SA"),
    (INIT, RESPONSE, [], [ERROR], "encrypted"),
    (INIT, RESPONSE, [SA, KE, NONCE, IDR], [], "IDR"),
    (IKE_AUTH, REQUEST, [], [IDI, AUTH, SA2, TSI], "only some of SA, TSI, TSR"),
    (IKE_AUTH, REQUEST, [], [IDI, AUTH, TSI, TSR], "only some of"),
    (IKE_AUTH, REQUEST, [ERROR], [], "in the clear"),
    (IKE_AUTH, REQUEST, [VID], [IDI, AUTH], "VENDOR_ID in the clear"),
    (IKE_AUTH, REQUEST, [], [IDI, AUTH, NONCE], "NONCE"),
    (IKE_AUTH, REQUEST, [], [IDI, AUTH, DELETE], "DELETE"),
    (IKE_AUTH, RESPONSE, [], [IDI, AUTH], "IDI"),
    (IKE_AUTH, RESPONSE, [STATUS], [], "in the clear"),
    (IKE_AUTH, RESPONSE, [ERROR], [IDR, AUTH], "in the clear"),
    (IKE_AUTH, RESPONSE, [ERROR, NONCE], [], "NONCE"),
    (CCSA, REQUEST, [], [ERROR], "without payload SA"),
    (CCSA, REQUEST, [], [SA2, NONCE, TSR], "only some of"),
    (CCSA, REQUEST, [], [SA2, TSI, TSR], "without payload NONCE"),
    (CCSA, REQUEST, [], [SA2, NONCE, AUTH], "AUTH"),
    (CCSA, REQUEST, [SA, NONCE], [], "in the clear"),
    (CCSA, RESPONSE, [], [], "without payload SA"),
    (INFORMATIONAL, REQUEST, [Notify(NotifyType.INVALID_SPI)], [], "in the clear"),
    (INFORMATIONAL, REQUEST, [], [EAP], "EAP"),
    (INTERMEDIATE, REQUEST, [], [KE, KE], "KE"),
    (FOLLOWUP, REQUEST, [], [STATUS], "without payload KE"),
]


def describe(value: object) -> str | None:
    return "+".join(p.type.name for p in value) or "nothing" if isinstance(value, list) else None


@pytest.mark.parametrize(("exchange", "is_response", "clear", "protected"), GOOD, ids=describe)
def test_what_the_rfc_draws(exchange, is_response, clear, protected):
    check(exchange, is_response, clear, protected)


@pytest.mark.parametrize(("exchange", "is_response", "clear", "protected", "why"), BAD, ids=describe)
def test_what_it_does_not(exchange, is_response, clear, protected, why):
    with pytest.raises(InvalidSyntax, match=why):
        check(exchange, is_response, clear, protected)


@pytest.mark.parametrize("exchange", [ExchangeType(n) for n in range(256)])
def test_an_exchange_without_a_row(exchange: ExchangeType):
    if (exchange, REQUEST) in RULES:
        assert (exchange, RESPONSE) in RULES
        return
    for is_response in (REQUEST, RESPONSE):
        with pytest.raises(InvalidSyntax, match="not supported"):
            check(exchange, is_response, [], [ERROR])


@pytest.mark.parametrize("row", RULES, ids=str)
def test_a_lone_error_is_an_answer_and_never_a_request_to_be_believed(row):
    exchange, is_response = row
    if is_response:
        check(exchange, is_response, [ERROR], [])
    else:
        with pytest.raises(InvalidSyntax):
            check(exchange, is_response, [ERROR], [])


@pytest.mark.parametrize("row", RULES, ids=str)
@pytest.mark.parametrize("kind", sorted({sample.type for sample in SAMPLES}), ids=lambda kind: kind.name)
def test_maximum_and_place_of_each_payload(row, kind: PayloadType):
    """S02: each payload once too often, and each payload on the wrong side of SK."""
    exchange, is_response = row
    (sample,) = (s for s in SAMPLES if s.type == kind)
    rule = RULES[row].payloads.get(kind)
    maximum = rule.maximum if rule else 0
    many = [sample] * (maximum + 1)
    one = [sample]
    inside = RULES[row].protected
    with pytest.raises(InvalidSyntax):
        check(exchange, is_response, [] if inside else many, many if inside else [])
    with pytest.raises(InvalidSyntax):
        check(exchange, is_response, one if inside else [], [] if inside else one)


@pytest.mark.parametrize("row", RULES, ids=str)
def test_unknown_critical_payloads_on_either_side(row):
    critical = [UnknownPayload(99, True, b"")]
    for clear, protected in ((critical, []), ([], critical)):
        with pytest.raises(UnsupportedCriticalPayload):
            check(*row, clear, protected)


def test_other_unknown_payloads_do_not_count():
    unknown = [UnknownPayload(number, False, b"") for number in range(60, 80)]
    check(INFORMATIONAL, REQUEST, unknown, unknown)
    check(INIT, REQUEST, [*unknown, SA, KE, NONCE], unknown)
    with pytest.raises(InvalidSyntax, match="without payload SA"):
        check(CCSA, REQUEST, [], unknown)


def test_cap_over_both_parts():
    unknown = [UNKNOWN] * 32
    check(INFORMATIONAL, REQUEST, unknown, unknown)
    with pytest.raises(InvalidSyntax, match="more than 64"):
        check(INFORMATIONAL, REQUEST, unknown, [*unknown, UNKNOWN])


def test_caps_are_those_that_the_documentation_names():
    assert (caps.MAX_NOTIFIES, caps.MAX_DELETES, caps.MAX_CERTS, caps.MAX_CERTREQS) == (20, 20, 8, 20)
    assert (caps.MAX_VENDOR_IDS, caps.MAX_PAYLOADS) == (20, 64)
