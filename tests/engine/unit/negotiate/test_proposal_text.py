"""negotiate.proposal_text and proposal_keywords: parsing, formatting, errors, defaults."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.crypto.encr import ENCR
from ikeengine.errors import LocalMisuse
from ikeengine.model.proposal import ChildSuite, IkeSuite, Proposal, Transform
from ikeengine.negotiate import proposal_keywords
from ikeengine.negotiate.proposal_keywords import KE_NONE, KEYWORDS, available, transform_of, word_of
from ikeengine.negotiate.proposals import (
    DEFAULT_AH,
    DEFAULT_ESP,
    DEFAULT_IKE,
    format_proposal,
    format_suite,
    parse_ah,
    parse_esp,
    parse_ike,
    weak,
)
from ikeengine.registry import EncrId, EsnId, IntegId, KeId, PrfId, Protocol, TransformType

ENCR_T, PRF_T, INTEG_T = TransformType.ENCR, TransformType.PRF, TransformType.INTEG
KE_T, ESN_T = TransformType.KE, TransformType.ESN

AES128 = Transform(ENCR_T, EncrId.AES_CBC, 128)
AES256 = Transform(ENCR_T, EncrId.AES_CBC, 256)
GCM256 = Transform(ENCR_T, EncrId.AES_GCM_16, 256)
CHACHA = Transform(ENCR_T, EncrId.CHACHA20_POLY1305)
SHA256 = Transform(INTEG_T, IntegId.HMAC_SHA2_256_128)
SHA512 = Transform(INTEG_T, IntegId.HMAC_SHA2_512_256)
PRF256 = Transform(PRF_T, PrfId.PRF_HMAC_SHA2_256)
PRF512 = Transform(PRF_T, PrfId.PRF_HMAC_SHA2_512)
X25519 = Transform(KE_T, KeId.CURVE_25519)
ECP256 = Transform(KE_T, KeId.ECP_256)
ESN = Transform(ESN_T, EsnId.EXT_SEQ)
NO_ESN = Transform(ESN_T, EsnId.NO_EXT_SEQ)


# Parsing


def test_ike_proposal_with_implied_prfs() -> None:
    proposal = parse_ike("aes128-aes256-sha256-sha512-x25519-ecp256")
    assert proposal.protocol == Protocol.IKE
    assert proposal.transforms == (AES128, AES256, PRF256, PRF512, SHA256, SHA512, X25519, ECP256)


def test_an_explicit_prf_stands_alone() -> None:
    assert parse_ike("aes128-sha256-prfsha512-x25519").of_type(PRF_T) == (PRF512,)


@pytest.mark.parametrize(
    ("integ", "prf"),
    [
        ("sha1", PrfId.PRF_HMAC_SHA1),
        ("sha256", PrfId.PRF_HMAC_SHA2_256),
        ("sha384", PrfId.PRF_HMAC_SHA2_384),
        ("sha512", PrfId.PRF_HMAC_SHA2_512),
        ("aesxcbc", PrfId.PRF_AES128_XCBC),
        ("aescmac", PrfId.PRF_AES128_CMAC),
    ],
)
def test_prf_that_follows_from_each_integrity_algorithm(integ: str, prf: PrfId) -> None:
    assert parse_ike(f"aes128-{integ}-modp3072").of_type(PRF_T) == (Transform(PRF_T, prf),)


def test_combined_mode_with_prf() -> None:
    assert parse_ike("aes256gcm16-prfsha256-x25519").transforms == (GCM256, PRF256, X25519)


def test_combined_mode_with_a_hash_that_only_names_the_prf() -> None:
    """As strongSwan reads it: the integrity algorithm goes after the PRF followed from it."""
    assert parse_ike("aes256gcm16-sha256-x25519") == parse_ike("aes256gcm16-prfsha256-x25519")


def test_order_within_a_type_is_kept_and_repetitions_go() -> None:
    assert parse_ike("ecp256-sha256-aes256-x25519-aes128-aes256") == parse_ike("aes256-aes128-sha256-ecp256-x25519")


def test_blanks_and_capitals_do_not_matter() -> None:
    assert parse_ike(" AES128-SHA256-X25519\n") == parse_ike("aes128-sha256-x25519")


@pytest.mark.parametrize(
    ("alias", "word"),
    [
        ("aes", "aes128"),
        ("aes128gcm", "aes128gcm16"),
        ("aes192gcm128", "aes192gcm16"),
        ("aes256gcm96", "aes256gcm12"),
        ("aes256gcm64", "aes256gcm8"),
        ("aes128ccm", "aes128ccm16"),
        ("aes256ccm96", "aes256ccm12"),
        ("sha", "sha1"),
        ("sha2_256", "sha256"),
        ("sha2_384", "sha384"),
        ("sha2_512", "sha512"),
        ("curve25519", "x25519"),
        ("curve448", "x448"),
        ("modpnone", "none"),
    ],
)
def test_aliases_of_strongswan(alias: str, word: str) -> None:
    assert KEYWORDS[alias] == KEYWORDS[word]
    assert word_of(KEYWORDS[alias]) == word


def test_esp_without_esn_words_has_none() -> None:
    assert parse_esp("aes128-sha256").transforms == (AES128, SHA256, NO_ESN)
    assert parse_esp("aes256gcm16").transforms == (GCM256, NO_ESN)


@pytest.mark.parametrize(("words", "esn"), [("esn", (ESN,)), ("noesn", (NO_ESN,)), ("esn-noesn", (ESN, NO_ESN))])
def test_esp_with_esn_words(words: str, esn: tuple[Transform, ...]) -> None:
    assert parse_esp(f"chacha20poly1305-{words}").transforms == (CHACHA, *esn)


def test_esp_with_pfs_and_without() -> None:
    assert parse_esp("aes128-sha256-x25519-none").of_type(KE_T) == (X25519, KE_NONE)


def test_null_encryption_is_for_esp() -> None:
    assert parse_esp("null-sha256").of_type(ENCR_T) == (Transform(ENCR_T, EncrId.NULL),)


def test_ah() -> None:
    proposal = parse_ah("sha256-x25519-esn")
    assert proposal.protocol == Protocol.AH
    assert proposal.transforms == (SHA256, X25519, ESN)


def test_none_says_nothing_in_ike() -> None:
    assert parse_ike("aes128-sha256-x25519-none") == parse_ike("aes128-sha256-x25519")


# Errors


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("sha256-x25519", "an encryption algorithm is missing, such as `aes256gcm16`"),
        ("aes128-x25519", "an integrity algorithm is missing, such as `sha256`"),
        ("aes128-prfsha256-x25519", "an integrity algorithm is missing, such as `sha256`"),
        ("aes256gcm16-x25519", "a pseudo-random function is missing, such as `prfsha256`"),
        ("aes128-sha256", "a key exchange method is missing, such as `x25519`"),
        ("aes128-sha256-none", "a key exchange method is missing, such as `x25519`"),
        ("null-sha256-x25519", "`null` is for ESP only"),
        ("aes128-sha256-x25519-esn", "`esn` has no place here: IKE proposals hold no extended sequence number option"),
        ("aes256gcm16-aes128-sha256-x25519", "combined-mode (AEAD) and other ciphers need proposals of their own"),
        ("aes256gcm16-sha256-prfsha256-x25519", "`sha256` must go: combined-mode (AEAD) ciphers bring their own"),
        ("aes128-sha25-x25519", "`sha25` is not an algorithm; did you mean `sha256`?"),
        ("aes128-sha256-x2551", "`x2551` is not an algorithm; did you mean `x25519`?"),
        ("aes256-gcm16-prfsha256-x25519", "`gcm16` is not an algorithm"),
        ("aes128-zzzzzz-x25519", "`zzzzzz` is not an algorithm"),
        ("", "`` is not an algorithm"),
        ("aes128--x25519", "`` is not an algorithm"),
        ("default", "`default` is not an algorithm"),
    ],
)
def test_ike_errors_name_what_is_wrong(text: str, missing: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        parse_ike(text)
    assert str(caught.value).startswith(f"proposal `{text}`: {missing}")


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("sha256", "an encryption algorithm is missing"),
        ("aes128", "an integrity algorithm is missing"),
        ("null", "an integrity algorithm is missing"),
        ("aes256gcm16-sha256", "`sha256` must go"),
        ("aes256gcm16-aes128-sha256", "combined-mode (AEAD) and other ciphers"),
        ("aes128-sha256-prfsha256", "`prfsha256` has no place here: ESP proposals hold no pseudo-random function"),
    ],
)
def test_esp_errors_name_what_is_wrong(text: str, missing: str) -> None:
    with pytest.raises(LocalMisuse, match=r"^proposal `") as caught:
        parse_esp(text)
    assert missing in str(caught.value)


@pytest.mark.parametrize(
    ("text", "missing"),
    [("x25519", "an integrity algorithm is missing"), ("aes128-sha256", "AH proposals hold no encryption algorithm")],
)
def test_ah_errors_name_what_is_wrong(text: str, missing: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        parse_ah(text)
    assert missing in str(caught.value)


@pytest.mark.parametrize(
    "word",
    ["md5_128", "modp1024s160", "modp2048s256", "ecp192", "ecp224", "camellia128",
     "blowfish128", "aes128gmac", "sha256_96", "sha1_160", "chacha20poly1305compat", "mlkem768", "kyber3", "ntru128",
     "ke1_mlkem512", "modpnull"],
)  # fmt: skip
def test_words_that_strongswan_knows_and_we_do_not(word: str) -> None:
    with pytest.raises(LocalMisuse, match=rf"^`{word}` is not supported"):
        transform_of(word)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("aes256gcm16-prfsha256-x25519-ke1_ecp256", "aes256gcm16-prfsha256-x25519-ke1_ecp256"),
        ("aes256gcm16-ke2_ecp384-x25519-prfsha256-ke1_ecp256-ke1_none",
         "aes256gcm16-prfsha256-x25519-ke1_ecp256-ke1_none-ke2_ecp384"),
        ("aes256gcm16-prfsha256-x25519-x448-ke1_x25519-ke7_modp2048",
         "aes256gcm16-prfsha256-x25519-x448-ke1_x25519-ke7_modp2048"),
    ],
)  # fmt: skip
def test_additional_key_exchanges(text: str, shown: str) -> None:
    proposal = parse_ike(text)
    assert format_proposal(proposal) == shown
    assert parse_ike(shown) == proposal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("aes256gcm16-prfsha256-x25519-ke1_x25519", "`ke1_x25519` would repeat"),
        ("aes256gcm16-prfsha256-x25519-ke1_ecp256-ke2_ecp256-ke2_x25519", "would repeat a key exchange method"),
        ("aes256gcm16-prfsha256-x25519-ke1_sha256", "`ke1_sha256` is not a key exchange method"),
        ("aes256gcm16-prfsha256-x25519-ke8_ecp256", "`ke8_ecp256` is not an algorithm"),
        ("aes256gcm16-prfsha256-x25519-ke1_ecp265", "did you mean `ke1_ecp2"),
        ("aes256gcm16-prfsha256-x25519-ke1_mlkem769", "`ke1_mlkem769` is not supported"),
        ("aes256gcm16-prfsha256-mlkem768", "write `ke1_mlkem768` after another"),
        ("aes256gcm16-prfsha256-ke1_ecp256", "a key exchange method is missing"),
    ],
)
def test_additional_key_exchanges_that_cannot_be(text: str, reason: str) -> None:
    with pytest.raises(LocalMisuse, match=reason):
        parse_ike(text)


def test_additional_key_exchanges_of_esp_need_a_first_one() -> None:
    assert (
        format_proposal(parse_esp("aes128gcm16-x25519-none-ke1_ecp256-esn")) == "aes128gcm16-x25519-none-ke1_ecp256-esn"
    )
    with pytest.raises(LocalMisuse, match="adds to a key exchange"):
        parse_esp("aes128gcm16-ke1_ecp256")


def test_words_that_we_do_have_are_never_called_unsupported() -> None:
    for word in KEYWORDS:
        assert transform_of(word) == KEYWORDS[word]


def test_an_algorithm_that_the_library_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal_keywords, "is_usable", lambda transform: transform.id != KeId.CURVE_448)
    with pytest.raises(LocalMisuse, match="`x448` is not available: the installed cryptography library lacks it"):
        parse_ike("aes128-sha256-x448")
    assert available("aes128-sha256-x25519-x448-none-esn") == "aes128-sha256-x25519-none-esn"


# Formatting


@pytest.mark.parametrize(
    "text",
    [
        "aes128-sha256-x25519",
        "aes128-aes256-sha256-sha512-prfsha512-ecp256-modp2048",
        "aes256gcm16-chacha20poly1305-prfsha384-x448",
        "3des-sha1-modp1024",
        "aes256ctr-aesxcbc-prfaescmac-ecp256bp",
    ],
)
def test_ike_text_comes_back(text: str) -> None:
    assert format_proposal(parse_ike(text)) == text


@pytest.mark.parametrize("text", ["aes128-sha256", "aes256gcm16-x25519-none-esn-noesn", "null-aescmac-esn"])
def test_esp_text_comes_back(text: str) -> None:
    assert format_proposal(parse_esp(text)) == text


@pytest.mark.parametrize(
    ("transforms", "text"),
    [
        ((), "nothing"),
        ((Transform(ENCR_T, EncrId.CAMELLIA_CBC, 256), SHA256), "CAMELLIA_CBC_256-sha256"),
        ((Transform(ENCR_T, 99), Transform(INTEG_T, 0)), "ENCR_UNKNOWN_99-INTEG_NONE"),
        ((Transform(ENCR_T, EncrId.AES_CBC),), "AES_CBC"),
        ((Transform(ENCR_T, EncrId.CHACHA20_POLY1305, 256),), "CHACHA20_POLY1305_256"),
        ((Transform(INTEG_T, 4), Transform(PRF_T, 3)), "INTEG_UNKNOWN_4-PRF_UNKNOWN_3"),
        ((Transform(TransformType.ADDKE1, KeId.ML_KEM_768),), "ke1_mlkem768"),
        ((Transform(TransformType.ADDKE2, 0), Transform(TransformType.ADDKE3, 31)), "ke2_none-ke3_x25519"),
        ((Transform(TransformType(77), 5),), "UNKNOWN_77_5"),
        ((Transform(ESN_T, 7),), "ESN_UNKNOWN_7"),
        ((Transform(ENCR_T, EncrId.AES_CBC, 128, b"\x00\x0f\x00\x02hi"),), "aes128+UNKNOWN_ATTRIBUTES"),
    ],
)
def test_whatever_a_peer_offers_has_a_text(transforms: tuple[Transform, ...], text: str) -> None:
    assert format_proposal(Proposal(Protocol.ESP, transforms)) == text


def test_suites_have_the_text_of_a_proposal() -> None:
    assert format_suite(IkeSuite(AES128, PRF256, SHA256, X25519)) == "aes128-sha256-x25519"
    assert format_suite(IkeSuite(GCM256, PRF512, None, X25519)) == "aes256gcm16-prfsha512-x25519"
    assert format_suite(ChildSuite(Protocol.ESP, AES128, SHA256, None, esn=False)) == "aes128-sha256"
    assert format_suite(ChildSuite(Protocol.ESP, GCM256, None, X25519, esn=True)) == "aes256gcm16-x25519-esn"
    assert format_suite(ChildSuite(Protocol.AH, None, SHA256, None, esn=True)) == "sha256-esn"


# Round trips


def words_of(kind: TransformType, *, aead: bool | None = None) -> list[str]:
    """Canonical words of a type; of ciphers only those that are combined modes or not."""
    found = []
    for word, transform in KEYWORDS.items():
        if transform.type != kind or word != word_of(transform):
            continue
        if aead is None or ENCR[transform.id, transform.key_length].aead == aead:
            found.append(word)
    return found


def some(words: list[str], least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=least, max_size=5, unique=True)


classic_ciphers = some([word for word in words_of(ENCR_T, aead=False) if word != "null"])
aead_ciphers = some(words_of(ENCR_T, aead=True))
integs, prfs, methods = some(words_of(INTEG_T)), some(words_of(PRF_T)), some(words_of(KE_T))
ike_words = st.one_of(
    st.tuples(classic_ciphers, integs, some(words_of(PRF_T), 0), some([w for w in words_of(KE_T) if w != "none"])),
    st.tuples(aead_ciphers, prfs, some([w for w in words_of(KE_T) if w != "none"])),
)
esp_words = st.one_of(
    st.tuples(some(words_of(ENCR_T, aead=False)), integs, some(words_of(KE_T), 0), some(["esn", "noesn"], 0)),
    st.tuples(aead_ciphers, some(words_of(KE_T), 0), some(["esn", "noesn"], 0)),
)
ike_proposals = ike_words.map(lambda parts: parse_ike("-".join(word for part in parts for word in part)))
esp_proposals = esp_words.map(lambda parts: parse_esp("-".join(word for part in parts for word in part)))


@given(ike_proposals)
def test_parsing_undoes_formatting_for_ike(proposal: Proposal) -> None:
    assert parse_ike(format_proposal(proposal)) == proposal


@given(esp_proposals)
def test_parsing_undoes_formatting_for_esp(proposal: Proposal) -> None:
    assert parse_esp(format_proposal(proposal)) == proposal


@given(st.lists(st.sampled_from([*KEYWORDS, "junk", ""]), max_size=8).map("-".join))
def test_any_words_give_a_proposal_or_a_local_misuse(text: str) -> None:
    for parse in (parse_ike, parse_esp, parse_ah):
        try:
            proposal = parse(text)
        except LocalMisuse:
            continue
        assert parse(format_proposal(proposal)) == proposal


# Defaults


@pytest.mark.parametrize("proposal", [*DEFAULT_IKE, *DEFAULT_ESP, *DEFAULT_AH], ids=format_proposal)
def test_defaults_are_well_formed_and_hold_nothing_weak(proposal: Proposal) -> None:
    parse = {Protocol.IKE: parse_ike, Protocol.ESP: parse_esp, Protocol.AH: parse_ah}[proposal.protocol]
    assert parse(format_proposal(proposal)) == proposal
    assert not weak(proposal)
    assert not {"aesxcbc", "prfaesxcbc"} & {word_of(transform) for transform in proposal.transforms}


@pytest.mark.parametrize("defaults", [DEFAULT_IKE, DEFAULT_ESP])
def test_defaults_prefer_combined_modes(defaults: tuple[Proposal, ...]) -> None:
    modes = [{ENCR[t.id, t.key_length].aead for t in proposal.of_type(ENCR_T)} for proposal in defaults]
    assert modes == [{True}, {False}]


def test_defaults_exchange_keys_on_curve25519_first() -> None:
    for proposal in (*DEFAULT_IKE, *DEFAULT_ESP):
        assert proposal.of_type(KE_T)[0] == X25519


def test_default_esp_does_without_pfs_if_it_must() -> None:
    for proposal in DEFAULT_ESP:
        assert proposal.of_type(KE_T)[-1] == KE_NONE
        assert proposal.of_type(ESN_T) == (ESN, NO_ESN)
