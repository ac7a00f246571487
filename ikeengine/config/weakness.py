"""What a connection may use but should not: weak algorithms, and pre-shared keys where they are given away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ikeengine.config.draft import Draft
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Values
from ikeengine.model.connection import AuthKind, ConnectionConfig
from ikeengine.model.proposal import Proposal
from ikeengine.negotiate.proposal_weak import weaknesses as proposal_weaknesses
from ikeengine.registry import Protocol


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
    named = {word: why for proposal in proposals for word, why in proposal_weaknesses(proposal).items()}
    if named:
        yield Weakness(key, f"weak: {', '.join(f'{word} ({why})' for word, why in named.items())}")


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
