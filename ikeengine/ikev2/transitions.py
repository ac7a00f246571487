"""What happens to an IKE SA in which state: one table. A pair that is not in it is a drop and an event (design D4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ikeengine.ikev2 import tasks
from ikeengine.ikev2.exchanges import (
    followup_ke,
    ike_auth,
    ike_auth_responder,
    ike_sa_init,
    informational,
    intermediate,
)
from ikeengine.ikev2.mobike import roaming
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState as S
from ikeengine.ikev2.states import Trigger as On
from ikeengine.model.immutable import immutable
from ikeengine.sa.children import inactivity
from ikeengine.sa.context import Context
from ikeengine.sa.states import Answer


@immutable
class Row:
    """One row: who handles it, the states that may follow (besides staying), and the story in one line."""

    handle: Callable[[Context, IkeSa, Any], None]
    to: tuple[S, ...]
    story: str


TABLE: dict[tuple[S, On | Answer], Row] = {
    # Initiator:  --> HDR, SAi1, KEi, Ni   <-- HDR, SAr1, KEr, Nr   --> HDR, SK {...}   <-- HDR, SK {...}
    (S.CREATED, Answer.PATH_FOUND): Row(
        ike_sa_init.on_path,
        (S.INIT_SENT, S.CLOSED),
        "a way to the peer is found: send IKE_SA_INIT",
    ),
    (S.INIT_SENT, On.INIT_RESPONSE): Row(
        ike_sa_init.on_response,
        (S.INTERMEDIATE_SENT, S.GETTING_STATUS, S.AUTH_SIGNING, S.AUTH_SENT, S.CLOSED),
        "derive keys and authenticate; or start again with a cookie or another key exchange",
    ),
    (S.INTERMEDIATE_SENT, On.INTERMEDIATE_RESPONSE): Row(
        intermediate.on_response,
        (S.GETTING_STATUS, S.AUTH_SIGNING, S.AUTH_SENT, S.CLOSED),
        "derive keys anew and go on with the next additional key exchange, or authenticate",
    ),
    (S.GETTING_STATUS, Answer.FETCHED): Row(
        ike_auth.on_own_status,
        (S.AUTH_SIGNING, S.AUTH_SENT, S.CLOSED),
        "the status of our certificate is known: authenticate",
    ),
    (S.AUTH_SIGNING, Answer.SIGNED): Row(
        ike_auth.on_signature,
        (S.AUTH_SENT, S.CLOSED),
        "our signature is made: send IKE_AUTH",
    ),
    (S.AUTH_SENT, On.AUTH_RESPONSE): Row(
        ike_auth.on_response,
        (S.CHECKING_RESPONDER, S.GETTING_STATUS, S.AUTH_SIGNING, S.AUTH_SENT, S.ESTABLISHED, S.CLOSED),
        "check the responder and install the first Child SA; or go on with another round of authentication",
    ),
    (S.CHECKING_RESPONDER, Answer.LOOKED_UP): Row(
        ike_auth.on_looked_up,
        (S.GETTING_STATUS, S.AUTH_SIGNING, S.AUTH_SENT, S.ESTABLISHED, S.CLOSED),
        "the responder's certificate is fetched: check the responder",
    ),
    (S.CHECKING_RESPONDER, Answer.FETCHED): Row(
        ike_auth.on_fetched,
        (S.GETTING_STATUS, S.AUTH_SIGNING, S.AUTH_SENT, S.ESTABLISHED, S.CLOSED),
        "the responder's certificate is not revoked: install the first Child SA, or go on with another round",
    ),
    (S.CHECKING_RESPONDER, On.INFO_REQUEST): Row(
        informational.on_informational,
        (S.CLOSED,),
        "the responder has given up, or asks whether we are alive",
    ),
    # Responder:  its first row is in the endpoint, because before IKE_SA_INIT is acceptable there is no IKE SA
    (S.INTERMEDIATE_AWAITED, On.INTERMEDIATE_REQUEST): Row(
        intermediate.on_request,
        (S.INIT_ANSWERED, S.REFUSED),
        "answer an additional key exchange and derive keys anew",
    ),
    (S.INIT_ANSWERED, On.AUTH_REQUEST): Row(
        ike_auth_responder.on_request,
        (S.CHECKING_INITIATOR, S.AUTH_ANSWERING, S.AUTH_CONTINUED, S.ESTABLISHED, S.REFUSED),
        "check the initiator, install the first Child SA, answer",
    ),
    (S.CHECKING_INITIATOR, Answer.LOOKED_UP): Row(
        ike_auth_responder.on_looked_up,
        (S.AUTH_ANSWERING, S.AUTH_CONTINUED, S.ESTABLISHED, S.REFUSED),
        "the initiator's certificate is fetched: check the initiator",
    ),
    (S.CHECKING_INITIATOR, Answer.FETCHED): Row(
        ike_auth_responder.on_fetched,
        (S.AUTH_ANSWERING, S.AUTH_CONTINUED, S.ESTABLISHED, S.REFUSED),
        "the initiator's certificate is not revoked: install the first Child SA, answer",
    ),
    (S.AUTH_ANSWERING, Answer.SIGNED): Row(
        ike_auth_responder.on_signature,
        (S.AUTH_CONTINUED, S.ESTABLISHED, S.REFUSED),
        "our signature is made: install the first Child SA, answer",
    ),
    (S.AUTH_CONTINUED, On.AUTH_REQUEST): Row(
        ike_auth_responder.on_further_request,
        (S.CHECKING_INITIATOR, S.AUTH_ANSWERING, S.ESTABLISHED, S.REFUSED),
        "check the next round of the initiator (RFC 4739), answer",
    ),
    (S.AUTH_CONTINUED, On.INFO_REQUEST): Row(
        informational.on_informational,
        (S.CLOSED,),
        "the initiator does not believe us, and does not go on",
    ),
    # Established: each side may start exchanges, one at a time
    (S.ESTABLISHED, On.CHILD_REQUEST): Row(
        informational.on_create_child,
        (S.REKEYED,),
        "create or rekey an SA as the peer wishes",
    ),
    (S.ESTABLISHED, On.INFO_REQUEST): Row(
        informational.on_informational,
        (S.CLOSED,),
        "delete SAs as the peer wishes, or just say that we are alive",
    ),
    (S.ESTABLISHED, On.CHILD_RESPONSE): Row(
        tasks.finish,
        (S.REKEYED,),
        "finish our exchange",
    ),
    (S.ESTABLISHED, On.FOLLOWUP_REQUEST): Row(
        followup_ke.on_request,
        (S.REKEYED,),
        "answer an additional key exchange; after the last one create or rekey the SA",
    ),
    (S.ESTABLISHED, On.FOLLOWUP_RESPONSE): Row(
        tasks.finish,
        (S.REKEYED,),
        "go on with the next additional key exchange, or finish our exchange",
    ),
    (S.ESTABLISHED, On.INFO_RESPONSE): Row(
        tasks.finish,
        (),
        "finish our exchange",
    ),
    (S.ESTABLISHED, Answer.USAGE): Row(
        inactivity.on_usage,
        (),
        "close a Child SA that nothing goes through",
    ),
    (S.ESTABLISHED, Answer.ROUTES): Row(
        roaming.on_routes,
        (),
        "take another path if the current one is no good",
    ),
    # Replaced: nothing but its own end is left to negotiate
    (S.REKEYED, On.CHILD_REQUEST): Row(
        informational.refuse_create_child,
        (),
        "this IKE SA is replaced: TEMPORARY_FAILURE",
    ),
    (S.REKEYED, On.FOLLOWUP_REQUEST): Row(
        informational.refuse_create_child,
        (),
        "this IKE SA is replaced: TEMPORARY_FAILURE",
    ),
    (S.REKEYED, On.FOLLOWUP_RESPONSE): Row(
        tasks.finish,
        (),
        "finish our exchange",
    ),
    (S.REKEYED, On.CHILD_RESPONSE): Row(
        tasks.finish,
        (),
        "finish our exchange",
    ),
    (S.REKEYED, On.INFO_REQUEST): Row(
        informational.on_informational,
        (S.CLOSED,),
        "the peer deletes the replaced IKE SA",
    ),
    (S.REKEYED, On.INFO_RESPONSE): Row(
        tasks.finish,
        (S.CLOSED,),
        "the peer has deleted the replaced IKE SA",
    ),
    # Deleting
    (S.DELETING, On.CHILD_REQUEST): Row(
        informational.refuse_create_child,
        (),
        "this IKE SA is being closed: TEMPORARY_FAILURE",
    ),
    (S.DELETING, On.FOLLOWUP_REQUEST): Row(
        informational.refuse_create_child,
        (),
        "this IKE SA is being closed: TEMPORARY_FAILURE",
    ),
    (S.DELETING, On.INFO_REQUEST): Row(
        informational.on_informational,
        (S.CLOSED,),
        "both sides delete at the same time: answer and forget our own request",
    ),
    (S.DELETING, On.INFO_RESPONSE): Row(
        tasks.finish,
        (S.CLOSED,),
        "the peer has deleted the IKE SA",
    ),
}
