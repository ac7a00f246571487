"""Which payloads each message of each exchange may have (RFC 2409 section 5), checked before any handler runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Final

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.caps import MAX_NAT_D, MAX_SAS
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import Payload, UnknownPayload
from ikeengine.model.immutable import immutable
from ikeengine.wire.caps import MAX_CERTREQS, MAX_CERTS, MAX_DELETES, MAX_NOTIFIES, MAX_VENDOR_IDS


class Step(Enum):
    """One message of an exchange, by its place. An IKEv1 header does not say which it is; the state of the SA does."""

    MAIN_1 = "first message of Main Mode"
    MAIN_2 = "second message of Main Mode"
    MAIN_3 = "third message of Main Mode"
    MAIN_4 = "fourth message of Main Mode"
    MAIN_5 = "fifth message of Main Mode"
    MAIN_6 = "sixth message of Main Mode"
    AGGRESSIVE_1 = "first message of Aggressive Mode"
    AGGRESSIVE_2 = "second message of Aggressive Mode"
    AGGRESSIVE_3 = "third message of Aggressive Mode"
    QUICK_1 = "first message of Quick Mode"
    QUICK_2 = "second message of Quick Mode"
    QUICK_3 = "third message of Quick Mode"
    CONNECTED = "message that ends the wait for a commit bit"
    INFORMATIONAL = "Informational message"
    UNPROTECTED_INFORMATIONAL = "unprotected Informational message"
    TRANSACTION = "Transaction message"
    FRAGMENT = "fragment"


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
    """The rules of one message. A payload without a rule must not be there."""

    encrypted: bool | None
    """Whether flag E must be set; None if either is right."""
    payloads: Mapping[PayloadType, Rule]
    leading: tuple[PayloadType, ...] = ()
    """What the message must begin with (RFC 2409 sections 5 and 5.5)."""
    paired: frozenset[PayloadType] = frozenset()
    """Payloads that come twice or not at all."""
    proves: bool = False
    """Whether the sender proves who it is: with one HASH or with one SIG, as the authentication method says."""


_P = PayloadType
_CLEAR, _ENCRYPTED, _EITHER = False, True, None

_EVERYWHERE: Final = {_P.NOTIFY: up_to(MAX_NOTIFIES), _P.VENDOR_ID: up_to(MAX_VENDOR_IDS)}
# "MUST be accepted at any point during an exchange" (RFC 2408 sections 3.9 and 3.10)
_PHASE_1: Final = _EVERYWHERE | {_P.CERT: up_to(MAX_CERTS), _P.CERTREQ: up_to(MAX_CERTREQS)}
_NAT_D: Final = {_P.NAT_D: up_to(MAX_NAT_D), _P.NAT_D_DRAFT: up_to(MAX_NAT_D)}
_NAT_OA: Final = {_P.NAT_OA: up_to(2), _P.NAT_OA_DRAFT: up_to(2)}

_MAIN_SA: Final = Row(_CLEAR, _PHASE_1 | {_P.SA: ONE}, leading=(_P.SA,))
_MAIN_KE: Final = Row(_CLEAR, _PHASE_1 | _NAT_D | {_P.KE: ONE, _P.NONCE: ONE})
_MAIN_AUTH: Final = Row(_ENCRYPTED, _PHASE_1 | {_P.ID: ONE}, proves=True)
_QUICK_SA: Final = Row(
    _ENCRYPTED,
    _EVERYWHERE | _NAT_OA | {_P.HASH: ONE, _P.SA: Rule(1, MAX_SAS), _P.NONCE: ONE, _P.KE: OPTIONAL, _P.ID: up_to(2)},
    leading=(_P.HASH, _P.SA),
    paired=frozenset({_P.ID}),
)

RULES: Final[Mapping[Step, Row]] = {
    # HDR, SA -->
    Step.MAIN_1: _MAIN_SA,
    # <-- HDR, SA
    Step.MAIN_2: _MAIN_SA,
    # HDR, KE, Ni [, CERTREQ] [, NAT-D, NAT-D] -->
    Step.MAIN_3: _MAIN_KE,
    # <-- HDR, KE, Nr [, CERTREQ] [, NAT-D, NAT-D]
    Step.MAIN_4: _MAIN_KE,
    # HDR*, IDii, HASH_I --> or HDR*, IDii, [CERT,] SIG_I -->
    Step.MAIN_5: _MAIN_AUTH,
    # <-- HDR*, IDir, HASH_R or <-- HDR*, IDir, [CERT,] SIG_R
    Step.MAIN_6: _MAIN_AUTH,
    # HDR, SA, KE, Ni, IDii -->
    Step.AGGRESSIVE_1: Row(_CLEAR, _PHASE_1 | {_P.SA: ONE, _P.KE: ONE, _P.NONCE: ONE, _P.ID: ONE}, leading=(_P.SA,)),
    # <-- HDR, SA, KE, Nr, IDir, HASH_R [, NAT-D, NAT-D] or with [CERT,] SIG_R
    Step.AGGRESSIVE_2: Row(
        _CLEAR,
        _PHASE_1 | _NAT_D | {_P.SA: ONE, _P.KE: ONE, _P.NONCE: ONE, _P.ID: ONE},
        leading=(_P.SA,),
        proves=True,
    ),
    # HDR, HASH_I [, NAT-D, NAT-D] --> or HDR, [CERT,] SIG_I -->, encrypted or not
    Step.AGGRESSIVE_3: Row(_EITHER, _PHASE_1 | _NAT_D, proves=True),
    # HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr] [, NAT-OAi, NAT-OAr] -->
    Step.QUICK_1: _QUICK_SA,
    # <-- HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr] [, NAT-OAi, NAT-OAr]
    Step.QUICK_2: _QUICK_SA,
    # HDR*, HASH(3) -->
    Step.QUICK_3: Row(_ENCRYPTED, _EVERYWHERE | {_P.HASH: ONE}, leading=(_P.HASH,)),
    # <-- HDR*, HASH, N(CONNECTED)
    Step.CONNECTED: Row(
        _ENCRYPTED,
        _EVERYWHERE | {_P.HASH: ONE, _P.NOTIFY: Rule(1, MAX_NOTIFIES)},
        leading=(_P.HASH,),
    ),
    # HDR*, HASH(1), N/D -->
    Step.INFORMATIONAL: Row(
        _ENCRYPTED, _EVERYWHERE | {_P.HASH: ONE, _P.DELETE: up_to(MAX_DELETES)}, leading=(_P.HASH,)
    ),
    # HDR, N/D -->
    Step.UNPROTECTED_INFORMATIONAL: Row(_CLEAR, _EVERYWHERE | {_P.DELETE: up_to(MAX_DELETES)}),
    # HDR*, HASH, ATTR -->
    Step.TRANSACTION: Row(_ENCRYPTED, _EVERYWHERE | {_P.HASH: ONE, _P.ATTRIBUTES: ONE}, leading=(_P.HASH,)),
    # HDR, FRAGMENT -->
    Step.FRAGMENT: Row(_CLEAR, {_P.FRAGMENT: ONE}),
}
"""By message."""


def check(step: Step, payloads: Sequence[Payload], *, encrypted: bool, proof: PayloadType = PayloadType.HASH) -> None:
    """Raise InvalidSyntax unless a message has the payloads that it needs, in the order that is prescribed.

    `proof` is what the sender proves its identity with, HASH or SIG; it matters where it does so.
    """
    row = RULES[step]
    if row.encrypted is not None and row.encrypted != encrypted:
        raise InvalidSyntax(f"{step.value} {'encrypted' if encrypted else 'in the clear'}")
    rules = {**row.payloads, proof: ONE} if row.proves else row.payloads
    counts = _count(step, rules, payloads)
    for kind, rule in rules.items():
        if counts.get(kind, 0) < rule.minimum:
            raise InvalidSyntax(f"{step.value} without payload {kind.name}")
    for kind in row.paired:
        if counts.get(kind, 0) == 1:
            raise InvalidSyntax(f"{step.value} with only one payload {kind.name}")
    if tuple(payload.type for payload in payloads[: len(row.leading)]) != row.leading:
        raise InvalidSyntax(f"{step.value} does not begin with {', '.join(kind.name for kind in row.leading)}")


def _count(step: Step, rules: Mapping[PayloadType, Rule], payloads: Iterable[Payload]) -> dict[PayloadType, int]:
    counts: dict[PayloadType, int] = {}
    for payload in payloads:
        if isinstance(payload, UnknownPayload):
            continue
        kind = payload.type
        count = counts[kind] = counts.get(kind, 0) + 1
        rule = rules.get(kind)
        if rule is None or count > rule.maximum:
            allowed = rule.maximum if rule else 0
            raise InvalidSyntax(f"{step.value} with {count} payloads {kind.name} where {allowed} can be")
    return counts
