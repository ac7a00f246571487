"""negotiate.proposal_weak."""

from __future__ import annotations

import pytest

from ikeengine.model.proposal import Proposal
from ikeengine.negotiate.proposals import DEFAULT_AH, DEFAULT_ESP, DEFAULT_IKE, parse_ah, parse_esp, parse_ike, weak


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("des-md5-modp768", ("des", "md5", "modp768")),
        ("3des-aes128-sha-sha256-modp1024-modp2048", ("3des", "sha1", "modp1024")),
        ("aes128-sha256-prfmd5-prfsha1-modp1536", ("prfmd5", "prfsha1", "modp1536")),
        ("aes128-sha256-modp2048", ()),
        ("aes256gcm16-prfsha256-x25519-ke1_modp1024", ("ke1_modp1024",)),
    ],
)
def test_weak_words_of_ike(text: str, words: tuple[str, ...]) -> None:
    assert weak(parse_ike(text)) == words


def test_weak_words_of_esp_and_ah() -> None:
    assert weak(parse_esp("null-des-sha1-modp1024-none")) == ("null", "des", "sha1", "modp1024")
    assert weak(parse_esp("aes128-aesxcbc")) == ()
    assert weak(parse_ah("md5-sha256")) == ("md5",)


@pytest.mark.parametrize("proposal", [*DEFAULT_IKE, *DEFAULT_ESP, *DEFAULT_AH])
def test_nothing_weak_is_offered_by_default(proposal: Proposal) -> None:
    assert weak(proposal) == ()
