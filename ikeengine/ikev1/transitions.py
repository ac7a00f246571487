"""What happens to an ISAKMP SA in which state: one table. What is not in it is a drop and an event (design D4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ikeengine.ikev1 import tasks
from ikeengine.ikev1.exchanges import (
    aggressive,
    aggressive_responder,
    informational,
    main,
    main_responder,
    mode_config_gateway,
    phase1_begin,
    xauth_gateway,
)
from ikeengine.ikev1.peer import authentication
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState as S
from ikeengine.ikev1.states import Trigger as On
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.immutable import immutable
from ikeengine.sa.children import inactivity
from ikeengine.sa.context import Context
from ikeengine.sa.states import Answer


@immutable
class Row:
    """One row: who handles it, the states that may follow (besides staying), and the story in one line.

    `step` is the message that it must be, if it begins an exchange or belongs to phase 1.
    """

    handle: Callable[[Context, IkeSa, Any], None]
    to: tuple[S, ...]
    story: str
    step: Step = Step.INFORMATIONAL


TABLE: dict[tuple[S, On | Answer], Row] = {
    # Initiator of Main Mode:  --> HDR, SA   <-- HDR, SA   --> HDR, KE, Ni   <-- HDR, KE, Nr   --> HDR*, IDii, HASH_I
    (S.CREATED, Answer.PATH_FOUND): Row(
        phase1_begin.on_path,
        (S.SA_SENT, S.AGGRESSIVE_SENT, S.CLOSED),
        "a way to the peer is found: send our proposals",
    ),
    (S.SA_SENT, On.MAIN): Row(
        main.on_sa,
        (S.KE_SENT,),
        "the peer has chosen: send our key exchange",
        Step.MAIN_2,
    ),
    (S.KE_SENT, On.MAIN): Row(
        main.on_key_exchange,
        (S.AUTH_SIGNING, S.AUTH_SENT, S.CLOSED),
        "derive keys and prove our identity",
        Step.MAIN_4,
    ),
    (S.AUTH_SIGNING, Answer.SIGNED): Row(
        authentication.on_signature,
        (S.AUTH_SENT, S.AUTHENTICATED, S.ESTABLISHED, S.CLOSED),
        "prove our identity with the signature",
    ),
    (S.AUTH_SENT, On.MAIN): Row(
        main.on_proof,
        (S.CHECKING_RESPONDER, S.AUTHENTICATED, S.ESTABLISHED, S.CLOSED),
        "check the responder",
        Step.MAIN_6,
    ),
    (S.CHECKING_RESPONDER, Answer.FETCHED): Row(
        authentication.on_fetched,
        (S.AUTH_SIGNING, S.AUTHENTICATED, S.ESTABLISHED, S.CLOSED),
        "learn whether the responder's certificate is revoked",
    ),
    # Responder of Main Mode: its first row is in `strangers`, because before the first message there is no SA
    (S.SA_ANSWERED, On.MAIN): Row(
        main_responder.on_key_exchange,
        (S.KE_ANSWERED, S.CLOSED),
        "answer with our key exchange, derive keys",
        Step.MAIN_3,
    ),
    (S.KE_ANSWERED, On.MAIN): Row(
        main_responder.on_proof,
        (S.CHECKING_INITIATOR, S.AUTH_ANSWERING, S.AUTHENTICATED, S.ESTABLISHED, S.CLOSED),
        "check the initiator, prove our identity",
        Step.MAIN_5,
    ),
    (S.CHECKING_INITIATOR, Answer.FETCHED): Row(
        authentication.on_fetched,
        (S.AUTH_ANSWERING, S.AUTHENTICATED, S.ESTABLISHED, S.CLOSED),
        "learn whether the initiator's certificate is revoked, prove our identity",
    ),
    (S.AUTH_ANSWERING, Answer.SIGNED): Row(
        authentication.on_signature,
        (S.AUTHENTICATED, S.ESTABLISHED, S.CLOSED),
        "prove our identity with the signature",
    ),
    # Aggressive Mode:  --> HDR, SA, KE, Ni, IDii   <-- HDR, SA, KE, Nr, IDir, HASH_R   --> HDR*, HASH_I
    (S.AGGRESSIVE_SENT, On.AGGRESSIVE): Row(
        aggressive.on_answer,
        (S.CHECKING_RESPONDER, S.AUTH_SIGNING, S.AUTHENTICATED, S.ESTABLISHED, S.CLOSED),
        "check the responder, prove our identity",
        Step.AGGRESSIVE_2,
    ),
    (S.AGGRESSIVE_ANSWERING, Answer.SIGNED): Row(
        authentication.on_signature,
        (S.AGGRESSIVE_ANSWERED, S.CLOSED),
        "answer with our proof of identity",
    ),
    (S.AGGRESSIVE_ANSWERED, On.AGGRESSIVE): Row(
        aggressive_responder.on_proof,
        (S.CHECKING_INITIATOR, S.AUTHENTICATED, S.ESTABLISHED, S.CLOSED),
        "check the initiator",
        Step.AGGRESSIVE_3,
    ),
    # Before anything is authenticated, an error is a hint and no more
    (S.SA_SENT, On.INFORMATIONAL): Row(informational.on_hint, (), "the peer seems to refuse"),
    (S.KE_SENT, On.INFORMATIONAL): Row(informational.on_hint, (), "the peer seems to refuse"),
    (S.AUTH_SENT, On.INFORMATIONAL): Row(informational.on_hint, (), "the peer seems to refuse"),
    (S.AGGRESSIVE_SENT, On.INFORMATIONAL): Row(informational.on_hint, (), "the peer seems to refuse"),
    (S.AGGRESSIVE_ANSWERED, On.INFORMATIONAL): Row(informational.on_hint, (), "the peer seems to refuse"),
    (S.KE_ANSWERED, On.INFORMATIONAL): Row(informational.on_hint, (), "the peer seems to refuse"),
    # Authenticated: XAUTH and mode config, and nothing else
    (S.AUTHENTICATED, On.TRANSACTION): Row(
        tasks.on_message,
        (S.ESTABLISHED, S.CLOSED),
        "ask for a password or address, or answer",
        Step.TRANSACTION,
    ),
    (S.AUTHENTICATED, On.QUICK): Row(
        mode_config_gateway.on_quick_mode,
        (S.CLOSED,),
        "too early, or the client does not want an address",
        Step.QUICK_1,
    ),
    (S.AUTHENTICATED, Answer.PASSWORD): Row(
        xauth_gateway.on_verdict,
        (S.CLOSED,),
        "the program has decided about the password",
    ),
    (S.AUTHENTICATED, On.INFORMATIONAL): Row(
        informational.on_informational,
        (S.CLOSED,),
        "the peer does not go on, or asks whether we are alive",
    ),
    # Established: exchanges of both sides, several at the same time
    (S.ESTABLISHED, On.QUICK): Row(
        tasks.on_message,
        (),
        "create or rekey a Child SA",
        Step.QUICK_1,
    ),
    (S.ESTABLISHED, On.INFORMATIONAL): Row(
        informational.on_informational,
        (S.CLOSED,),
        "delete SAs as the peer wishes, or say that we are alive",
    ),
    (S.ESTABLISHED, On.TRANSACTION): Row(
        tasks.on_message,
        (),
        "another password, or another address",
        Step.TRANSACTION,
    ),
    (S.ESTABLISHED, Answer.USAGE): Row(
        inactivity.on_usage,
        (),
        "close a Child SA that nothing goes through",
    ),
    # Replaced: nothing but its own end is left
    (S.REKEYED, On.INFORMATIONAL): Row(
        informational.on_informational,
        (S.CLOSED,),
        "the peer deletes the replaced ISAKMP SA",
    ),
    (S.REKEYED, On.QUICK): Row(
        tasks.on_message,
        (),
        "finish what was begun",
        Step.QUICK_1,
    ),
}
