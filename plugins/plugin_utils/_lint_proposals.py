# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What two lists of proposals have in common. Private to the collection. Pure functions."""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils import _proposals

Algorithms = t.Dict[str, t.FrozenSet[str]]

_ALIASES = {
    "aes": "aes128",
    "sha": "sha1",
    "sha2_256": "sha256",
    "sha2_384": "sha384",
    "sha2_512": "sha512",
    "curve25519": "x25519",
    "curve448": "x448",
    "modpnone": "none",
}
_TAG = re.compile(r"(aes\d+(?:gcm|ccm))(64|96|128)?$")
_TAGS = {"64": "8", "96": "12", "128": "16", None: "16"}
_ADDITIONAL = re.compile(r"(ke[1-7])_(.+)")
_NONE = frozenset({"none"})

KINDS = {
    "encryption": "encryption",
    "integrity": "integrity",
    "prf": "PRF",
    "ke": "key exchange",
    "esn": "extended sequence numbers",
}


@functools.lru_cache(maxsize=4096)
def algorithms(kind: str, text: str) -> Algorithms:
    """The algorithms of a proposal for C(ike) or C(esp), by their type."""
    found: t.Dict[str, t.Set[str]] = {}
    for word in text.strip().lower().split("-"):
        additional = _ADDITIONAL.fullmatch(word)
        plain = _canonical(additional[2] if additional else word)
        found.setdefault(additional[1] if additional else _type(plain), set()).add(plain)
    if kind == "ike":
        # Without a PRF of its own, a proposal takes those of its integrity algorithms.
        found.setdefault("prf", {"prf" + word for word in found.get("integrity", ())})
    else:
        found.setdefault("ke", {"none"})
        found.setdefault("esn", {"noesn"})
    if _proposals.AEAD & set(text.lower().split("-")):
        found.pop("integrity", None)
    return {name: frozenset(words) for name, words in found.items()}


def _canonical(word: str) -> str:
    tag = _TAG.fullmatch(word)
    return f"{tag[1]}{_TAGS[tag[2]]}" if tag else _ALIASES.get(word, word)


def _type(word: str) -> str:
    if word in _proposals.INTEGRITY:
        return "integrity"
    if word.startswith("prf"):
        return "prf"
    if word in _proposals.SEQUENCE_NUMBERS:
        return "esn"
    if word in _proposals.KEY_EXCHANGES | _proposals.NO_KEY_EXCHANGE:
        return "ke"
    return "encryption"


def differences(kind: str, one: str, other: str) -> t.List[str]:
    """The types in which two proposals have nothing in common."""
    ours, theirs = algorithms(kind, one), algorithms(kind, other)
    return [name for name in sorted({*ours, *theirs}) if not ours.get(name, _NONE) & theirs.get(name, _NONE)]


class Match(t.NamedTuple):
    """The pair of proposals that differs least, and in which types; none if they fit."""

    one: str
    other: str
    differing: t.List[str]

    def __str__(self) -> str:
        kinds = " and ".join(KINDS.get(name, f"additional key exchange {name[2:]}") for name in self.differing)
        return f"the nearest are {self.one} and {self.other}, which differ in {kinds}"


@functools.lru_cache(maxsize=4096)
def nearest(kind: str, ones: t.Tuple[str, ...], others: t.Tuple[str, ...]) -> t.Optional[Match]:
    """The best match of two lists. None if one of them leaves the choice to the daemon."""
    if not ones or not others or "default" in ones + others:
        return None
    matches = (Match(one, other, differences(kind, one, other)) for one in ones for other in others)
    return min(matches, key=lambda match: (len(match.differing), match.differing != ["ke"]))


def has_key_exchange(text: str) -> bool:
    """Whether an ESP proposal wants a key exchange."""
    return text == "default" or algorithms("esp", text)["ke"] != _NONE
