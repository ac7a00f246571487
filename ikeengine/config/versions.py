"""What belongs to one version of IKE only: refused in a connection of the other one (design D14).

Options that change nothing in the other version, such as `mobike` and `childless`, are ignored, as in strongSwan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ikeengine.config.draft import Draft
from ikeengine.config.options import child as child_options
from ikeengine.config.options import connection as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Option, Values
from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.model.connection import AuthKind
from ikeengine.model.proposal import ADDITIONAL_KE, Proposal
from ikeengine.negotiate.proposal_keywords import word_of
from ikeengine.negotiate.proposals import DEFAULT_ESP, DEFAULT_IKE, parse_esp, parse_ike
from ikeengine.registry import IntegId, TransformType

_GROUPS = "ecp256-ecp384-x25519-modp3072-modp2048"
DEFAULT_IKE_V1 = (parse_ike(f"aes256-aes128-sha256-sha384-{_GROUPS}"),)
"""What `default` stands for with IKEv1. Each combination is a transform of its own in a message that cannot be sent in
fragments, so there are not as many as with IKEv2.
"""
DEFAULT_ESP_V1 = (
    parse_esp(f"aes256gcm16-aes128gcm16-{_GROUPS}-none"),
    parse_esp(f"aes256-aes128-sha256-sha384-sha512-{_GROUPS}-none"),
)
"""The same for ESP: accepted with PFS, but offered without, since nobody can choose among groups (RFC 2409 5.5)."""

_PSK, _PUBKEY, _XAUTH = (AuthKind.PSK,), (AuthKind.PUBKEY,), (AuthKind.XAUTH,)
_METHODS = {
    *((both, both) for both in (_PSK, _PUBKEY)),
    *((both + _XAUTH, both) for both in (_PSK, _PUBKEY)),
    *((both, both + _XAUTH) for both in (_PSK, _PUBKEY)),
    (_XAUTH, _PUBKEY),
    (_PUBKEY, _XAUTH),
}
"""Rounds of `local` and `remote` that are an authentication method of IKEv1; the last two are hybrid authentication."""

_HMAC = (IntegId.HMAC_MD5_96, IntegId.HMAC_SHA1_96, IntegId.HMAC_SHA2_256_128, IntegId.HMAC_SHA2_384_192)
_HASHES = frozenset((*_HMAC, IntegId.HMAC_SHA2_512_256))
"""Integrity algorithms that name a hash of IKEv1."""


def ike_proposals(written: tuple[Proposal, ...], version: int) -> tuple[Proposal, ...]:
    """The IKE proposals, with the defaults of the version."""
    return _with_defaults(written, DEFAULT_IKE, DEFAULT_IKE_V1) if version == 1 else written


def esp_proposals(written: tuple[Proposal, ...], version: int) -> tuple[Proposal, ...]:
    """The ESP or AH proposals, with the defaults of the version."""
    return _with_defaults(written, DEFAULT_ESP, DEFAULT_ESP_V1) if version == 1 else written


def _with_defaults(
    written: tuple[Proposal, ...], general: tuple[Proposal, ...], ours: tuple[Proposal, ...]
) -> tuple[Proposal, ...]:
    """Put our defaults in the place of the general ones."""
    first, *others = (proposal.transforms for proposal in general)
    found: list[Proposal] = []
    for proposal in written:
        if proposal.transforms == first:
            found += ours
        elif proposal.transforms not in others:
            found.append(proposal)
    return tuple(replace(proposal, number=number) for number, proposal in enumerate(found, 1))


def check_version(draft: Draft, problems: Problems) -> None:
    """Note what the connection's version of IKE does not know."""
    if not draft.values.sound(options.IKE_VERSION):
        return
    version = draft.config.version
    if version == 2:
        _refuse_modes(draft, problems)
    if version == 1:
        _check_ikev1(draft, problems)
    else:
        _refuse_xauth(draft, problems)
        _refuse_bundles(draft, problems)


def _refuse_modes(draft: Draft, problems: Problems) -> None:
    config = draft.config
    for option, used in ((options.AGGRESSIVE, config.aggressive), (options.PULL, not config.pull)):
        if used:
            _complain(draft.values, option, f"`{option.name}` is for IKEv1: write `version: 1`, or 0", problems)


def _refuse_xauth(draft: Draft, problems: Problems) -> None:
    rounds = [(round.values, options.LOCAL_AUTH, round.auth.auth) for round in draft.local]
    rounds += [(round.values, options.REMOTE_AUTH, round.auth.auth) for round in draft.remote]
    for values, option, kind in rounds:
        if kind is AuthKind.XAUTH:
            _complain(values, option, "XAUTH is for IKEv1 alone: write `version: 1`", problems)


def _refuse_bundles(draft: Draft, problems: Problems) -> None:
    for name, child in draft.config.children.items():
        if child.ah_proposals:
            values = draft.values.named("children")[name]
            message = (
                "a Child SA uses either AH or ESP: write `ah_proposals` or `esp_proposals`, not both "
                "(both together take `version: 1`, because IKEv2 has no SA bundles)"
            )
            _complain(values, child_options.AH, message, problems)


def _check_ikev1(draft: Draft, problems: Problems) -> None:
    _check_method(draft, problems)
    _check_schemes(draft, problems)
    for proposal in draft.config.proposals:
        for reason in (*_cipher_reasons(proposal), *_hash_reasons(proposal), *_exchange_reasons(proposal)):
            _complain(draft.values, options.PROPOSALS, f"IKEv1 {reason}", problems)
    for name, child in draft.config.children.items():
        values = draft.values.named("children")[name]
        for proposal in (*child.esp_proposals, *child.ah_proposals):
            option: Option[Any] = child_options.AH if proposal.protocol.name == "AH" else child_options.ESP
            for reason in _exchange_reasons(proposal):
                _complain(values, option, f"IKEv1 {reason}", problems)


def _check_method(draft: Draft, problems: Problems) -> None:
    """IKEv1 has one authentication method for both sides (RFC 2409 section 5), and XAUTH after it for one of them."""
    rounds = tuple(round.auth.auth for round in draft.local), tuple(round.auth.auth for round in draft.remote)
    sections = [round.values for round in draft.local] + [round.values for round in draft.remote]
    sound = all(values.sound(options.LOCAL_AUTH) for values in sections)
    if not sound or rounds in _METHODS:
        return
    ours, theirs = (" + ".join(kind.value for kind in kinds) for kinds in rounds)
    message = (
        f"IKEv1 has no authentication with {ours} here and {theirs} there. Both sides have `psk`, or both `pubkey`, "
        "and one of them may have a second round with `xauth`; in hybrid authentication `xauth` meets `pubkey`"
    )
    _complain(draft.local[0].values, options.LOCAL_AUTH, message, problems)


def _check_schemes(draft: Draft, problems: Problems) -> None:
    for local in draft.local:
        if local.auth.schemes:
            message = "IKEv1 does not negotiate signature schemes: write `auth: pubkey`"
            _complain(local.values, options.LOCAL_AUTH, message, problems)


def _cipher_reasons(proposal: Proposal) -> Iterator[str]:
    for encr in proposal.of_type(TransformType.ENCR):
        if ENCR[encr.id, encr.key_length].aead:
            yield f"messages cannot be protected with `{word_of(encr)}`, a combined mode (AEAD): take aes256-sha256"


def _hash_reasons(proposal: Proposal) -> Iterator[str]:
    """One hash is both the integrity algorithm and, as HMAC, the PRF (RFC 2409 section 4)."""
    integs = proposal.of_type(TransformType.INTEG)
    for integ in integs:
        if integ.id not in _HASHES:
            yield f"needs a hash, which `{word_of(integ)}` is not: take sha256"
    prfs = {prf.id for prf in proposal.of_type(TransformType.PRF)}
    if integs and prfs != {INTEG[integ.id].prf for integ in integs}:
        yield "has one hash for everything: leave the `prf...` words out"


def _exchange_reasons(proposal: Proposal) -> Iterator[str]:
    for transform in proposal.transforms:
        if transform.type in ADDITIONAL_KE:
            yield f"has no additional key exchanges such as `{word_of(transform)}`"


def _complain(values: Values, option: Option[Any], message: str, problems: Problems) -> None:
    if values.sound(option):
        problems.add(values.mark_of(option), values.key(option), message)
