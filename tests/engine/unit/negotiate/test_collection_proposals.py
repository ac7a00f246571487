"""The collection checks proposals by itself, because plugins cannot import the engine. Both must come to the same."""

from __future__ import annotations

from types import ModuleType

import pytest

from ikeengine.errors import LocalMisuse
from ikeengine.model.proposal import Proposal
from ikeengine.negotiate.proposal_keywords import _ADDITIONAL_WORDS, KEYWORDS
from ikeengine.negotiate.proposals import parse_esp, parse_ike, weak
from ikeengine.registry import Protocol
from tests.engine.support.collection import plugin_utils


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return plugin_utils("_proposals", tmp_path_factory.mktemp("collections"))


def test_the_words_are_the_same(plugins: ModuleType) -> None:
    assert set(KEYWORDS) == plugins.WORDS
    assert set(_ADDITIONAL_WORDS) - set(KEYWORDS) == plugins.ONLY_ADDITIONAL


TEXTS = (
    "aes256gcm16-prfsha384-x25519",
    "aes256gcm16-sha256-x25519",
    "aes256gcm16-sha256-prfsha256-x25519",
    "aes256gcm16-x25519",
    "aes256gcm16",
    "aes256-sha256-x25519",
    "aes256-x25519",
    "aes256-sha256",
    "aes256-sha256-none",
    "aes256-sha256-none-x25519",
    "aes256-prfsha256-x25519",
    "aes256gcm16-aes256-sha256-prfsha256-x25519",
    "aes256-sha256-x25519-esn",
    "aes256-sha256-noesn",
    "null-sha256-x25519",
    "sha256-x25519",
    "x25519",
    "AES256-SHA256-ECP256",
    "aes256-sha256-x25519-ke1_ecp256",
    "aes256-sha256-x25519-ke1_x25519",
    "aes256-sha256-x25519-ecp256-ke1_x25519",
    "aes256-sha256-ke1_x25519",
    "aes256-sha256-ke1_none",
    "aes256-sha256-x25519-ke8_ecp256",
    "aes256-sha256-x25519-ke1_sha256",
    "aes256-sha256-mlkem768",
    "aes256-sha257-x25519",
    "aes256--x25519",
    "des-md5-modp768",
    "3des-sha1-modp1024",
    "aes128-md5-sha1-prfmd5-modp1536-modp2048",
    "aes256gcm16-prfsha1-x25519-ke1_modp1024",
    "",
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", ["ike", "esp"])
def test_both_accept_the_same(plugins: ModuleType, kind: str, text: str) -> None:
    try:
        (parse_ike if kind == "ike" else parse_esp)(text)
        accepted = True
    except LocalMisuse:
        accepted = False
    assert (plugins.problems(kind, text, allow_weak=True) == []) == accepted


@pytest.mark.parametrize("word", sorted(KEYWORDS))
def test_both_call_the_same_words_weak(plugins: ModuleType, word: str) -> None:
    transform = KEYWORDS[word]
    assert bool(plugins.weak(word)) == bool(weak(Proposal(Protocol.IKE, (transform,))))


@pytest.mark.parametrize("text", ["des-md5-modp768", "3des-sha1-prfmd5-x25519", "aes128-sha256-x25519-ke1_modp1024"])
def test_both_name_the_same_words_of_a_proposal(plugins: ModuleType, text: str) -> None:
    assert [word.removeprefix("ke1_") for word in weak(parse_ike(text))] == plugins.weak(text)
