"""The words of proposals, as in swanctl.conf(5), for transforms and back. The algorithms bring their own keywords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.kex import ADDITIONAL_KEX, KEX
from ikeengine.crypto.prf import PRF
from ikeengine.crypto.selftest import is_usable
from ikeengine.errors import LocalMisuse
from ikeengine.model.proposal import ADDITIONAL_KE, Transform
from ikeengine.registry import EncrId, EsnId, IntegId, KeId, OpenIntEnum, PrfId, TransformType

KE_NONE = Transform(TransformType.KE, KeId.NONE)
"""No key exchange: a Child SA without PFS is acceptable too."""

_ADDITIONAL_KE = re.compile(r"ke([1-7])_(.+)")
_NOT_SUPPORTED = re.compile(
    r"mlkem|kyber|ntru|frodo|bike|hqc|sike|saber"
    r"|md5_128$|camellia|prfcamellia|blowfish|twofish|serpent|cast|aes\d+gmac|sha\w*_(96|160)$"
    r"|chacha20poly1305compat$|modpnull$|modp\d+s|ecp192|ecp224"
)
"""Words of strongSwan that we know but do not offer: broken, outdated, or not here yet."""

_ID_NAMES: dict[TransformType, type[OpenIntEnum]] = {
    TransformType.ENCR: EncrId,
    TransformType.PRF: PrfId,
    TransformType.INTEG: IntegId,
    TransformType.KE: KeId,
    TransformType.ESN: EsnId,
}


def _words() -> Iterator[tuple[str, Transform]]:
    """Every keyword with its transform; the first one of a transform is the one we write."""
    for encr in ENCR.values():
        for word in (encr.keyword, *encr.aliases):
            yield word, Transform(TransformType.ENCR, encr.id, encr.key_length)
    for integ in (algorithm for algorithm in INTEG.values() if algorithm.offered):
        for word in (integ.keyword, *integ.aliases):
            yield word, Transform(TransformType.INTEG, integ.id)
    for prf in PRF.values():
        yield prf.keyword, Transform(TransformType.PRF, prf.id)
    for method in KEX.values():
        for word in (method.keyword, *method.aliases):
            yield word, Transform(TransformType.KE, method.id)
    for word in ("none", "modpnone"):
        yield word, KE_NONE
    yield "esn", Transform(TransformType.ESN, EsnId.EXT_SEQ)
    yield "noesn", Transform(TransformType.ESN, EsnId.NO_EXT_SEQ)


KEYWORDS: dict[str, Transform] = dict(_words())
"""Transform of each keyword, aliases included."""

_ADDITIONAL_WORDS = {method.keyword: Transform(TransformType.KE, method.id) for method in ADDITIONAL_KEX.values()}
_AFTER_PREFIX = {**_ADDITIONAL_WORDS, **KEYWORDS}
"""What may follow `ke1_` and so on; some methods are for that only."""

_CANONICAL: dict[Transform, str] = {
    transform: word for word, transform in reversed([*_words(), *_ADDITIONAL_WORDS.items()])
}


def transform_of(word: str) -> Transform:
    """The transform of a keyword. Raises LocalMisuse with a sentence for whoever wrote the configuration."""
    additional = _ADDITIONAL_KE.fullmatch(word)
    transform = _AFTER_PREFIX.get(additional[2]) if additional else KEYWORDS.get(word)
    if transform is None:
        raise LocalMisuse(_unknown(word))
    if not _is_available(transform):
        raise LocalMisuse(f"`{word}` is not available: the installed cryptography library lacks it")
    return _as_additional(word, transform, int(additional[1])) if additional else transform


def _as_additional(word: str, transform: Transform, number: int) -> Transform:
    """A key exchange method as the additional key exchange of this number (RFC 9370 section 2.2.1)."""
    if transform.type != TransformType.KE:
        raise LocalMisuse(f"`{word}` is not a key exchange method")
    return Transform(ADDITIONAL_KE[number - 1], transform.id)


def available(text: str) -> str:
    """A proposal without the keywords that the installed library lacks, for the defaults."""
    return "-".join(word for word in text.split("-") if _is_available(KEYWORDS[word]))


def _is_available(transform: Transform) -> bool:
    return transform.type == TransformType.ESN or transform == KE_NONE or is_usable(transform)


def _unknown(word: str) -> str:
    additional = _ADDITIONAL_KE.fullmatch(word)
    if word in _ADDITIONAL_WORDS:
        return f"`{word}` is not supported by itself; write `ke1_{word}` after another key exchange method"
    if _NOT_SUPPORTED.match(additional[2] if additional else word):
        return f"`{word}` is not supported"
    close = get_close_matches(additional[2] if additional else word, KEYWORDS, n=1)
    prefix = f"ke{additional[1]}_" if additional else ""
    hint = f"; did you mean `{prefix}{close[0]}`?" if close else ""
    return f"`{word}` is not an algorithm{hint}"


def word_of(transform: Transform) -> str:
    """The keyword of a transform, or its registry name in capitals if swanctl has no word that we know.

    Never fails, whatever a peer offers.
    """
    plain = Transform(transform.type, transform.id, transform.key_length)
    word = _CANONICAL.get(plain) or _registry_name(plain)
    return f"{word}+UNKNOWN_ATTRIBUTES" if transform.unknown_attributes else word


def _registry_name(transform: Transform) -> str:
    if transform.type in ADDITIONAL_KE:
        number = ADDITIONAL_KE.index(transform.type) + 1
        return f"ke{number}_{word_of(Transform(TransformType.KE, transform.id, transform.key_length))}"
    names = _ID_NAMES.get(transform.type)
    name = names(transform.id).name if names else str(transform.id)
    if names is None or not names(transform.id).known or transform.id == 0:
        name = f"{transform.type.name}_{name}"
    return name if transform.key_length is None else f"{name}_{transform.key_length}"
