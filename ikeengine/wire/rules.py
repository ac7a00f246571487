"""Which payloads a message of each exchange may have (RFC 7296 appendix C), checked before any handler runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ikeengine.errors import InvalidSyntax, UnsupportedCriticalPayload
from ikeengine.model.immutable import immutable
from ikeengine.registry import ExchangeType, NotifyType, PayloadType
from ikeengine.wire.caps import (
    MAX_CERTREQS,
    MAX_CERTS,
    MAX_DELETES,
    MAX_NOTIFIES,
    MAX_PAYLOADS,
    MAX_VENDOR_IDS,
)
from ikeengine.wire.payloads import Notify, Payload, UnknownPayload


@immutable
class Rule:
    """How often a payload may be in a message."""

    minimum: int
    maximum: int


ONE: Final = Rule(1, 1)
OPTIONAL: Final = Rule(0, 1)


def up_to(maximum: int) -> Rule:
    """Optional, and at most `maximum` times."""
    return Rule(0, maximum)


@immutable
class Row:
    """The rules of one exchange in one direction. A payload without a rule must not be there.

    `together` are payloads that come all or not at all. What else depends on earlier rounds (IDi, AUTH, EAP) the
    exchange itself judges.
    """

    protected: bool
    payloads: Mapping[PayloadType, Rule]
    together: frozenset[PayloadType] = frozenset()


REQUEST: Final = False
RESPONSE: Final = True

_EVERYWHERE: Final = {PayloadType.NOTIFY: up_to(MAX_NOTIFIES), PayloadType.VENDOR_ID: up_to(MAX_VENDOR_IDS)}
_CHILD: Final = frozenset({PayloadType.SA, PayloadType.TSI, PayloadType.TSR})
_SELECTORS: Final = frozenset({PayloadType.TSI, PayloadType.TSR})

_INFORMATIONAL: Final = Row(
    protected=True,
    payloads=_EVERYWHERE | {PayloadType.DELETE: up_to(MAX_DELETES), PayloadType.CP: OPTIONAL},
)
_CREATE_CHILD_SA: Final = Row(
    protected=True,
    payloads=_EVERYWHERE
    | {
        PayloadType.SA: ONE,
        PayloadType.NONCE: ONE,
        PayloadType.KE: OPTIONAL,
        PayloadType.TSI: OPTIONAL,
        PayloadType.TSR: OPTIONAL,
        PayloadType.CP: OPTIONAL,
    },
    together=_SELECTORS,
)
_IKE_INTERMEDIATE: Final = Row(protected=True, payloads=_EVERYWHERE | {PayloadType.KE: OPTIONAL})
_IKE_FOLLOWUP_KE: Final = Row(protected=True, payloads=_EVERYWHERE | {PayloadType.KE: ONE})

RULES: Final[Mapping[tuple[ExchangeType, bool], Row]] = {
    # HDR, SAi1, KEi, Ni -->
    (ExchangeType.IKE_SA_INIT, REQUEST): Row(
        protected=False,
        payloads=_EVERYWHERE | {PayloadType.SA: ONE, PayloadType.KE: ONE, PayloadType.NONCE: ONE},
    ),
    # <-- HDR, SAr1, KEr, Nr, [CERTREQ]
    (ExchangeType.IKE_SA_INIT, RESPONSE): Row(
        protected=False,
        payloads=_EVERYWHERE
        | {
            PayloadType.SA: ONE,
            PayloadType.KE: ONE,
            PayloadType.NONCE: ONE,
            PayloadType.CERTREQ: up_to(MAX_CERTREQS),
        },
    ),
    # HDR, SK {IDi, [CERT,] [CERTREQ,] [IDr,] AUTH, [CP,] SAi2, TSi, TSr} --> and with EAP: SK {EAP}, SK {AUTH}
    (ExchangeType.IKE_AUTH, REQUEST): Row(
        protected=True,
        payloads=_EVERYWHERE
        | {
            PayloadType.IDI: OPTIONAL,
            PayloadType.CERT: up_to(MAX_CERTS),
            PayloadType.CERTREQ: up_to(MAX_CERTREQS),
            PayloadType.IDR: OPTIONAL,
            PayloadType.AUTH: OPTIONAL,
            PayloadType.EAP: OPTIONAL,
            PayloadType.CP: OPTIONAL,
            PayloadType.SA: OPTIONAL,
            PayloadType.TSI: OPTIONAL,
            PayloadType.TSR: OPTIONAL,
        },
        together=_CHILD,
    ),
    # <-- HDR, SK {IDr, [CERT,] AUTH, [CP,] SAr2, TSi, TSr} and with EAP: SK {IDr, [CERT,] AUTH, EAP}, SK {EAP}
    (ExchangeType.IKE_AUTH, RESPONSE): Row(
        protected=True,
        payloads=_EVERYWHERE
        | {
            PayloadType.IDR: OPTIONAL,
            PayloadType.CERT: up_to(MAX_CERTS),
            PayloadType.AUTH: OPTIONAL,
            PayloadType.EAP: OPTIONAL,
            PayloadType.CP: OPTIONAL,
            PayloadType.SA: OPTIONAL,
            PayloadType.TSI: OPTIONAL,
            PayloadType.TSR: OPTIONAL,
        },
        together=_CHILD,
    ),
    # HDR, SK {SA, Ni, [KEi,] [TSi, TSr]} --> without traffic selectors when it rekeys the IKE SA
    (ExchangeType.CREATE_CHILD_SA, REQUEST): _CREATE_CHILD_SA,
    # <-- HDR, SK {SA, Nr, [KEr,] [TSi, TSr]}
    (ExchangeType.CREATE_CHILD_SA, RESPONSE): _CREATE_CHILD_SA,
    # HDR, SK {[N,] [D,] [CP,] ...} -->
    (ExchangeType.INFORMATIONAL, REQUEST): _INFORMATIONAL,
    # <-- HDR, SK {[N,] [D,] [CP,] ...}
    (ExchangeType.INFORMATIONAL, RESPONSE): _INFORMATIONAL,
    # HDR, SK {[KEi]} --> RFC 9242, RFC 9370
    (ExchangeType.IKE_INTERMEDIATE, REQUEST): _IKE_INTERMEDIATE,
    # <-- HDR, SK {[KEr]}
    (ExchangeType.IKE_INTERMEDIATE, RESPONSE): _IKE_INTERMEDIATE,
    # HDR, SK {KEi, N(ADDITIONAL_KEY_EXCHANGE)} --> RFC 9370
    (ExchangeType.IKE_FOLLOWUP_KE, REQUEST): _IKE_FOLLOWUP_KE,
    # <-- HDR, SK {KEr, [N(ADDITIONAL_KEY_EXCHANGE)]}
    (ExchangeType.IKE_FOLLOWUP_KE, RESPONSE): _IKE_FOLLOWUP_KE,
}
"""By exchange and direction. What is not here is not supported."""

_REQUIRED: Final = {
    key: tuple(kind for kind, rule in row.payloads.items() if rule.minimum) for key, row in RULES.items()
}

_CONCLUSIVE: Final = frozenset({NotifyType.COOKIE, NotifyType.REDIRECT})
"""Status notifies that answer IKE_SA_INIT by themselves (RFC 7296 section 2.6, RFC 5685)."""


def check(
    exchange: ExchangeType,
    is_response: bool,
    clear_payloads: Sequence[Payload],
    protected_payloads: Sequence[Payload],
) -> None:
    """Raise InvalidSyntax (or UnsupportedCriticalPayload) unless a message has the payloads that its exchange needs.

    A response with an error notify may leave out everything else. If it consists of notifies alone, it is accepted
    even in the clear: the caller knows that such an answer proves nothing (RFC 7296 section 2.21).
    """
    key = exchange, is_response
    row = RULES.get(key)
    if row is None:
        raise InvalidSyntax(f"exchange {exchange.name} is not supported")
    if len(clear_payloads) + len(protected_payloads) > MAX_PAYLOADS:
        raise InvalidSyntax(f"more than {MAX_PAYLOADS} payloads")
    clear = _count(row, clear_payloads)
    protected = _count(row, protected_payloads)
    refused = is_response and (_refuses(clear_payloads) or _refuses(protected_payloads))
    if refused and not protected and clear.keys() <= _EVERYWHERE.keys():
        return
    right, wrong = (protected, clear) if row.protected else (clear, protected)
    if wrong:
        raise InvalidSyntax(f"{exchange.name}: {_names(wrong)} {'in the clear' if row.protected else 'encrypted'}")
    if not refused:
        _check_presence(exchange, _REQUIRED[key], row.together, right)


def _count(row: Row, payloads: Iterable[Payload]) -> dict[PayloadType, int]:
    rules = row.payloads
    counts: dict[PayloadType, int] = {}
    for payload in payloads:
        kind = payload.type
        rule = rules.get(kind)
        if rule is None and isinstance(payload, UnknownPayload):
            if payload.critical:
                raise UnsupportedCriticalPayload(payload.payload_type)
            continue
        count = counts[kind] = counts.get(kind, 0) + 1
        if rule is None or count > rule.maximum:
            raise InvalidSyntax(f"{count} payloads {kind.name} where {rule.maximum if rule else 0} can be")
    return counts


def _refuses(payloads: Iterable[Payload]) -> bool:
    """Whether a notify says that the request was not done, or not yet."""
    for payload in payloads:
        if isinstance(payload, Notify) and (payload.kind.is_error or payload.kind in _CONCLUSIVE):
            return True
    return False


def _check_presence(
    exchange: ExchangeType,
    required: Iterable[PayloadType],
    together: frozenset[PayloadType],
    counts: Mapping[PayloadType, int],
) -> None:
    for kind in required:
        if kind not in counts:
            raise InvalidSyntax(f"{exchange.name} without payload {kind.name}")
    present = together.intersection(counts)
    if present and present != together:
        raise InvalidSyntax(f"{exchange.name} with only some of {_names(together)}")


def _names(kinds: Iterable[PayloadType]) -> str:
    return ", ".join(kind.name for kind in sorted(kinds))
