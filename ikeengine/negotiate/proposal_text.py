"""Proposals as text, such as `aes256gcm16-prfsha384-x25519-ecp384`: alternatives in order of preference.

The rules are strongSwan's. Every error is a LocalMisuse with one sentence for whoever wrote the text.
"""

from __future__ import annotations

from collections.abc import Iterator

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.errors import LocalMisuse
from ikeengine.model.proposal import ADDITIONAL_KE, ChildSuite, IkeSuite, Proposal, Transform
from ikeengine.negotiate.proposal_keywords import KE_NONE, available, transform_of, word_of
from ikeengine.negotiate.proposal_match import distinct
from ikeengine.registry import EsnId, Protocol, TransformType

_TYPE_WORDS = {
    TransformType.ENCR: "encryption algorithm",
    TransformType.PRF: "pseudo-random function",
    TransformType.INTEG: "integrity algorithm",
    TransformType.KE: "key exchange method",
    TransformType.ESN: "extended sequence number option",
    **dict.fromkeys(ADDITIONAL_KE, "additional key exchange method"),
}
_ALLOWED_TYPES = {
    Protocol.IKE: {TransformType.ENCR, TransformType.PRF, TransformType.INTEG, TransformType.KE, *ADDITIONAL_KE},
    Protocol.ESP: {TransformType.ENCR, TransformType.INTEG, TransformType.KE, TransformType.ESN, *ADDITIONAL_KE},
    Protocol.AH: {TransformType.INTEG, TransformType.KE, TransformType.ESN, *ADDITIONAL_KE},
}
_NO_ESN = Transform(TransformType.ESN, EsnId.NO_EXT_SEQ)

Choices = dict[TransformType, list[Transform]]
"""The transforms of a proposal by type."""


def parse_ike(text: str) -> Proposal:
    """A proposal for IKE: encryption, integrity (or a combined mode), PRF and key exchange.

    Without a `prf...` word the PRFs follow from the integrity algorithms, also those of a combined mode, where
    `aes256gcm16-sha256-x25519` names sha256 for nothing else.
    """
    choices = _parse(text, Protocol.IKE)
    _need(text, choices, TransformType.ENCR, "aes256gcm16")
    prfs = choices[TransformType.PRF]
    implied = not prfs
    if implied:
        prfs.extend(_prf_of(integ) for integ in choices[TransformType.INTEG])
    if _all_aead(text, choices):
        _need(text, choices, TransformType.PRF, "prfsha256")
        if implied:
            choices[TransformType.INTEG].clear()
        _refuse_integ(text, choices)
    else:
        _need(text, choices, TransformType.INTEG, "sha256")
    _refuse_esp_only(text, choices)
    choices[TransformType.KE] = [ke for ke in choices[TransformType.KE] if ke != KE_NONE]
    _need(text, choices, TransformType.KE, "x25519")
    return _proposal(text, Protocol.IKE, choices)


def parse_esp(text: str) -> Proposal:
    """A proposal for ESP: encryption and integrity, or a combined mode; key exchange methods ask for PFS.

    Without `esn` or `noesn` there are no extended sequence numbers.
    """
    choices = _parse(text, Protocol.ESP)
    _need(text, choices, TransformType.ENCR, "aes256gcm16")
    if _all_aead(text, choices):
        _refuse_integ(text, choices)
    else:
        _need(text, choices, TransformType.INTEG, "sha256")
    return _proposal(text, Protocol.ESP, choices)


def parse_ah(text: str) -> Proposal:
    """A proposal for AH: integrity; key exchange methods and extended sequence numbers as for ESP."""
    choices = _parse(text, Protocol.AH)
    _need(text, choices, TransformType.INTEG, "sha256")
    return _proposal(text, Protocol.AH, choices)


def format_proposal(proposal: Proposal) -> str:
    """The text of a proposal; `parse_...` of it gives the proposal back. Also for what a peer offers, without fail."""
    words = [word_of(transform) for transform in in_text_order(proposal)]
    return "-".join(words) or "nothing"


def format_suite(suite: IkeSuite | ChildSuite) -> str:
    """The text of what was chosen, in the words of proposals."""
    if isinstance(suite, IkeSuite):
        transforms = (suite.encr, suite.integ, suite.prf, suite.ke, *suite.additional)
        return format_proposal(Proposal(Protocol.IKE, tuple(t for t in transforms if t)))
    esn = Transform(TransformType.ESN, EsnId.EXT_SEQ) if suite.esn else _NO_ESN
    chosen = (suite.encr, suite.integ, suite.ke, *suite.additional, esn)
    return format_proposal(Proposal(suite.protocol, tuple(t for t in chosen if t)))


def _parse(text: str, protocol: Protocol) -> Choices:
    """The transforms of each type. Words may repeat; a repetition says nothing new."""
    choices: Choices = {kind: [] for kind in _TYPE_WORDS}
    for word in text.strip().lower().split("-"):
        try:
            transform = transform_of(word)
        except LocalMisuse as error:
            raise LocalMisuse(f"proposal `{text}`: {error}") from None
        if transform.type not in _ALLOWED_TYPES[protocol]:
            kind = _TYPE_WORDS[transform.type]
            raise _error(text, f"`{word}` has no place here: {protocol.name} proposals hold no {kind}")
        if transform not in choices[transform.type]:
            choices[transform.type].append(transform)
    return choices


def _error(text: str, reason: str) -> LocalMisuse:
    return LocalMisuse(f"proposal `{text}`: {reason}")


def _need(text: str, choices: Choices, kind: TransformType, example: str) -> None:
    if not choices[kind]:
        raise _error(text, f"{_article(_TYPE_WORDS[kind])} is missing, such as `{example}`")


def _article(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _all_aead(text: str, choices: Choices) -> bool:
    """Whether all ciphers are combined modes. They cannot be mixed with others (RFC 7296 section 3.3)."""
    modes = {ENCR[encr.id, encr.key_length].aead for encr in choices[TransformType.ENCR]}
    if len(modes) > 1:
        raise _error(text, "combined-mode (AEAD) and other ciphers need proposals of their own")
    return modes == {True}


def _refuse_integ(text: str, choices: Choices) -> None:
    integ = choices[TransformType.INTEG]
    if integ:
        raise _error(text, f"`{word_of(integ[0])}` must go: combined-mode (AEAD) ciphers bring their own integrity")


def _refuse_esp_only(text: str, choices: Choices) -> None:
    for encr in choices[TransformType.ENCR]:
        if ENCR[encr.id, encr.key_length].esp_only:
            raise _error(text, f"`{word_of(encr)}` is for ESP only")


def _prf_of(integ: Transform) -> Transform:
    return Transform(TransformType.PRF, INTEG[integ.id].prf)


def _check_additional(text: str, choices: Choices) -> None:
    """Additional key exchanges come after a first one, and each must be able to use a method of its own.

    No method is used twice (RFC 9370 section 2.2.1).
    """
    additional = [choices[kind] for kind in ADDITIONAL_KE if any(transform.id for transform in choices[kind])]
    if not additional:
        return
    first = [transform for transform in choices[TransformType.KE] if transform != KE_NONE]
    if not first:
        raise _error(text, f"`{word_of(additional[0][0])}` adds to a key exchange, but there is none, such as `x25519`")
    if distinct([first, *additional]) is None:
        words = ", ".join(f"`{word_of(transform)}`" for transforms in additional for transform in transforms)
        raise _error(text, f"{words} would repeat a key exchange method; each must use another one")


def _proposal(text: str, protocol: Protocol, choices: Choices) -> Proposal:
    """Transforms in the order of their types, as most implementations send them."""
    _check_additional(text, choices)
    if protocol != Protocol.IKE and not choices[TransformType.ESN]:
        choices[TransformType.ESN].append(_NO_ESN)
    return Proposal(protocol, tuple(transform for kind in _TYPE_WORDS for transform in choices[kind]))


def in_text_order(proposal: Proposal) -> Iterator[Transform]:
    """Encryption, integrity, PRF, the rest; without what the parser adds by itself."""
    integ = proposal.of_type(TransformType.INTEG)
    prf = proposal.of_type(TransformType.PRF)
    if integ and prf == tuple(_prf_of(t) for t in integ if t.id in INTEG):
        prf = ()
    yield from proposal.of_type(TransformType.ENCR)
    yield from integ
    yield from prf
    rest = (TransformType.ENCR, TransformType.INTEG, TransformType.PRF, TransformType.ESN)
    yield from (transform for transform in proposal.transforms if transform.type not in rest)
    esn = proposal.of_type(TransformType.ESN)
    if esn != (_NO_ESN,):
        yield from esn


_METHODS = "x25519-ecp256-ecp384-ecp521-x448-modp3072-modp4096-modp2048"

DEFAULT_IKE: tuple[Proposal, ...] = (
    parse_ike(
        available(f"aes256gcm16-aes128gcm16-chacha20poly1305-prfsha256-prfsha384-prfsha512-{_METHODS}"),
    ),
    parse_ike(available(f"aes256-aes128-sha256-sha384-sha512-{_METHODS}")),
)
"""What `default` stands for in IKE proposals."""

DEFAULT_ESP: tuple[Proposal, ...] = (
    parse_esp(available(f"aes256gcm16-aes128gcm16-{_METHODS}-none-esn-noesn")),
    parse_esp(available(f"aes256-aes128-sha256-sha384-sha512-{_METHODS}-none-esn-noesn")),
)
"""What `default` stands for in ESP proposals: PFS if the peer wants it, and only ciphers that every kernel has."""

DEFAULT_AH: tuple[Proposal, ...] = (parse_ah(available(f"sha256-sha384-sha512-{_METHODS}-none-esn-noesn")),)
"""What `default` stands for in AH proposals."""
