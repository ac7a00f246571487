"""What a connection may use but should not: weak algorithms, and pre-shared keys where they are given away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ikeengine.config.draft import Draft
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Values
from ikeengine.model.connection import AuthKind, ConnectionConfig
from ikeengine.model.proposal import Proposal, Transform
from ikeengine.negotiate.proposal_keywords import word_of
from ikeengine.registry import Protocol, TransformType

_SMALL_BLOCKS = "blocks of 64 bits"
_COLLISIONS = "a hash with known collisions"
_SMALL_GROUP = "a group that can be broken"
_WHY: dict[tuple[TransformType, int], str] = {
    **{(TransformType.ENCR, number): "keys of 56 bits" for number in (1, 2)},
    **{(TransformType.ENCR, number): _SMALL_BLOCKS for number in (3, 5, 6, 7)},
    (TransformType.ENCR, 11): "no encryption",
    **{(TransformType.PRF, number): _COLLISIONS for number in (1, 2)},
    **{(TransformType.INTEG, number): _COLLISIONS for number in (1, 2, 3, 4, 6, 7)},
    **{(TransformType.KE, number): _SMALL_GROUP for number in (1, 2, 5, 22, 25)},
}
"""Why a transform is weak, by the numbers of IKEv2: DES, 3DES, IDEA, CAST, Blowfish, NULL; MD5 and SHA-1; MODP groups
below 2048 bits and curves below 256 (RFC 8247, RFC 8221).
"""


class Weakness(NamedTuple):
    """`key` is the path of an option in the connection, such as `children.net.esp_proposals`."""

    key: str
    message: str


def weaknesses(config: ConnectionConfig) -> tuple[Weakness, ...]:
    """Everything weak of a connection."""
    return (*_of_proposals("proposals", config.proposals), *_of_children(config), *_of_keys(config))


def warn_of_weakness(draft: Draft, problems: Problems) -> None:
    """Note everything weak, with its place."""
    for weakness in weaknesses(draft.config):
        *path, name = weakness.key.split(".")
        values = _section(draft.values, path)
        problems.warn(values.marks.get(name, values.mark), values.key(name), weakness.message)


def _section(values: Values, path: list[str]) -> Values:
    return values.named("children").get(".".join(path[1:])) or Values(values.path, values.mark) if path else values


def _of_children(config: ConnectionConfig) -> Iterator[Weakness]:
    for name, child in config.children.items():
        key = "ah_proposals" if any(p.protocol == Protocol.AH for p in child.esp_proposals) else "esp_proposals"
        yield from _of_proposals(f"children.{name}.{key}", child.esp_proposals)
        yield from _of_proposals(f"children.{name}.ah_proposals", child.ah_proposals)


def _of_proposals(key: str, proposals: tuple[Proposal, ...]) -> Iterator[Weakness]:
    transforms = [transform for proposal in proposals for transform in proposal.transforms]
    named = dict.fromkeys(filter(None, map(_described, transforms)))
    if named:
        yield Weakness(key, f"weak: {', '.join(named)}")


def _described(transform: Transform) -> str:
    why = _WHY.get((transform.type, transform.id), "")
    # The PRF that follows from an integrity algorithm is no second weakness.
    return f"{word_of(transform).removeprefix('prf')} ({why})" if why else ""


def _of_keys(config: ConnectionConfig) -> Iterator[Weakness]:
    kinds = [auth.auth for auth in config.local] + [auth.auth for auth in config.remote]
    if config.version == 2 or AuthKind.PSK not in kinds:
        return
    if config.aggressive:
        yield Weakness(
            "aggressive",
            "weak: Aggressive Mode with a pre-shared key sends a hash of it without encryption, to whoever asks; the "
            "key can be guessed offline from one packet. Use Main Mode or certificates",
        )
    if AuthKind.XAUTH in kinds:
        yield Weakness(
            "version",
            "weak: everybody who knows the pre-shared key can pretend to be the gateway and get the passwords of "
            "XAUTH. Use a certificate for the gateway (hybrid authentication)",
        )
