"""Why no transform was chosen, in one sentence for the operator; what can be, in the words of IKEv2's `nearest`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikeengine.errors import NoProposalChosen
from ikeengine.ikev1.proposals.bundles import PROTOCOL_OF
from ikeengine.ikev1.proposals.child_transforms import groups
from ikeengine.ikev1.proposals.child_transforms import suites as child_suites
from ikeengine.ikev1.proposals.ike_transforms import suites as ike_suites
from ikeengine.ikev1.proposals.modes import MEANING, Encapsulation
from ikeengine.ikev1.proposals.offers import child_offers, ike_offers, values_of
from ikeengine.ikev1.proposals.wishes import Wishes
from ikeengine.ikev1.wire.algorithms import AuthMethod, Phase1Attribute, Phase2Attribute
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads.sa import Sa
from ikeengine.model.connection import Mode
from ikeengine.model.proposal import ChildSuite, IkeSuite, Proposal, Transform
from ikeengine.negotiate.proposals import nearest, select_child
from ikeengine.registry import EsnId, Protocol, TransformType

_MOST = 16
"""Longer lists are cut: a hostile offer does not fill the log."""

METHOD_WORDS: dict[int, str] = {
    AuthMethod.PRE_SHARED_KEY: "pre-shared key",
    AuthMethod.DSS_SIGNATURES: "DSS signatures",
    AuthMethod.RSA_SIGNATURES: "RSA signatures",
    AuthMethod.RSA_ENCRYPTION: "public key encryption",
    AuthMethod.REVISED_RSA_ENCRYPTION: "revised public key encryption",
    AuthMethod.ECDSA_256: "ECDSA-256",
    AuthMethod.ECDSA_384: "ECDSA-384",
    AuthMethod.ECDSA_521: "ECDSA-521",
    AuthMethod.HYBRID_INIT_RSA: "hybrid with RSA signatures",
    AuthMethod.HYBRID_RESP_RSA: "hybrid with RSA signatures, the client responding",
    AuthMethod.XAUTH_INIT_PRE_SHARED: "pre-shared key and XAUTH",
    AuthMethod.XAUTH_RESP_PRE_SHARED: "pre-shared key and XAUTH, the client responding",
    AuthMethod.XAUTH_INIT_RSA: "RSA signatures and XAUTH",
    AuthMethod.XAUTH_RESP_RSA: "RSA signatures and XAUTH, the client responding",
}
_ENCRYPTION = frozenset(
    (
        AuthMethod.RSA_ENCRYPTION,
        AuthMethod.REVISED_RSA_ENCRYPTION,
        AuthMethod.XAUTH_INIT_RSA_ENCRYPTION,
        AuthMethod.XAUTH_RESP_RSA_ENCRYPTION,
        AuthMethod.XAUTH_INIT_REVISED_RSA_ENCRYPTION,
        AuthMethod.XAUTH_RESP_REVISED_RSA_ENCRYPTION,
    )
)
"""Left out on purpose: there is no safe way to decrypt what strangers send (Bleichenbacher's oracle)."""


def explain_ike(sa: Sa, proposals: Sequence[Proposal], methods: Sequence[AuthMethod]) -> str:
    """Why nothing in the SA payload of phase 1 will do: the method of authentication, or the closest transform."""
    offered = _offered_methods(sa)
    if offered and not offered.keys() & set(methods):
        wanted = _words(METHOD_WORDS.get(method, method.name) for method in methods)
        text = f"authentication: offered {_words(offered.values())}, wanted {wanted}"
        return f"{text}; public key encryption is not offered on purpose" if offered.keys() & _ENCRYPTION else text
    return nearest(ike_offers(sa), usable_ike(proposals))


def _offered_methods(sa: Sa) -> dict[AuthMethod, str]:
    found: dict[AuthMethod, str] = {}
    for proposal in sa.proposals:
        for transform in proposal.transforms if proposal.protocol == ProtocolId.ISAKMP else ():
            number = values_of(transform.attributes).get(Phase1Attribute.AUTHENTICATION_METHOD)
            if number is not None:
                method = AuthMethod(number)
                found[method] = METHOD_WORDS.get(method, method.name)
    return found


def explain_child(sa: Sa, wishes: Wishes) -> str:
    """Why nothing in the SA payload of phase 2 will do: its protocols, its encapsulation, or the closest transform."""
    bundles = [frozenset(PROTOCOL_OF.get(payload.protocol) for payload in payloads) for payloads in sa.bundles]
    wanted = [frozenset(protocols) for protocols in wishes.bundles()]
    if not set(bundles) & set(wanted):
        return f"offered {_words(map(_protocols, bundles))}, wanted {_words(map(_protocols, wanted))}"
    modes = _offered_modes(sa)
    if modes and wishes.encapsulation not in modes:
        ours = _encapsulation(wishes.encapsulation)
        return f"encapsulation: offered {_words(map(_encapsulation, modes))}, wanted {ours}"
    return _nearest_child(child_offers(sa), usable_child(wishes))


def _nearest_child(offered: Sequence[Proposal], wanted: Sequence[Proposal]) -> str:
    """The closest transform of the first protocol that has none in common."""
    for protocol in dict.fromkeys(proposal.protocol for proposal in wanted):
        theirs = [proposal for proposal in offered if proposal.protocol == protocol]
        ours = [proposal for proposal in wanted if proposal.protocol == protocol]
        try:
            select_child(theirs, ours, with_ke=True)
        except NoProposalChosen:
            return nearest(theirs, ours)
    return nearest(offered, wanted)


def _offered_modes(sa: Sa) -> list[Encapsulation | None]:
    every = (values_of(one.attributes) for payload in sa.proposals for one in payload.transforms)
    numbers = (values[Phase2Attribute.ENCAPSULATION_MODE] for values in every if _has_mode(values))
    return [MEANING.get(number) for number in dict.fromkeys(numbers)]


def _has_mode(values: dict[int, int]) -> bool:
    return Phase2Attribute.ENCAPSULATION_MODE in values


def usable_ike(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """What of our proposals IKEv1 can say, for the record of a failure. The PRF follows from the hash."""
    return tuple(_merged(Protocol.IKE, map(_of_ike, ike_suites(one))) for one in proposals if any(ike_suites(one)))


def usable_child(wishes: Wishes) -> tuple[Proposal, ...]:
    """The same for ESP and AH."""
    usable = []
    for proposal in (*wishes.proposals, *wishes.ah):
        suites = [suite for group in groups(proposal) for suite in child_suites(proposal, group)]
        if suites:
            usable.append(_merged(proposal.protocol, map(_of_child, suites)))
    return tuple(usable)


def _merged(protocol: Protocol, suites: Iterable[Iterable[Transform]]) -> Proposal:
    """Suites as one proposal: each of their transforms once."""
    return Proposal(protocol, tuple(dict.fromkeys(transform for suite in suites for transform in suite)))


def _of_ike(suite: IkeSuite) -> Iterable[Transform]:
    return (one for one in (suite.encr, suite.integ, suite.ke) if one is not None)


def _of_child(suite: ChildSuite) -> Iterable[Transform]:
    esn = Transform(TransformType.ESN, EsnId.EXT_SEQ if suite.esn else EsnId.NO_EXT_SEQ)
    ke = suite.ke or Transform(TransformType.KE, 0)
    return (one for one in (suite.encr, suite.integ, ke, esn) if one is not None)


def _protocols(protocols: frozenset[Protocol | None]) -> str:
    names = sorted("an unknown protocol" if protocol is None else protocol.name for protocol in protocols)
    return " + ".join(names)


def _encapsulation(encapsulation: Encapsulation | None) -> str:
    if encapsulation is None:
        return "an unknown mode"
    word = "tunnel" if encapsulation.mode is Mode.TUNNEL else "transport"
    return f"{word} mode in UDP" if encapsulation.udp else f"{word} mode"


def _words(words: Iterable[str]) -> str:
    every = list(dict.fromkeys(words))
    return " or ".join(every[:_MOST] + ["..."] * (len(every) > _MOST)) or "nothing"
